"""Final evaluations played again with the stored networks, which must leave the same traces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from replication.evidence.evaluation import EvaluationRequest, evaluate
from replication.evidence.records import run_of_folder
from replication.evidence.state_files import network_path
from replication.evidence.traces import AnyTrace, episodes_of, read_trace_of
from replication.foundation.errors import ReplicationError
from replication.foundation.progress import progress_bar
from replication.specification.run import Run
from replication.training.contract import load_family
from replication.training.final_evaluation import PURPOSE, final_evaluation_of


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
        stored = read_trace_of(run.task, path)
        for number, (one, other) in enumerate(zip(episodes_of(stored), episodes_of(again), strict=True)):
            if one != other:
                raise ReplicationError(
                    f"{path}: episode {number} (the first is 0): the stored network plays another one (return "
                    f"{other.raw_return:g}, the trace claims {one.raw_return:g}); on another kind of machine or device "
                    "than the run's that can be rounding"
                )
    without = f"; {absent} have no network in {state}" if absent else ""
    others = f"; {earlier} not played: of an earlier numerics version, for the commit that made it" if earlier else ""
    return f"{played} policies played again, each left its trace{without}{others}"


def evaluate_again(run: Run, state: Path) -> AnyTrace | None:
    """Play the final evaluation of a run again; return None where its network is not stored."""
    network = network_path(run, state) if run.family.trains else None
    if network is not None and not network.exists():
        return None
    policy, viewing = load_family(run.family.name).player(run, network)
    final = final_evaluation_of(run)
    request = EvaluationRequest(final.presentation, PURPOSE, num_episodes=final.num_episodes)
    return evaluate(policy, run, viewing, request)
