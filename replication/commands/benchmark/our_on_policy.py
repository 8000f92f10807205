"""Our A2C or PPO as a measured program: `python -m replication.commands.benchmark.our_on_policy VARIANT GAME WARM_UP`.

It is the loop of `python -m replication train`.
"""

from __future__ import annotations

import sys

from replication.commands.benchmark.pacing import Pace, versions
from replication.specification.run import Run, resolve_run
from replication.training.off_policy.learner import prepare_torch
from replication.training.on_policy.family import new_trainee
from replication.training.on_policy.loop import train
from replication.training.on_policy.trainee import Trainee

UNREACHED_FRAMES = 40_000_000
"""Budget of a run that is stopped long before it is spent; schedules of learning rates end there."""


def main(variant: str, game: str, warm_up_steps: int) -> None:
    """Train until nobody asks any more."""
    prepare_torch()
    trainee = new_trainee(measured_run(variant, game))
    pace = Pace(lambda: {"versions": versions()}, dict, period_steps=period_steps(trainee), warm_up_steps=warm_up_steps)
    before = trainee.step
    for _ in train([trainee]):
        pace.step(trainee.step - before)
        before = trainee.step


def measured_run(variant: str, game: str) -> Run:
    """Return the run whose loop is measured."""
    return resolve_run(variant=variant, task=game, seed=1, budget_frames=UNREACHED_FRAMES)


def period_steps(trainee: Trainee) -> int:
    """Return the agent steps of a rollout, over all actors."""
    return int(trainee.lane.config.least_rollout_steps)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
