"""Progress bars, and lines for the person at the terminal while something runs."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from tqdm import tqdm


def progress_bar(total: float, unit: str, description: str, *, quiet: bool = False, **settings: Any) -> tqdm[Any]:
    """Open a progress bar on stderr; a log, which keeps every line, gets one less often.

    Args:
        total: the number of units at the end.
        unit: what is counted.
        description: stands before the bar.
        quiet: no bar.
        settings: of tqdm, in place of these or beside them.
    """
    shown: dict[str, Any] = {"mininterval": 0.5 if sys.stderr.isatty() else 15.0, "dynamic_ncols": sys.stderr.isatty()}
    return tqdm(total=total, unit=unit, desc=description, disable=quiet, **(shown | settings))


def say(line: str) -> None:
    """Write a line for the person at the terminal, beside the progress bar.

    One that cannot be written, since the log lies on a full disk, is no reason to lose hours of work.
    """
    with suppress(OSError):
        tqdm.write(line, file=sys.stderr)
