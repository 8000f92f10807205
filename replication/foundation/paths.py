"""Where the parts of the program lie, and where state goes."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
"""Of the program itself."""
ROOT = PACKAGE.parent
"""Of the project."""
WORKFLOW = ROOT / "workflow"
"""Of the YAMLs."""
ALGORITHMS = PACKAGE / "algorithms"
"""Of the bundled algorithms, a folder for each family."""


def state_root() -> Path:
    """Return `$REPLICATION_STATE`, or an ignored folder of results/."""
    return Path(os.environ.get("REPLICATION_STATE", "results/state"))
