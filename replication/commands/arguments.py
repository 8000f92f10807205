"""Types of arguments, whose errors are one line, and the arguments that several commands share."""

from __future__ import annotations

import argparse
import math
import os
import re
from pathlib import Path

from replication.foundation.errors import ReplicationError
from replication.foundation.validation import number_hint
from replication.specification.loading import known_names
from replication.specification.seeds import Seeds


def whole_number(text: str) -> int:
    """Return the whole number that an argument is; `1e6` is refused."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number, found {text!r}{number_hint(text)}") from None


def at_least_one(text: str) -> int:
    """Return the whole number that an argument is, which must be 1 or more."""
    number = whole_number(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, found {number}")
    return number


def none_or_more(text: str) -> int:
    """Return the whole number that an argument is, which must be 0 or more."""
    number = whole_number(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"expected 0 or more, found {number}")
    return number


def seconds(text: str) -> float:
    """Return the span of time that an argument is, in seconds."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of seconds, found {text!r}")
    return number


def gigabytes(text: str) -> float:
    """Return the memory that an argument is, in units of 1e9 bytes; more than 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of gigabytes above 0, found {text!r}")
    return number


def device(text: str) -> str:
    """Return the device that an argument names as torch does."""
    if not re.fullmatch(r"cpu|cuda(:[0-9]+)?", text):
        raise argparse.ArgumentTypeError(f"expected cpu, cuda or cuda:N, found {text!r}")
    return text


def seed_range(text: str) -> Seeds:
    """Return the consecutive seeds that an argument such as `1-50` names."""
    first, dash, last = text.partition("-")
    if not dash or not first.isdecimal() or not last.isdecimal() or int(first) > int(last):
        raise argparse.ArgumentTypeError(f"expected FIRST-LAST, such as 1-50, found {text!r}")
    return Seeds(int(first), int(last))


BUDGETS = {
    "frames": "emulator frames of training (4 an agent step)",
    "steps": "agent steps of training, for tasks without frames",
    "iterations": "iterations of training, for protocols that have them",
    "episodes": "episodes of training, for protocols that count them",
    "sweeps": "rounds of updates of every state, for methods that plan",
}
"""The units of a budget, as options; a protocol asks for one of them."""


def budgets(options: argparse.Namespace) -> dict[str, int | None]:
    """Return the budget that was given, as `resolve_run` takes it."""
    return {name: getattr(options, name) for name in (f"budget_{unit}" for unit in BUDGETS)}


def add_run_arguments(parser: argparse.ArgumentParser, *, required: bool, bundles: bool = False) -> None:
    """Add the options that name runs: variant, tasks, seeds, budget, protocol, preset.

    Args:
        parser: of the command.
        required: a command that names an experiment instead does not need them.
        bundles: seeds can be named as a range, whose runs lie in one record.
    """
    parser.add_argument("--variant", help=f"one of: {', '.join(known_names('algorithms'))}")
    parser.add_argument(
        "--task",
        "--game",
        required=required,
        nargs="+",
        help="names of tasks, such as pong or cliff_walking; a game has its ROM's",
    )
    seeds = parser.add_mutually_exclusive_group(required=required)
    seeds.add_argument("--seed", nargs="+", type=whole_number, help="integers >= 0")
    if bundles:
        seeds.add_argument(
            "--seeds",
            type=seed_range,
            metavar="FIRST-LAST",
            help="seeds whose runs lie in one record, such as 1-50; for algorithms whose runs take seconds",
        )
    for unit, meaning in BUDGETS.items():
        parser.add_argument(f"--budget-{unit}", type=whole_number, help=meaning)
    parser.add_argument("--protocol", help=f"instead of the variant's own: {', '.join(known_names('protocols'))}")
    parser.add_argument("--preset", help=f"overrides of scale: {', '.join(known_names('presets'))}")


def add_algorithm(parser: argparse.ArgumentParser) -> None:
    """Add the option that names algorithms outside this package, which `cli.main` then makes known."""
    parser.add_argument(
        "--algorithm",
        type=Path,
        action="append",
        default=[],
        metavar="FILE.py",
        help="a Python file with an algorithm of your own, anywhere, the YAML of its variant beside it; may be given "
        "again for others",
    )


def variant_of(options: argparse.Namespace) -> str:
    """Return the variant that was named, or that of the one algorithm of one's own.

    Raises:
        ReplicationError: neither.
    """
    named: str | None = options.variant
    if named is None and len(options.algorithm) == 1:
        named = options.algorithm[0].stem
    if named is None:
        raise ReplicationError("--variant: found none, expected a variant, or --algorithm FILE.py with one of your own")
    return named


def add_folders(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the files of runs lie: results and state."""
    parser.add_argument("--results", type=Path, default=Path("results"), help="where the small files go")
    add_state_folder(parser)


def add_state_folder(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where the state lies."""
    parser.add_argument(
        "--state", type=Path, help="where checkpoints go (default: $REPLICATION_STATE or results/state)"
    )


TENSORBOARD = "REPLICATION_TENSORBOARD"
"""The variable by which `run` tells the trainings that it starts where event files go."""


def add_tensorboard(parser: argparse.ArgumentParser) -> None:
    """Add the option that has event files written for TensorBoard."""
    folder = os.environ.get(TENSORBOARD)
    parser.add_argument(
        "--tensorboard",
        type=Path,
        metavar="FOLDER",
        default=Path(folder) if folder else None,
        help="write event files for TensorBoard there, a folder a run; an extra, which changes no number",
    )
