"""The results in words: what is replicated, what differs and why, what is not run and what it would cost."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from replication.analysis.cost import assumed_seconds
from replication.analysis.other_scores import MARKS
from replication.evidence.records import unfinished
from replication.specification.experiments import Experiment
from replication.specification.tasks.atari_games import find_game

_ORDER = ("replicated", "differs", "inconclusive")
_SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True)
class Verdicts:
    """Games of one agent by verdict, in words."""

    agent: str
    word: str
    games: tuple[str, ...]


@dataclass(frozen=True)
class Left:
    """The runs of an experiment that are left, at assumed speeds from their start: the same on every machine."""

    runs: int
    total: int
    frames: int
    core_days: float


def verdicts_of(experiment: str, results: Path) -> list[Verdicts]:
    """Read the verdicts of an experiment's score table by agent, those without a finished run or reference left out."""
    path = results / experiment / "tables" / "scores.csv"
    if not path.exists():
        return []
    games: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["verdict"] in _ORDER and not row["agent"].endswith(MARKS):
                games[row["agent"], row["verdict"]].append(row["game"])
    in_order = sorted(games.items(), key=lambda item: (item[0][0], _ORDER.index(item[0][1])))
    return [Verdicts(agent, word, tuple(found)) for (agent, word), found in in_order]


@dataclass(frozen=True)
class ShownFinding:
    """A finding of an experiment, its games by their titles."""

    games: tuple[str, ...]
    what: str
    checked: str


def findings_of(experiment: Experiment) -> list[ShownFinding]:
    """Return what was found out about differences from the published scores."""
    return [
        ShownFinding(tuple(find_game(game).title for game in finding.games), finding.what, finding.checked)
        for finding in experiment.findings
    ]


def left_to_run(experiment: Experiment, results: Path) -> Left:
    """Count the runs of an experiment without a record, their frames of training, and its time on one core.

    Raises:
        ReplicationError: a damaged run file.
    """
    runs = experiment.runs()
    left = unfinished(runs, results)
    days = sum(assumed_seconds(run) for run in left) / _SECONDS_A_DAY
    return Left(len(left), len(runs), sum(run.training_frames for run in left), days)


def days_text(core_days: float) -> str:
    """Format the time of one core in the unit that suits it."""
    if core_days < 2.0:
        return f"{24 * core_days:,.1f} hours"
    return f"{core_days:,.0f} days" if core_days < 730.0 else f"{core_days / 365.25:,.1f} years"
