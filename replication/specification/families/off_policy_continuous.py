"""Settings and facts of the continuous off-policy family: an actor, critics, a replay memory of vectors, noise.

Every count carries its unit in its name. The sentence under a field is what `describe` prints.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from replication.foundation.validation import Count, Positive, Probability, Settings
from replication.specification.families.facts import FamilyFacts, FamilySettings
from replication.specification.families.off_policy import AdamConfig

_NotNegative = Annotated[float, Field(ge=0.0)]
_Steps = Annotated[int, Field(ge=0)]


class GaussianNoise(Settings):
    """Independent normal noise in each step and dimension of an action."""

    kind: Literal["gaussian"]
    deviation: _NotNegative
    """Standard deviation, in `noise_unit`."""


class OrnsteinUhlenbeckNoise(Settings):
    """Noise that drifts back to 0: x <- x - theta x dt + sigma sqrt(dt) N(0, 1), from 0 at the start of an episode."""

    kind: Literal["ornstein_uhlenbeck"]
    theta: _NotNegative
    """How fast it returns."""
    sigma: _NotNegative
    """Of the normal numbers, in `noise_unit`."""
    dt: Positive
    """Time of a step, in the unit of `theta`."""
    draws: Literal["normal", "uniform"] = "normal"
    """What is drawn in each step: standard normal numbers, or uniform ones from 0 to 1, which drift."""


class PerceptronConfig(Settings):
    """Layers with ReLU and a linear output, and how they are trained."""

    hidden_units: Annotated[tuple[Count, ...], Field(min_length=1)]
    """Of each hidden layer, the first one first."""
    output_limit: Positive | None
    """Weights and biases of the output start uniform within this; None: within 1 / sqrt(inputs), as all others."""
    hidden_limit: Literal["inputs", "outputs"] = "inputs"
    """Weights of hidden layers start uniform within 1 over the root of a layer's inputs, or of its outputs."""
    optimizer: AdamConfig


class CriticConfig(PerceptronConfig):
    """The networks that judge an action in a state."""

    action_layer: Annotated[int, Field(ge=0)]
    """Layer at which the action enters, beside what the layer before it gives; 0: the first, beside the state."""
    weight_decay: _NotNegative
    """Times each weight and bias, added to its gradient."""

    @model_validator(mode="after")
    def _action_enters(self) -> CriticConfig:
        if self.action_layer > len(self.hidden_units):
            raise ValueError(
                f"action_layer: found {self.action_layer}, expected at most {len(self.hidden_units)}, the output"
            )
        return self


class OffPolicyContinuousConfig(FamilySettings):
    """Everything that the engine needs; an algorithm may add fields of its own."""

    replay_capacity_steps: Count
    """Transitions the replay memory holds."""
    batch_size: Count
    """Transitions in a minibatch."""
    random_steps: _Steps
    """First steps of training, whose actions are uniform; the actor chooses after them."""
    random_steps_of_tasks: dict[str, _Steps]
    """The same on tasks for which it is another number, by the name of the task."""
    learning_starts_steps: _Steps | None
    """Steps after which updates begin; None: with the first step that is not random."""
    update_period_steps: Count | None
    """Steps between two rounds of updates; None: a round at the end of each episode, with an update for each step."""
    updates_at_once: Count | None
    """Updates in a round; None where there are as many as the episode had steps."""
    discount: Probability
    """Of the value one step later."""
    tau: Probability
    """Share of the way that target networks go to the trained ones, each time that they follow."""
    noise: Annotated[GaussianNoise | OrnsteinUhlenbeckNoise, Field(discriminator="kind")]
    """Added to the actor's actions in training; the sum is cut to the bounds of the task."""
    noise_unit: Literal["action", "largest_action"]
    """Unit of noise: that of actions, or half the range of each of their dimensions."""
    action_limit: Positive | None = None
    """Largest size of an action in each dimension, where it is less than the task's; None: that."""
    truncation_bootstraps: bool = True
    """Whether the value of the state at the cap enters the target; False stores the cap as an end."""
    actor: PerceptronConfig
    """Chooses the action, through a tanh from bound to bound."""
    critic: CriticConfig

    @property
    def steps_before_learning(self) -> int:
        return self.random_steps if self.learning_starts_steps is None else self.learning_starts_steps

    @property
    def updates_a_step(self) -> float:
        """Updates for each step, once they have begun."""
        if self.update_period_steps is None or self.updates_at_once is None:
            return 1.0
        return self.updates_at_once / self.update_period_steps

    def random_steps_on(self, task: str) -> int:
        """Return the number of random steps on a task."""
        return self.random_steps_of_tasks.get(task, self.random_steps)

    def learning_starts_on(self, task: str) -> int:
        """Return after how many steps on a task updates begin."""
        return self.random_steps_on(task) if self.learning_starts_steps is None else self.learning_starts_steps

    @model_validator(mode="after")
    def _rounds_have_a_length(self) -> OffPolicyContinuousConfig:
        if (self.update_period_steps is None) != (self.updates_at_once is None):
            raise ValueError(
                f"updates_at_once: found {self.updates_at_once} beside update_period_steps {self.update_period_steps}, "
                "expected a number for both or null for both"
            )
        return self


class TD3Config(OffPolicyContinuousConfig):
    """The settings of the family, and those of delayed policies and smoothed targets."""

    policy_period_updates: Count
    """Updates of the critics for each of the actor and of the targets."""
    target_noise: _NotNegative
    """Standard deviation of the normal noise on the actions of the target, in `noise_unit`."""
    target_noise_clip: _NotNegative
    """Largest size of it, in `noise_unit`."""


_SECONDS_A_STEP = 0.0001
"""Of the simulator and the actor: HalfCheetah takes a twentieth of a millisecond, an actor of 400 and 300 as long."""
_SECONDS_AN_UPDATE = 0.002
_SECONDS_A_MILLION = 0.03e-3
"""Of an update: of any size, and for each million of multiply-adds. TD3 with 400 and 300 units, minibatches of 100:
125 updates a second of plain torch on one core of a 2-core cloud machine; 256 and 256, minibatches of 256: 105."""
_PASSES_AN_UPDATE = 12
"""Passes of a minibatch through a network in an update of TD3, the way back counted as two; of DDPG it is ten."""


def assumed_steps_a_second(settings: FamilySettings) -> tuple[float, float]:
    """Return agent steps a second of training and of evaluation, on one core; assumed for plans.

    Args:
        settings: of the family.
    """
    assert isinstance(settings, OffPolicyContinuousConfig)
    sizes = settings.critic.hidden_units
    weights = sum(inputs * outputs for inputs, outputs in pairwise((20, *sizes, 1)))
    millions = _PASSES_AN_UPDATE * settings.batch_size * weights / 1e6
    update = _SECONDS_AN_UPDATE + _SECONDS_A_MILLION * millions
    return 1.0 / (_SECONDS_A_STEP + settings.updates_a_step * update), 1.0 / _SECONDS_A_STEP


NUMERICS_VERSION = 1

STREAMS = (
    "initialisation",  # first weights of the networks
    "starts",  # where episodes of training begin
    "exploration",  # random actions, and the noise on the actor's
    "replay",  # which transitions are sampled
    "target_noise",  # noise on the actions of the target
)
"""Streams that live as long as training does; their states are part of a checkpoint."""

FACTS = FamilyFacts(
    name="off_policy_continuous",
    settings=OffPolicyContinuousConfig,
    modules={"ddpg": OffPolicyContinuousConfig, "td3": TD3Config},
    numerics_version=NUMERICS_VERSION,
    kept_law={},
    budget_units=("steps",),
    bundles=False,
    evidence="inputs",
    streams=STREAMS,
    speed=assumed_steps_a_second,
)
