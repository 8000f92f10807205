"""Our DDPG or TD3 as a measured program: `... benchmark.our_continuous VARIANT TASK BATCH UNITS UNITS`.

It is the loop of `python -m replication train`, with networks and minibatches of another size.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from replication.commands.benchmark.pacing import Pace, versions
from replication.specification.run import Run, resolve_run
from replication.training.off_policy.learner import prepare_torch
from replication.training.off_policy_continuous.loop import learn
from replication.training.off_policy_continuous.trainee import Trainee, new_trainee

LEARNING_STARTS_STEPS = 5_000
_AT_A_TIME = 50
_UNREACHED_STEPS = 1_000_000_000


def main(variant: str, task: str, batch_size: int, *hidden_units: int) -> None:
    """Train until nobody asks any more."""
    prepare_torch()
    trainee = new_trainee(sized_run(variant, task, batch_size, hidden_units))
    lane, act = trainee.lane, trainee.learner.act
    pace = Pace(lambda: {"versions": versions()}, lambda: trainee_parts(trainee))
    while True:
        lane.play(act)
        while lane.updates_owed:
            learn(trainee)
        pace.step()


def sized_run(variant: str, task: str, batch_size: int, hidden_units: tuple[int, ...]) -> Run:
    """Return a run of the variant with networks and minibatches of this size, which learns from step 5,000."""
    run = resolve_run(variant=variant, task=task, seed=1, budget_steps=_UNREACHED_STEPS)
    content = run.variant.config
    sized = {part: {**content[part], "hidden_units": list(hidden_units)} for part in ("actor", "critic")}
    config = content | sized | {"batch_size": batch_size, "random_steps": LEARNING_STARTS_STEPS}
    return replace(run, variant=run.variant.model_copy(update={"config": config}))


def trainee_parts(trainee: Trainee) -> dict[str, Callable[[], int]]:
    """Build the parts of a step, by name."""
    seen = np.zeros(trainee.lane.observation_size, np.float32)

    def act() -> int:
        for _ in range(_AT_A_TIME):
            trainee.learner.act(seen)
        return _AT_A_TIME

    def update() -> int:
        learn(trainee)
        trainee.lane.updates_owed += 1  # it was not owed
        return 1

    return {"act": act, "update": update}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
