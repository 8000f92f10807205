"""The 49 games in the layout of the article: random, human, linear, contingency-aware Sarsa, DQN; ours beside them.

Source: Mnih et al. 2015, Extended Data Table 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from replication.analysis.finished import FinishedRun, FinishedRuns, coverage
from replication.analysis.learning_curves import agent_title, budget_text
from replication.published.loader import published_table
from replication.published.references import normalized_score, reference_set
from replication.report.tables.columns import PrintedColumn, number, snake_case, text, with_deviation
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment
from replication.specification.run import Run
from replication.specification.tasks.atari_games import find_game

NEEDS = {"games": "one of nature49"}
_PUBLISHED = (
    text("game"),
    number("random"),
    number("best linear", "linear"),
    number("contingency (Sarsa)", "contingency"),
    number("human"),
    with_deviation("DQN (published)", "dqn_published"),
    number("DQN % (published)", "dqn_published_normalized"),
)


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: a row a game of the article that the experiment names, in the article's order."""
    references = reference_set("nature49_5min")
    agents = _agents(experiment)
    trained = [agent for agent, run in agents.items() if run.family.trains]
    games = {run.task.name for run in experiment.runs()}
    rows = []
    for printed in published_table("nature_2015_table2").to_dict("records"):
        game = printed["game"]
        if game not in games:
            continue
        row = {
            "game": find_game(game).title,
            "random": printed["random"],
            "linear": printed["linear"],
            "contingency": printed["contingency"],
            "human": printed["human"],
            "dqn_published": printed["dqn_mean"],
            "dqn_published_deviation": printed["dqn_std"],
            "dqn_published_normalized": printed["dqn_normalized_percent"],
        }
        for agent in agents:
            mean, spread, over = _score(experiment, finished, agent, game)
            name = snake_case(agent)
            row |= {name: mean, f"{name}_deviation": None if mean is None else spread}
            if agent in trained:
                row[f"{name}_normalized"] = None if mean is None else normalized_score(mean, game, references)
                row[f"{name}_deviation_over"] = over
        rows.append(row)
    columns = (*_PUBLISHED, *(column for agent in agents for column in _columns(agent, agent in trained)))
    return Table("nature_table2", pd.DataFrame(rows), _caption(experiment, finished, agents), columns=columns)


def _columns(agent: str, trains: bool) -> list[PrintedColumn]:
    name = snake_case(agent)
    normalized = [number(f"{agent} %", f"{name}_normalized"), text(f"{agent} ± over", f"{name}_deviation_over")]
    return [with_deviation(agent, name), *(normalized if trains else [])]


def _agents(experiment: Experiment) -> dict[str, Run]:
    """Return the agents of the experiment, each with one of its runs."""
    runs = experiment.runs()
    agents: dict[str, Run] = {}
    for run in runs:
        agents.setdefault(agent_title(run, runs), run)
    return agents


def _score(
    experiment: Experiment, finished: Sequence[FinishedRun], agent: str, game: str
) -> tuple[float | None, float, str]:
    """Return the mean score, its standard deviation, and what that is over; None where no run is finished.

    It is over the seeds, or over the episodes of a single seed.
    """
    runs = experiment.runs()
    episodes = [
        found.episodes["return"].to_numpy(np.float64)
        for found in finished
        if found.episodes is not None and found.run.task.name == game and agent_title(found.run, runs) == agent
    ]
    if not episodes:
        return None, 0.0, ""
    values = episodes[0] if len(episodes) == 1 else np.array([returns.mean() for returns in episodes])
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return float(values.mean()), spread, f"{len(values)} {'episodes' if len(episodes) == 1 else 'seeds'}"


def _caption(experiment: Experiment, finished: Sequence[FinishedRun], agents: dict[str, Run]) -> str:
    described = "; ".join(
        f"{agent}: {budget_text(run)}, protocol {run.protocol.protocol}" for agent, run in agents.items()
    )
    return (
        f"Scores on the games of the article, in its layout. {coverage(experiment, finished)} finished. Ours: "
        f"{described}. Published (Mnih et al. 2015, Extended Data Table 2): random, best linear learner, "
        "contingency-aware Sarsa, human, and DQN after 200 million frames; its ± is the standard deviation over 30 "
        "episodes of one network. Ours: ± is over what its column says, episodes of one network or means of seeds. Per "
        "cent: 100 (score - random) / (human - random), random and human from the article's table. At fewer "
        "frames than 200 million ours beside the published DQN is no comparison of like with like."
    )
