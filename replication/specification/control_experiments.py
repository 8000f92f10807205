"""The settings of a control experiment, from workflow/control/NAME.yaml, and the digests that name its results.

A control experiment repeats one method on one simulated plant. It is no run of the Atari suite: it has a method and a
plant where those have an algorithm, a protocol and a game. Nothing here imports numpy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from replication.foundation.errors import ReplicationError, unknown_name
from replication.foundation.files import canonical_json, sha256
from replication.foundation.optional_settings import without_defaults
from replication.foundation.paths import WORKFLOW
from replication.foundation.validation import Count, Positive, Probability, Settings, overridden, read_yaml, validated

NUMERICS_VERSION = 1
"""Raised by hand when a change of the code moves numbers: results of another version are those of other variants."""

_NotNegative = Annotated[float, Field(ge=0.0)]


class PlantSettings(Settings):
    """A pole on a cart, and how its equation is integrated."""

    pole_kg: Positive
    """m of the equation."""
    cart_kg: Positive
    """M of the equation."""
    equation_length_m: Positive
    """l of the equation, half the length of a uniform pole."""
    gravity_m_s2: Positive
    forces_n: Annotated[tuple[float, ...], Field(min_length=2)]
    """The actions."""
    force_noise_n: _NotNegative
    """Uniform noise of at most this size is added to the force, once a cycle."""
    fallen_rad: Positive
    """An angle beyond this, on either side, is a failure."""
    cycle_s: Positive
    """Between two actions; the force is constant meanwhile."""
    substeps: Count
    """Of the Runge-Kutta method, in a cycle."""


class SamplingSettings(Settings):
    """How training transitions are made: random actions until the pole falls."""

    start_angle_rad: _NotNegative
    """Episodes start at an angle drawn uniformly, at most this far from upright; 0: upright."""
    start_speed_rad_s: _NotNegative
    """The same of the angular velocity."""


class RpropSettings(Settings):
    """Riedmiller & Braun 1993."""

    increase: Annotated[float, Field(gt=1.0)]
    """eta+."""
    decrease: Annotated[float, Field(gt=0.0, lt=1.0)]
    """eta-."""
    first_step: Positive
    """Delta_0, of every weight, at the start of each training of a pattern set."""
    least_step: Positive
    greatest_step: Positive


class LearningSettings(Settings):
    """Neural fitted Q iteration."""

    iterations: Count
    """N of Fig. 1: how often targets are computed and learned."""
    epochs_per_iteration: Count
    """Sweeps through the pattern set."""
    starts_anew: bool
    """Whether each iteration learns its targets from new random weights; else from those of the last one."""
    discount: Probability
    initial_weight: _NotNegative
    """Weights and biases are drawn uniformly, at most this far from 0."""
    force_scale_n: Positive
    """What a force is divided by before it is an input."""
    rprop: RpropSettings


class TestSettings(Settings):
    """How a learned controller is tested."""

    episodes: Count
    cycles: Count
    """Of an episode whose pole never falls."""
    start_angle_rad: _NotNegative
    start_speed_rad_s: _NotNegative


class Method(Settings):
    """All that can change a number."""

    plant: PlantSettings
    sampling: SamplingSettings
    learning: LearningSettings
    test: TestSettings


class Variant(Settings):
    """A choice where the paper leaves one."""

    title: str
    why: str
    changes: dict[str, Any]
    """Of the method's settings; empty: the method as the file gives it."""


class Detail(Settings):
    """One detail: what the paper says of it, and what is in force here."""

    detail: str
    paper: str
    here: str
    status: Literal["exact", "chosen", "departure"]
    """chosen: the paper leaves it open; departure: it is known to be otherwise there."""
    why: str
    expected_effect: str


class Finding(Settings):
    """An explanation of rows of the table, and what was looked at to know it; written when they were seen."""

    training_episodes: Annotated[tuple[Count, ...], Field(min_length=1)]
    what: str
    checked: str


class ControlExperiment(Settings):
    """One published table of a control task."""

    experiment: str
    title: str
    paper: str
    question: str
    published: str
    """A table of replication/published."""
    method: Method
    training_episodes: Annotated[tuple[Count, ...], Field(min_length=1)]
    repetitions: Count
    variants: Annotated[dict[str, Variant], Field(min_length=1)]
    """The first is the one that the table's verdicts are about; the others say how much a choice matters."""
    tried: str
    """What was tried before the choices were made, and on what they rest."""
    sources: dict[str, str]
    details: tuple[Detail, ...]
    findings: tuple[Finding, ...]

    def method_of(self, variant: str) -> Method:
        """Return the settings of one of its variants.

        Raises:
            ReplicationError: no such variant; a change that is none of the method's settings.
        """
        if variant not in self.variants:
            raise unknown_name("variant", variant, self.variants)
        path = WORKFLOW / "control" / f"{self.experiment}.yaml"
        changes = self.variants[variant].changes
        changed = overridden(self.method.model_dump(mode="json"), changes)
        _check_changes(self.method.model_dump(mode="json"), changes, path, f"variants.{variant}.changes")
        return validated(Method, changed, path, f"variants.{variant}")

    def digest(self, variant: str) -> str:
        """Compute 64 hexadecimal digits over everything that can change a number of a variant's results."""
        return identity_digest(self.identity(variant))

    def identity(self, variant: str) -> dict[str, Any]:
        """Return the identity: everything the digest is over, as the record of the results stores it."""
        return {
            "experiment": self.experiment,
            "method": without_defaults(Method, self.method_of(variant).model_dump(mode="json")),
            "training_episodes": list(self.training_episodes),
            "repetitions": self.repetitions,
            "numerics_version": NUMERICS_VERSION,
        }

    def folder(self, variant: str, results: Path) -> Path:
        """Return the folder of the small files of a variant."""
        return results / "control" / self.experiment / variant / self.digest(variant)[:12]


def identity_digest(identity: dict[str, Any]) -> str:
    """Compute the digest of what `ControlExperiment.identity` gives."""
    return sha256(canonical_json(identity))


def known_control_experiments() -> list[str]:
    """List the names of the control experiments."""
    return sorted(path.stem for path in (WORKFLOW / "control").glob("*.yaml"))


def load_control_experiment(name: str) -> ControlExperiment:
    """Read workflow/control/NAME.yaml.

    Raises:
        ReplicationError: no such experiment; an unknown, missing or mistyped key, in a variant too.
    """
    if name not in known_control_experiments():
        raise unknown_name("control experiment", name, known_control_experiments())
    path = WORKFLOW / "control" / f"{name}.yaml"
    experiment = validated(ControlExperiment, read_yaml(path), path)
    if experiment.experiment != name:
        raise ReplicationError(
            f"{path}: experiment: found {experiment.experiment!r}, expected the file's name {name!r}"
        )
    for variant in experiment.variants:
        experiment.method_of(variant)
    return experiment


def _check_changes(settings: dict[str, Any], changes: dict[str, Any], path: Path, where: str) -> None:
    for key, value in changes.items():
        if key not in settings:
            raise ReplicationError(f"{path}: {where}.{key}: {unknown_name('key', key, settings)}")
        if isinstance(settings[key], dict) and isinstance(value, dict):
            _check_changes(settings[key], value, path, f"{where}.{key}")
