"""The fidelity of a run: each detail of the original program beside the value in force here, and a judgment.

An original is a file of workflow/originals: what the published program does, row by row, with its source. A row is
`exact`, or names the deviations that concern it, or is `unconfirmed` where the original is an article's text that no
transcription confirms. Every difference is declared: one that is not is a defect, and a test fails.

A family may name an original whose rows are the details of its engine. What another original has no row for is shown
too, as `not stated`: a short table must not look like a faithful one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from replication.foundation.optional_settings import without_defaults
from replication.specification.changed_settings import changes_of
from replication.specification.departures import (
    SET,
    departure_of_budget,
    departure_of_changes,
    departure_of_preset,
    departure_of_protocol,
)
from replication.specification.originals import (
    RULES,
    GameDifference,
    Row,
    TaskDifference,
    details_not_stated,
    lineage,
    rows_of,
)
from replication.specification.protocols import Deviation, Protocol
from replication.specification.run import Run
from replication.specification.variants import Preset, Variant

EXACT, UNCONFIRMED, UNDECLARED, NOT_APPLICABLE = "exact", "unconfirmed", "undeclared", "not applicable"
NOT_STATED, NOT_COMPARED = "not stated", "not compared"
"""Nothing that was read of the original says it; and: a user's own algorithm, or an edited one, decides it."""

PLAIN_STATUSES = (EXACT, UNCONFIRMED, NOT_STATED, NOT_COMPARED, NOT_APPLICABLE, UNDECLARED)
"""Those that name no deviation."""
_PLACEHOLDER = re.compile(r"\{([a-z0-9_.]+)\}")


@dataclass(frozen=True)
class JudgedRow:
    """A row as it stands for one variant or run."""

    row: Row
    section: str
    in_force: str
    status: str
    """One of `PLAIN_STATUSES`, or the ids of deviations, separated by commas."""


def judge_rows(
    variant: Variant, protocol: Protocol, preset: Preset | None = None, frames: int | None = None
) -> list[JudgedRow]:
    """Judge every row of the variant's original and of this project's rules.

    Args:
        variant: with the preset applied.
        protocol: how it is presented and scored, with the preset applied.
        preset: the overrides of scale in force, to be named where they move a row.
        frames: emulator frames of training, at least; None: as an experiment asks, no departure.

    Raises:
        ReplicationError: there is no such original.
    """
    settings = _settings(variant, protocol, frames)
    declared = (*variant.deviations, *protocol.deviations)
    judged = []
    for section, row in (*rows_of(variant.original), *rows_of(RULES)):
        status = _status(row, variant, settings, declared)
        if status == UNDECLARED:
            status = _departure(row, variant, protocol, preset, settings)
        elif status not in PLAIN_STATUSES and _by_hand(row.expected, variant):
            status = f"{status}, {SET}"  # what is declared of the variant does not say to what it was changed
        text = NOT_APPLICABLE if status == NOT_APPLICABLE else _filled(row.in_force, settings)
        judged.append(JudgedRow(row, section, text, status))
    for section, row in details_not_stated(variant):
        status = _status(row, variant, settings, declared)
        if status != NOT_APPLICABLE:
            status = NOT_STATED if status in PLAIN_STATUSES else status
            judged.append(JudgedRow(row, section, _filled(row.in_force, settings), status))
    return judged


def deviations_in_force(run: Run) -> tuple[Deviation, ...]:
    """List every departure of a run: those its variant and protocol declare, and those of preset, budget and game.

    What concerns only rows that do not apply (training, to an agent that does not train) is no departure.
    """
    variant, protocol, preset = run.variant, run.protocol, run.preset
    judged = judge_rows(variant, protocol, preset, run.training_frames or None)
    moved: dict[str, list[str]] = {}
    for found in judged:
        for name in found.status.split(", "):
            moved.setdefault(name, []).append(found.row.row)
    declared = [
        known.model_copy(update={"rows": tuple(moved[known.id])})  # those that its original has
        for known in (*variant.deviations, *protocol.deviations)
        if known.id in moved
    ]
    if preset and (rows := moved.get(f"preset-{preset.preset}")):
        declared.append(departure_of_preset(preset, rows))
    if protocol.protocol != variant.protocol and (rows := moved.get(f"protocol-{protocol.protocol}")):
        declared.append(departure_of_protocol(variant, protocol, rows))
    if rows := moved.get("budget"):
        declared.append(departure_of_budget(run, rows))
    if changes := changes_of(variant.variant)[1]:
        declared.append(departure_of_changes(variant, changes, moved.get(SET, [])))
    differences = [known for original in lineage(variant.original) for known in original.game_differences]
    declared += [_of_game(known) for known in differences if known.game == run.task.name]
    versions = [known for original in lineage(variant.original) for known in original.task_differences]
    declared += [_of_task(known) for known in versions if known.task == run.task.name]
    return tuple(declared)


def count_statuses(judged: Sequence[JudgedRow]) -> dict[str, int]:
    """Count rows by status, in the order they are shown; one that is undeclared is a defect."""
    counted = Counter(found.status if found.status in PLAIN_STATUSES else "deviation" for found in judged)
    exact, *others = PLAIN_STATUSES
    return {word: counted[word] for word in (exact, "deviation", *others)}


def _settings(variant: Variant, protocol: Protocol, frames: int | None) -> dict[str, Any]:
    """Return all settings in force by dotted name; parts that are absent have no names."""
    # A part is compared as a YAML writes it; a setting of its own shows in any row, left out of the YAML or not.
    shown = variant.config | without_defaults(
        variant.facts.modules.get(variant.module, variant.facts.settings), variant.config
    )
    content = {"config": shown, "protocol": protocol.model_dump(exclude={"sources", "deviations"})}
    final = content["protocol"]["final_evaluation"]
    if final is not None and final["epsilon"] is None:  # left to the paper: what is played is the variant's own
        final["epsilon"] = getattr(variant.settings, "evaluation_epsilon", None)
    if frames is not None:
        content["budget"] = {"frames": frames}
    return dict(_flat("", content))


def _flat(name: str, content: Any) -> list[tuple[str, Any]]:
    own = [(name, content)] if name else []
    if not isinstance(content, Mapping):
        return own
    prefix = f"{name}." if name else ""
    return own + [pair for key, value in content.items() for pair in _flat(f"{prefix}{key}", value)]


def _status(row: Row, variant: Variant, settings: Mapping[str, Any], declared: Sequence[Deviation]) -> str:
    names = {name for name in _PLACEHOLDER.findall(row.in_force) if not name.startswith("budget.")}
    if variant.family not in row.families or not names <= set(settings):
        return NOT_APPLICABLE
    ids = [deviation.id for deviation in declared if row.row in deviation.rows]
    if ids:
        return ", ".join(ids)
    if row.algorithm_decides and variant.unknown_code is not None:
        return NOT_COMPARED
    if any(_plain(settings.get(name, value)) != _plain(value) for name, value in row.expected.items()):
        return UNDECLARED
    return UNCONFIRMED if row.tag == "paper" and row.confirmed_by is None else EXACT


def _departure(
    row: Row, variant: Variant, protocol: Protocol, preset: Preset | None, settings: Mapping[str, Any]
) -> str:
    """Name what moved a row that no YAML declares: the preset, the choice of another protocol, the budget.

    Each is named only for settings it has a hand in; a setting that none of them explains is undeclared.
    """
    differing = {n for n, value in row.expected.items() if _plain(settings.get(n, value)) != _plain(value)}
    overridden = {} if preset is None else dict(_flat("", {"config": preset.config, "protocol": preset.protocol}))
    another = protocol.protocol != variant.protocol
    moved_by = {
        SET: _by_hand(differing, variant),  # after the preset, so it is what is in force
        "" if preset is None else f"preset-{preset.preset}": differing & overridden.keys(),
        f"protocol-{protocol.protocol}": {name for name in differing if another and name.startswith("protocol.")},
        "budget": differing & {"budget.frames"},
    }
    names = []
    for name, moved in moved_by.items():
        if moved & differing:  # what an earlier one explains is not asked of a later one
            names.append(name)
            differing -= moved
    return UNDECLARED if differing else ", ".join(names)


def _by_hand(names: Iterable[str], variant: Variant) -> set[str]:
    """Choose the settings that were changed by hand, or have a part that was, or are a part of one."""
    changes = [f"config.{key}." for key in changes_of(variant.variant)[1]]
    return {name for name in names if any(f"{name}.".startswith(key) or key.startswith(f"{name}.") for key in changes)}


def _of_game(known: GameDifference) -> Deviation:
    return Deviation(
        id=f"emulator-{known.game.replace('_', '-')}",
        rows=("E13",),
        what=known.what,
        why="the emulator's logic of this game changed since the original's emulator",
        expected_effect="scores of this game may differ",
    )


def _of_task(known: TaskDifference) -> Deviation:
    return Deviation(
        id=f"task-{known.task.replace('_', '-')}",
        rows=(known.row,),
        what=known.what,
        why="a later version of the task than the original's",
        expected_effect="scores of this task may differ",
    )


def _filled(template: str, settings: Mapping[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        return in_words(settings[name]) if name in settings else "what the experiment asks for"

    return _PLACEHOLDER.sub(value, template)


def in_words(value: Any) -> str:
    """Write a setting as people do: thousands separated, ranges and lists spelt out, `none` for None."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{str(key).replace('_', ' ')} {in_words(inner)}" for key, inner in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        plain = all(isinstance(inner, int) for inner in value)
        return " to ".join(map(in_words, value)) if plain and len(value) == 2 else "; ".join(map(in_words, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """Replace tuples by lists, so that both compare alike."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
