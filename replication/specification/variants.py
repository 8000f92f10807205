"""Variants and presets as frozen, validated settings: one algorithm with its numbers, and overrides of scale."""

from __future__ import annotations

import json
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import PrivateAttr

from replication.foundation import paths
from replication.foundation.files import canonical_json
from replication.foundation.validation import Settings, validated
from replication.specification.algorithm_code import code_digest, unknown_code
from replication.specification.families import (
    fitted_q,
    off_policy_continuous,
    off_policy_modules,
    on_policy_modules,
    tabular,
    untrained,
)
from replication.specification.families.facts import FamilyFacts, FamilySettings
from replication.specification.own_settings import own_settings
from replication.specification.protocols import Deviation


class Variant(Settings):
    """One algorithm YAML. `config` is checked by the settings class of its algorithm."""

    variant: str
    title: str
    module: str
    """Module of replication.algorithms that holds the network and the loss."""
    family: Literal["fitted_q", "off_policy", "off_policy_continuous", "on_policy", "tabular", "untrained"]
    paper: str
    original: str
    """The program it is compared with, row by row: a file of workflow/originals."""
    protocol: str
    """The protocol of its paper, used unless another is asked for."""
    config: dict[str, Any]
    sources: dict[str, str]
    deviations: tuple[Deviation, ...]

    _source: Path | None = PrivateAttr(default=None)
    """The algorithm's file, where it lies outside this package."""

    def of_file(self, source: Path) -> Variant:
        """Return the same variant, of an algorithm that lies outside this package."""
        copy = self.model_copy()
        vars(copy).pop("unknown_code", None)  # of the other file
        copy._source = source
        return copy

    @property
    def facts(self) -> FamilyFacts:
        """The facts of its family."""
        return FAMILIES[self.family]

    @property
    def lies_elsewhere(self) -> bool:
        """True where its algorithm is a file outside this package."""
        return self._source is not None

    @property
    def source(self) -> Path:
        """The algorithm's file."""
        return self._source or paths.ALGORITHMS / self.family / f"{self.module}.py"

    @cached_property  # an experiment has hundreds of runs of one variant
    def unknown_code(self) -> str | None:
        """The digest of its algorithm's code where that names a run; None: it is known to learn the same."""
        return unknown_code(self.family, self.module, self.source)

    @property
    def code(self) -> str | None:
        """The digest of its algorithm's code; None where there is no file."""
        return code_digest(self.source) if self.source.is_file() else None

    @property
    def settings_class(self) -> type[FamilySettings]:
        """The settings class of its algorithm, whose file is imported where that is not one of this package's."""
        known = self.facts.modules.get(self.module) if self._source is None else None
        return known or own_settings(self.facts, self.module, self._source)

    @property
    def settings(self) -> FamilySettings:
        """Its `config` as an object of its settings class, the same for all that have the same."""
        return _checked(self.settings_class, canonical_json(self.config), self.variant)


@lru_cache(maxsize=1_000)  # an experiment has many runs of a variant, each with a copy of it
def _checked(model: type[FamilySettings], config: bytes, variant: str) -> FamilySettings:
    return validated(model, json.loads(config), Path(f"variant {variant}"), "config")


class Preset(Settings):
    """Overrides of scale; a part that a variant or protocol does not have is left alone."""

    preset: str
    title: str
    config: dict[str, Any]
    protocol: dict[str, Any]


FAMILIES: dict[str, FamilyFacts] = {
    facts.name: facts
    for facts in (
        off_policy_modules.FACTS,
        off_policy_continuous.FACTS,
        on_policy_modules.FACTS,
        fitted_q.FACTS,
        tabular.FACTS,
        untrained.FACTS,
    )
}
"""The facts of each family, by the name that YAMLs and records give it."""
