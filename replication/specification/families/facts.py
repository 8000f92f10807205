"""The facts of a family of algorithms that everybody may ask for, free of torch.

What one family does otherwise than another is a fact here, or behavior in its folder of `training`: no code compares
the names of families (tests/test_house.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from replication.foundation.validation import Settings

Evidence = Literal["inputs", "policy", "learning"]
BudgetUnit = Literal["frames", "steps", "iterations", "episodes", "sweeps"]
"""The units of the length of a training."""


class FamilySettings(Settings):
    """What the settings of every family answer."""

    @property
    def steps_before_learning(self) -> int:
        """About so many agent steps pass before anything is learned; a speed is told by runs that are much longer."""
        return 0


@dataclass(frozen=True)
class Work:
    """The multiply-adds of an agent on one task, by which plans scale a speed that they know."""

    act: int
    """Of choosing an action."""
    update: int
    """Of one update."""
    updates_a_step: float


@dataclass(frozen=True)
class FamilyFacts:
    """One family of algorithms."""

    name: str
    """As YAMLs, records and the folders of `algorithms` and `training` have it."""
    settings: type[FamilySettings]
    """What the settings of every variant must hold; an algorithm may have more."""
    modules: Mapping[str, type[FamilySettings]]
    """The settings class of each module of this package. That of a user's own file stands in the file."""
    numerics_version: int
    """Raised by hand when a change of the code moves numbers (a fingerprint test fails when they move without it).
    Results of another version are results of another run."""
    kept_law: Mapping[int, frozenset[str]]
    """Modules whose law a version left as the version before it had it: only the last digits of sums moved. Finished
    runs of the version before stand for theirs, marked, until they are made again; no checkpoint goes on."""
    budget_units: tuple[BudgetUnit, ...]
    """What the length of a training may be counted in; none: it does not train."""
    bundles: bool
    """True where the seeds that one line of an experiment names lie in one record: its runs take seconds or less."""
    evidence: Evidence
    """What lies in a record for strangers to check: what the simulator was given; the policy itself, where its
    arithmetic is the same everywhere; or settings and seed, where learning again is cheaper than storing."""

    streams: tuple[str, ...]
    """Names of the random streams that live as long as training does; their states are part of a checkpoint."""
    details: str | None = None
    """The original whose rows are the details of the family's engine; each is shown beside every other original too.
    None: there is no such list."""
    state_value: tuple[str, str] = ("max Q(s, a)", "the largest action value")
    """What a network predicts that a state is worth: as a formula, and in words."""
    seconds_a_seed: float = 0.0
    """Assumed for plans, on one core: the time of a run of a bundle, whatever its length."""
    seconds_an_episode: float = 0.0
    """Assumed beside it, where the time of a run grows with its episodes; a budget in steps counts as so many."""
    speed: Callable[[FamilySettings], tuple[float, float] | None] | None = None
    """Agent steps a second, of training and of evaluation, on one core; assumed for plans where runs are no bundles.
    None, also as an answer: an emulator takes most of the time, and arithmetic is counted."""
    work: Callable[[str, FamilySettings, int], Work] | None = None
    """Count the arithmetic of a module with these settings and so many actions, where runs are no bundles."""

    @property
    def trains(self) -> bool:
        """True where its agents learn, so that a run has a budget, a network and checkpoints."""
        return bool(self.budget_units)
