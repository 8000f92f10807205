"""A small agent learns: from chance to most of what the toy game gives, within seconds."""

from __future__ import annotations

import numpy as np
import pytest

from replication.specification.families.off_policy import Convolution
from replication.specification.run import resolve_run
from replication.training.off_policy.trainee import Trainee
from tests.support.lanes import advance, build

EXPLORING_STEPS, LEARNING_STEPS, JUDGED_STEPS = 400, 2_200, 800
RANDOM_SHARE_STEPS = 1_500
"""Steps in which the share of random actions falls from 1 to 0.05."""


def quick() -> Trainee:
    """The quickstart agent with a smaller network and shorter schedules, at its start."""
    trainee = build(resolve_run(variant="dqn_quickstart", task="catch", seed=1, budget_frames=400_000))
    config = trainee.lane.config
    filters = (Convolution(channels=8, kernel=8, stride=8),)
    explored = {"decay_starts_after_steps": EXPLORING_STEPS, "decay_steps": RANDOM_SHARE_STEPS}
    return build(
        trainee.lane.run,
        network=config.network.model_copy(update={"convolutions": filters, "hidden_units": 64}),
        optimizer=config.optimizer.model_copy(update={"learning_rate": 1e-3}),
        target_update_period_steps=100,
        replay_start=config.replay_start.model_copy(update={"count": EXPLORING_STEPS}),
        epsilon=config.epsilon.model_copy(update=explored),
        n_step=1,
        batch_size=16,
    )


def late_returns(trainee: Trainee) -> np.ndarray:
    """Returns of the training episodes that end in the last steps, once it has trained so far."""
    advance([trainee], EXPLORING_STEPS + LEARNING_STEPS)
    first = EXPLORING_STEPS + LEARNING_STEPS - JUDGED_STEPS
    return np.array([episode.raw_return for episode in trainee.lane.episodes if episode.end_step > first])


@pytest.mark.slow
def test_an_agent_learns_to_catch_and_one_whose_weights_stand_still_does_not() -> None:
    learning, standing = quick(), quick()
    standing.learner.update = lambda transitions, stream: None  # type: ignore[method-assign, assignment, return-value]
    learnt, still = late_returns(learning), late_returns(standing)
    error = np.hypot(learnt.std(ddof=1) / len(learnt) ** 0.5, still.std(ddof=1) / len(still) ** 0.5)
    assert learnt.mean() - still.mean() > 4 * error
    # Ten balls are a game, three misses end it; random play catches one or two.
    assert learnt.mean() > 5.0 and still.mean() < 2.5
