"""Settings and facts of the off-policy family on vectors: values of a few actions, and a replay memory of vectors.

The losses are those of the off-policy family, whose own settings are of screens. Every count carries its unit in its
name. The sentence under a field is what `describe` prints.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from replication.foundation.validation import Count, Positive, Probability, Settings
from replication.specification.families.facts import FamilyFacts, FamilySettings
from replication.specification.families.off_policy import AdamConfig

_Steps = Annotated[int, Field(ge=0)]


class EpsilonByStep(Settings):
    """Linear from the first step on, then constant."""

    kind: Literal["by_step"]
    start: Probability
    end: Probability
    decay_steps: Count

    def at(self, step: int, episode: int) -> float:
        """Return the share of random actions of a step, both counted from 0."""
        return self.start + min(step / self.decay_steps, 1.0) * (self.end - self.start)


class EpsilonByEpisode(Settings):
    """Smaller by a factor with each episode, but no smaller than the end."""

    kind: Literal["by_episode"]
    start: Probability
    end: Probability
    factor: Probability

    def at(self, step: int, episode: int) -> float:
        """Return the share of random actions of a step, both counted from 0."""
        return max(self.end, self.start * self.factor**episode)


class OffPolicyVectorsConfig(FamilySettings):
    """Everything that the engine and the losses need."""

    replay_capacity_steps: Count
    """Transitions the replay memory holds."""
    batch_size: Count
    """Transitions in a minibatch, drawn with replacement."""
    random_steps: _Steps
    """First steps of training, whose actions are uniform."""
    learning_starts_steps: _Steps
    """Updates are made after more steps than this."""
    update_period_steps: Count
    """Steps between two rounds of updates."""
    updates_at_once: Count
    """Updates in a round, each on a minibatch of its own."""
    discount: Probability
    """Of the value one step later."""
    tau: Probability
    """Share of the way that the target network goes to the trained one, each time that it follows; 1: it becomes it."""
    target_period_steps: Count | None
    """Steps between two times that it follows; None: it follows after each update."""
    truncation_bootstraps: bool
    """Whether the value of the state at the cap enters the target; False stores the cap as an end."""
    epsilon: Annotated[EpsilonByStep | EpsilonByEpisode, Field(discriminator="kind")]
    """Share of random actions in training."""
    gradient_norm_clip: Positive | None
    """Largest Euclidean norm of the gradient of all parameters together; None: whatever it is."""
    hidden_units: Annotated[tuple[Count, ...], Field(min_length=1)]
    """Of each hidden layer with ReLU, the first one first."""
    optimizer: AdamConfig
    error_loss: Literal["huber", "squared"]
    """Of a TD error: its square halved inside [-1, 1] and linear outside, or its whole square; the mean of them."""

    @property
    def steps_before_learning(self) -> int:
        return self.learning_starts_steps

    @property
    def updates_a_step(self) -> float:
        """Updates for each step, once they have begun."""
        return self.updates_at_once / self.update_period_steps


_SECONDS_A_STEP = 0.0001
"""Of the simulator and of choosing an action."""
_SECONDS_AN_UPDATE = 0.001
"""Of 64 and 64 units and minibatches of 64; 1,004 updates a second of plain torch on one core of a cloud machine."""


def assumed_steps_a_second(settings: FamilySettings) -> tuple[float, float]:
    """Return agent steps a second of training and of evaluation, on one core; assumed for plans."""
    assert isinstance(settings, OffPolicyVectorsConfig)
    return 1.0 / (_SECONDS_A_STEP + settings.updates_a_step * _SECONDS_AN_UPDATE), 1.0 / _SECONDS_A_STEP


NUMERICS_VERSION = 1

STREAMS = (
    "initialisation",  # first weights of the network
    "starts",  # where episodes of training begin
    "exploration",  # random actions, and which of several greedy ones
    "replay",  # which transitions are sampled
)
"""Streams that live as long as training does; their states are part of a checkpoint."""

FACTS = FamilyFacts(
    name="off_policy_vectors",
    settings=OffPolicyVectorsConfig,
    modules={"dqn": OffPolicyVectorsConfig},
    numerics_version=NUMERICS_VERSION,
    kept_law={},
    budget_units=("steps", "episodes"),
    bundles=False,
    evidence="inputs",
    streams=STREAMS,
    speed=assumed_steps_a_second,
)
