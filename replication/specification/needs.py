"""The needs of tables and figures: what an experiment must have for them, asked before anything is trained.

A module of report/tables or report/figures states them as a literal, which is read from its source: nothing of report/
is imported here.

    NEEDS = {"games": "all in reference_set"}

An experiment that lacks one is refused when it is loaded; otherwise its table would fail after the last run.
"""

from __future__ import annotations

import ast
import csv
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from replication.foundation import paths
from replication.foundation.errors import ReplicationError
from replication.foundation.validation import Settings, validated
from replication.specification.tasks.atari_games import ATARI57, NATURE49

if TYPE_CHECKING:
    from replication.specification.experiments import Experiment

REFERENCE_GAMES = {"nature49_5min": NATURE49, "atari57_30min": ATARI57}
"""The games that each reference set has scores of."""
ANY_SOURCE = "any source"
_BY_STEP = "curves by step"
"""The layout of sources whose curves begin before training, in judges.csv."""


class Needs(Settings):
    """The needs of one table or figure; a key that its module leaves out asks for nothing."""

    games: Literal["all in reference_set", "one of nature49"] | None = None
    scores: Literal["normalized", "above a floor"] | None = None
    """Normalized by random and human scores; or counted from random play or from the source's untrained policies."""
    agents: Literal["one that trains"] | None = None
    source: tuple[str, ...] | None = None
    """The sources of published numbers that it can stand beside."""
    published: dict[str, dict[Literal["algorithm", "agents", "aggregates", "curves"], tuple[str, ...] | str]] = Field(
        default_factory=dict
    )
    """For a source, or for `ANY_SOURCE`: the names that keys of `published` may have there; listed, or as a file of
    published numbers and its columns, `FILE.csv: COLUMN, COLUMN`."""


def check_needs(experiment: Experiment, path: Path) -> None:
    """Check that an experiment has what each of its tables and figures needs.

    Args:
        experiment: whose runs can be and whose tables and figures exist.
        path: its YAML.

    Raises:
        ReplicationError: names the YAML, the table or figure, what was found, what it needs and what to do.
    """
    for kind, names in (("tables", experiment.tables), ("figures", experiment.figures)):
        for name in names:
            lacking = _lacking(needs_of(paths.PACKAGE / "report" / kind / f"{name}.py"), experiment)
            if lacking:
                raise ReplicationError(f"{path}: {kind}: {name}: {lacking}, or leave {name} out of {kind}")


def needs_of(module: Path) -> Needs:
    """Read the needs that a module of a table or figure states; none where it states none.

    Raises:
        ReplicationError: what it states is not written out, or is no need.
    """
    return _stated(module, module.read_text(encoding="utf-8"))


@cache
def _stated(module: Path, text: str) -> Needs:
    if "NEEDS" not in text:
        return Needs()
    for node in ast.parse(text).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(target, ast.Name) and target.id == "NEEDS":
            try:
                stated = ast.literal_eval(node.value) if node.value else None
            except ValueError:
                raise ReplicationError(
                    f"{module}: line {node.lineno}: NEEDS: found names or calls, expected a literal, which is read "
                    "without importing the module; write its values out"
                ) from None
            return validated(Needs, stated, module, "NEEDS")
    return Needs()


def _lacking(needs: Needs, experiment: Experiment) -> str:
    """Say what an experiment lacks and what would mend it; empty where it lacks nothing."""
    games = list(dict.fromkeys(run.task.name for run in experiment.runs()))
    no_scale = needs.scores == "normalized" or (needs.scores == "above a floor" and not _has_floor(experiment))
    if experiment.reference_set is None and (no_scale or needs.games == "all in reference_set"):
        return f"found no reference_set, expected one of {', '.join(REFERENCE_GAMES)}, by which it normalizes; add it"
    outside = [game for game in games if game not in REFERENCE_GAMES.get(str(experiment.reference_set), ())]
    if needs.games == "all in reference_set" and outside:
        return (
            f"found {', '.join(outside)} among the games, expected only games of reference_set "
            f"{experiment.reference_set}; name the reference set of their protocol, leave the games out"
        )
    if needs.games == "one of nature49" and not set(games) & set(NATURE49):
        return f"found {', '.join(games)}, expected at least one game of nature49; add one to runs"
    if needs.agents == "one that trains" and not any(run.family.trains for run in experiment.runs()):
        return "found no agent that trains, expected at least one; add one to runs"
    published = experiment.published
    if needs.source is not None and (published is None or published.source not in needs.source):
        found = "none" if published is None else repr(published.source)
        return f"published.source: found {found}, expected one of {', '.join(needs.source)}; name it"
    for source in (published.source, ANY_SOURCE) if published else ():
        for key, accepted in needs.published.get(source, {}).items():
            value = getattr(published, key)
            known = names_in(accepted) if isinstance(accepted, str) else accepted
            for name in [value] if isinstance(value, str) else value.values():
                if name not in known:
                    return f"published.{key}: found {name!r}, expected one of {', '.join(map(repr, known))}; correct it"
    return ""


def _has_floor(experiment: Experiment) -> bool:
    """Return whether scores are counted from the floor of the published source, which needs no reference set."""
    published = experiment.published
    return published is not None and f"{published.source}, {_BY_STEP}" in names_in("judges.csv: name, layout")


@cache
def names_in(place: str) -> tuple[str, ...]:
    """List the names in columns of a file of published numbers, `FILE.csv: COLUMN, COLUMN`."""
    file, _, columns = place.partition(": ")
    with (paths.PACKAGE / "published" / file).open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return tuple(dict.fromkeys(", ".join(row[column] for column in columns.split(", ")) for row in rows))
