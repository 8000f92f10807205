"""The folders of the program, and of its state."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
"""The folder of the program itself."""
ROOT = PACKAGE.parent
"""The folder of the project."""
WORKFLOW = ROOT / "workflow"
"""The folder of the YAMLs."""
ALGORITHMS = PACKAGE / "algorithms"
"""The folder of the bundled algorithms, with a folder for each family."""


def state_root() -> Path:
    """Return `$REPLICATION_STATE`, or where it is unset or empty an ignored folder of results/."""
    return Path(os.environ.get("REPLICATION_STATE") or "results/state")
