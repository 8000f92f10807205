"""ShangtongZhang's cliff_walking.py, unchanged, as a measured program: `... benchmark.cliff_script SCRIPT EPISODES`.

Its functions are called as its `figure_6_4` calls them: tables of zeros for each run, an episode of Sarsa and one of
Q-learning in turn. Run by a python that has numpy, matplotlib and tqdm.
"""

from __future__ import annotations

import runpy
import sys

import numpy as np

from replication.commands.benchmark.pacing import Pace, versions


def main(script: str, episodes: int) -> None:
    """Learn run after run until nobody asks any more."""
    found = runpy.run_path(script)
    pace = Pace(lambda: {"versions": versions()}, dict, period_steps=2 * episodes, warm_up_steps=2 * episodes)
    while True:
        tables = [np.zeros((found["WORLD_HEIGHT"], found["WORLD_WIDTH"], 4)) for _ in range(2)]
        for _ in range(episodes):
            found["sarsa"](tables[0])
            found["q_learning"](tables[1])
            pace.step(2)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
