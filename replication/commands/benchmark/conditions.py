"""What a measurement was made under, and what may stand beside it: one machine, one lock, versions that are said."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from replication.commands.benchmark.child import usable_cores
from replication.evidence.provenance import git_commit
from replication.foundation.errors import ReplicationError
from replication.foundation.files import sha256
from replication.foundation.paths import WORKFLOW
from replication.foundation.resources import processor_model, total_memory_bytes

SHARED = ("processor", "cores", "memory_gb", "system", "python", "torch", "lock")
"""Columns that have to be equal in all rows that stand in one table."""
LOCK = "requirements.lock"


def conditions() -> dict[str, object]:
    """Describe this machine, what is installed, and the commit: the same columns in every row of a run."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": git_commit(),
        "processor": processor_model(),
        "cores": len(usable_cores()) or os.cpu_count(),
        "memory_gb": round(total_memory_bytes() / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": version("torch"),
        "lock": sha256((WORKFLOW.parent / LOCK).read_bytes())[:12],
    }


def differing_packages(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """Say which packages a program has in other versions than ours does: `numpy 1.26.4, not 2.4.6`; else nothing."""
    both = [name for name in theirs if name in ours and theirs[name] != ours[name]]
    return ", ".join(f"{name} {theirs[name]}, not {ours[name]}" for name in both)


def kept_rows(path: Path, measured: Sequence[str], now: Mapping[str, object], columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows of a table that are of other loops than those about to be measured.

    Args:
        path: of the table's data; it need not be there.
        measured: names of loops whose rows are about to be replaced.
        now: what the new rows are measured under.
        columns: of the table.

    Raises:
        ReplicationError: a kept row was measured on another machine, or with other versions or another lock, so it may
            not stand beside the new ones; or the file is no such table.
    """
    if not path.exists():
        return pd.DataFrame(columns=list(columns))
    found = pd.read_csv(path, dtype={name: str for name in ("commit", "lock", "python", "version", "torch")})
    if list(found.columns) != list(columns):
        if "loop" in found.columns:
            strange = sorted(set(found.columns) ^ set(columns))
            raise ReplicationError(f"{path}: columns {', '.join(strange)} are not those of now; remove the file")
        return pd.DataFrame(columns=list(columns))
    rows = found[~found["loop"].isin(list(measured))]
    for loop, group in rows.groupby("loop", sort=False):
        for name in SHARED:
            for before in group[name].unique():
                if str(before) != str(now[name]):
                    raise ReplicationError(
                        f"{path}: {name}: loop {loop} was measured with {before}, this is {now[name]}, and they may "
                        f"not stand side by side; measure {loop} anew too, or name another place with --output"
                    )
    return rows
