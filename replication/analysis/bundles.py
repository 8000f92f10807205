"""Estimates from the records of bundles: of scores, of other columns, of windows of curves; a seed is the unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from replication.analysis.finished import FinishedRun
from replication.analysis.intervals import LEVEL, Estimate, estimate
from replication.specification.run import Run


@dataclass(frozen=True)
class BundleRecord:
    """One record with the rows of its seeds."""

    run: Run
    """The first of its runs."""
    seeds: int
    mean: float
    deviation: float
    """Of the score, between seeds."""
    curve: pd.DataFrame
    """Columns point, count, mean, deviation."""
    rows: tuple[dict[str, float], ...]
    """Of the seeds that have one."""

    @property
    def score(self) -> Estimate:
        """The mean score over all its seeds."""
        return Estimate(self.mean, self.deviation / math.sqrt(self.seeds), max(1, self.seeds - 1))

    def column(self, name: str) -> Estimate:
        """Estimate the mean of a column over the seeds that have a row; at least two do."""
        found = estimate([float(row[name]) for row in self.rows])
        assert found is not None, f"{self.run.name}: one seed has no spread"
        return found

    def window(self, first: int, last: int) -> Estimate:
        """Estimate the mean of the curve between two points, both included.

        Its error is at most the mean of the errors of its points, whatever their dependence, and that is what is given.
        """
        part = self.curve[self.curve["point"].between(first, last)]
        errors = part["deviation"] / np.sqrt(part["count"])
        return Estimate(float(part["mean"].mean()), float(errors.mean()), max(1, self.seeds - 1))

    def gained(self, after: int, until: int) -> Estimate:
        """Estimate by how much the curve, which is of a sum, rises from one of its points to another.

        The error is at most the sum of the errors of both.

        Args:
            after: 0, where the sum is 0, or any place: the last point at or before it is taken.
            until: the same.
        """
        ends = [Estimate(0.0, 0.0, 1) if place == 0 else self._at(place) for place in (after, until)]
        error = ends[0].standard_error + ends[1].standard_error
        return Estimate(ends[1].mean - ends[0].mean, error, max(1, self.seeds - 1))

    def _at(self, place: int) -> Estimate:
        point = int(self.curve["point"][self.curve["point"] <= place].max())
        return self.window(point, point)


def bundle_records(finished: Sequence[FinishedRun]) -> list[BundleRecord]:
    """Gather the finished runs of each record of a bundle, in the order of the experiment."""
    by_folder: dict[object, list[FinishedRun]] = {}
    for found in finished:
        if found.curve is not None and found.run.family.bundles:
            by_folder.setdefault(found.folder, []).append(found)
    records = []
    for members in by_folder.values():
        totals, curve = members[0].record["totals"], members[0].curve
        assert curve is not None
        rows = tuple(dict(member.row) for member in members if member.row is not None)
        run, count = members[0].run, int(totals["count"])
        records.append(BundleRecord(run, count, float(totals["mean"]), float(totals["deviation"]), curve, rows))
    return records


def banded(curve: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of a record's curve with Student's interval of each mean over seeds, columns low and high."""
    curve = curve.copy()
    t = stats.t.ppf(0.5 + LEVEL / 2, np.maximum(1, curve["count"] - 1))
    half = t * curve["deviation"] / np.sqrt(curve["count"])
    curve["low"], curve["high"] = curve["mean"] - half, curve["mean"] + half
    return curve
