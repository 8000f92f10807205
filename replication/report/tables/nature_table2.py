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
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment
from replication.specification.run import Run
from replication.specification.tasks.atari_games import find_game

NEEDS = {"games": "one of nature49"}


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
            "random": f"{printed['random']:,.1f}",
            "best linear": f"{printed['linear']:,.1f}",
            "contingency (Sarsa)": f"{printed['contingency']:,.1f}",
            "human": f"{printed['human']:,.1f}",
            "DQN (published)": f"{printed['dqn_mean']:,.1f} ± {printed['dqn_std']:,.1f}",
            "DQN % (published)": f"{printed['dqn_normalized_percent']:,.1f}",
        }
        for agent in agents:
            mean, spread, over = _score(experiment, finished, agent, game)
            row[agent] = "missing" if mean is None else f"{mean:z,.1f} ± {spread:,.1f}"
            if agent in trained:
                percent = None if mean is None else normalized_score(mean, game, references)
                row[f"{agent} %"] = "missing" if percent is None else f"{percent:z,.1f}"
                row[f"{agent} ± over"] = over
        rows.append(row)
    compared = (("DQN (published)", *trained),) if trained else ()
    return Table("nature_table2", pd.DataFrame(rows), _caption(experiment, finished, agents), compared)


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
        "cent: 100 (score - random) / (human - random), random and human from the article's table. Bold: the highest "
        "of the published DQN and ours; at fewer frames than 200 million that is no comparison of like with like."
    )
