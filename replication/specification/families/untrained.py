"""Settings of the untrained family: agents that do not train."""

from __future__ import annotations

from replication.foundation.validation import Count
from replication.specification.families.facts import FamilyFacts, FamilySettings


class UntrainedConfig(FamilySettings):
    """An agent that learns nothing."""


class RandomAgentConfig(UntrainedConfig):
    """The random agent of games, which holds its actions."""

    action_period_frames: Count
    """Emulator frames an action is held for."""


NUMERICS_VERSION = 1

FACTS = FamilyFacts(
    name="untrained",
    settings=UntrainedConfig,
    modules={"random_agent": RandomAgentConfig, "random_uniform": UntrainedConfig},
    numerics_version=NUMERICS_VERSION,
    kept_law={},
    budget_units=(),
    bundles=False,
    evidence="inputs",
    streams=(),
)
