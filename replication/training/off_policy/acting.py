"""Epsilon-greedy actions of several networks at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from replication.training.exploration import explore, greedy
from replication.training.off_policy.batching import Networks, Seen
from replication.training.off_policy.learner import Learner


def act(
    states: Mapping[int, tuple[Learner, NDArray[np.uint8]]],
    epsilons: Mapping[int, float],
    streams: Mapping[int, np.random.Generator],
    networks: Networks,
    *,
    evaluating: bool,
) -> dict[int, int]:
    """An epsilon-greedy action for each state; values, and what a network draws, are asked for only if they decide."""
    explored = {
        place: explore(epsilons[place], learner.num_actions, streams[place]) for place, (learner, _) in states.items()
    }
    open_places = [place for place, action in explored.items() if action is None]
    seen: list[Seen] = []
    for place in open_places:
        learner, stack = states[place]
        seen.append((learner, stack, learner.acting_draws(streams[place], evaluating=evaluating)))
    values = dict(zip(open_places, networks.action_values(seen), strict=True))
    return {
        place: greedy(values[place], streams[place]) if action is None else action for place, action in explored.items()
    }
