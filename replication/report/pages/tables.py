"""The tables of a page: read from their files, with the verdicts counted and the columns in a reader's order."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from replication.analysis.other_scores import MARKS
from replication.analysis.verdicts import MARGIN_POINTS, MARGIN_SHARE
from replication.foundation.errors import ReplicationError
from replication.specification.experiments import Experiment

_MARGIN = f"{MARGIN_POINTS:g} normalised points or {MARGIN_SHARE:.0%} of the published normalised score"
_BESIDE_EACH_ROW = {
    "replicated": "The whole interval of the difference lies within the margin of its row.",
    "not run": "The runs of this row are not finished.",
    "no reference": "Nothing was published to stand beside this row.",
}
"""Meanings of verdicts where a table gives the margin of each row, in place of those of `_VERDICTS`."""
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
    "replicated": f"The whole interval of the difference lies within the margin: {_MARGIN}, whichever is larger.",
    "differs": "The whole interval of the difference lies outside the margin.",
    "inconclusive": "The interval reaches across the edge of the margin, or there is too little to make one.",
    "not run": "No run of this agent on this game is finished.",
    "no reference": "Nothing was published for this agent, protocol, game and number of frames.",
}
_FIRST_COLUMNS = (
    "game",
    "agent",
    "score",
    "95 % interval",
    "published",
    "verdict",
    "normalized %",
    "published normalized %",
    "above random",
)
"""The columns that are read first where a table has a verdict a game; the file has its own order."""
_TALL_ROWS = 30
_NUMBER = re.compile(r"[-−+]?[\d,]+(\.\d+)?( ?%)?( to [-−+]?[\d,]+(\.\d+)?)?|missing|\d+ of \d+")


@dataclass(frozen=True)
class ShownTable:
    """A table as its files hold it, but for the order of its columns."""

    name: str
    caption: str
    columns: list[str]
    rows: list[list[str]]

    @property
    def is_tall(self) -> bool:
        """True where it scrolls in a frame of its own, its headings in sight."""
        return len(self.rows) > _TALL_ROWS

    def choices(self, column: str) -> list[str]:
        """Return the different cells of a column, by which a reader may filter; empty where all are alike."""
        if column not in self.columns:
            return []
        found = list(dict.fromkeys(filter(None, _column(self, column))))
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

    A reason that is a difference with its interval stands in the table; here it would be one of many.
    """

    word: str
    rows: int
    meaning: str
    reasons: list[tuple[str, int]]


def is_number(cell: str) -> bool:
    """Return whether a cell is set as a number: one, two with `to` or `of` between them, or one that is missing."""
    return _NUMBER.fullmatch(cell) is not None


def read_table(folder: Path, name: str, command: str) -> ShownTable:
    """Read a table from its CSV, its caption from its Markdown.

    Raises:
        ReplicationError: one of them is not there; `command` makes it.
    """
    text, markdown = (read_made(folder / f"{name}.{kind}", command).decode() for kind in ("csv", "md"))
    # The caption is what stands before the table.
    caption = markdown.split("\n|", 1)[0].removeprefix("|").strip()
    header, *rows = csv.reader(text.splitlines())
    if {"game", "verdict"} <= set(header):
        rank = {column: place for place, column in enumerate(_FIRST_COLUMNS)}
        order = sorted(range(len(header)), key=lambda place: rank.get(header[place], len(rank)))
        header, rows = [header[place] for place in order], [[row[place] for place in order] for row in rows]
    return ShownTable(name, caption, header, rows)


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
    ours = [row for row in table.rows if not table.is_of_another_program(row)]
    given, reasons = ([table.cell(row, column) for row in ours] for column in ("verdict", "reason"))
    counted = []
    for word, meaning in _VERDICTS.items():
        why = Counter(
            reason
            for other, reason in zip(given, reasons, strict=True)
            if other == word and reason and not reason.startswith("difference ")
        )
        if word in given:
            here = _meanings(table).get(word, meaning)
            counted.append(ShownVerdict(word, given.count(word), here, why.most_common()))
    return counted


def _meanings(table: ShownTable) -> dict[str, str]:
    """Return the meanings of verdicts that the table's columns ask for, in place of those of `_VERDICTS`."""
    by_column = {"margin": _BESIDE_EACH_ROW, "nearest rival": _BESIDE_EXACT, "statement": _OF_STATEMENTS}
    return next((meanings for column, meanings in by_column.items() if column in table.columns), {})


def judged_rows(experiment: Experiment, results: Path) -> list[dict[str, str]]:
    """Read the rows of an experiment's first table that has verdicts; none where no such table is made yet."""
    for name in experiment.tables:
        path = results / experiment.experiment / "tables" / f"{name}.csv"
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            if rows and "verdict" in rows[0]:
                return rows
    return []


def counted_verdicts(rows: Iterable[Mapping[str, str]]) -> list[tuple[str, int]]:
    """Count each verdict on rows of ours, in the order of `_VERDICTS`; those that no row has are left out.

    Args:
        rows: of a score table, by column.
    """
    counted = Counter(row.get("verdict") for row in rows if not (row.get("agent") or "").endswith(MARKS))
    return [(word, counted[word]) for word in _VERDICTS if counted[word]]


def above_random(table: ShownTable) -> str:
    """Say in a sentence how many agents' intervals lie above the random agent's; empty if the table does not tell."""
    if "above random" not in table.columns:
        return ""
    said = [cell for cell in _column(table, "above random") if cell not in {"", "not comparable"}]
    if set(said) <= {"unknown"}:
        return ""
    unknown = f"; {said.count('unknown')} cannot be told yet" if "unknown" in said else ""
    cases = f"{said.count('yes')} of {len(said)} cases{unknown}"
    return f"A trained agent's interval lies wholly above the random agent's in {cases}."


def _column(table: ShownTable, name: str) -> list[str]:
    place = table.columns.index(name)
    return [row[place] for row in table.rows]
