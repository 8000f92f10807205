"""What is known: every judged row of every experiment, counted, placed and said in five sentences."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from replication.analysis.other_scores import MARKS
from replication.foundation.durations import days_text
from replication.report.pages.summary import MADE_BY_EVERY_CLONE, Left, left_to_run
from replication.specification.experiments import Experiment, known_experiments, load_experiment

JUDGED = ("replicated", "consistent", "differs", "inconclusive", "uninformative")
"""Words that say something of ours beside what was published."""
_MOST_NAMED = 3


@dataclass(frozen=True)
class JudgedRow:
    """A row of a table that has a verdict.

    Attributes:
        experiment: its title.
        family: of the experiment's agents.
        name: what tells the row from others of its table.
        word: the verdict.
        in_margins: ours less the published number in units of the margin it was judged by, or less the exact value in
            units of the distance to the nearest rival; None where a row is judged by shares or by a statement.
    """

    experiment: str
    family: str
    name: str
    word: str
    in_margins: float | None


@dataclass(frozen=True)
class Known:
    """All that the front page says.

    Attributes:
        rows: every judged row.
        experiments: all whose results may be committed.
        left: what each of them lacks, by its name.
        sentences: five of them.
    """

    rows: list[JudgedRow]
    experiments: list[Experiment]
    left: dict[str, Left]
    sentences: list[str]


def what_is_known(results: Path) -> Known:
    """Read the tables and records of every experiment whose results may be committed.

    Raises:
        ReplicationError: a bad experiment; a run file that belongs to another run.
    """
    experiments = [load_experiment(name) for name in known_experiments() if name not in MADE_BY_EVERY_CLONE]
    left = {experiment.experiment: left_to_run(experiment, results) for experiment in experiments}
    begun = sum((results / name / "index.html").exists() for name in left)
    rows = judged_rows_of(experiments, results)
    longest = max((one.longest_frames for one in left.values()), default=0)
    return Known(rows, experiments, left, sentences(rows, begun, [*left.values()], longest))


def judged_rows_of(experiments: Sequence[Experiment], results: Path) -> list[JudgedRow]:
    """Read the judged rows of all tables of these experiments that are made, scores of other programs left out."""
    return [found for experiment in experiments for found in _rows(experiment, results)]


def _rows(experiment: Experiment, results: Path) -> Iterator[JudgedRow]:
    runs = experiment.runs()
    family = next((run.family for run in runs if run.family.trains), runs[0].family).name.replace("_", " ")
    for table in experiment.tables:
        path = results / experiment.experiment / "tables" / f"{table}.csv"
        if not path.exists():
            continue
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row.get("verdict") in JUDGED and not row.get("agent", "").endswith(MARKS):
                    yield JudgedRow(experiment.title, family, _name(row), row["verdict"], _in_margins(row))


def _name(row: Mapping[str, str]) -> str:
    first = next(iter(row))
    return row.get("game") or (row[first] if first == "statement" else f"{row[first]} {first.replace('_', ' ')}")


def _in_margins(row: Mapping[str, str]) -> float | None:
    if row.get("difference") and row.get("margin"):
        return _quotient(float(row["difference"]), float(row["margin"]))
    if row.get("exact") and row.get("nearest_rival_value") and row.get("ours"):
        exact = float(row["exact"])
        return _quotient(float(row["ours"]) - exact, abs(float(row["nearest_rival_value"]) - exact))
    return None


def _quotient(difference: float, margin: float) -> float | None:
    if margin:
        return difference / margin
    return 0.0 if difference == 0 else None


def sentences(rows: Sequence[JudgedRow], begun: int, left: Sequence[Left], longest_frames: int) -> list[str]:
    """Say in five sentences what is known.

    Args:
        rows: every judged row.
        begun: experiments that have results.
        left: of every experiment, what it lacks.
        longest_frames: emulator frames of the longest finished training; 0 where no game was trained on.
    """
    counted = Counter(row.word for row in rows)
    lacking = [one for one in left if one.runs]
    runs, seconds = sum(one.runs for one in lacking), sum(one.core_seconds for one in lacking)
    return [
        f"{begun} of {len(left)} experiments have results here, and {len(rows)} rows of their tables are judged, each "
        "beside a published number, an exact value or a statement of a text.",
        f"{counted['replicated']} are replicated and {counted['consistent']} are consistent with what was published, "
        "which is the most that can be said of agents that learn nothing and of shares of successes.",
        _differing(rows, counted["differs"]),
        f"{counted['inconclusive']} are inconclusive, because there are too few runs on one side or the other; "
        f"{counted['uninformative']} uninformative, because the published agent itself had hardly learned anything.",
        f"The longest training of a game has {longest_frames:,} frames, so little is known yet of agents that are "
        f"trained to the end; {runs:,} runs are missing (one that several experiments name counts in each) and would "
        f"take one core about {days_text(seconds)}.",
    ]


def _differing(rows: Sequence[JudgedRow], count: int) -> str:
    if not count:
        return "None differs."
    where = Counter(row.experiment for row in rows if row.word == "differs")
    named = [f"{title} ({number})" for title, number in where.most_common(_MOST_NAMED)]
    rest = " and elsewhere" if len(where) > _MOST_NAMED else ""
    return f"{count} {'differs' if count == 1 else 'differ'}: {'; '.join(named)}{rest}."
