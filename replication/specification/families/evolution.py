"""Settings of the evolution family: the weights of a policy are searched by the returns of whole episodes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from replication.foundation.validation import Count, Positive
from replication.specification.families.facts import FamilyFacts, FamilySettings

NotNegative = Annotated[float, Field(ge=0.0)]


class EvolutionSettings(FamilySettings):
    """The settings of the family: its algorithms have no field in common."""


class CemConfig(EvolutionSettings):
    """The cross-entropy method: candidates are drawn around a mean, which becomes that of the best of them."""

    hidden_units: Count
    """ReLU units of the policy, between the observation and an action that is a hyperbolic tangent."""
    samples: Count
    """Candidates of an iteration, an episode each."""
    elites: Count
    """Those of the highest returns, whose mean is the next mean."""
    start_deviation: NotNegative
    """Standard deviation of the first mean's weights around 0."""
    deviation: Positive
    """sigma: standard deviation of candidates around the mean, of each weight; in all iterations, or in the first."""
    fits_deviation: bool
    """After the first iteration the variance of a weight is that of the elites, and the extra one; else it stays."""
    extra_variance: NotNegative
    """Added to the fitted variance in the first iteration that has one."""
    extra_variance_decrease: NotNegative
    """By which it is smaller in each iteration after that, down to 0."""


class HillClimbingConfig(EvolutionSettings):
    """Hill climbing: noise is added to the weights of a linear policy, less after a success and more after none."""

    start_weight: NotNegative
    """Weights are at first uniform from 0 to this."""
    noise: Positive
    """At first: weights are moved by a uniform number from 0 to this."""
    least_noise: Positive
    greatest_noise: Positive
    noise_factor: Annotated[float, Field(gt=1.0)]
    """By which noise is divided after an episode at least as good as the best, and multiplied after any other."""
    keeps_best: bool
    """What is tried next starts from the weights of the best episode; False: after such an episode the moved weights
    take their place before they are tried."""


NUMERICS_VERSION = 1

FACTS = FamilyFacts(
    name="evolution",
    settings=EvolutionSettings,
    modules={"cem": CemConfig, "hill_climbing": HillClimbingConfig},
    numerics_version=NUMERICS_VERSION,
    kept_law={},
    budget_units=("episodes", "iterations"),
    bundles=True,
    evidence="learning",
    streams=(),
    seconds_a_seed=2.0,
)
