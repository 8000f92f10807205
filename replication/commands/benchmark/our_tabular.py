"""Our Q-learning and Sarsa on the cliff as a measured program: `python -m replication.commands.benchmark.our_tabular`.

An episode is one of Sutton & Barto's Example 6.6: seed after seed, as bundles learn them, 500 episodes of each agent.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from replication.commands.benchmark.pacing import Pace, versions
from replication.specification.run import Run, resolve_run
from replication.training.tabular.family import learn

VARIANTS = ("q_learning", "sarsa")
EPISODES_A_SEED = 500


def main() -> None:
    """Learn seeds until nobody asks any more."""
    seed_episodes = EPISODES_A_SEED * len(VARIANTS)
    pace = Pace(lambda: {"versions": versions()}, dict, period_steps=seed_episodes, warm_up_steps=2 * seed_episodes)
    runs = measured_runs()
    for seed in count(1):
        for run in runs:
            learn(replace(run, seed=seed))
        pace.step(seed_episodes)


def measured_runs() -> list[Run]:
    """Return the first seed's run of each agent."""
    return [
        resolve_run(
            variant=name, task="cliff_walking", seed=1, protocol="learning_2018", budget_episodes=EPISODES_A_SEED
        )
        for name in VARIANTS
    ]


if __name__ == "__main__":
    main()
