"""The epsilon-greedy actions of off-policy agents, in training and in evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from replication.environments.contract import Policy
from replication.specification.families.off_policy import OffPolicyConfig
from replication.training.exploration import epsilon_greedy, explore, greedy
from replication.training.off_policy.batching import Networks, Seen
from replication.training.off_policy.learner import Learner
from replication.training.off_policy.trainee import Trainee
from replication.training.schedules import epsilon_at


def choose(trainees: Sequence[Trainee], config: OffPolicyConfig, networks: Networks) -> dict[int, int]:
    """Choose the training actions of this step, by place; a lane at its trajectory's last frame has none."""
    playing = {place: trainee for place, trainee in enumerate(trainees) if not trainee.lane.at_end}
    epsilons = {place: epsilon_at(trainee.lane.step, config.epsilon) for place, trainee in playing.items()}
    streams = {place: trainee.lane.streams["exploration"] for place, trainee in playing.items()}
    states = {place: (trainee.learner, trainee.lane.stack) for place, trainee in playing.items()}
    return act(states, epsilons, streams, networks, evaluating=False)


def act(
    states: Mapping[int, tuple[Learner, NDArray[np.uint8]]],
    epsilons: Mapping[int, float],
    streams: Mapping[int, np.random.Generator],
    networks: Networks,
    *,
    evaluating: bool,
) -> dict[int, int]:
    """Choose an epsilon-greedy action for each state, by place.

    A network is asked for its values, and draws what it needs for them, only where the action is not random.
    """
    explored = {
        place: explore(epsilons[place], learner.num_actions, streams[place]) for place, (learner, _) in states.items()
    }
    greedy_places = [place for place, action in explored.items() if action is None]
    seen: list[Seen] = []
    for place in greedy_places:
        learner, stack = states[place]
        seen.append((learner, stack, learner.acting_draws(streams[place], evaluating=evaluating)))
    values = dict(zip(greedy_places, networks.action_values(seen), strict=True))
    return {
        place: greedy(values[place], streams[place]) if action is None else action for place, action in explored.items()
    }


def greedy_policy(learner: Learner, epsilon: float) -> Policy:
    """Return the epsilon-greedy policy of the learner's online network, as evaluation plays it."""

    def policy(stack: NDArray[np.uint8], stream: np.random.Generator) -> int:
        def values() -> NDArray[np.float32]:
            return learner.action_values(stack, learner.acting_draws(stream, evaluating=True))

        return epsilon_greedy(epsilon, learner.num_actions, values, stream)

    return policy
