"""The tables of a page: read from their files, with the verdicts counted and the columns in a reader's order."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from replication.analysis.other_scores import MARKS
from replication.foundation.errors import ReplicationError
from replication.report.tables.table import from_markdown, up_to_the_verdict
from replication.report.tables.verdict_columns import BETWEEN_NAMES
from replication.specification.experiments import Experiment

_BESIDE_EXACT = {
    "replicated": "The interval contains the exact value and is narrower than the distance to the nearest rival.",
    "differs": "The interval does not contain the exact value.",
    "inconclusive": "The interval contains the exact value, and is too wide to tell it from the nearest rival.",
    "not run": "The runs of this row are not finished.",
    "no reference": "There is no exact value to stand beside this row, and nothing was published but a picture.",
}
"""Meanings of verdicts in a table of exact values."""
_OF_STATEMENTS = {
    "replicated": "What the text says is wrong with a probability of at most 5 %.",
    "differs": "The opposite of what the text says is.",
    "inconclusive": "Neither is.",
    "not run": "The runs that would tell are not finished.",
}
"""Meanings of verdicts in a table of statements."""
_VERDICTS = {
    "replicated": "Ours learned as much as the published agent, within a quarter, and the tests show it.",
    "differs": "Ours did not do what the published agent did, and the tests show it.",
    "consistent": "Nothing tells the two apart. Said of agents that learn nothing and of shares of successes, of which "
    "more cannot be shown.",
    "inconclusive": "Neither is shown yet, or there is too little to test.",
    "uninformative": "The published agent is itself not clearly above play that learned nothing: to agree with it says "
    "nothing.",
    "not run": "There is a published number, and no run of ours to judge yet.",
    "no reference": "Nothing was published for this agent, protocol, task and length of training.",
}
_OWN_REASONS = ("p = ",)
"""Beginnings of reasons that are numbers of one row: they stand in the table."""
_TRIED = ("replicated", "differs", "inconclusive", "consistent")
"""Verdicts beside which other agents were tried."""
_TALL_ROWS = 30
_NUMBER = re.compile(r"[-−+]?[\d,]+(\.\d+)?( ?%)?( to [-−+]?[\d,]+(\.\d+)?)?|missing|\d+ of \d+|± [\d,]+(\.\d+)?")


@dataclass(frozen=True)
class ShownTable:
    """A table as its files hold it.

    Attributes:
        name: of the files.
        caption: as printed.
        columns: the printed headings.
        rows: the printed cells.
        data: of the CSV, a row each, by column.
    """

    name: str
    caption: str
    columns: list[str]
    rows: list[list[str]]
    data: list[dict[str, str]]

    @property
    def is_tall(self) -> bool:
        """True where it scrolls in a frame of its own, its headings in sight."""
        return len(self.rows) > _TALL_ROWS

    @property
    def judged_columns(self) -> list[str]:
        """The headings up to the last verdict, which are what it rests on; none where nothing is judged."""
        return up_to_the_verdict(self.columns)

    def choices(self, column: str) -> list[str]:
        """Return the different cells of a column, by which a reader may filter; empty where all are alike."""
        if column not in self.columns:
            return []
        place = self.columns.index(column)
        found = list(dict.fromkeys(row[place] for row in self.rows if row[place]))
        return found if len(found) > 1 else []

    def cell(self, row: list[str], column: str) -> str:
        """Return a cell by the name of its column; empty where there is no such column."""
        return row[self.columns.index(column)] if column in self.columns else ""

    def is_of_another_program(self, row: list[str]) -> bool:
        """Return whether a row holds scores of another program, which have none of our provenance."""
        return self.cell(row, "agent").endswith(MARKS)


@dataclass(frozen=True)
class ShownVerdict:
    """A verdict of the score table: its rows, its meaning, and its reasons, the most frequent first.

    Reasons that are numbers of one row stand in the table; here each would be one of many.
    """

    word: str
    rows: int
    meaning: str
    reasons: list[tuple[str, int]]


def is_number(cell: str) -> bool:
    """Return whether a cell is set as a number: one, two with `to` or `of` between them, or one that is missing."""
    return _NUMBER.fullmatch(cell) is not None


def read_table(folder: Path, name: str, command: str) -> ShownTable:
    """Read a table: what is printed from its Markdown, the data from its CSV.

    Raises:
        ReplicationError: one of them is not there, or they are not of one table; `command` makes them.
    """
    text, markdown = (read_made(folder / f"{name}.{kind}", command).decode() for kind in ("csv", "md"))
    caption, header, rows = from_markdown(markdown)
    data = list(csv.DictReader(text.splitlines()))
    if len(data) != len(rows):
        raise ReplicationError(
            f"{folder / name}.csv: found {len(data)} rows, expected the {len(rows)} of {name}.md; make both with "
            f"`{command}`"
        )
    return ShownTable(name, caption, header, rows, data)


def read_made(path: Path, command: str) -> bytes:
    """Read a file that `command` makes.

    Raises:
        ReplicationError: it is not there.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReplicationError(f"{path}: cannot be read ({error.strerror}); make it with `{command}`") from None


def verdicts(table: ShownTable) -> list[ShownVerdict]:
    """Return the verdicts on our own rows, in the order of `_VERDICTS`; those that no row has are left out."""
    ours = [row for row in table.data if not row.get("agent", "").endswith(MARKS)]
    given, reasons = ([row.get(column, "") for row in ours] for column in ("verdict", "reason"))
    counted = []
    for word, meaning in _VERDICTS.items():
        why = Counter(
            reason
            for other, reason in zip(given, reasons, strict=True)
            if other == word and reason and not reason.startswith(_OWN_REASONS)
        )
        if word in given:
            here = _meanings(table).get(word, meaning)
            counted.append(ShownVerdict(word, given.count(word), here, why.most_common()))
    return counted


def severity(table: ShownTable) -> list[str]:
    """Say in sentences which wrong agents the verdicts of a table cannot tell from the right one.

    Rows of an agent that are alike in that share a sentence; where all games of a table are tested together, one says
    so of each agent that was put in the place of the published one.
    """
    said: dict[tuple[str, str, str], list[str]] = {}
    together: dict[str, str] = {}
    for row in table.data:
        if row.get("verdict") in _TRIED and row.get("wrong_agents_tried", "0") not in ("", "0"):
            key = (row.get("agent", ""), row["not_ruled_out"], row["would_have_passed"])
            said.setdefault(key, []).append(_row_name(row))
        if row.get("all_games"):
            together[row["agent"]] = f"{row['agent']} {row['all_games']} (p = {float(row['all_games_p']):.2g})"
    texts = [_severity_text(agent, games, *map(_names, lists)) for (agent, *lists), games in said.items()]
    return texts + ([f"All games together: {'; '.join(together.values())}."] if together else [])


def _row_name(row: Mapping[str, str]) -> str:
    """Return what tells a row from others of its agent: game, statistic, or task and step; else its first column."""
    first = next(iter(row))
    at = f" at step {int(row['step']):,}" if "step" in row else ""
    named = row.get("game") or row.get("statistic") or (row["task"] + at if "task" in row else "")
    return named or f"{row[first]} {first.replace('_', ' ')}"


def _names(cell: str) -> list[str]:
    return [name for name in cell.split(BETWEEN_NAMES) if name]


def _severity_text(agent: str, games: list[str], open_to: list[str], passed: list[str]) -> str:
    where = ": ".join(filter(None, (agent, _listed(games))))
    if not open_to and not passed:
        return f"{where}: every other agent that was tried is ruled out."
    near = [*open_to, *(name for name in passed if name not in open_to)]
    also = f" {_listed(passed)} would have passed too." if passed else ""
    return f"{where}: cannot be told from {_listed(near, 'or')} here.{also}"


def _listed(names: list[str], last: str = "and") -> str:
    *first, end = names
    return f"{', '.join(first)} {last} {end}" if first else end


def _meanings(table: ShownTable) -> dict[str, str]:
    """Return the meanings of verdicts that the table's columns ask for, in place of those of `_VERDICTS`."""
    by_column = {"nearest rival": _BESIDE_EXACT, "statement": _OF_STATEMENTS}
    return next((meanings for column, meanings in by_column.items() if column in table.columns), {})


def judged_rows(experiment: Experiment, results: Path) -> list[dict[str, str]]:
    """Read the rows of an experiment's first table that has verdicts; none where no such table is made yet."""
    for name in experiment.tables:
        path = results / experiment.experiment / "tables" / f"{name}.csv"
        if path.exists() and (rows := judged_rows_of(path)):
            return rows
    return []


def judged_rows_of(path: Path) -> list[dict[str, str]]:
    """Read the rows of a table; none where it has no verdicts."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return rows if rows and "verdict" in rows[0] else []


def counted_verdicts(rows: Iterable[Mapping[str, str]]) -> list[tuple[str, int]]:
    """Count each verdict on rows of ours, in the order of `_VERDICTS`; those that no row has are left out.

    Args:
        rows: of a score table, by column.
    """
    counted = Counter(row.get("verdict") for row in rows if not (row.get("agent") or "").endswith(MARKS))
    return [(word, counted[word]) for word in _VERDICTS if counted[word]]


def above_random(table: ShownTable) -> str:
    """Say in a sentence how many agents' intervals lie above the random agent's; empty if the table does not tell."""
    said = [cell for row in table.data if (cell := row.get("above_random", "")) not in {"", "not comparable"}]
    if set(said) <= {"unknown"}:
        return ""
    unknown = f"; {said.count('unknown')} cannot be told yet" if "unknown" in said else ""
    cases = f"{said.count('yes')} of {len(said)} cases{unknown}"
    return f"A trained agent's interval lies wholly above the random agent's in {cases}."
