"""The memory and disk that an on-policy run needs, computed before it starts; imports no torch."""

from __future__ import annotations

from itertools import pairwise

from replication.specification.families.on_policy import OnPolicyConfig
from replication.specification.families.vector_policies import PerceptronPolicyConfig
from replication.specification.run import Run
from replication.specification.tasks.atari_games import find_game
from replication.training.replay.frame_store import FRAME_SHAPE, Storage

_LONGEST_TRAJECTORY_STEPS = 27_000
"""Of a game that is cut after half an hour; a rollout that ends with its trajectory may hold as much."""
_ACTOR_BYTES = 300_000
"""Of an actor in a checkpoint, as text: screens, frames, emulator."""
_TRACE_BYTES_A_STEP = 2
"""Of what an emulator was given, compressed; as much as a policy needs that acts at random."""
_NUMBERS_A_STEP = 30
"""Assumed of a task that is no game: an observation and an action. Tasks of MuJoCo and Box2D have 5 to 30."""
_VECTOR_ACTOR_BYTES = 40_000
"""Of an actor of such a task in a checkpoint, as text: the actions of its episode so far."""


def memory_bytes(run: Run, storage: Storage) -> int:
    """Compute the memory of the states of a rollout."""
    config = run.settings_as(OnPolicyConfig)
    steps = (config.rollout_steps or _LONGEST_TRAJECTORY_STEPS) * config.actors_a_rollout
    if config.of_vectors is not None:
        return 4 * _NUMBERS_A_STEP * steps
    return steps * config.of_game.frame_stack * FRAME_SHAPE[0] * FRAME_SHAPE[1]


def memory_text(run: Run, storage: Storage) -> str:
    """Describe the memory that a rollout takes."""
    return f"rollout: {memory_bytes(run, storage) / 1e6:.1f} MB"


def checkpoint_bytes(run: Run) -> int:
    """Compute the size of the two checkpoints that a run keeps: parameters, optimizer, actors, and their episodes."""
    config = run.settings_as(OnPolicyConfig)
    # A parameter, the running means of the optimizer, and what it was at earlier updates.
    vectors = 1 + (1 if config.optimizer.name == "rmsprop" else 2) + config.staleness_updates
    if config.of_vectors is not None:
        parameters = _perceptron_parameter_count(config.of_vectors)
        return 2 * (4 * parameters * vectors + config.num_actors * _VECTOR_ACTOR_BYTES)
    parameters = _parameter_count(config, find_game(run.task.name).minimal_actions_count)
    return 2 * (4 * parameters * vectors + config.num_actors * _ACTOR_BYTES + _TRACE_BYTES_A_STEP * run.training_steps)


def _parameter_count(config: OnPolicyConfig, num_actions: int) -> int:
    """Count the weights and biases of the convolutions, the hidden layer, the policy, and a value."""
    _, channels, _, network = config.of_game
    side, count = FRAME_SHAPE[0], 0
    for layer in network.convolutions:
        count += layer.channels * (channels * layer.kernel**2 + 1)
        side, channels = (side - layer.kernel) // layer.stride + 1, layer.channels
    units = network.hidden_units
    return count + units * (channels * side**2 + 1) + (num_actions + 1) * (units + 1)


def _perceptron_parameter_count(network: PerceptronPolicyConfig) -> int:
    """Count about the weights of the two perceptrons."""
    return 2 * sum(inputs * outputs for inputs, outputs in pairwise((_NUMBERS_A_STEP, *network.hidden_units, 1)))
