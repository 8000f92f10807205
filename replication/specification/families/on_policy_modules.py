"""Settings that modules of the on-policy family have beside those of the family, and the family's facts.

The classes lie here and not beside the networks and losses, so that whoever reads settings needs no torch.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from replication.foundation.validation import Positive, Probability, Settings
from replication.specification.families.facts import FamilyFacts, FamilySettings, Work
from replication.specification.families.off_policy import NetworkConfig
from replication.specification.families.on_policy import NUMERICS_VERSION, STREAMS, OnPolicyConfig, Schedule
from replication.specification.families.trust_region import TrustRegionConfig
from replication.specification.families.vector_policies import PerceptronPolicyConfig

_Weight = Annotated[float, Field(ge=0.0)]
_SCREEN_SIDE_PIXELS = 84
_TRAJECTORY_STEPS = 200
"""Assumed for plans, where a rollout is as long as a trajectory: about a life of a game."""
_OBSERVATION_SIZE = 20
"""Assumed of a task that is no game. Tasks of MuJoCo and Box2D have 4 to 24 numbers."""
_SECONDS_A_STEP = 0.0001
"""Of a simulator of vectors and a policy that acts for many of them at once."""
_SECONDS_A_PLAYED_STEP = 0.0002
"""Of the same in an evaluation, one state at a time."""
_SECONDS_AN_UPDATE = 0.0008
"""Of an update of two perceptrons of 64 and 64 units, of any small minibatch."""


class A2CConfig(OnPolicyConfig):
    """The settings of the family, and those of a critic beside the policy."""

    gae_lambda: Probability
    """How far advantages look beyond one step; 1: to the end of the rollout."""
    value_coefficient: _Weight
    """Of the squared error of the values in the loss."""
    entropy_coefficient: _Weight
    """Of the policy's entropy, which is rewarded."""


class PPOConfig(A2CConfig):
    """The settings of A2C, and how far an update may move the policy."""

    clip_range: Positive
    """Largest distance from 1 of the ratio of new to old probability that still earns more."""
    clip_range_schedule: Schedule
    """Of the factor of the clip range."""
    clip_value_loss: bool
    """Whether moving a value by more than the clip range earns nothing either."""
    normalize_advantages: Literal["none", "population", "unbiased"]
    """Of each minibatch, by the standard deviation over its steps or over one less."""


class UniformPolicyNetworkConfig(NetworkConfig):
    """Convolutions and one hidden layer with ReLU, which policy and value share; one linear output each."""

    initialisation: Literal["torch7_uniform"]


class A3CConfig(A2CConfig):
    """The settings of A2C, with a network that starts as torch's layers do."""

    network: UniformPolicyNetworkConfig  # type: ignore[assignment]


class LayerNormalizationConfig(Settings):
    """What is brought to mean 0 and deviation 1, before each ReLU, and scaled by weights and biases of its own."""

    of_convolutions: Literal["all_axes", "channels"]
    """The numbers of a state after a convolution: all of them together, or those of a pixel."""
    epsilon: Positive
    """Added to the variance."""


class NormalizedNetworkConfig(NetworkConfig):
    """Convolutions and one hidden layer, each normalized before its ReLU; one linear output for each action."""

    initialisation: Literal["orthogonal", "truncated_normal"]  # type: ignore[assignment]
    """Orthogonal rows or columns of the length of the gain; or normal numbers of at most two deviations, whose variance
    is the squared gain over the number of inputs. Biases are 0, the weights of a normalization 1."""
    hidden_gain: Positive
    """Of the convolutions and the hidden layer."""
    output_gain: Positive
    """Of the output."""
    layer_normalization: LayerNormalizationConfig


class PQNConfig(OnPolicyConfig):
    """The settings of the family, and those of Q(lambda)."""

    network: NormalizedNetworkConfig  # type: ignore[assignment]
    q_lambda: Probability
    """How far returns look beyond one step; 1: to the end of the rollout."""
    error_coefficient: Positive
    """Of the mean squared error in the loss."""


class PenaltyConfig(A2CConfig):
    """The settings of A2C, and how a penalty keeps an update near the policy that played."""

    target_kl: Positive
    """Mean Kullback-Leibler divergence of the new policy from that one, in nats, that the penalty aims at."""
    penalty_start: Positive
    """Coefficient of the divergence in the loss of the first rollout; after each it is halved or doubled by that."""
    normalize_advantages: Literal["none", "population", "unbiased"]
    """Of each minibatch, by the standard deviation over its steps or over one less."""


class TRPOConfig(A2CConfig):
    """The settings of A2C, and those of the policy's step; epochs and minibatches are the critic's alone."""

    trust_region: TrustRegionConfig


class ReinforceConfig(OnPolicyConfig):
    """The settings of the family, and those of a baseline."""

    baseline: bool
    """Whether a learned value of the state is subtracted from the return."""
    value_coefficient: _Weight
    """Of the squared error of the baseline in the loss."""
    entropy_coefficient: _Weight
    """Of the policy's entropy, which is rewarded."""

    @model_validator(mode="after")
    def _returns_are_whole(self) -> ReinforceConfig:
        mean_stands_for_the_rest = self.return_normalization is not None and self.return_normalization.subtracts_mean
        if self.rollout_episodes is None and not mean_stands_for_the_rest:
            raise ValueError(
                "rollout_episodes: found null, expected a number: returns reach to the end of a trajectory"
            )
        return self


class ActorCriticConfig(OnPolicyConfig):
    """The settings of the family, and what the critic judges by."""

    critic: Literal["action_values", "td_error"]
    """What an action's probability grows by: its learned value, or the error of the state's value one step later."""
    value_coefficient: _Weight
    """Of the squared error of the critic in the loss."""
    entropy_coefficient: _Weight
    """Of the policy's entropy, which is rewarded."""


def on_policy_work(module: str, settings: FamilySettings, num_actions: int) -> Work:
    """Count the multiply-adds of acting in a state, with its share of a rollout's end, and of learning from it.

    Args:
        module: of the algorithm.
        settings: of the variant.
        num_actions: of the game.
    """
    assert isinstance(settings, OnPolicyConfig)
    if settings.of_vectors is not None:
        first, forward = 0, _perceptron_work(settings.of_vectors, num_actions)
    else:
        first, forward = _convolution_work(settings, num_actions)
    rollout_ends = forward // settings.rollout_steps if settings.rollout_steps else 0
    # Forward, gradients of the weights, and of the inputs but for the pixels.
    a_state = 3 * forward - first
    steps = (settings.rollout_steps or _TRAJECTORY_STEPS) * settings.actors_a_rollout
    updates = settings.epochs * settings.minibatches
    apart = isinstance(settings, TRPOConfig) and settings.of_vectors is None  # perceptrons are counted with both
    a_step = _policy_step(settings.trust_region, forward, first) * steps if isinstance(settings, TRPOConfig) else 0
    return Work(
        act=(forward + rollout_ends) * (2 if apart else 1),
        update=a_state * steps // settings.minibatches + a_step // updates,
        updates_a_step=updates / steps,
    )


def _policy_step(region: TrustRegionConfig, forward: int, first: int) -> int:
    """Count the multiply-adds of a step within a trust region, for each state of a rollout.

    Args:
        region: settings of the step.
        forward: multiply-adds of the policy in a state.
        first: of its first layer among them, through which no gradient goes on.
    """
    gradient, one_length = 3 * forward - first, forward
    of_fisher = gradient + (region.conjugate_gradient_steps + 1) * 2 * gradient
    return gradient + one_length + of_fisher // region.fisher_every_steps


def _convolution_work(settings: OnPolicyConfig, num_actions: int) -> tuple[int, int]:
    """Count the multiply-adds of the first layer and of a whole pass of one state."""
    first = forward = 0
    _, channels, _, network = settings.of_game
    side = _SCREEN_SIDE_PIXELS
    for layer in network.convolutions:
        side = (side - layer.kernel) // layer.stride + 1
        forward += side**2 * layer.channels * channels * layer.kernel**2
        first, channels = first or forward, layer.channels
    return first, forward + network.hidden_units * (channels * side**2 + num_actions + 1)


def _perceptron_work(network: PerceptronPolicyConfig, num_actions: int) -> int:
    """Count the multiply-adds of a pass of one state through the perceptrons of policy and value."""
    shared = sum(inputs * outputs for inputs, outputs in pairwise((_OBSERVATION_SIZE, *network.hidden_units)))
    return 2 * shared + network.hidden_units[-1] * (num_actions + 1)


def assumed_steps_a_second(settings: FamilySettings) -> tuple[float, float] | None:
    """Return agent steps a second of training and of evaluation, on one core; assumed for plans.

    Args: `settings` are of the family.
    Returns: None for games, whose emulators and networks take most of the time.
    """
    assert isinstance(settings, OnPolicyConfig)
    if settings.of_vectors is None:
        return None
    steps = (settings.rollout_steps or _TRAJECTORY_STEPS) * settings.num_actors
    updates_a_step = settings.epochs * settings.minibatches / steps
    return 1.0 / (_SECONDS_A_STEP + updates_a_step * _SECONDS_AN_UPDATE), 1.0 / _SECONDS_A_PLAYED_STEP


FACTS = FamilyFacts(
    name="on_policy",
    settings=OnPolicyConfig,
    modules={
        "a2c": A2CConfig,
        "a3c": A3CConfig,
        "actor_critic": ActorCriticConfig,
        "ppo": PPOConfig,
        "ppo1": PPOConfig,
        "ppo_penalty": PenaltyConfig,
        "pqn": PQNConfig,
        "reinforce": ReinforceConfig,
        "trpo": TRPOConfig,
    },
    numerics_version=NUMERICS_VERSION,
    kept_law={},
    budget_units=("frames", "steps"),
    bundles=False,
    evidence="inputs",
    streams=STREAMS,
    state_value=("V(s)", "the value of the state"),
    speed=assumed_steps_a_second,
    work=on_policy_work,
)
