"""The budget of a run: how long it trains."""

from __future__ import annotations

from dataclasses import dataclass

from replication.foundation.errors import ReplicationError
from replication.specification.families.facts import BudgetUnit
from replication.specification.protocols import Protocol
from replication.specification.variants import Variant


@dataclass(frozen=True)
class Budget:
    """The length of a training: agent steps, or whole iterations of a protocol that has them, or not at all."""

    steps: int = 0
    iterations: int = 0


def checked_budget(variant: Variant, protocol: Protocol, frames: int | None, iterations: int | None) -> Budget:
    """Make the budget of a variant under a protocol, from the number that the protocol asks for.

    Raises:
        ReplicationError: a number is missing, not positive or of the wrong unit; the variant does not train.
    """
    name = variant.variant
    if not variant.facts.trains:
        if frames is not None or iterations is not None:
            raise ReplicationError(f"variant {name} does not train: leave the budget out")
        return Budget()
    unit: BudgetUnit = "frames" if protocol.iteration_steps is None else "iterations"
    if unit not in variant.facts.budget_units:
        raise ReplicationError(
            f"variant {name}: family {variant.family} trains for a number of {' or '.join(variant.facts.budget_units)},"
            f" protocol {protocol.protocol} has {unit}: name a protocol that fits"
        )
    if protocol.iteration_steps is not None:
        if frames is not None or iterations is None or iterations < 1:
            raise ReplicationError(
                f"protocol {protocol.protocol} trains in iterations of at least {protocol.iteration_steps} steps: "
                "give --budget-iterations N, N >= 1, and no --budget-frames"
            )
        return Budget(iterations=iterations)
    if iterations is not None or frames is None:
        raise ReplicationError(f"protocol {protocol.protocol} has no iterations: give --budget-frames")
    return Budget(steps=steps_of_frames(frames, protocol.training.frame_skip))


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
