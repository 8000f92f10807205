"""Runs that take seconds, learned seed by seed: what every family with bundles does with its `learn`.

A bundle is the runs of consecutive seeds in one record (specification/run.py). A turn of training is one seed from
nothing to its row, so a checkpoint is the rows so far, and a stopped bundle continues with the seed that comes next.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from replication.evidence.bundle_files import (
    POLICIES,
    SeedTotals,
    bundle_files,
    policies_bytes,
    read_policies,
    totals,
)
from replication.evidence.run_files import Outcome
from replication.evidence.scores import EpisodeRecord
from replication.foundation.errors import ReplicationError, reason_of
from replication.foundation.files import readable_json
from replication.specification.run import Run
from replication.specification.seeds import MOST_ROWS, Seeds
from replication.training.contract import EvaluatedPoint, load_family
from replication.training.machine.settings import Machine
from replication.training.resumable_play import Play

_ROWS = "seeds.json"


@dataclass(frozen=True)
class Learned:
    """What the run of one seed comes to."""

    score: float
    """Its judged score."""
    columns: Mapping[str, Any] = field(default_factory=dict)
    """The family's own columns of scores.csv, after seed and score: the same names for every seed."""
    curve: Mapping[int, float] = field(default_factory=dict)
    """Value at each curve point (episodes or steps), the same points for every seed."""
    policy: NDArray[np.float64] | None = None
    """Kept in the record where that is the family's evidence; of one shape for every seed."""

    def row(self, seed: int) -> dict[str, Any]:
        """Return its row of scores.csv."""
        return {"seed": seed, "score": self.score, **self.columns}


class BundledFamily(Protocol):
    """What a family with bundles provides beside `training.contract.Family`: functions of its module."""

    def learn(self, run: Run) -> Learned:
        """Train and evaluate one seed, from nothing."""

    def evaluate(self, run: Run, policy: NDArray[np.float64]) -> Learned:
        """Evaluate a policy that was learned before; only where the family's evidence is the policy."""


def load_bundled(name: str) -> BundledFamily:
    """Import the behavior of a family with bundles."""
    return cast(BundledFamily, load_family(name))


def seeds_of(run: Run) -> Seeds:
    """Return the seeds that share a run's record."""
    return run.bundle or Seeds(run.seed, run.seed)


class Bundle:
    """The seeds of one record in training. It is a `Trainee` whose steps are seeds.

    Args:
        run: any run of the bundle.
        learn: trains and evaluates one seed.
    """

    def __init__(self, run: Run, learn: Callable[[Run], Learned]) -> None:
        self.run = run
        self.seconds = 0.0
        self.failure: str | None = None
        self.learned: list[Learned] = []
        """Of the seeds that have a row."""
        self._learn = learn
        self._seeds = seeds_of(run)
        self._of_all = None if self._seeds.has_rows_of_all else SeedTotals()
        self._names = frozenset({_ROWS, POLICIES} if run.family.evidence == "policy" else {_ROWS})

    @property
    def step(self) -> int:
        """Seeds that have been learned."""
        return len(self.learned) if self._of_all is None else self._of_all.count

    @property
    def progress(self) -> int:
        """Seeds that have been learned."""
        return self.step

    @property
    def progress_end(self) -> int:
        """Seeds of the bundle."""
        return self._seeds.count

    @property
    def recent_return(self) -> float | None:
        """Mean score of the last ten seeds that have a row."""
        return float(np.mean([each.score for each in self.learned[-10:]])) if self.learned else None

    def learn_next(self) -> None:
        """Train and evaluate the next seed."""
        seed = self._seeds.first + self.step
        found = self._learn(replace(self.run, seed=seed))
        if not np.isfinite(found.score):
            self.failure = f"seed {seed}: the score is {found.score}"
            return
        if self._of_all is not None:
            self._of_all.add(found.score, found.curve)
        if len(self.learned) < MOST_ROWS:
            self.learned.append(found)

    def finished_episodes(self, first: int) -> Sequence[EpisodeRecord]:
        """Return none: a turn learns a seed from nothing to its end."""
        return ()

    def take_evaluation(self) -> EvaluatedPoint | None:
        """Return None: seeds are evaluated as they are learned."""
        return None

    def defect(self) -> str | None:
        """Return None: a score that is no number was noticed at once."""
        return None

    @property
    def checkpoint_names(self) -> frozenset[str]:
        """The rows of the seeds so far, and their policies where those are kept."""
        return self._names

    def checkpoint_files(self) -> dict[str, bytes]:
        """Return the seeds so far."""
        rows = [
            {
                "score": each.score,
                "columns": [[*column] for column in each.columns.items()],  # JSON's own keys would be sorted
                "curve": [[*point] for point in each.curve.items()],
            }
            for each in self.learned
        ]
        of_all = {} if self._of_all is None else {"totals": self._of_all.state()}
        files = {_ROWS: readable_json({"seeds": rows, **of_all})}
        return files | ({POLICIES: policies_bytes(self._policies())} if POLICIES in self._names else {})

    def read_checkpoint(self, files: Mapping[str, bytes], folder: Path) -> tuple[list[Learned], SeedTotals | None]:
        """Decode the seeds so far, and the totals where not all have a row."""
        try:
            content = json.loads(files[_ROWS])
            rows, of_all = content["seeds"], None
            if self._of_all is not None:
                of_all = SeedTotals.restored(content["totals"])
            found = [
                Learned(float(row["score"]), dict(row["columns"]), {int(point): float(y) for point, y in row["curve"]})
                for row in rows
            ]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ReplicationError(f"{folder / _ROWS}: not the seeds of a bundle ({reason_of(error)})") from None
        if POLICIES not in self._names:
            return found, of_all
        policies = read_policies(files[POLICIES], len(found), folder / POLICIES)
        return [replace(each, policy=policy) for each, policy in zip(found, policies, strict=True)], of_all

    def restore(self, stored: Any, folder: Path, check: Callable[[], object]) -> None:
        """Continue after the stored seeds."""
        learned, self._of_all = stored
        self.learned = list(learned)

    def state_files(self) -> dict[str, bytes]:
        return {}

    def is_stored_in(self, files: Mapping[str, bytes], folder: Path) -> bool:
        """Return whether a checkpoint of as many seeds is whole."""
        learned, of_all = self.read_checkpoint(files, folder)
        return (len(learned) if of_all is None else of_all.count) == self.step

    def outcome(self) -> Outcome:
        """Return the content of the record."""
        rows = [each.row(seed) for seed, each in zip(self._seeds, self.learned, strict=False)]
        policies = self._policies() if POLICIES in self._names else None
        if self._of_all is None:
            tables, files = bundle_files(rows, [each.curve for each in self.learned], policies)
            found = totals([each.score for each in self.learned])
        else:
            tables, files = bundle_files(rows, [], policies, self._of_all)
            found = self._of_all.score()
        facts = {
            "score": found["mean"],
            "totals": found,
            "cost": {"seconds": round(self.seconds, 1)},
            "machine": {"device": "cpu", "lanes": 1},
        }
        return Outcome(self.run, None, None, facts, tables, files)

    def _policies(self) -> NDArray[np.float64]:
        kept = [each.policy for each in self.learned if each.policy is not None]
        assert len(kept) == len(self.learned), "a seed was learned without a policy"
        return np.stack(kept) if kept else np.zeros(0)


class BundleCohort:
    """Bundles that are learned one after the other."""

    progress_unit = "seeds"

    def __init__(self, trainees: Sequence[Bundle]) -> None:
        self.trainees = trainees

    def train(self, play: Play) -> Iterator[None]:
        """Take a turn: the next seed, from nothing to its row."""
        for bundle in self.trainees:
            while bundle.failure is None and bundle.progress < bundle.progress_end:
                bundle.learn_next()
                yield

    def finish(self, play: Play) -> Iterator[Outcome]:
        """Return the records of the bundles that have not failed."""
        for bundle in self.trainees:
            if bundle.failure is None:
                yield bundle.outcome()


@contextmanager
def open_bundles(runs: Sequence[Run], machine: Machine, learn: Callable[[Run], Learned]) -> Iterator[BundleCohort]:
    """Open the bundles of these runs, one run a record."""
    yield BundleCohort([Bundle(run, learn) for run in runs])
