"""Settings of on-policy agents that see vectors of numbers: perceptrons, actions of any size, running normalization."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from replication.foundation.validation import Count, Positive, Settings


class PerceptronPolicyConfig(Settings):
    """A perceptron of the observation that gives the policy, and another that gives the values, where some are learned.

    Where actions are vectors, the policy is a normal distribution of each of their numbers: the perceptron gives its
    mean, and its standard deviation is a parameter that is the same in all states.
    """

    hidden_units: Annotated[tuple[Count, ...], Field(min_length=1)]
    """Of each hidden layer, the first one first; of both perceptrons."""
    activation: Literal["tanh", "relu"]
    """Of the hidden layers."""
    initialisation: Literal["orthogonal", "fan_in_uniform"]
    """Orthogonal: rows or columns of each weight matrix are orthogonal and of the length of its gain, biases 0.
    Fan-in uniform: weights and biases are uniform within 1 / sqrt(inputs), times the gain of their layer."""
    hidden_gain: Positive
    """Of the hidden layers of both."""
    policy_gain: Positive
    """Of the output that gives the policy."""
    value_gain: Positive
    """Of the output that gives the values."""
    log_deviation_start: float | None
    """Natural logarithm of the standard deviations, before anything is learned; None: actions are numbers of a list."""
    action_bound: Literal["tanh", "clip"] | None
    """How a drawn action is brought to -1 .. 1, and from there between the bounds of the task: by its tanh, or cut.
    Learned from is the likelihood of what was drawn. None: actions are numbers of a list."""

    @model_validator(mode="after")
    def _actions_have_bounds(self) -> PerceptronPolicyConfig:
        if (self.log_deviation_start is None) != (self.action_bound is None):
            raise ValueError(
                f"action_bound: found {self.action_bound} beside log_deviation_start {self.log_deviation_start}, "
                "expected both, or null for both"
            )
        return self


class ObservationNormalization(Settings):
    """Observations less their running mean, divided by their running standard deviation, and cut."""

    updated: Literal["each_step", "each_rollout"]
    """When observations enter mean and deviation: as soon as they are seen, and what was seen is learned from as it was
    seen; or all of a rollout at its end, and what is learned from is normalized anew in each pass."""
    epsilon: Positive
    """Added to the variance."""
    largest: Positive
    """Largest size of a number that the networks see."""


class ReturnNormalization(Settings):
    """Returns divided by their running standard deviation, which a rollout enters once it was learned from.

    Values are learned in that unit, and taken back out of it where returns are made of them.
    """

    subtracts_mean: bool
    """Whether their running mean is subtracted too. It also stands for what follows where a rollout or the cap of an
    episode cuts a trajectory and no value is learned."""
    epsilon: Positive
    """Added to the variance."""
