"""The hyperparameters of the article, beside the values in force here.

Source: Mnih et al. 2015, Extended Data Table 1.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from replication.analysis.finished import FinishedRuns
from replication.analysis.learning_curves import agent_title
from replication.foundation.errors import ReplicationError
from replication.published.loader import published_table
from replication.report.tables.columns import snake_case, text
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.fidelity import deviations_in_force
from replication.specification.protocols import of_atari
from replication.specification.run import Run

NEEDS = {"agents": "one that trains"}
_IN_THE_LOSS = "in the loss of replication/algorithms/{module}.py"


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: a row a hyperparameter of the article, a pair of columns an agent that trains.

    Raises:
        ReplicationError: no agent of the experiment trains.
    """
    runs = experiment.runs()
    agents: dict[str, Run] = {}
    for run in runs:
        if run.family.trains:
            agents.setdefault(agent_title(run, runs), run)
    if not agents:
        raise ReplicationError(f"experiment {experiment.experiment}: no agent trains; leave out table nature_table1")
    rows = []
    for printed in published_table("nature_2015_table1_hyperparameters").to_dict("records"):
        name, value = str(printed["name"]), str(printed["value"])
        row = {
            "hyperparameter": name,
            "published": _grouped(value),
            "unit": str(printed["unit"]),
            "released program": str(printed["released_lua_code"]),
        }
        for agent, run in agents.items():
            heading = "in force" if len(agents) == 1 else f"in force: {agent}"
            ours = _IN_FORCE[name](run)
            row[heading] = _grouped(ours)
            row["as published" if len(agents) == 1 else f"as published: {agent}"] = _agrees(ours, value)
        rows.append(row)
    columns = tuple(text(heading) for heading in rows[0])
    frame = pd.DataFrame(rows).rename(columns=snake_case)
    return Table("nature_table1", frame, _caption(agents), columns=columns)


def _agrees(ours: str, published: str) -> str:
    if ours.startswith("in the loss"):
        return "see fidelity"
    return "yes" if ours == published else "no"


def _grouped(value: str) -> str:
    """Separate the thousands of a whole number; other text stays as it is."""
    return f"{int(value):,}" if value.isdigit() else value


def _optimizer(key: str) -> Callable[[Run], str]:
    def setting(run: Run) -> str:
        optimizer = run.settings_as(OffPolicyConfig).optimizer
        return _plain(getattr(optimizer, key)) if hasattr(optimizer, key) else f"none ({optimizer.name})"

    return setting


def _config(*keys: str) -> Callable[[Run], str]:
    def setting(run: Run) -> str:
        found: object = run.settings
        for key in keys:
            found = getattr(found, key)
        return _plain(found)

    return setting


def _plain(number: object) -> str:
    return f"{number:.10g}" if isinstance(number, float) else str(number)


def _target_updates(run: Run) -> str:
    config = run.settings_as(OffPolicyConfig)
    return _plain(config.target_update_period_steps * config.updates_at_once / config.update_period_steps)


def _most_noops(run: Run) -> str:
    noops = of_atari(run.protocol.training).noops_after_game_over_frames
    return "none" if noops is None else str(noops[1])


def _reward_clip(run: Run) -> str:
    clip = _plain(run.settings_as(OffPolicyConfig).reward_clip)
    return f"[-{clip}, {clip}]"


def _evaluation_epsilon(run: Run) -> str:
    final = run.protocol.final_evaluation
    return "none" if final is None else _plain(run.final_epsilon(final))


_IN_FORCE: dict[str, Callable[[Run], str]] = {
    "minibatch size": _config("batch_size"),
    "replay memory size": _config("replay_capacity_rows"),
    "agent history length": _config("frame_stack"),
    "target network update frequency": _target_updates,
    "discount factor": _config("discount"),
    "action repeat": lambda run: str(run.protocol.training.frame_skip),
    "update frequency": _config("update_period_steps"),
    "learning rate": _optimizer("learning_rate"),
    "gradient momentum": _optimizer("decay"),
    "squared gradient momentum": _optimizer("decay"),
    "min squared gradient": _optimizer("epsilon"),
    "initial exploration": _config("epsilon", "start"),
    "final exploration": _config("epsilon", "end"),
    "final exploration frame": _config("epsilon", "decay_steps"),
    "replay start size": _config("replay_start", "count"),
    "no-op max": _most_noops,
    "reward clipping": _reward_clip,
    "error clipping": lambda run: _IN_THE_LOSS.format(module=run.variant.module),
    "training length": lambda run: str(run.budget.steps) if run.budget.steps else f"{run.budget.iterations} iterations",
    "evaluation epsilon": _evaluation_epsilon,
    "evaluation episodes": lambda run: (
        "none" if run.protocol.final_evaluation is None else str(run.protocol.final_evaluation.num_episodes)
    ),
    "input size": lambda run: "84x84",
}
"""The article's names to the value of a run, spelt as the article's is."""


def _caption(agents: dict[str, Run]) -> str:
    departures = {deviation.id: None for run in agents.values() for deviation in deviations_in_force(run)}
    named = "; ".join(
        f"{agent} ({run.variant.variant}, protocol {run.protocol.protocol})" for agent, run in agents.items()
    )
    return (
        "The published hyperparameters beside those in force here. Published: Mnih et al. 2015, Extended Data Table 1, "
        "and its text; the released program (google-deepmind/dqn) differs in places, its value stands in a column of "
        f"its own. In force: {named}. "
        f"`python -m replication fidelity --variant {next(iter(agents.values())).variant.variant}` has every detail. "
        f"Deviations declared: {', '.join(departures) or 'none'}."
    )
