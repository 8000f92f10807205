"""Final evaluations played again with the stored networks, which must leave the same traces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load

from replication.algorithms.off_policy.contract import load_algorithm
from replication.environments.atari.emulator import open_emulator
from replication.environments.contract import Policy, Viewing
from replication.evidence.evaluation import EvaluationRequest, evaluate
from replication.evidence.records import run_of_folder
from replication.evidence.state_files import network_path
from replication.evidence.trace_file import Trace, read_trace
from replication.foundation.errors import ReplicationError
from replication.foundation.progress import progress_bar
from replication.foundation.random_streams import training_streams
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.families.untrained import UntrainedConfig
from replication.specification.run import Run
from replication.training import untrained
from replication.training.off_policy.acting import greedy_policy
from replication.training.off_policy.learner import Learner, prepare_torch


def check_policies(folders: Sequence[Path], state: Path, *, quiet: bool = False) -> str:
    """Evaluate again every run whose network is stored, or that has no network, and compare the traces.

    Args:
        folders: of finished runs.
        state: root of the state.
        quiet: no progress bar.

    Returns: in words, how many runs were played again.
    Raises:
        ReplicationError: the first run whose trace differs: file, episode.
    """
    prepare_torch()
    played = absent = earlier = 0
    for folder in progress_bar(len(folders), "runs", "verify --policy", quiet=quiet, iterable=folders):
        path = folder / "evaluation.trace"
        if not path.exists():
            continue
        run = run_of_folder(folder)
        if run.earlier_version is not None:  # other last digits may lead to another action
            earlier += 1
            continue
        again = evaluate_again(run, state)
        if again is None:
            absent += 1
            continue
        played += 1
        stored = read_trace(path)
        for number, (one, other) in enumerate(zip(stored.episodes, again.episodes, strict=True)):
            if one != other:
                raise ReplicationError(
                    f"{path}: episode {number} (the first is 0): the stored network plays another one (return "
                    f"{other.raw_return:g}, the trace claims {one.raw_return:g}); on another kind of machine or device "
                    "than the run's that can be rounding"
                )
    without = f"; {absent} have no network in {state}" if absent else ""
    others = f"; {earlier} not played: of an earlier numerics version, for the commit that made it" if earlier else ""
    return f"{played} policies played again, each left its trace{without}{others}"


def evaluate_again(run: Run, state: Path) -> Trace | None:
    """Play the final evaluation of a run again; return None where its network is not stored."""
    final = run.protocol.final_evaluation
    assert final is not None
    num_actions = len(open_emulator(run.game).minimal_actions)
    policy: Policy
    if not run.family.trains:
        viewing = untrained.viewing(run.settings_as(UntrainedConfig))
        policy = untrained.policy(num_actions)
    else:
        path = network_path(run, state)
        if not path.exists():
            return None
        algorithm = load_algorithm(run.variant.module)
        config = run.settings_as(OffPolicyConfig)
        learner = Learner(
            algorithm, config, num_actions, training_streams(run.seed, run.game, run.family.streams), "cpu"
        )
        try:
            learner.online.load_state_dict(load(path.read_bytes()))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise ReplicationError(
                f"{path}: not the network of {run.name} ({type(error).__name__}); remove it"
            ) from None
        viewing = Viewing(config.frame_pipeline, config.frame_stack, final.presentation.frame_skip)
        policy = greedy_policy(learner, run.final_epsilon(final))
    request = EvaluationRequest(final.presentation, "final_evaluation", num_episodes=final.num_episodes)
    return evaluate(policy, run, viewing, request)
