"""Settings that modules of the off-policy family have beside those of the family, and the family's facts.

The classes lie here and not beside the networks and losses, so that whoever reads settings needs no torch. Defaults are
as in off_policy.py.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from replication.foundation.validation import Count, Positive, Probability
from replication.specification.families.facts import FamilyFacts
from replication.specification.families.off_policy import KEPT_LAW, NUMERICS_VERSION, STREAMS, OffPolicyConfig
from replication.specification.families.off_policy_work import off_policy_work


class DQNConfig(OffPolicyConfig):
    """The settings of the family, and the loss of a TD error."""

    error_loss: Literal["huber", "squared"] = "huber"
    """Of a TD error: its square halved inside [-1, 1] and linear outside, or its whole square (Dopamine's in JAX)."""


class DoubleDQNConfig(OffPolicyConfig):
    """The settings of DQN, and one more."""

    shared_output_bias: bool
    """One bias for the values of all actions, instead of one for each."""


class C51Config(OffPolicyConfig):
    """The settings of DQN, and the support of the distribution."""

    num_atoms: Annotated[int, Field(ge=2)]
    """Values the return can have, evenly spaced."""
    value_min: float
    """The least of them, in discounted clipped reward."""
    value_max: float
    """The largest of them."""

    @model_validator(mode="after")
    def _support_is_in_order(self) -> C51Config:
        if self.value_min >= self.value_max:
            raise ValueError(f"value_min: expected less than value_max, found {self.value_min} and {self.value_max}")
        return self


class QRDQNConfig(OffPolicyConfig):
    """The settings of DQN, and those of quantile regression."""

    num_quantiles: Count
    """Quantiles of the return that are learned, each as likely as any other."""
    huber_threshold: Annotated[float, Field(ge=0.0)]
    """Size of an error from which on its loss grows linearly (kappa); 0: it always does."""
    priority: Literal["value_error", "loss"] = "value_error"
    """Of a transition: the absolute error of its expected value, or its loss (Dopamine's in JAX)."""


class IQNConfig(OffPolicyConfig):
    """The settings of DQN, and how quantiles are sampled."""

    online_samples: Count
    """Quantiles of the prediction in a transition's loss (N)."""
    target_samples: Count
    """Quantiles of its target (N')."""
    policy_samples: Count
    """Quantiles whose mean is an action's value (K)."""
    embedding_size: Count
    """Cosines that stand for a quantile's fraction (n)."""
    huber_threshold: Annotated[float, Field(ge=0.0)]
    """Size of an error from which on its loss grows linearly (kappa); 0: it always does."""


class MunchausenDQNConfig(OffPolicyConfig):
    """The settings of DQN, and those of the soft target."""

    entropy_temperature: Positive
    """tau of the policy softmax(Q / tau), in units of value."""
    munchausen_coefficient: Probability
    """Share of the log-policy, times tau, that is added to the reward (alpha)."""
    log_policy_min: Annotated[float, Field(le=0.0)]
    """Least value of the log-policy times tau where it is added to the reward (l_0)."""


class MunchausenIQNConfig(IQNConfig, MunchausenDQNConfig):
    """The settings of both."""


class NoisyDQNConfig(OffPolicyConfig):
    """The settings of DQN, and one more."""

    sigma_0: Positive
    """Deviation of a noisy weight at the start, times the square root of the layer's inputs."""


class RainbowConfig(C51Config):
    """The settings of C51, and which other parts there are."""

    double: bool
    """Whether the online network chooses the action whose distribution the target network gives."""
    dueling: Literal["none", "own_hidden_layers", "one_hidden_layer"]
    """Value and advantages told apart in the network: not, with a hidden layer each, or after one for both."""
    sigma_0: Positive | None
    """Deviation of a noisy weight at the start, times the root of the layer's inputs; None: no layer is noisy."""
    noisy_bias_scale: Literal["inputs", "outputs"] = "inputs"
    """Of which number the root divides `sigma_0` for the deviation of a noisy bias at the start."""


class DrQConfig(OffPolicyConfig):
    """The settings of DQN, and how states are changed."""

    shift_pixels: Count
    """Pixels by which the edges are repeated outwards before a screen is cut out of the larger one."""
    intensity_scale: Positive
    """Deviation of the factor, around 1, that all pixels of a state are multiplied by."""


class SPRConfig(C51Config, DrQConfig):
    """The settings of C51 and of DrQ; noise, and predictions."""

    sigma_0: Positive
    """Deviation of a noisy weight at the start, times the root of the layer's inputs; of a bias, of its outputs."""
    jumps: Count
    """Steps ahead that are predicted."""
    prediction_weight: Positive
    """Of the mean loss of the predictions, beside the loss of the values."""

    @property
    def future_steps(self) -> int:
        """The states that are predicted."""
        return self.jumps

    @property
    def separately_clipped(self) -> tuple[tuple[str, ...], ...]:
        """The network that acts, and the transition model. Source: mila-iqia/spr 0b9dd4e src/algos.py:139-143."""
        return ("convolutions", "value_hidden", "value", "advantage_hidden", "advantages"), ("transition",)


FACTS = FamilyFacts(
    name="off_policy",
    settings=OffPolicyConfig,
    modules={
        "c51": C51Config,
        "double_dqn": DoubleDQNConfig,
        "dqn": DQNConfig,
        "drq": DrQConfig,
        "dueling": OffPolicyConfig,
        "iqn": IQNConfig,
        "linear": DQNConfig,
        "munchausen_dqn": MunchausenDQNConfig,
        "munchausen_iqn": MunchausenIQNConfig,
        "noisy_dqn": NoisyDQNConfig,
        "qr_dqn": QRDQNConfig,
        "rainbow": RainbowConfig,
        "rainbow_no_distributional": NoisyDQNConfig,
        "spr": SPRConfig,
    },
    numerics_version=NUMERICS_VERSION,
    kept_law=KEPT_LAW,
    budget_units=("frames", "iterations"),
    bundles=False,
    evidence="inputs",
    streams=STREAMS,
    details="nature_dqn",
    work=off_policy_work,
)
