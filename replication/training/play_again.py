"""The last evaluation of each run played again with its stored network, which must leave the same trace.

It is the final one, or the last one of training where those are scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from replication.evidence.evaluation import EvaluationRequest, evaluate
from replication.evidence.evaluation_log import EVERY_KEPT
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
        path = _last_trace(folder)
        if path is None:
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


def _last_trace(folder: Path) -> Path | None:
    """Find the trace of the evaluation that the network of the end played, in a record; None where it has none."""
    final = folder / "evaluation.trace"
    during = sorted(folder.glob(EVERY_KEPT))  # by their steps, the last of which is the end
    return final if final.exists() else during[-1] if during else None


def evaluate_again(run: Run, state: Path) -> AnyTrace | None:
    """Play the last evaluation of a run again; return None where its network is not stored."""
    network = network_path(run, state) if run.family.trains else None
    if network is not None and not network.exists():
        return None
    policy, viewing = load_family(run.family.name).player(run, network)
    return evaluate(policy, run, viewing, _last_request(run))


def _last_request(run: Run) -> EvaluationRequest:
    """Build the request of the evaluation that the network of the end played."""
    periodic = run.protocol.periodic_evaluation
    if run.protocol.evaluation_score is None or periodic is None:
        final = final_evaluation_of(run)
        return EvaluationRequest(final.presentation, PURPOSE, num_episodes=final.num_episodes)
    index = run.training_steps // periodic.period_steps
    shown, count, length = periodic.presentation, periodic.num_episodes, periodic.length_steps
    return EvaluationRequest(shown, "periodic_evaluation", index, count, length)
