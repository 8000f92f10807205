"""Settings of the fitted Q family: networks that learn from a set of transitions, all of it again and again."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from replication.foundation.validation import Count, Positive, Probability, Settings
from replication.specification.families.facts import FamilyFacts, FamilySettings


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


class FittedQConfig(FamilySettings):
    """Neural fitted Q iteration."""

    iterations: Annotated[int, Field(ge=0)]
    """N of Fig. 1: how often targets are computed and learned; 0: the network keeps its initial weights."""
    epochs_per_iteration: Count
    """Sweeps through the pattern set."""
    starts_anew: bool
    """Whether each iteration learns its targets from new random weights; else from those of the last one."""
    discount: Probability
    initial_weight: Annotated[float, Field(ge=0.0)]
    """Weights and biases are drawn uniformly, at most this far from 0."""
    force_scale_n: Positive
    """What a force is divided by before it is an input."""
    rprop: RpropSettings


NUMERICS_VERSION = 1

FACTS = FamilyFacts(
    name="fitted_q",
    settings=FittedQConfig,
    modules={"nfq": FittedQConfig},
    numerics_version=NUMERICS_VERSION,
    kept_law={},
    budget_units=("episodes",),
    bundles=True,
    evidence="policy",
    streams=(),
    seconds_a_seed=8.0,  # the records of results/runs/nfq* have 5 to 14
)
