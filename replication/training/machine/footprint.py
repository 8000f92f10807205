"""The memory and disk that a run needs, computed before it starts; imports no torch."""

from __future__ import annotations

from replication.specification.families.off_policy import NetworkConfig, OffPolicyConfig
from replication.specification.run import Run
from replication.specification.tasks.atari_games import find_game
from replication.training.replay.frame_store import FRAME_SHAPE, Storage, storage_text, typical_bytes

# ---------------------------------------------------------------- memory

WORKER_BYTES = 110_000_000
"""Memory of a worker process without its lanes: Python, numpy, numba and the emulator (measured, 107 MB)."""
LEARNER_BYTES = 3_000_000_000
"""Memory of the process that learns on a GPU, on the host, for torch and CUDA: assumed, not measured."""


def rows_held(run: Run, config: OffPolicyConfig, storage: Storage) -> int:
    """Count the rows of a run's replay memory that will take memory: compressed, no more than its budget fills."""
    fills_part = storage == "lz4" and run.budget.steps and not config.replay_padding_rows
    return min(run.budget.steps, config.replay_capacity_rows) if fills_part else config.replay_capacity_rows


PRIORITY_BYTES = {"proportional": 16, "rank": 20}
"""For each row of a replay memory that is sampled by priority: a tree of float64; a heap and cumulative sums."""


def priority_bytes(config: OffPolicyConfig) -> int:
    """Compute the memory of the priorities, which is taken from the start, beside that of the rows."""
    return PRIORITY_BYTES.get(config.replay_sampling.name, 0) * config.replay_capacity_rows


def memory_text(config: OffPolicyConfig, storage: Storage = "lz4") -> str:
    """Describe the memory that the replay memory of a run takes."""
    rows = storage_text(config.replay_capacity_rows, storage).removeprefix("replay memory: ")
    beside = priority_bytes(config)
    return f"{rows}; priorities {beside / 1e6:.1f} MB" if beside else rows


def lanes_that_fit(run: Run, memory_bytes: int, workers: int) -> int:
    """Count the runs like this one that one process can train, with compressed frames of a busy game; at least 1.

    Args:
        run: a run that trains.
        memory_bytes: of the machine; a tenth is left to other programs.
        workers: processes that play for the one that learns.
    """
    config = run.settings_as(OffPolicyConfig)
    _, rows = typical_bytes(rows_held(run, config, "lz4"), "lz4")
    each = rows + priority_bytes(config)
    return max(1, (memory_bytes * 9 // 10 - LEARNER_BYTES - workers * WORKER_BYTES) // each)


def checkpoint_bytes(run: Run) -> int:
    """Compute the size of the two checkpoints that a run keeps.

    Each has five copies of the parameters, held-out transitions and priorities.
    """
    if not run.family.trains:
        return 0
    config = run.settings_as(OffPolicyConfig)
    num_actions = find_game(run.game).minimal_actions_count
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
