"""Settings of the off-policy family: network, optimizer, replay memory, exploration. A YAML states all but nulls.

A field has a default only where it was added after results were made: absent means the default, which must be what was
done before it, and is no part of what names a run (optional_settings.py). A YAML writes it where it differs.

Every count carries its unit in its name (`_frames` = emulator frames at 60 a second, `_steps` = agent
decisions, `_rows` = rows of the replay memory). The sentence under a field is what `describe` prints.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from replication.foundation.validation import Count, Positive, Probability, Settings
from replication.specification.families.facts import FamilySettings


class Convolution(Settings):
    channels: Count
    kernel: Count
    stride: Count


class NetworkConfig(Settings):
    """Convolutions, one hidden layer, one output per action; ReLU after all but the last."""

    convolutions: tuple[Convolution, ...]
    padding: Literal["valid", "same"]
    hidden_units: Annotated[int, Field(ge=0)]
    """0: no hidden layer (the linear function approximator alone)."""
    initialisation: Literal["torch7_uniform", "glorot_uniform", "fan_in_uniform"]


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
    epsilon_before_correction: bool = False
    """The constant is added to the root of the mean square before that is corrected for its start at 0 (TensorFlow)."""


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


class UniformSampling(Settings):
    """Every transition of the replay memory is as likely as any other."""

    name: Literal["uniform"]


class NewestSampling(Settings):
    """A minibatch is the newest transitions: what is left of a replay memory without replay."""

    name: Literal["newest"]


class PrioritisedSampling(Settings):
    """The settings that the two kinds of prioritized sampling share."""

    exponent: Annotated[float, Field(ge=0.0)]
    """How much priorities count: 0 is uniform sampling (alpha)."""
    importance_exponent_start: Probability
    """How much of the bias is corrected when learning starts (beta)."""
    importance_exponent_end: Probability
    """How much once `importance_steps` have passed; in between it grows linearly."""
    importance_steps: Count
    """From the start of learning."""


class ProportionalSampling(PrioritisedSampling):
    """P(i) ~ p_i^exponent, with p_i the priority that the loss found last, plus a constant."""

    name: Literal["proportional"]
    constant: Annotated[float, Field(ge=0.0)]
    """Added to each priority, so that none is zero."""


class RankSampling(PrioritisedSampling):
    """P(i) ~ 1 / rank(i)^exponent, with rank(i) the place of transition i by priority."""

    name: Literal["rank"]
    sort_period_steps: Count
    """Steps between two sorts of the heap that stands for the order by priority."""


ReplaySampling = Annotated[
    UniformSampling | NewestSampling | ProportionalSampling | RankSampling, Field(discriminator="name")
]


class OffPolicyConfig(FamilySettings):
    """Everything the off-policy engine and the DQN family need; an algorithm may add fields of its own."""

    frame_pipeline: Literal["nature", "dopamine"]
    """From screens to 84x84 bytes: maximum then gray, cut; or gray then maximum, rounded."""
    frame_stack: Count
    """Most recent frames a state has."""
    reward_clip: Positive
    """Largest absolute reward stored."""
    life_loss_clears_frames: bool = True
    """The screens that the next frame is made of are forgotten where a lost life ends a trajectory."""
    discount: Probability
    """Of the value one step later."""
    n_step: Count
    """Rewards in a target before the value."""
    batch_size: Count
    """Transitions in a minibatch."""
    loss_reduction: Literal["sum", "mean"]
    """Over the minibatch."""
    replay_capacity_rows: Count
    """Single frames the replay memory holds, each with its action, reward and end."""
    replay_padding_rows: Annotated[int, Field(ge=0)]
    """Zero rows written before each trajectory."""
    replay_sampling: ReplaySampling
    """How minibatches are drawn."""
    stores_end_frame: bool
    """A trajectory's last frame takes a row and an agent step, as in the released program."""
    truncation_bootstraps: bool
    """Whether the value of the state at the cap enters the target; False stores the cap as terminal."""
    replay_start: ReplayStart
    update_period_steps: Count
    """Steps between two updates, or between two rounds of them."""
    updates_at_once: Count
    """Updates in a round, each on a minibatch of its own."""
    target_update_period_steps: Count
    """Steps between two copies of the online network into the target network."""
    target_starts_as_copy: bool
    """Whether the target network starts as a copy, or initialized apart."""
    acts_before_update: bool
    """Order inside a step: the released program chooses the action first, Dopamine updates first."""
    epsilon: EpsilonConfig
    """Share of random actions in training."""
    evaluation_epsilon: Probability
    """Share of random actions where the protocol leaves it to the paper."""
    held_out_transitions: Annotated[int, Field(ge=0)]
    """Random-policy transitions set aside when learning starts, for the predicted-Q and TD-error curves."""
    gradient_norm_clip: Positive | None
    """Largest Euclidean norm of the gradient of all parameters together; None: whatever it is."""
    precision: Literal["float32", "bfloat16"]
    """Of the networks' arithmetic in an update; acting, the loss, the optimizer and what is stored are float32."""
    network: NetworkConfig
    optimizer: Annotated[CenteredRMSPropConfig | AdamConfig, Field(discriminator="name")]

    @property
    def steps_before_learning(self) -> int:
        return self.replay_start.count

    @property
    def future_steps(self) -> int:
        """States after a transition's first that its loss is shown too: none, unless an algorithm's class says so."""
        return 0

    @property
    def separately_clipped(self) -> tuple[tuple[str, ...], ...]:
        """Parts of the network by name, in groups: `gradient_norm_clip` bounds the norm of each group by itself.

        Parts that are in no group are not bounded. Without a group all parameters are one.
        """
        return ()

    @model_validator(mode="after")
    def _truncation_needs_its_frame(self) -> OffPolicyConfig:
        if self.truncation_bootstraps and not self.stores_end_frame:
            raise ValueError(
                "truncation_bootstraps needs stores_end_frame: it asks for the value of the frame at the cap"
            )
        return self


NUMERICS_VERSION = 3
KEPT_LAW = {
    3: frozenset(
        {
            "dqn",
            "double_dqn",
            "drq",
            "dueling",
            "linear",
            "munchausen_dqn",
            "noisy_dqn",
            "rainbow_no_distributional",
        }
    )
}
"""The held-out curve of the modules that are left out became another one."""

STREAMS = (
    "initialisation",  # first weights of the online network
    "target_initialisation",  # first weights of a target network that does not start as a copy
    "noop_starts",  # number of no-op frames at the start of an episode or life
    "stickiness",  # whether a frame repeats the action executed last
    "exploration",  # epsilon-greedy: explore or not, which action, which of several greedy ones
    "replay",  # which transitions are sampled
    "loss",  # random arrays a loss asks for (quantile fractions, noise)
)
"""Streams that live as long as training does; their states are part of a checkpoint."""
