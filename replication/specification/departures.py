"""Departures that no YAML declares, since the person at the command line makes them: each as it is declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from replication.specification.changed_settings import changes_in_words, changes_of
from replication.specification.protocols import Deviation, Protocol
from replication.specification.run import Run
from replication.specification.variants import Preset, Variant

SET = "set"
"""The departure of settings changed by hand."""


class ChangedByHand(Deviation):
    """The departure of a variant that was made by hand; not every setting has a row."""

    rows: tuple[str, ...]


def departure_of_changes(variant: Variant, changes: Mapping[str, Any], rows: Sequence[str]) -> Deviation:
    """Declare the settings that were changed by hand."""
    return ChangedByHand(
        id=SET,
        rows=tuple(rows),
        what=f"changed by hand: {changes_in_words(changes)}; otherwise {changes_of(variant.variant)[0]}",
        why="asked for with --set",
        expected_effect="incomparable with the published score",
    )


def departure_of_preset(preset: Preset, rows: Sequence[str]) -> Deviation:
    """Declare a preset."""
    return Deviation(
        id=f"preset-{preset.preset}",
        rows=tuple(rows),
        what=f"the preset {preset.preset}: {preset.title}",
        why="a scale that fits a small machine",
        expected_effect="incomparable with the published score",
    )


def departure_of_protocol(variant: Variant, protocol: Protocol, rows: Sequence[str]) -> Deviation:
    """Declare a protocol that is not the paper's own."""
    return Deviation(
        id=f"protocol-{protocol.protocol}",
        rows=tuple(rows),
        what=f"the protocol {protocol.protocol} instead of {variant.protocol}, the paper's own",
        why="asked for by the experiment",
        expected_effect="comparable only with scores of the same protocol",
    )


def departure_of_budget(run: Run, rows: Sequence[str]) -> Deviation:
    """Declare a training that is shorter than the original's."""
    iterations = run.budget.iterations
    counted = f"{iterations:,} iteration{'s' * (iterations > 1)}, at least " * (iterations > 0)
    return Deviation(
        id="budget",
        rows=tuple(rows),
        what=f"training stops after {counted}{run.training_frames:,} frames; its schedules are unchanged",
        why="the full length costs days a run",
        expected_effect="incomparable with the score at full length",
    )
