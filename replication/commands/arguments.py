"""Types of arguments, whose errors are one line, and the arguments that several commands share."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path

from replication.foundation.validation import number_hint
from replication.specification.loading import known_names


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


def device(text: str) -> str:
    """Return the device that an argument names as torch does."""
    if not re.fullmatch(r"cpu|cuda(:[0-9]+)?", text):
        raise argparse.ArgumentTypeError(f"expected cpu, cuda or cuda:N, found {text!r}")
    return text


def add_run_arguments(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Add the options that name runs: variant, games, seeds, budget, protocol, preset."""
    parser.add_argument("--variant", required=required, help=f"one of: {', '.join(known_names('algorithms'))}")
    parser.add_argument("--game", required=required, nargs="+", help="ROM names, such as pong ms_pacman")
    parser.add_argument("--seed", required=required, nargs="+", type=whole_number, help="integers >= 0")
    parser.add_argument("--budget-frames", type=whole_number, help="emulator frames of training (4 an agent step)")
    parser.add_argument(
        "--budget-iterations", type=whole_number, help="iterations of training, for protocols that have them"
    )
    parser.add_argument("--protocol", help=f"instead of the variant's own: {', '.join(known_names('protocols'))}")
    parser.add_argument("--preset", help=f"overrides of scale: {', '.join(known_names('presets'))}")


def add_folders(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the files of runs lie: results and state."""
    parser.add_argument("--results", type=Path, default=Path("results"), help="where the small files go")
    parser.add_argument(
        "--state", type=Path, help="where checkpoints go (default: $REPLICATION_STATE or results/state)"
    )
