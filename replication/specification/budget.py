"""The budget of a run: how long it trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import get_args

from replication.foundation.errors import ReplicationError
from replication.specification.families.facts import BudgetUnit
from replication.specification.protocols import Protocol, of_atari
from replication.specification.variants import Variant

UNITS: tuple[BudgetUnit, ...] = get_args(BudgetUnit)


@dataclass(frozen=True, order=True)
class Budget:
    """The length of a training, in one unit; all zero: no training. Frames are kept as agent steps."""

    steps: int = 0
    iterations: int = 0
    """Whole iterations of a protocol that has them."""
    episodes: int = 0
    sweeps: int = 0
    """Rounds in which every state is updated once."""

    @property
    def in_words(self) -> str:
        """The length with its unit; frames, where a protocol counts them, as steps."""
        number, unit = next(((n, u) for u, n in asdict(self).items() if n), (0, ""))
        return f"{number:,} {unit if number != 1 else unit.removesuffix('s')}" if unit else "no training"


def lengths_in_words(lengths: Mapping[str, int]) -> str:
    """Format lengths of training by their units, as `Run.training_length` and sums of it have them; "0": of nothing."""
    return ", ".join(f"{number:,} {unit}" for unit, number in lengths.items()) or "0"


def checked_budget(variant: Variant, protocol: Protocol, given: Mapping[BudgetUnit, int | None]) -> Budget:
    """Make the budget of a variant under a protocol, from the number that the protocol asks for.

    Args:
        variant: what trains.
        protocol: whose unit counts.
        given: numbers by unit; None as if absent.

    Raises:
        ReplicationError: a number is missing, not positive or of the wrong unit; the variant does not train.
    """
    name, named = variant.variant, {unit: number for unit, number in given.items() if number is not None}
    if not variant.facts.trains:
        if named:
            raise ReplicationError(f"variant {name} does not train: leave the budget out")
        return Budget()
    unit = protocol.budget_unit
    if unit not in variant.facts.budget_units:
        raise ReplicationError(
            f"variant {name}: family {variant.family} trains for a number of {' or '.join(variant.facts.budget_units)},"
            f" protocol {protocol.protocol} has {unit}: name a protocol that fits"
        )
    number = named.pop(unit, None)
    if number is None or (number < 1 and unit != "frames") or named:
        raise ReplicationError(f"protocol {protocol.protocol} {_asks_for(protocol, unit)}")
    if unit == "frames":
        return Budget(steps=steps_of_frames(number, of_atari(protocol.training).frame_skip))
    periodic = protocol.periodic_evaluation
    if protocol.evaluation_score is not None and periodic is not None and number % periodic.period_steps:
        raise ReplicationError(
            f"budget of {number} {unit}: protocol {protocol.protocol} scores the evaluation at its end, expected a "
            f"multiple of {periodic.period_steps}, the steps between two"
        )
    return Budget(**{unit: number})


def _asks_for(protocol: Protocol, unit: BudgetUnit) -> str:
    if unit == "iterations" and protocol.iteration_steps is not None:
        return (
            f"trains in iterations of at least {protocol.iteration_steps} steps: give --budget-iterations N, N >= 1, "
            "and no --budget-frames"
        )
    if unit == "frames":
        return "has no iterations: give --budget-frames"
    return f"trains for a number of {unit}: give --budget-{unit} N, N >= 1, and no other"


def steps_of_frames(frames: int, frame_skip: int) -> int:
    """Convert emulator frames to nominal agent steps (resets, no-ops and cut repeats are not counted).

    Raises:
        ReplicationError: not a positive multiple of the frame skip.
    """
    if frames <= 0 or frames % frame_skip:
        raise ReplicationError(
            f"budget of {frames} frames: expected a positive multiple of {frame_skip}, the frames of one agent step"
        )
    return frames // frame_skip
