"""What an experiment's agents do after a step or an episode, as the formula of the text they are compared with."""

from __future__ import annotations

from dataclasses import dataclass

from replication.specification.experiments import Experiment
from replication.specification.originals import rows_of


@dataclass(frozen=True)
class ShownUpdate:
    """One formula."""

    agents: str
    """Titles of the agents that it is of, without the settings that were changed."""
    what: str
    formula: str
    source: str


def shown_updates(experiment: Experiment) -> list[ShownUpdate]:
    """List the formulas of an experiment's agents, each once; none where their originals state none.

    Raises:
        ReplicationError: as `rows_of`.
    """
    agents: dict[str, dict[str, None]] = {}
    for run in experiment.runs():
        if run.variant.original:
            agents.setdefault(run.variant.original, {})[run.variant.title.split(",")[0]] = None
    return [
        ShownUpdate(" and ".join(titles), row.behaviour, row.formula, row.source)
        for original, titles in agents.items()
        for _, row in rows_of(original)
        if row.formula
    ]
