"""The identity of a run: what names it, the digests of what can change its numbers, where its files lie.

run = (variant, protocol, task, seed, preset, budget). The state of training is keyed by all but the budget, so that
a longer budget continues a shorter one. Machine matters (device, storage of the replay memory, lanes) are no part.

A run has a record of its own. Where runs take seconds, the runs of consecutive seeds share one: a bundle.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from replication.foundation.errors import ReplicationError
from replication.foundation.optional_settings import without_defaults
from replication.foundation.validation import SettingsT
from replication.specification.budget import Budget, checked_budget
from replication.specification.digests import record_digests
from replication.specification.families.facts import BudgetUnit, FamilyFacts, FamilySettings
from replication.specification.loading import identity_config, load_preset, load_protocol, load_variant
from replication.specification.protocols import FinalEvaluation, Protocol, of_atari
from replication.specification.seeds import Seeds, check_bundle_size
from replication.specification.tasks.registry import find_task
from replication.specification.tasks.task import Task
from replication.specification.variants import Preset, Variant

_Of = TypeVar("_Of")


class RunKey(NamedTuple):
    """What names a run within a program, where settings have one name each."""

    names: tuple[str, str, str, str | None]
    """Of variant, protocol, task and preset."""
    seed: int
    budget: Budget
    earlier_version: int | None


class _This(Generic[_Of]):
    """An object as the key of a cache: itself, not what it equals. Hundreds of runs share a variant and a protocol."""

    def __init__(self, content: _Of) -> None:
        self.content = content

    def __hash__(self) -> int:
        return id(self.content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _This) and other.content is self.content


@lru_cache(maxsize=256)
def _config_in_identity(variant: _This[Variant]) -> dict[str, Any]:
    return identity_config(variant.content)


@lru_cache(maxsize=256)
def _settings(variant: _This[Variant]) -> FamilySettings:
    return variant.content.settings


@lru_cache(maxsize=256)
def _protocol_in_identity(protocol: _This[Protocol]) -> dict[str, Any]:
    content = protocol.content
    return without_defaults(type(content), content.model_dump(exclude={"sources", "deviations"}))


@dataclass(frozen=True)
class Run:
    """One training and its final evaluation."""

    variant: Variant
    protocol: Protocol
    task: Task
    seed: int
    preset: Preset | None
    budget: Budget
    bundle: Seeds | None = None
    """The seeds whose runs share a record with it; None: it has a record of its own."""
    earlier_version: int | None = None
    """Numerics version of the code that made it, where that is not the present one."""

    @property
    def family(self) -> FamilyFacts:
        """The facts of its algorithm's family."""
        return self.variant.facts

    @cached_property
    def training_digest(self) -> str:
        """64 hexadecimal digits over everything that can change a number of training; the budget is no part."""
        return self._digests[0]

    @cached_property
    def result_digest(self) -> str:
        """64 hexadecimal digits: training, budget and final evaluation."""
        return self._digests[1]

    @cached_property
    def _digests(self) -> tuple[str, str]:
        return record_digests(self.shared_identity)

    @cached_property
    def record_digest(self) -> str:
        """The result digest that its record has: of the bundle, where it is part of one."""
        return self._record_digests[1]

    @cached_property
    def _record_digests(self) -> tuple[str, str]:
        return self._digests if self.bundle is None else record_digests(self._with_seeds(self.shared_identity))

    @property
    def key(self) -> RunKey:
        """Tell it from every other run that the settings files of one moment name; unlike a digest it costs nothing."""
        preset = self.preset.preset if self.preset else None
        names = (self.variant.variant, self.protocol.protocol, self.task.name, preset)
        return RunKey(names, self.seed, self.budget, self.earlier_version)

    def with_seed(self, seed: int) -> Run:
        """Return the run of another seed; in a bundle with the digest of the record that both share."""
        other = replace(self, seed=seed)
        if self.bundle is not None:
            vars(other)["_record_digests"] = self._record_digests
        return other

    @property
    def stands_for(self) -> int:
        """Runs of an experiment that it stands for: all of its bundle, where that has more seeds than rows."""
        return 1 if self.bundle is None or self.bundle.has_rows_of_all else self.bundle.count

    def identity(self) -> dict[str, Any]:
        """Return the identity: every setting that can change a number, as run.json stores it."""
        return copy.deepcopy(self.shared_identity)

    @property
    def shared_identity(self) -> dict[str, Any]:
        """The identity whose parts all runs that have them share: for reading alone, and for a subclass to mark."""
        # The words of Atari's records are older than other tasks.
        of_task = (
            {"game": self.task.name} if self._is_atari else {"environment": self.task.kind, "task": self.task.name}
        )
        length = asdict(self.budget)
        code, content = self.variant.unknown_code, self.task.unknown_content
        units = ("steps", "iterations") if self._is_atari else [unit for unit, number in length.items() if number]
        return {
            "variant": self.variant.variant,
            "module": self.variant.module,
            "family": self.variant.family,
            "config": _config_in_identity(_This(self.variant)),
            "protocol": self.protocol.protocol,
            "protocol_settings": _protocol_in_identity(_This(self.protocol)),
            **of_task,
            "seed": self.seed,
            "preset": self.preset.preset if self.preset else None,
            "budget": {unit: length[unit] for unit in units},
            "numerics_version": self.numerics_version,
            **({} if code is None else {"code": code}),
            **({} if content is None else {"task_content": content}),
        }

    def record_identity(self) -> dict[str, Any]:
        """Return the identity that its record stores: with the seeds of the bundle, where it is part of one."""
        return self._with_seeds(self.identity())

    def _with_seeds(self, identity: dict[str, Any]) -> dict[str, Any]:
        """Return an identity with the seeds of the bundle in place of its own, where it is part of one."""
        if self.bundle is None:
            return identity
        seeds = {"first": self.bundle.first, "count": self.bundle.count}
        return {
            ("seeds" if name == "seed" else name): seeds if name == "seed" else part for name, part in identity.items()
        }

    @property
    def _is_atari(self) -> bool:
        return self.task.kind == "atari"

    @property
    def numerics_version(self) -> int:
        """The numerics version of the code that makes it, or made it."""
        return self.earlier_version or self.family.numerics_version

    def earlier(self) -> Iterator[Run]:
        """Yield the same run as earlier code made it whose law is this one's, the newest first."""
        version, kept = self.numerics_version, self.family.kept_law
        while self.variant.module in kept.get(version, ()):
            version -= 1
            yield replace(self, earlier_version=version)

    def results_folder(self, results: Path) -> Path:
        """Return the folder of the record, with the small files of the finished run."""
        return results / "runs" / self.place

    def state_folder(self, state: Path) -> Path:
        """Return the folder of checkpoints, weights and periodic evaluations; one for all of a bundle.

        The state of a bundle is its finished seeds, with which a longer budget could not go on.
        """
        training, result = self._record_digests
        return state / self._of_seeds / (training if self.bundle is None else result)[:12]

    @property
    def place(self) -> Path:
        """The folder of its record among all records: variant, task, seed or seeds, digest."""
        return self._of_seeds / self.record_digest[:12]

    @property
    def _of_seeds(self) -> Path:
        seeds = f"seed{self.seed}" if self.bundle is None else f"seeds{self.bundle}"
        return Path(self.variant.variant, self.task.name, seeds)

    @property
    def name(self) -> str:
        """The name for people: variant, task and seed; marked where earlier code made it."""
        return self._named(f"seed {self.seed}")

    @property
    def record_name(self) -> str:
        """The name for people of what shares its record: with all the seeds of its bundle, where it is part of one."""
        return self._named(f"seed {self.seed}" if self.bundle is None else f"seeds {self.bundle}")

    def _named(self, seeds: str) -> str:
        mark = f" (numerics version {self.earlier_version})" if self.earlier_version else ""
        return f"{self.variant.variant} {self.task.name} {seeds}{mark}"

    @property
    def publishes_training(self) -> bool:
        """True where the returns of training episodes are what was published, so that traces are kept of them."""
        return self.protocol.published_quantity in ("training_iterations", "training_episodes")

    @property
    def training_steps(self) -> int:
        """Agent steps of training from its start; an iteration counts as its least number of steps.

        0 where the budget counts episodes or sweeps: how many steps those take is known at their end.
        """
        return self.budget.steps or self.budget.iterations * (self.protocol.iteration_steps or 0)

    @property
    def training_frames(self) -> int:
        """Emulator frames of training from its start; 0 for a task that has no frames."""
        return self.training_steps * of_atari(self.protocol.training).frame_skip if self._is_atari else 0

    @property
    def training_length(self) -> Counter[str]:
        """The length of training from its start, by its unit: frames of a game, else what its budget counts."""
        return +Counter({"frames": self.training_frames} if self.training_frames else asdict(self.budget))

    @cached_property
    def settings(self) -> FamilySettings:
        """The settings of its algorithm, an object of the algorithm's own class."""
        return _settings(_This(self.variant))

    def settings_as(self, model: type[SettingsT]) -> SettingsT:
        """Return the settings as an object of the class that all algorithms of its family share."""
        settings = self.settings
        assert isinstance(settings, model), f"{self.name}: its settings are of the class {type(settings).__name__}"
        return settings

    def final_epsilon(self, final: FinalEvaluation | None) -> float:
        """Return the protocol's exploration rate, or the variant's own where the protocol leaves it open."""
        if final is not None and final.epsilon is not None:
            return final.epsilon
        return float(getattr(self.settings, "evaluation_epsilon", 0.0))


def one_a_record(runs: Iterable[Run]) -> list[Run]:
    """Choose one run of each record, the first named; only the runs of a bundle share one."""
    return list({run.record_digest: run for run in reversed(list(runs))}.values())[::-1]


def resolve_run(
    *,
    variant: str,
    task: str,
    seed: int,
    seeds: Seeds | None = None,
    protocol: str | None = None,
    preset: str | None = None,
    budget_frames: int | None = None,
    budget_steps: int | None = None,
    budget_iterations: int | None = None,
    budget_episodes: int | None = None,
    budget_sweeps: int | None = None,
) -> Run:
    """Read the YAMLs a run names and check that its budget fits its protocol, and its protocol its task.

    Args: `seeds` are those of the bundle it belongs to, if any.

    Raises:
        ReplicationError: a misspelt name, a bad key, a budget that is missing, not positive or of the wrong unit.
    """
    if seed < 0:
        raise ReplicationError(f"seed {seed}: expected an integer >= 0")
    loaded_preset = load_preset(preset) if preset else None
    loaded = load_variant(variant, loaded_preset)
    presented = load_protocol(protocol or loaded.protocol, loaded_preset)
    given: dict[BudgetUnit, int | None] = {
        "frames": budget_frames,
        "steps": budget_steps,
        "iterations": budget_iterations,
        "episodes": budget_episodes,
        "sweeps": budget_sweeps,
    }
    own_kind = presented.kind if presented.protocol == loaded.protocol else load_protocol(loaded.protocol).kind
    if presented.kind != own_kind:
        raise ReplicationError(
            f"variant {loaded.variant}: protocol {presented.protocol} presents tasks of kind {presented.kind}, "
            f"expected {own_kind} as its own protocol {loaded.protocol}; name a protocol that fits"
        )
    played = checked_task(task, presented)
    if seeds is not None and not loaded.facts.bundles:
        raise ReplicationError(
            f"seeds {seeds}: family {loaded.family} has a record for each seed; name them one by one"
        )
    if seeds is not None:
        check_bundle_size(loaded.facts, seeds)
    return Run(loaded, presented, played, seed, loaded_preset, checked_budget(loaded, presented, given), seeds)


def checked_task(name: str, protocol: Protocol) -> Task:
    """Find a task that a protocol can present.

    Raises:
        ReplicationError: there is no such task; it is of another kind than the protocol's.
    """
    task = find_task(name)
    if task.kind != protocol.kind:
        raise ReplicationError(
            f"task {name}: found one of kind {task.kind}, expected {protocol.kind} as protocol {protocol.protocol} "
            "presents; name a protocol that fits"
        )
    return task
