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
from replication.specification.seeds import MOST_ROWS

POLICIES = "policies.safetensors"

Rows = list[dict[str, Any]]


class SeedTotals:
    """Count, mean and deviation over seeds of the score and of each curve point, without the seeds themselves.

    For bundles of more seeds than have a row. Seed after seed, so that what is stored after some of them continues to
    the same bytes.

    Source: Welford 1962, Note on a method for calculating corrected sums of squares and products, Technometrics 4.
    """

    def __init__(self) -> None:
        self.count = 0
        self._points: list[int] = []
        self._mean: NDArray[np.float64] = np.zeros(1)
        """float64 [1 + points]: the score, then the curve."""
        self._squares: NDArray[np.float64] = np.zeros(1)
        """Sums of squared distances from the mean."""

    def add(self, score: float, curve: Mapping[int, float]) -> None:
        """Add a seed; all have the same points."""
        if self.count == 0:
            self._points = list(curve)
            self._mean, self._squares = np.zeros(1 + len(curve)), np.zeros(1 + len(curve))
        self.count += 1
        values = np.array([score, *curve.values()])
        apart = values - self._mean
        self._mean += apart / self.count
        self._squares += apart * (values - self._mean)

    def score(self) -> dict[str, Any]:
        """Return count, mean and deviation of the score."""
        return self._rows()[0]

    def curve(self) -> Rows:
        """Return the rows of curve.csv."""
        return [{"point": point, **row} for point, row in zip(self._points, self._rows()[1:], strict=True)]

    def _rows(self) -> Rows:
        deviations = np.sqrt(self._squares / max(1, self.count - 1))
        return [
            {"count": self.count, "mean": mean, "deviation": deviation}
            for mean, deviation in zip(self._mean.tolist(), deviations.tolist(), strict=True)
        ]

    def state(self) -> dict[str, Any]:
        """Return plain data from which `restored` continues exactly."""
        return {
            "count": self.count,
            "points": self._points,
            "mean": self._mean.tolist(),
            "squares": self._squares.tolist(),
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> SeedTotals:
        """Make the totals of which `state` was taken.

        Raises:
            KeyError, TypeError, ValueError: it is no such state.
        """
        totals = cls()
        totals.count, totals._points = int(state["count"]), [int(point) for point in state["points"]]
        totals._mean, totals._squares = (np.array(state[name], np.float64) for name in ("mean", "squares"))
        if not len(totals._points) + 1 == len(totals._mean) == len(totals._squares):
            raise ValueError("as many means and squares as points, and one more, were expected")
        return totals


def bundle_files(
    rows: Sequence[Mapping[str, Any]],
    curves: Sequence[Mapping[int, float]],
    policies: NDArray[np.float64] | None,
    of_all: SeedTotals | None = None,
) -> tuple[dict[str, Rows], dict[str, bytes]]:
    """Build the tables and other files of a bundle's record.

    Args:
        rows: of scores.csv, one a seed, in order.
        curves: value at each curve point, one curve a seed; empty where there is none.
        policies: float64 [seeds, ...], where they are the evidence.
        of_all: totals of all seeds, where not all have a row.

    Returns: tables by name, and other files by name.
    """
    points = [{"point": point, **totals([curve[point] for curve in curves])} for point in curves[0]] if curves else []
    tables = {"scores": [dict(row) for row in rows[:MOST_ROWS]], "curve": points if of_all is None else of_all.curve()}
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
