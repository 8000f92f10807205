"""What the person at the terminal is told while something runs."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

BAR: dict[str, Any] = {"mininterval": 0.5 if sys.stderr.isatty() else 15.0, "dynamic_ncols": sys.stderr.isatty()}
"""How often progress is shown: a log keeps every line."""


def say(line: str) -> None:
    """A line for the person at the terminal, beside the progress bar."""
    tqdm.write(line, file=sys.stderr)
