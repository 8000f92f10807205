"""The words of a command that name runs."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from replication.specification.run import Run

_T = TypeVar("_T")


def run_arguments(runs: Sequence[Run], results: Path) -> str:
    """Write the arguments of `train` that name these runs, quoted for a shell.

    Args:
        runs: of one variant, protocol, preset and budget. Where they are not a full grid of tasks x seeds, the runs
            between are named too. A run of a bundle stands for all of it.
        results: root of the results.
    """
    tasks, seeds = unique(run.task.name for run in runs), unique(str(run.bundle or run.seed) for run in runs)
    words = ["--variant", runs[0].variant.variant, "--task", *tasks]
    words += ["--seeds" if runs[0].bundle else "--seed", *seeds]
    for option, value in shared_arguments(runs[0]).items():
        words += [f"--{option}", str(value)] if value is not None and option != "variant" else []
    words += ["--results", str(results)]
    return shlex.join(words)


def shared_arguments(run: Run) -> dict[str, str | int | None]:
    """Return the options that the runs of one command have in common; None: not given."""
    own = run.protocol.protocol == run.variant.protocol
    return {
        "variant": run.variant.variant,
        **_length(run),
        "protocol": None if own else run.protocol.protocol,
        "preset": run.preset.preset if run.preset else None,
    }


def _length(run: Run) -> dict[str, str | int | None]:
    unit, number = run.protocol.budget_unit, run.training_frames
    return {f"budget-{unit}": (number if unit == "frames" else getattr(run.budget, unit)) or None}


def unique(values: Iterable[_T]) -> list[_T]:
    """List values once each, in the order of their first appearance."""
    return list(dict.fromkeys(values))
