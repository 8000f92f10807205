"""The cohorts of an experiment: which runs train in one process."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from replication.foundation.files import canonical_json, sha256
from replication.specification.run import Run
from replication.specification.run_arguments import shared_arguments, unique

_T = TypeVar("_T")


def form_cohorts(
    runs: Sequence[Run], missing: Sequence[Run], most_lanes: Callable[[Run], int]
) -> tuple[tuple[Run, ...], ...]:
    """Split the runs of each variant into cohorts, and keep those with at least two runs missing.

    The split does not depend on what is finished: a cohort that is started again has the lanes it had before, and the
    workers of a cluster, which read the workflow again later, find the same cohorts.

    Args:
        runs: of the experiment, in order.
        missing: those that are not finished; a cohort holds no others.
        most_lanes: the most runs like this one that a process may train.

    Returns: runs of one variant, protocol, preset and budget, whose games x seeds are a full grid. Everything else is
        left to be trained alone: agents that do not train, and games that lack a seed others have.
    """
    groups: dict[bytes, list[Run]] = {}
    for run in runs:
        if run.family.trains and not run.family.bundles:
            groups.setdefault(canonical_json(shared_arguments(run)), []).append(run)
    wanted = {run.result_digest for run in missing}
    cohorts: list[tuple[Run, ...]] = []
    for group in groups.values():
        games, seeds = unique(run.task.name for run in group), unique(run.seed for run in group)
        if len(group) != len(games) * len(seeds):
            continue
        lanes = most_lanes(group[0])
        many_seeds = min(lanes, len(seeds))
        many_games = max(1, lanes // len(seeds))
        for some_games in _chunks(games, many_games):
            for some_seeds in _chunks(seeds, many_seeds):
                cohort = [run for run in group if run.task.name in some_games and run.seed in some_seeds]
                left = tuple(run for run in cohort if run.result_digest in wanted)
                if len(left) > 1:
                    cohorts.append(left)
    return tuple(cohorts)


def cohort_name(cohort: Sequence[Run]) -> str:
    """Return the name of a cohort in the workflow's rules."""
    return f"cohort_{sha256(canonical_json([run.result_digest for run in cohort]))[:12]}"


def _chunks(values: Sequence[_T], most: int) -> list[Sequence[_T]]:
    """Split values into as few parts of at most `most` as there can be, all about equally long."""
    size = math.ceil(len(values) / math.ceil(len(values) / most))
    return [values[start : start + size] for start in range(0, len(values), size)]
