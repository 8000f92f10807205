"""Where the parts of the program lie, and where state goes."""

from __future__ import annotations

import os
from pathlib import Path

WORKFLOW = Path(__file__).resolve().parent.parent / "workflow"


ALGORITHMS = Path(__file__).resolve().parent / "algorithms"


def state_root() -> Path:
    """`$REPLICATION_STATE`, or an ignored folder of results/."""
    return Path(os.environ.get("REPLICATION_STATE", "results/state"))
