"""The check of a bundle's record: its rows are derived again, from the stored policies or from settings and seeds.

What the record's evidence is decides (DESIGN: evidence grades). "policy": every policy is evaluated again, and must
give its row. "learning": a sample of the seeds is learned again, or all of them where that is asked for. Where a bundle
has more seeds than rows, the sample is of those with a row, and only all of them give its totals.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.evidence.bundle_files import POLICIES, SeedTotals, bundle_files, read_policies, totals
from replication.evidence.compare_tables import compare_csv
from replication.evidence.records import read, run_of_folder
from replication.foundation.errors import ReplicationError
from replication.foundation.files import csv_bytes
from replication.foundation.processes import map_in_processes
from replication.foundation.progress import progress_bar
from replication.specification.run import Run
from replication.specification.seeds import MOST_ROWS
from replication.training.bundled import Learned, load_bundled, seeds_of

SAMPLE = 10
"""Seeds that are learned again where not all are."""
_ENDED = "verify: a process that learned again was ended from outside, for want of memory perhaps; give --cores 1"


@dataclass(frozen=True)
class CheckedBundles:
    """Counts of what was checked."""

    bundles: int = 0
    evaluated: int = 0
    """Seeds whose policies were evaluated again."""
    learned: int = 0
    """Seeds that were learned again."""
    cells: int = 0
    underived: tuple[str, ...] = ()

    def in_words(self) -> str:
        """Return what was checked, for people."""
        done = [f"the policies of {self.evaluated:,} seeds evaluated again"] if self.evaluated else []
        done += [f"{self.learned:,} seeds learned again"] if self.learned else []
        return f"{self.bundles} bundles verified: {', '.join(done)}"

    def __add__(self, other: CheckedBundles) -> CheckedBundles:
        return CheckedBundles(
            self.bundles + other.bundles,
            self.evaluated + other.evaluated,
            self.learned + other.learned,
            self.cells + other.cells,
            self.underived + other.underived,
        )


def check_bundles(
    folders: Sequence[Path], processes: int, *, learn_all: bool = False, quiet: bool = False
) -> CheckedBundles:
    """Check the records of bundles in processes of their own; of several failures, the first in order is raised.

    Args:
        folders: of the records.
        processes: how many at a time.
        learn_all: learn every seed again; policies must be the stored ones to the byte.
        quiet: no progress bar.

    Raises:
        ReplicationError: the first difference: file, row and cell, or seed.
    """
    total, check = CheckedBundles(), partial(check_bundle, learn_all=learn_all)
    with progress_bar(len(folders), "bundles", "verify bundles", quiet=quiet, mininterval=0.5) as bar:
        for checked in map_in_processes(check, folders, processes, ended=_ENDED):
            total += checked
            bar.update()
    return total


def check_bundle(folder: Path, *, learn_all: bool = False) -> CheckedBundles:
    """Check the record of a bundle.

    Raises:
        ReplicationError: the first difference.
    """
    record, run = read(folder), run_of_folder(folder)
    family, seeds = load_bundled(run.family.name), [*seeds_of(run)]
    policies = _policies(folder, len(seeds)) if run.family.evidence == "policy" else None
    of_all = None if seeds_of(run).has_rows_of_all else SeedTotals()
    learned: dict[int, Learned] = {}
    sample = range(len(seeds)) if learn_all else _chosen(min(len(seeds), MOST_ROWS))
    for place in sample if policies is None or learn_all else []:
        again = family.learn(replace(run, seed=seeds[place]))
        if policies is not None:
            _compare_policy(again, policies[place], folder, seeds[place])
        if of_all is not None:
            of_all.add(again.score, again.curve)
        if place < MOST_ROWS:
            learned[place] = again
    found = dict(learned)
    if policies is not None and not learn_all:
        for place, seed in enumerate(seeds):
            found[place] = family.evaluate(replace(run, seed=seed), policies[place])
    cells = _compare_rows(folder, seeds, found)
    underived = []
    whole = len(found) == len(seeds) if of_all is None else of_all.count == len(seeds)
    if whole:
        curves = [each.curve for _, each in sorted(found.items())] if of_all is None else []
        tables, _ = bundle_files([], curves, None, of_all)
        if tables["curve"] or (folder / "curve.csv").exists():
            cells += compare_csv(folder / "curve.csv", csv_bytes(tables["curve"]))
    elif (folder / "curve.csv").exists():
        underived.append("curve.csv")
    if whole and of_all is not None:
        cells += _compare_facts(record, folder, of_all.score())
    elif of_all is None:
        cells += _compare_totals(record, folder, run, found)
    evaluated = len(found) if policies is not None and not learn_all else 0
    return CheckedBundles(1, evaluated, len(sample) if learned else 0, cells, tuple(underived))


def _chosen(count: int) -> list[int]:
    """Choose places evenly, the first and the last among them."""
    if count <= SAMPLE:
        return list(range(count))
    return sorted({round(place) for place in np.linspace(0, count - 1, SAMPLE)})


def _policies(folder: Path, seeds: int) -> NDArray[np.float64]:
    path = folder / POLICIES
    try:
        return read_policies(path.read_bytes(), seeds, path)
    except OSError as error:
        raise ReplicationError(f"{path}: cannot be read ({error.strerror}); fetch it again") from None


def _compare_policy(learned: Learned, stored: NDArray[np.float64], folder: Path, seed: int) -> None:
    assert learned.policy is not None
    if learned.policy.tobytes() != stored.tobytes():
        raise ReplicationError(f"{folder / POLICIES}: seed {seed}: not the policy that its settings and seed give")


def _compare_rows(folder: Path, seeds: Sequence[int], found: dict[int, Learned]) -> int:
    """Compare the rows of scores.csv that were derived; all of the file where all of them were."""
    path = folder / "scores.csv"
    derived = {place: each.row(seeds[place]) for place, each in found.items() if place < MOST_ROWS}
    shown = min(len(seeds), MOST_ROWS)
    if len(derived) == shown:
        return compare_csv(path, csv_bytes([derived[place] for place in range(shown)]))
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    if [row.get("seed") for row in rows] != [str(seed) for seed in seeds[:MOST_ROWS]]:
        raise ReplicationError(f"{path}: seed: expected a row for each of {seeds[0]} to {seeds[shown - 1]}, in order")
    for place, row in derived.items():
        (wanted,) = csv.DictReader(csv_bytes([row]).decode().splitlines())
        for name, cell in rows[place].items():
            if cell != wanted.get(name):
                raise ReplicationError(f"{path}: row {place + 2}: {name}: found {cell!r}, derived {wanted.get(name)!r}")
    return sum(len(row) for row in derived.values())


def _compare_totals(record: dict[str, Any], folder: Path, run: Run, found: dict[int, Learned]) -> int:
    """Compare score and totals with the rows; every seed has one."""
    if len(found) == seeds_of(run).count:
        scores = [each.score for _, each in sorted(found.items())]
    else:
        with (folder / "scores.csv").open(encoding="utf-8", newline="") as lines:
            scores = [float(row["score"]) for row in csv.DictReader(lines)]
    return _compare_facts(record, folder, totals(scores))


def _compare_facts(record: dict[str, Any], folder: Path, of_seeds: dict[str, Any]) -> int:
    for name, value in {"score": of_seeds["mean"], "totals": of_seeds}.items():
        if record.get(name) != value:
            raise ReplicationError(f"{folder}/run.json: {name}: found {record.get(name)}, its seeds give {value}")
    return 1 + len(of_seeds)
