"""The identity of a run: what names it, the digests of what can change its numbers, where its files lie.

run = (variant, protocol, game, seed, preset, budget). The state of training is keyed by all but the budget, so that
a longer budget continues a shorter one. Machine matters (device, storage of the replay memory, lanes) are no part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from replication.foundation.errors import ReplicationError
from replication.foundation.files import canonical_json, sha256
from replication.foundation.optional_settings import without_defaults
from replication.foundation.validation import Settings, SettingsT
from replication.specification.budget import Budget, checked_budget
from replication.specification.families.facts import FamilyFacts
from replication.specification.loading import identity_config, load_preset, load_protocol, load_variant
from replication.specification.protocols import FinalEvaluation, Protocol
from replication.specification.tasks.atari_games import find_game
from replication.specification.variants import Preset, Variant

_NOT_OF_TRAINING = frozenset({"protocol", "title", "reference_set", "published_quantity", "final_evaluation"})
"""Of a protocol, what moves no number of training."""


@dataclass(frozen=True)
class Run:
    """One training and its final evaluation."""

    variant: Variant
    protocol: Protocol
    game: str
    seed: int
    preset: Preset | None
    budget: Budget
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
        return record_digests(self.identity())

    def identity(self) -> dict[str, Any]:
        """Return the identity: every setting that can change a number, as run.json stores it."""
        return {
            "variant": self.variant.variant,
            "module": self.variant.module,
            "family": self.variant.family,
            "config": identity_config(self.variant),
            "protocol": self.protocol.protocol,
            "protocol_settings": without_defaults(
                type(self.protocol), self.protocol.model_dump(exclude={"sources", "deviations"})
            ),
            "game": self.game,
            "seed": self.seed,
            "preset": self.preset.preset if self.preset else None,
            "budget": {"steps": self.budget.steps, "iterations": self.budget.iterations},
            "numerics_version": self.numerics_version,
        }

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
        """Return the folder for the small files of the finished run."""
        return self._folder(results / "runs", self.result_digest)

    def state_folder(self, state: Path) -> Path:
        """Return the folder of checkpoints, weights and periodic evaluations."""
        return self._folder(state, self.training_digest)

    def _folder(self, root: Path, digest: str) -> Path:
        return root / self.variant.variant / self.game / f"seed{self.seed}" / digest[:12]

    @property
    def name(self) -> str:
        """The name for people: variant, game and seed; marked where earlier code made it."""
        mark = f" (numerics version {self.earlier_version})" if self.earlier_version else ""
        return f"{self.variant.variant} {self.game} seed {self.seed}{mark}"

    @property
    def publishes_training(self) -> bool:
        """True where the returns of its training episodes are what was published, so that their traces are kept."""
        return self.protocol.published_quantity == "training_iterations"

    @property
    def training_steps(self) -> int:
        """Agent steps of training from its start; an iteration counts as its least number of steps."""
        return self.budget.steps or self.budget.iterations * (self.protocol.iteration_steps or 0)

    @property
    def training_frames(self) -> int:
        """Emulator frames of training from its start."""
        return self.training_steps * self.protocol.training.frame_skip

    @cached_property
    def settings(self) -> Settings:
        """The settings of its algorithm, an object of the algorithm's own class."""
        return self.variant.settings

    def settings_as(self, model: type[SettingsT]) -> SettingsT:
        """Return the settings as an object of the class that all algorithms of its family share."""
        settings = self.settings
        assert isinstance(settings, model), f"{self.name}: its settings are of the class {type(settings).__name__}"
        return settings

    def final_epsilon(self, final: FinalEvaluation) -> float:
        """Return the protocol's exploration rate, or the variant's own where the protocol leaves it to the paper."""
        if final.epsilon is not None:
            return final.epsilon
        return float(getattr(self.settings, "evaluation_epsilon", 0.0))


def record_digests(record: Mapping[str, Any]) -> tuple[str, str]:
    """Compute training digest and result digest of an identity, as `Run.identity` or the record of a run has it.

    Raises:
        KeyError: a part is missing.
    """
    settings = record["protocol_settings"]
    # Not what a protocol is called, what normalises its scores, or what is played at the end; settings added later are.
    presented = {name: value for name, value in settings.items() if name not in _NOT_OF_TRAINING}
    parts = ("variant", "module", "family", "config", "protocol", "game", "seed", "preset", "numerics_version")
    needed = ("training", "iteration_steps", "periodic_evaluation")
    training = {name: record[name] for name in parts} | presented | {name: settings[name] for name in needed}
    result = {
        "training": training,
        "budget": {name: record["budget"][name] for name in ("steps", "iterations")},
        "final_evaluation": settings["final_evaluation"],
    }
    return sha256(canonical_json(training)), sha256(canonical_json(result))


def resolve_run(
    *,
    variant: str,
    game: str,
    seed: int,
    protocol: str | None = None,
    preset: str | None = None,
    budget_frames: int | None = None,
    budget_iterations: int | None = None,
) -> Run:
    """Read the YAMLs a run names and check that its budget fits its protocol.

    Raises:
        ReplicationError: a misspelt name, a bad key, a budget that is missing, not positive or of the wrong unit.
    """
    if seed < 0:
        raise ReplicationError(f"seed {seed}: expected an integer >= 0")
    loaded_preset = load_preset(preset) if preset else None
    loaded = load_variant(variant, loaded_preset)
    presented = load_protocol(protocol or loaded.protocol, loaded_preset)
    budget = checked_budget(loaded, presented, budget_frames, budget_iterations)
    return Run(loaded, presented, find_game(game).name, seed, loaded_preset, budget)
