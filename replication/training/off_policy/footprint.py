"""The memory and disk that an off-policy run needs, computed before it starts; imports no torch."""

from __future__ import annotations

from replication.specification.families.off_policy import NetworkConfig, OffPolicyConfig
from replication.specification.run import Run
from replication.specification.tasks.atari_games import find_game
from replication.training.replay.frame_store import FRAME_SHAPE, Storage, storage_text, typical_bytes

PRIORITY_BYTES = {"proportional": 16, "rank": 20}
"""For each row of a replay memory that is sampled by priority: a tree of float64; a heap and cumulative sums."""


def memory_bytes(run: Run, storage: Storage) -> int:
    """Compute the memory of a run's replay memory, that of a busy game where it is compressed."""
    _, rows = typical_bytes(rows_held(run, storage), storage)
    return rows + priority_bytes(run.settings_as(OffPolicyConfig))


def memory_text(run: Run, storage: Storage) -> str:
    """Describe the memory that the replay memory of a run takes."""
    config = run.settings_as(OffPolicyConfig)
    rows = storage_text(config.replay_capacity_rows, storage).removeprefix("replay memory: ")
    beside = priority_bytes(config)
    return f"{rows}; priorities {beside / 1e6:.1f} MB" if beside else rows


def rows_held(run: Run, storage: Storage) -> int:
    """Count the rows of a run's replay memory that will take memory: compressed, no more than its budget fills."""
    config = run.settings_as(OffPolicyConfig)
    fills_part = storage == "lz4" and run.budget.steps and not config.replay_padding_rows
    return min(run.budget.steps, config.replay_capacity_rows) if fills_part else config.replay_capacity_rows


def priority_bytes(config: OffPolicyConfig) -> int:
    """Compute the memory of the priorities, which is taken from the start, beside that of the rows."""
    return PRIORITY_BYTES.get(config.replay_sampling.name, 0) * config.replay_capacity_rows


def checkpoint_bytes(run: Run) -> int:
    """Compute the size of the two checkpoints that a run keeps.

    Each has five copies of the parameters, held-out transitions and priorities.
    """
    config = run.settings_as(OffPolicyConfig)
    num_actions = find_game(run.task.name).minimal_actions_count
    copies = 5 * 4 * parameter_count(config.network, config.frame_stack, num_actions)
    held_out = 2 * config.held_out_transitions * config.frame_stack * FRAME_SHAPE[0] * FRAME_SHAPE[1]
    priorities = priority_bytes(config) // 2  # the other half is computed from it
    return 2 * (copies + held_out + priorities)


def parameter_count(network: NetworkConfig, channels: int, num_actions: int) -> int:
    """Count the weights and biases of the convolutions, the hidden layer and the output."""
    side, count = FRAME_SHAPE[0], 0
    for layer in network.convolutions:
        count += layer.channels * (channels * layer.kernel**2 + 1)
        side = -(-side // layer.stride) if network.padding == "same" else (side - layer.kernel) // layer.stride + 1
        channels = layer.channels
    count += network.hidden_units * (channels * side**2 + 1)
    return count + num_actions * (network.hidden_units + 1)
