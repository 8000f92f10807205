"""Settings of the on-policy family: actors, rollouts, network, optimizer, schedules. A YAML states all but nulls.

A field has a default only where it was added after results were made (optional_settings.py).

Every count carries its unit in its name (`_frames` = emulator frames at 60 a second, `_steps` = agent decisions). The
sentence under a field is what `describe` prints.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Discriminator, Field, Tag, model_validator

from replication.foundation.validation import Count, Positive, Probability, Settings
from replication.specification.families.facts import FamilySettings
from replication.specification.families.off_policy import AdamConfig, NetworkConfig
from replication.specification.families.vector_policies import (
    ObservationNormalization,
    PerceptronPolicyConfig,
    ReturnNormalization,
)
from replication.specification.protocols import FramePipelineName, HistoryStart


class PolicyNetworkConfig(NetworkConfig):
    """Convolutions and one hidden layer with ReLU, which policy and value share; one linear output each."""

    initialisation: Literal["orthogonal", "normalized_columns"]  # type: ignore[assignment]
    """Rows or columns of each weight matrix are orthogonal and of the length of its gain; or the weights of each unit
    of a dense layer are normal and of that length together, those of a convolution uniform by Glorot. Biases are 0."""
    hidden_gain: Positive
    """Of the convolutions and the hidden layer."""
    policy_gain: Positive
    """Of the output that gives the policy."""
    value_gain: Positive
    """Of the output that gives the values."""


class RMSPropConfig(Settings):
    """RMSProp divided by the root of the mean square of the gradient."""

    name: Literal["rmsprop"]
    learning_rate: Positive
    decay: Probability
    """Of the running mean of the squared gradient."""
    epsilon: Positive
    mean_square_start: Annotated[float, Field(ge=0.0)]
    epsilon_outside_root: bool = False
    """The constant is added to the root (PyTorch), not inside of it (TensorFlow)."""


class RAdamConfig(Settings):
    """Adam whose steps are rectified for how little its mean square has seen; plain momentum until that can be told."""

    name: Literal["radam"]
    learning_rate: Positive
    beta1: Probability
    beta2: Probability
    epsilon: Positive
    epsilon_before_correction: bool
    """The constant is added to the root of the mean square before that is corrected for its start at 0."""


class RolloutFrames(NamedTuple):
    """When a rollout was played: emulator frames of training, nominal ones, over all actors; steps of other tasks."""

    before_first_step: int
    before_last_step: int


class ConstantSchedule(Settings):
    """The same from beginning to end."""

    kind: Literal["constant"]

    def factor(self, frames: RolloutFrames) -> float:
        """Return 1."""
        return 1.0


class LinearSchedule(Settings):
    """A factor that falls from 1 to 0, read once a rollout."""

    kind: Literal["linear"]
    to_zero_at_frames: Count
    """Emulator frames of training, nominal ones, at which it would be 0; no matter how long a run is."""
    read_at: Literal["first_step", "last_step"]
    """Of a rollout, whose steps are counted over all actors."""

    def factor(self, frames: RolloutFrames) -> float:
        """Return the share of the frames that is left, never less than 0."""
        return _share_left(frames, self.to_zero_at_frames, self.read_at)


class LinearScheduleOfSteps(Settings):
    """The same for tasks that have no frames."""

    kind: Literal["linear_in_steps"]
    to_zero_at_steps: Count
    """Agent steps of training, over all actors, at which it would be 0; no matter how long a run is."""
    read_at: Literal["first_step", "last_step"]
    """Of a rollout, whose steps are counted over all actors."""

    def factor(self, frames: RolloutFrames) -> float:
        """Return the share of the steps that is left, never less than 0."""
        return _share_left(frames, self.to_zero_at_steps, self.read_at)


def _share_left(frames: RolloutFrames, to_zero_at: int, read_at: Literal["first_step", "last_step"]) -> float:
    passed = frames.before_first_step if read_at == "first_step" else frames.before_last_step
    return max(0.0, 1.0 - passed / to_zero_at)


Schedule = Annotated[ConstantSchedule | LinearSchedule | LinearScheduleOfSteps, Field(discriminator="kind")]


def _kind_of_network(network: Any) -> str:
    """Return the kind of a network's settings: only those of perceptrons name an activation."""
    has_activation = "activation" in network if isinstance(network, dict) else hasattr(network, "activation")
    return "perceptrons" if has_activation else "convolutions"


AnyPolicyNetworkConfig = Annotated[
    Annotated[PolicyNetworkConfig, Tag("convolutions")] | Annotated[PerceptronPolicyConfig, Tag("perceptrons")],
    Discriminator(_kind_of_network),
]


class GameView(NamedTuple):
    """The settings by which an agent sees the screens of a game, and its network."""

    frame_pipeline: FramePipelineName
    frame_stack: int
    history_start: HistoryStart
    network: NetworkConfig


class EpsilonSchedule(Settings):
    """A share of random actions that falls linearly."""

    start: Probability
    end: Probability
    to_end_at_frames: Count
    """Emulator frames of training, nominal ones over all actors, from which on it is `end`; no matter how long a run
    is."""
    read_at: Literal["step", "rollout"]
    """Anew in each step, by the frames that will have been played with it; or once a rollout, by those before it."""

    def at(self, frames: int) -> float:
        """Return the share after so many frames."""
        passed = min(1.0, frames / self.to_end_at_frames)
        return self.start + passed * (self.end - self.start)


class OnPolicyConfig(FamilySettings):
    """Everything that the engine needs; an algorithm may add fields of its own."""

    frame_pipeline: FramePipelineName | None
    """From screens to 84x84 bytes, as the program of this name has it; None: the task is no game."""
    frame_stack: Count | None
    """Most recent frames a state has; None: the task is no game."""
    history_start: HistoryStart | None
    """What stands before the first frame of a trajectory: zeros, or that frame again; None: the task is no game."""
    reward: Literal["sign", "raw"]
    """What is learned from: the sign of a step's summed reward, or the sum itself."""
    num_actors: Count
    """Tasks played side by side by one policy; steps are counted over all of them."""
    rollout_steps: Count | None
    """Steps of each actor between two rounds of updates; None: whole trajectories are."""
    rollout_episodes: Count | None
    """Trajectories between two rounds of updates; None: a number of steps is."""
    discount: Probability
    """Of the value one step later."""
    bootstrap_at_truncation: bool
    """Whether the value of the state at the cap stands for what would have followed; False: the cap is an end."""
    epochs: Count
    """Times that each state of a rollout is learned from."""
    minibatches: Count
    """Parts of a rollout, shuffled anew in each epoch; 1: the rollout as it is."""
    minibatch_shuffle: Literal["rollout", "each_actor"] = "rollout"
    """Whether the steps of all actors are shuffled together, or those of each actor apart, so that every minibatch has
    as many of each: as processes do it that average the gradients of their own minibatches."""
    max_gradient_norm: Positive | None
    """Largest Euclidean norm of the gradient of all parameters together; None: whatever it is."""
    evaluation_policy: Literal["sampled", "greedy"]
    """How an evaluation acts: by the policy's probabilities, or by the likeliest action."""
    network: AnyPolicyNetworkConfig
    optimizer: Annotated[RMSPropConfig | AdamConfig | RAdamConfig, Field(discriminator="name")]
    learning_rate_schedule: Schedule
    """Of the factor of the optimizer's learning rate."""
    observation_normalization: ObservationNormalization | None = None
    """None: observations are seen as the task gives them."""
    return_normalization: ReturnNormalization | None = None
    """None: returns are learned as they are."""
    exploration: EpsilonSchedule | None = None
    """Of the share of actions that are drawn uniformly; None: actions are what the policy chooses."""
    actors: Literal["together", "in_turn"] = "together"
    """Who plays a rollout: all actors side by side, or one of them, the next in order, as if each were a thread."""
    staleness_updates: Annotated[int, Field(ge=0)] = 0
    """By how many updates the parameters are older that a rollout is played with and its gradient is computed for."""
    recompute_advantages: bool = False
    """Whether values, advantages and returns are computed anew before each epoch, by the network as it is then."""

    @property
    def of_game(self) -> GameView:
        """How the screens of a game are seen; asked only where the network has convolutions."""
        assert self.frame_pipeline is not None and self.frame_stack is not None and self.history_start is not None
        assert isinstance(self.network, NetworkConfig)
        return GameView(self.frame_pipeline, self.frame_stack, self.history_start, self.network)

    @property
    def of_vectors(self) -> PerceptronPolicyConfig | None:
        """The perceptrons that see vectors of numbers; None: the network has convolutions, and the task is a game."""
        return self.network if isinstance(self.network, PerceptronPolicyConfig) else None

    @model_validator(mode="after")
    def _sees_one_kind_of_task(self) -> OnPolicyConfig:
        for name in ("frame_pipeline", "frame_stack", "history_start"):
            found = getattr(self, name)
            if (found is None) != (self.of_vectors is not None):
                raise ValueError(
                    f"{name}: found {'null' if found is None else found}, expected null with a network of perceptrons, "
                    "and a value with one of convolutions"
                )
        if self.of_vectors is None and (self.observation_normalization or self.return_normalization):
            raise ValueError("observation_normalization, return_normalization: expected a network of perceptrons")
        return self

    @model_validator(mode="after")
    def _rollouts_end(self) -> OnPolicyConfig:
        if (self.rollout_steps is None) == (self.rollout_episodes is None):
            raise ValueError("rollout_steps, rollout_episodes: expected a number for exactly one of the two")
        if self.rollout_episodes is not None and self.num_actors != 1:
            raise ValueError(
                f"rollout_episodes: found {self.num_actors} actors, expected num_actors 1: others would wait for the "
                "longest trajectory"
            )
        if self.actors == "in_turn" and self.rollout_steps is None:
            raise ValueError("actors: found in_turn, expected rollout_steps beside it: turns are of equal length")
        if self.staleness_updates and self.epochs * self.minibatches != 1:
            raise ValueError(
                f"staleness_updates: found {self.staleness_updates} beside {self.epochs} epochs of {self.minibatches} "
                "minibatches, expected one of one: a rollout is an update"
            )
        if self.rollout_steps is not None and self.least_rollout_steps % self.minibatches:
            raise ValueError(
                f"minibatches: found {self.minibatches}, expected a divisor of the "
                f"{self.least_rollout_steps} steps of a rollout"
            )
        return self

    @property
    def least_rollout_steps(self) -> int:
        """Steps of a rollout over all who play it; where it is as long as a trajectory, the least it can be."""
        return (self.rollout_steps or 1) * self.actors_a_rollout

    @property
    def actors_a_rollout(self) -> int:
        """How many actors play a rollout."""
        return self.num_actors if self.actors == "together" else 1


NUMERICS_VERSION = 1

STREAMS = (
    "initialisation",  # first weights of the network
    "exploration",  # which actions are taken
    "minibatches",  # how the steps of a rollout are shuffled
)
"""Streams that live as long as training does. Each actor has two more: no-op starts and stickiness."""
ACTOR_STREAMS = ("noop_starts", "stickiness")
"""Streams of each actor, by its number."""
START_STREAM = "starts"
"""The only stream of an actor that plays no game: where its episodes begin."""
