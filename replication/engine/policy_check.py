"""The networks of finished runs: kept as they were evaluated, and played again to leave the same trace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from tqdm import tqdm

from replication.algorithms import random_agent
from replication.algorithms.contract import load_algorithm
from replication.atari.emulator import open_emulator
from replication.config import variant_config
from replication.engine.learner import Learner, prepare_torch
from replication.engine.off_policy import greedy_policy
from replication.errors import ReplicationError
from replication.evaluation import Viewing, evaluate
from replication.files import write_atomically
from replication.policies import Policy
from replication.random_streams import training_streams
from replication.run_records import network_path
from replication.runs import Run, resolve_run
from replication.settings import OffPolicyConfig, UntrainedConfig
from replication.trace_file import Trace, read_trace
from replication.verify_run import read_run_record


def store_network(learner: Learner, path: Path) -> None:
    """Keep the online network as it is evaluated."""
    write_atomically(path, save({name: tensor.contiguous() for name, tensor in learner.online_parameters().items()}))


def check_policies(folders: Sequence[Path], state: Path, *, quiet: bool = False) -> str:
    """Evaluate again every run whose network is there, or that needs none, and compare the traces.

    Args:
        folders: of finished runs.
        state: root of the state.
        quiet: no progress bar.

    Returns: how many were played, in words.
    Raises:
        ReplicationError: the first run whose trace differs: file, episode.
    """
    prepare_torch()
    played = absent = earlier = 0
    for folder in tqdm(folders, unit="runs", desc="verify --policy", disable=quiet):
        path = folder / "evaluation.trace"
        if not path.exists():
            continue
        run = run_of_folder(folder)
        if run.earlier_version is not None:  # other last digits may choose another action
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


def run_of_folder(folder: Path) -> Run:
    """The run whose results lie in a folder, of the present numerics version or of an earlier one of the same law.

    Raises:
        ReplicationError: the record is damaged, or neither the settings in workflow/ nor the law are the run's.
    """
    record = read_run_record(folder)
    steps, iterations = record["budget"]["steps"], record["budget"]["iterations"]
    run = resolve_run(
        variant=record["variant"],
        game=record["game"],
        seed=record["seed"],
        protocol=record["protocol"],
        preset=record["preset"],
        budget_frames=steps * record["protocol_settings"]["training"]["frame_skip"] or None,
        budget_iterations=iterations or None,
    )
    for made in (run, *run.earlier()):
        if made.result_digest == record["result_digest"]:
            return made
    version = record["numerics_version"]
    numbers = f" with numerics version {run.numerics_version}, it has {version}" * (version != run.numerics_version)
    raise ReplicationError(
        f"{folder}/run.json: result_digest: found {record['result_digest'][:12]}, its settings in workflow/ give "
        f"{run.result_digest[:12]}{numbers}: check it with the commit it was made with"
    )


def evaluate_again(run: Run, state: Path) -> Trace | None:
    """The final evaluation of a run played anew; None where its network is not there."""
    final = run.protocol.final_evaluation
    assert final is not None
    num_actions = len(open_emulator(run.game).minimal_actions)
    policy: Policy
    if run.variant.family == "untrained":
        viewing = random_agent.viewing(variant_config(run.variant, UntrainedConfig))
        policy = random_agent.policy(num_actions)
    else:
        path = network_path(run, state)
        if not path.exists():
            return None
        algorithm = load_algorithm(run.variant.module)
        config: OffPolicyConfig = variant_config(run.variant, algorithm.Config)
        learner = Learner(algorithm, config, num_actions, training_streams(run.seed, run.game), "cpu")
        try:
            learner.online.load_state_dict(load(path.read_bytes()))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise ReplicationError(
                f"{path}: not the network of {run.name} ({type(error).__name__}); remove it"
            ) from None
        viewing = Viewing(config.frame_pipeline, config.frame_stack, final.presentation.frame_skip)
        policy = greedy_policy(learner, run.final_epsilon(final))
    return evaluate(policy, run, final.presentation, viewing, "final_evaluation", num_episodes=final.num_episodes)
