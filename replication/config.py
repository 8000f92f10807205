"""YAML to frozen, validated settings: protocols and variants. No defaults: a YAML states every value.

Every count carries its unit in its name (`_frames` = emulator frames at 60 a second, `_steps` = agent
decisions, `_rows` = rows of the replay memory). This module imports neither torch nor ale-py, so that
plans, digests and pages can be made from it in milliseconds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from replication.errors import ReplicationError, unknown_name

WORKFLOW = Path(__file__).resolve().parent.parent / "workflow"

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
FrameRange = tuple[Annotated[int, Field(ge=0)], Count]
"""Least and most number of emulator frames, both included; drawn uniformly."""


class Settings(BaseModel):
    """Frozen; unknown keys and values of another type are errors (`1e6` is a string to YAML, not a number)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


SettingsT = TypeVar("SettingsT", bound=Settings)


class Deviation(Settings):
    """One knowing departure from the published program; rendered beside every result it touches."""

    id: str
    row: str
    """Row of the fidelity table (E11, I10, ...)."""
    what: str
    why: str
    expected_effect: str


# ---------------------------------------------------------------- protocols: how games are presented and scored


class Presentation(Settings):
    """How one game is shown to an agent, frame by frame."""

    frame_skip: Count
    """Emulator frames an action is held for; an agent may bring its own (the random agent's 6)."""
    sticky_probability: Probability
    """Chance, per emulator frame, that the action executed last is executed again."""
    life_loss_ends_trajectory: bool
    """A lost life ends a training trajectory; it never resets the game."""
    noops_after_game_over_frames: FrameRange | None
    """No-op frames after a reset; None: none are played."""
    noops_after_life_loss_frames: FrameRange | None
    """No-op frames after a lost life that ended a trajectory; None: none are played."""
    episode_cap_frames: Count | None
    """Frames after the starting no-ops at which an episode is truncated; None: never."""


class PeriodicEvaluation(Settings):
    """Evaluation during training, on an emulator of its own; its highest mean return selects the best network."""

    period_steps: Count
    length_steps: Count
    epsilon: Probability
    presentation: Presentation


class FinalEvaluation(Settings):
    """The evaluation a published table prints."""

    network: Literal["best", "final"]
    num_episodes: Count
    epsilon: Probability | None
    """None: the variant's own `evaluation_epsilon` (papers differ)."""
    presentation: Presentation


class Protocol(Settings):
    """How games are presented in training and in evaluation, and which quantity is the published one."""

    protocol: str
    title: str
    reference_set: Literal["nature49_5min", "atari57_30min"]
    published_quantity: Literal["final_evaluation", "training_iterations"]
    training: Presentation
    iteration_steps: Count | None
    """Least number of training steps an iteration has; its running episode is finished (Dopamine)."""
    periodic_evaluation: PeriodicEvaluation | None
    final_evaluation: FinalEvaluation | None
    sources: dict[str, str]
    deviations: tuple[Deviation, ...]


# ---------------------------------------------------------------- variants: one algorithm with its numbers


class Convolution(Settings):
    channels: Count
    kernel: Count
    stride: Count


class NetworkConfig(Settings):
    """Convolutions, one hidden layer, one output per action; ReLU after all but the last."""

    convolutions: tuple[Convolution, ...]
    padding: Literal["valid", "same"]
    hidden_units: Count
    initialisation: Literal["torch7_uniform", "glorot_uniform"]


class CenteredRMSPropConfig(Settings):
    """RMSProp divided by the standard deviation of the gradient, the constant inside the root."""

    name: Literal["centered_rmsprop"]
    learning_rate: Positive
    decay: Probability
    """Of both running means; the paper's "gradient momentum" and "squared gradient momentum"."""
    epsilon: Positive
    mean_square_start: Annotated[float, Field(ge=0.0)]


class AdamConfig(Settings):
    name: Literal["adam"]
    learning_rate: Positive
    beta1: Probability
    beta2: Probability
    epsilon: Positive


class ReplayStart(Settings):
    """Learning starts when strictly more than `count` of `unit` have passed."""

    count: Count
    unit: Literal["steps", "rows"]
    """Agent steps taken, or rows in the replay memory (Dopamine counts its padding rows too)."""


class EpsilonConfig(Settings):
    """1 until the decay starts, then linear."""

    start: Probability
    end: Probability
    decay_starts_after_steps: Annotated[int, Field(ge=0)]
    decay_steps: Count


class OffPolicyConfig(Settings):
    """Everything the off-policy engine and the DQN family need; an algorithm may add fields of its own."""

    frame_pipeline: Literal["nature", "dopamine"]
    frame_stack: Count
    reward_clip: Positive
    discount: Probability
    n_step: Count
    batch_size: Count
    loss_reduction: Literal["sum", "mean"]
    replay_capacity_rows: Count
    replay_padding_rows: Annotated[int, Field(ge=0)]
    """Zero rows written before each trajectory."""
    stores_end_frame: bool
    """A trajectory's last frame takes a row and an agent step, as in the released program."""
    truncation_bootstraps: bool
    """Whether the value of the state at the cap enters the target; False stores the cap as terminal."""
    replay_start: ReplayStart
    update_period_steps: Count
    target_update_period_steps: Count
    target_starts_as_copy: bool
    acts_before_update: bool
    """Order inside a step: the released program chooses the action first, Dopamine updates first."""
    epsilon: EpsilonConfig
    evaluation_epsilon: Probability
    held_out_transitions: Annotated[int, Field(ge=0)]
    """Random-policy transitions set aside when learning starts, for the predicted-Q and TD-error curves."""
    network: NetworkConfig
    optimizer: Annotated[CenteredRMSPropConfig | AdamConfig, Field(discriminator="name")]

    @model_validator(mode="after")
    def _truncation_needs_its_frame(self) -> OffPolicyConfig:
        if self.truncation_bootstraps and not self.stores_end_frame:
            raise ValueError(
                "truncation_bootstraps needs stores_end_frame: it asks for the value of the frame at the cap"
            )
        return self


class UntrainedConfig(Settings):
    """An agent that learns nothing."""

    action_period_frames: Count
    """Emulator frames an action is held for."""


class Variant(Settings):
    """One algorithm YAML. `config` is checked by the settings class of its family or algorithm."""

    variant: str
    title: str
    module: str
    """Module of replication.algorithms that holds the network and the loss."""
    family: Literal["off_policy", "untrained"]
    paper: str
    protocol: str
    """The protocol of its paper, used unless another is asked for."""
    config: dict[str, Any]
    sources: dict[str, str]
    deviations: tuple[Deviation, ...]


class Preset(Settings):
    """Overrides of scale; a part that a variant or protocol does not have is left alone."""

    preset: str
    title: str
    config: dict[str, Any]
    protocol: dict[str, Any]


# ---------------------------------------------------------------- loading


def known_names(kind: Literal["algorithms", "protocols", "presets"]) -> list[str]:
    """Names of the YAML files of one kind."""
    return sorted(path.stem for path in (WORKFLOW / kind).glob("*.yaml"))


def load_protocol(name: str, preset: Preset | None = None) -> Protocol:
    """Read workflow/protocols/NAME.yaml, scaled by a preset.

    Raises:
        ReplicationError: no such protocol; an unknown, missing or mistyped key.
    """
    path, content = _read("protocols", "protocol", name)
    if preset is not None:
        content = _override(content, preset.protocol)
    return validated(Protocol, content, path)


def load_variant(name: str, preset: Preset | None = None) -> Variant:
    """Read workflow/algorithms/NAME.yaml, its `config` scaled by a preset.

    Raises:
        ReplicationError: no such variant; an unknown, missing or mistyped key.
    """
    path, content = _read("algorithms", "variant", name)
    if preset is not None:
        content = content | {"config": _override(content.get("config", {}), preset.config)}
    variant = validated(Variant, content, path)
    if variant.variant != name:
        raise ReplicationError(f"{path}: variant: found {variant.variant!r}, expected the file's own name {name!r}")
    families: dict[str, type[Settings]] = {"off_policy": OffPolicyConfig, "untrained": UntrainedConfig}
    family = families[variant.family]
    known = {field: content["config"][field] for field in family.model_fields if field in content["config"]}
    validated(family, known, path, "config")
    return variant


def load_preset(name: str) -> Preset:
    """Read workflow/presets/NAME.yaml."""
    path, content = _read("presets", "preset", name)
    return validated(Preset, content, path)


def variant_config(variant: Variant, model: type[SettingsT]) -> SettingsT:
    """The `config` of a variant, checked against the settings class of its algorithm.

    Raises:
        ReplicationError: an unknown, missing or mistyped key.
    """
    return validated(model, variant.config, WORKFLOW / "algorithms" / f"{variant.variant}.yaml", "config")


def validated(model: type[SettingsT], content: object, path: Path, *where: str) -> SettingsT:
    """Check plain data against a settings class; the first problem becomes one line.

    Raises:
        ReplicationError: names the file, the key, what was found and what is accepted.
    """
    try:
        # Through JSON, so that YAML's lists are accepted as tuples while types stay strict.
        return model.model_validate_json(json.dumps(content))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join([*where, *(str(part) for part in first["loc"])]) or "the whole file"
        found = "" if first["type"] == "missing" else f" (found {first['input']!r})"
        if first["type"] == "extra_forbidden":
            hint = unknown_name("key", str(first["loc"][-1]), _keys_at(model, first["loc"][:-1]))
            raise ReplicationError(f"{path}: {key}: {hint}") from None
        raise ReplicationError(f"{path}: {key}: {first['msg'].lower()}{found}") from None
    except TypeError as error:
        raise ReplicationError(f"{path}: {error}; use plain numbers, words and lists") from None


def _keys_at(model: type[Settings], location: tuple[int | str, ...]) -> list[str]:
    """Accepted keys of the nested settings class that `location` leads to."""
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None:
            continue
        candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
        nested = [c for c in candidates if isinstance(c, type) and issubclass(c, Settings)]
        if nested:
            model = nested[0]
    return list(model.model_fields)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping a YAML file holds.

    Raises:
        ReplicationError: the file is no YAML, or holds no mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ReplicationError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ReplicationError(f"{path}: expected a mapping of keys to values, found {type(content).__name__}")
    return content


def _read(folder: Literal["algorithms", "protocols", "presets"], kind: str, name: str) -> tuple[Path, dict[str, Any]]:
    if name not in known_names(folder):
        raise unknown_name(kind, name, known_names(folder))
    path = WORKFLOW / folder / f"{name}.yaml"
    return path, read_yaml(path)


def _override(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Replace values of `base` by those of `changes`, key by key; keys that `base` lacks or has empty stay so."""
    result = dict(base)
    for key, value in changes.items():
        current = result.get(key)
        if isinstance(current, dict) and isinstance(value, dict):
            result[key] = _override(current, value)
        elif current is not None:
            result[key] = value
    return result
