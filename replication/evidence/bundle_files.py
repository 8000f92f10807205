"""The files of a bundle's record: a row a seed, the totals of all seeds, and policies where they are the evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from replication.foundation.errors import ReplicationError

POLICIES = "policies.safetensors"
MOST_ROWS = 1_000
"""Seeds that have a row of their own; the others are in the totals."""

Rows = list[dict[str, Any]]


def bundle_files(
    rows: Sequence[Mapping[str, Any]],
    curves: Sequence[Mapping[int, float]],
    policies: NDArray[np.float64] | None,
) -> tuple[dict[str, Rows], dict[str, bytes]]:
    """Build the tables and other files of a bundle's record.

    Args:
        rows: of scores.csv, one a seed, in order.
        curves: value at each curve point, one curve a seed; empty where there is none.
        policies: float64 [seeds, ...], where they are the evidence.

    Returns: tables by name, and other files by name.
    """
    points = [{"point": point, **totals([curve[point] for curve in curves])} for point in curves[0]] if curves else []
    tables = {"scores": [dict(row) for row in rows[:MOST_ROWS]], "curve": points}
    return tables, {} if policies is None else {POLICIES: policies_bytes(policies)}


def totals(values: Sequence[float]) -> dict[str, Any]:
    """Return count, mean and standard deviation between seeds (ddof 1; 0 for one seed)."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return {"count": len(values), "mean": float(np.mean(values)), "deviation": deviation}


def policies_bytes(policies: NDArray[np.float64]) -> bytes:
    """Return the bytes of policies.safetensors."""
    return bytes(save({"policies": policies}))


def read_policies(data: bytes, seeds: int, path: Path) -> NDArray[np.float64]:
    """Read the policies of so many seeds, float64 [seeds, ...].

    Raises:
        ReplicationError: the file holds something else.
    """
    try:
        policies = load(data)["policies"]
    except (SafetensorError, KeyError, ValueError) as error:
        raise ReplicationError(f"{path}: not the policies of a bundle ({error}); fetch it again") from None
    if policies.dtype != np.float64 or policies.shape[:1] != (seeds,):
        raise ReplicationError(
            f"{path}: policies: found {policies.dtype} {list(policies.shape)}, expected float64 of {seeds} seeds"
        )
    return policies
