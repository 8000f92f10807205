"""Settings of the tabular family: a value for each state and action, learned while acting epsilon-greedily."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from replication.foundation.validation import Count, Positive, Probability
from replication.specification.families.facts import FamilyFacts, FamilySettings


class TabularSettings(FamilySettings):
    """The settings of the family: its agents have no field in common."""


class TabularConfig(TabularSettings):
    """An agent with a table of action values, all 0 at first."""

    step_size: Annotated[float, Field(gt=0.0, le=1.0)]
    """alpha: the part of the error by which a value is moved."""
    discount: Probability
    """gamma: the worth of the next step's value; 1: undiscounted."""
    epsilon: Probability
    """Share of random actions while learning; the others are greedy."""
    ties: Literal["random", "first"] = "random"
    """Which of several actions of the highest value is the greedy one: each as likely, or the first of the list."""


class OneStepConfig(TabularConfig):
    """The same, one value moved after each step."""

    epsilon_by_episode: bool = False
    """The share of random actions of an episode is epsilon divided by its number, from 1; False: epsilon in all."""


class DynaConfig(TabularConfig):
    """The same with a model, from which it learns between two steps."""

    planning_steps: Annotated[int, Field(ge=0)]
    """n: steps that the model makes up after each step; 0: Q-learning."""
    bonus: Annotated[float, Field(ge=0.0)]
    """kappa: of the reward of a planned step, for each root of a step since it was last taken; above 0: Dyna-Q+."""


class ReinforceTabularConfig(TabularSettings):
    """An agent with a preference for each of two actions, the same in all states, which are alike to it."""

    step_size: Positive
    """alpha, of the preferences."""
    baseline_step_size: Annotated[float, Field(ge=0.0)]
    """alpha of the baseline, a number that starts at 0; 0: there is none."""
    discount: Probability
    """gamma."""
    start_probability: Annotated[float, Field(gt=0.0, lt=1.0)]
    """Of the second action, before anything is learned."""
    least_probability: Annotated[float, Field(ge=0.0, le=0.5)]
    """Of either action, whatever the preferences; 0: there is no such floor."""

    @property
    def epsilon(self) -> float:
        """Share of random actions beside what the policy draws: none."""
        return 0.0


class SarsaTilesConfig(TabularConfig):
    """An agent whose values are sums of weights of tiles, all 0 at first."""

    step_size: Annotated[float, Field(gt=0.0, le=2.0)]
    """alpha times the number of tilings: the part of the error by which a value is moved."""
    n_steps: Count
    """n: rewards of a target, before the value that stands for the rest."""
    tilings: Count
    """Tilings, each shifted against the one before it by one part of a tile, and three parts in the second dimension;
    a tile has as many parts as there are tilings."""
    tiles: Count
    """Tiles that a dimension is wide, in each tiling."""


NUMERICS_VERSION = 1

FACTS = FamilyFacts(
    name="tabular",
    settings=TabularSettings,
    modules={
        "q_learning": OneStepConfig,
        "sarsa": OneStepConfig,
        "expected_sarsa": OneStepConfig,
        "double_q_learning": TabularConfig,
        "dyna_q": DynaConfig,
        "reinforce_tabular": ReinforceTabularConfig,
        "sarsa_tiles": SarsaTilesConfig,
    },
    numerics_version=NUMERICS_VERSION,
    kept_law={},
    budget_units=("episodes", "steps"),
    bundles=True,
    evidence="learning",
    streams=(),
    seconds_a_seed=0.0005,
    seconds_an_episode=5e-6,
)
