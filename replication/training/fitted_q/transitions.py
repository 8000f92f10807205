"""The transitions that a run learns from: episodes of random actions, played before anything is learned."""

from __future__ import annotations

import numpy as np

from replication.algorithms.fitted_q.nfq import Transitions, network_inputs
from replication.environments.pole.episodes import force_noise, start_states
from replication.environments.pole.plant import advance, plant_constants
from replication.specification.families.fitted_q import FittedQConfig
from replication.specification.protocols import PolePresentation


def random_transitions(
    presentation: PolePresentation, config: FittedQConfig, episodes: int, stream: np.random.Generator
) -> Transitions:
    """Make the sample set D: episodes of random actions, side by side, each until its pole falls.

    Source: Riedmiller 2005, section 5.1, Learning System Setup.
    """
    plant, constants = presentation.plant, plant_constants(presentation.plant)
    forces = np.array(plant.forces_n)
    theta, speed = start_states(stream, episodes, presentation)
    up = np.ones(episodes, dtype=bool)
    before, taken, after = [], [], []
    while up.any():
        actions = (forces.size * stream.random(episodes)).astype(np.int64)
        noise = force_noise(stream.random(episodes), plant)
        state = np.stack([theta, speed])
        advance(theta, speed, forces[actions] + noise, constants, plant.substeps)
        before.append(state[:, up])
        taken.append(actions[up])
        after.append(np.stack([theta, speed])[:, up])
        up &= np.abs(theta) <= plant.fallen_rad
        theta[~up], speed[~up] = 0.0, 0.0  # episodes that are over stay in the range of the sines
    states, next_states = np.concatenate(before, axis=1), np.concatenate(after, axis=1)
    chosen = forces[np.concatenate(taken)]
    return Transitions(
        inputs=network_inputs(states, chosen, config),
        next_inputs=np.stack([network_inputs(next_states, np.full_like(chosen, force), config) for force in forces]),
        failed=np.abs(next_states[0]) > plant.fallen_rad,
    )
