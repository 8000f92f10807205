"""Originals: what a published program does, detail by detail, each with its source (workflow/originals)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from replication.foundation import paths
from replication.foundation.errors import ReplicationError, unknown_name
from replication.foundation.files import listed
from replication.foundation.validation import Settings, read_yaml, validated
from replication.specification.variants import Variant

RULES = "suite"
"""The original that every variant is held against: the rules this project sets itself."""


class Row(Settings):
    row: Annotated[str, Field(pattern=r"^[A-Z]{1,2}[0-9]+b?$")]
    behaviour: str
    """What it is about, in a few words."""
    value: str
    """What the original does, with units."""
    formula: str = ""
    """The same as a formula, which pages show to whoever learns the method; empty where it is none."""
    source: str
    """Where that is read: repository, file and line, or the article."""
    in_force: str
    """What this project does; `{config.discount}` and the like stand for settings."""
    expected: dict[str, Any] = Field(default_factory=dict)
    """Settings of the original, by the names used in `in_force`; empty where the behavior is built in."""
    families: tuple[
        Literal[
            "evolution",
            "fitted_q",
            "off_policy",
            "off_policy_continuous",
            "off_policy_vectors",
            "on_policy",
            "tabular",
            "untrained",
        ],
        ...,
    ] = ("off_policy",)
    """Agents it concerns."""
    tag: Literal["program", "paper", "quirk", "rule"] = "program"
    """Read in the program; read in the article alone; a side effect of the program; a rule of this project."""
    confirmed_by: str | None = None
    """For the article's text: the transcriptions in which it was read."""
    peers: str = ""
    """What other implementations do, where they differ."""
    untested: str | None = None
    """Why no test is named after the row."""
    replaces: tuple[str, ...] = ()
    """Rows of the originals its own one extends, in whose place it stands."""
    covers: tuple[str, ...] = ()
    """Details of its family (`FamilyFacts.details`) that it speaks of, where its original does not extend them."""
    algorithm_decides: bool = False
    """True where the algorithm's file decides it, such as the loss: nothing is claimed of code that is not known."""
    of_its_article: bool = False
    """True where it is about this original's article or files alone, and no detail of a family."""

    @property
    def section(self) -> str:
        """The letters of its number."""
        return self.row.rstrip("b0123456789")


class GameDifference(Settings):
    game: str
    what: str
    """How the emulator's logic of this game differs from that of the original's emulator."""


class TaskDifference(Settings):
    task: str
    row: str
    """The row of the original that it concerns."""
    what: str
    """How this version of the task differs from the original's."""


class Original(Settings):
    original: str
    title: str
    extends: tuple[str, ...] = ()
    """Originals whose rows hold for it too, but for those that it replaces."""
    sections: dict[str, str]
    """Letters of a row to the name of its section."""
    rows: tuple[Row, ...]
    game_differences: tuple[GameDifference, ...] = ()
    task_differences: tuple[TaskDifference, ...] = ()


def known_originals() -> list[str]:
    """List the names of the originals."""
    return sorted(path.stem for path in listed(paths.WORKFLOW / "originals", "*.yaml"))


def load_original(name: str) -> Original:
    """Read workflow/originals/NAME.yaml.

    Raises:
        ReplicationError: no such original; an unknown, missing or mistyped key.
    """
    if name not in known_originals():
        raise unknown_name("original", name, known_originals())
    return _read_original(paths.WORKFLOW / "originals" / f"{name}.yaml")


def rows_of(name: str) -> list[tuple[str, Row]]:
    """List section and row of all that an original does: its own rows, and those of the originals it extends.

    Raises:
        ReplicationError: as `load_original`; or one extends itself, by way of others.
    """
    originals = lineage(name)
    replaced = {number for original in originals for row in original.rows for number in row.replaces}
    rows = [(original.sections[row.section], row) for original in originals for row in original.rows]
    return [(section, row) for section, row in rows if row.row not in replaced]


def originals_of(name: str) -> list[str]:
    """List the originals that a variant with this one is judged by, those they extend too, and this project's rules.

    Args: `name` is empty for the policy of another program.

    Raises:
        ReplicationError: as `rows_of`.
    """
    return [original.original for judge in (name, RULES) if judge for original in lineage(judge)]


def details_not_stated(variant: Variant) -> list[tuple[str, Row]]:
    """List section and row of each detail of a variant's family that its original has no row for.

    Raises:
        ReplicationError: as `load_original`.
    """
    details = variant.facts.details
    if details is None or details in {original.original for original in lineage(variant.original)}:
        return []
    covered = {number for original in lineage(variant.original) for row in original.rows for number in row.covers}
    title = load_original(variant.original).title
    return [
        (section, row.model_copy(update={"value": "not stated", "source": title, "expected": {}, "peers": ""}))
        for section, row in rows_of(details)
        if not (row.of_its_article or row.row in covered) and variant.family in row.families
    ]


def lineage(name: str, extending: tuple[str, ...] = ()) -> list[Original]:
    """List the originals that one extends, then itself; each once. `extending`: what led to it, in order."""
    original = load_original(name)
    if name in extending:
        circle = " extends ".join((*extending[extending.index(name) :], name))
        raise ReplicationError(
            f"{paths.WORKFLOW / 'originals' / f'{name}.yaml'}: extends: {circle}; take one of these out"
        )
    found = {each.original: each for base in original.extends for each in lineage(base, (*extending, name))}
    return [*found.values(), original]


@cache  # a table judges a hundred runs against the same file
def _read_original(path: Path) -> Original:
    return validated(Original, read_yaml(path), path)
