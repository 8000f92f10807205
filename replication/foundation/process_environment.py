"""What libraries are told in variables of the process before they are loaded.

Numba refuses to load a loop where it can keep none compiled, neither beside the program nor in the home. Matplotlib
refuses a backend that it does not know; ours draws into files, whatever a notebook has set.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

from replication.foundation.paths import PACKAGE

_KEY = "NUMBA_CACHE_DIR"


def settle(environment: MutableMapping[str, str]) -> None:
    """Set the variables of this process, which its workers inherit; called before any library is loaded."""
    provide_cache(environment)
    environment["MPLBACKEND"] = "agg"


def provide_cache(environment: MutableMapping[str, str], program: Path = PACKAGE, home: Path | None = None) -> None:
    """Name a temporary folder for compiled loops where numba would find none.

    Args:
        environment: of this process, which its workers inherit; what a user set there stays.
        program: folder of the sources, beside which numba would keep them.
        home: the user's folder, which comes second; None: that of the process.
    """
    if environment.get(_KEY) or _can_write(program) or _can_write((home or Path.home()) / ".cache"):
        return
    folder = Path(tempfile.gettempdir()) / f"replication_numba_{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        ours = folder.stat().st_uid == os.getuid()
    except OSError:
        ours = False
    environment[_KEY] = str(folder) if ours else tempfile.mkdtemp(prefix="replication_numba_")


def _can_write(folder: Path) -> bool:
    """Return whether a file can be made in a folder, or the folder itself where it is missing."""
    there = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
