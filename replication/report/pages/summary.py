"""The results in words: what is replicated, what differs and why, what is not run and what it would cost."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from replication.analysis.cost import assumed_seconds
from replication.analysis.other_scores import MARKS
from replication.evidence.records import unfinished
from replication.report.pages.tables import judged_rows
from replication.specification.budget import lengths_in_words
from replication.specification.experiments import Experiment
from replication.specification.tasks.registry import find_task

MADE_BY_EVERY_CLONE = frozenset({"quickstart", "quickstart_pendulum"})
"""Experiments whose results git ignores: no committed page says what is finished of them."""
_ORDER = ("replicated", "consistent", "differs", "inconclusive", "uninformative")


@dataclass(frozen=True)
class Verdicts:
    """Rows of one agent by verdict, in words: the games, or what else tells the rows of a table apart."""

    agent: str
    word: str
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Left:
    """The runs of an experiment that are left, at assumed speeds from their start: the same on every machine."""

    runs: int
    total: int
    to_go: Counter[str]
    """Lengths of training by their units; a bundle counts once."""
    core_seconds: float
    longest_frames: int
    """Of training of a game, among the runs that are finished; 0 where none is."""

    @property
    def to_go_in_words(self) -> str:
        """The lengths of training, with units."""
        return lengths_in_words(self.to_go)


def verdicts_of(experiment: Experiment, results: Path) -> list[Verdicts]:
    """Read the verdicts of an experiment by agent, those without a finished run or reference left out.

    Where its table has no column of agents, the rows are those of its first variant, told apart by their first column.
    """
    judged: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for row in judged_rows(experiment, results):
        first = next(iter(row))
        agent = row.get("agent", f"{experiment.runs()[0].variant.variant}, by {first.replace('_', ' ')}")
        if row["verdict"] in _ORDER and not agent.endswith(MARKS):
            judged[agent, row["verdict"]].append(row.get("game", row[first]))
    in_order = sorted(judged.items(), key=lambda item: (item[0][0], _ORDER.index(item[0][1])))
    return [Verdicts(agent, word, tuple(found)) for (agent, word), found in in_order]


@dataclass(frozen=True)
class ShownFinding:
    """A finding of an experiment, its tasks by their titles."""

    tasks: tuple[str, ...]
    what: str
    checked: str


def findings_of(experiment: Experiment) -> list[ShownFinding]:
    """Return what was found out about differences from the published scores."""
    return [
        ShownFinding(tuple(find_task(task).title for task in finding.task_names), finding.what, finding.checked)
        for finding in experiment.findings
    ]


def left_to_run(experiment: Experiment, results: Path) -> Left:
    """Count the runs of an experiment without a record, their length of training, and its time on one core.

    Raises:
        ReplicationError: a damaged run file.
    """
    runs = experiment.runs()
    left = unfinished(runs, results)
    seconds = sum(map(assumed_seconds, left))
    lacking, total = (sum(run.stands_for for run in some) for some in (left, runs))
    missing = {run.key for run in left}
    made = [run.training_frames for run in runs if run.task.kind == "atari" and run.key not in missing]
    return Left(
        lacking, total, sum((run.training_length for run in left), Counter[str]()), seconds, max(made, default=0)
    )
