"""Our DQN as a measured program: `python -m replication.commands.benchmark.our_dqn GAME LANES`.

It is the loop of `python -m replication train --variant dqn`, at the settings that every program here is given.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from replication.algorithms.off_policy.contract import load_algorithm
from replication.commands.benchmark.pacing import Pace, peak_memory_bytes, versions
from replication.commands.benchmark.parts import checkpoint_bytes, lane_parts, network_flop
from replication.specification.families.off_policy import EpsilonConfig, OffPolicyConfig, ReplayStart
from replication.specification.run import resolve_run
from replication.training.off_policy.lane import Lane
from replication.training.off_policy.learner import Learner, prepare_torch
from replication.training.off_policy.loop import train
from replication.training.off_policy.trainee import Trainee
from replication.training.replay.frame_store import ROW_BYTES, SLOT_BYTES, build_frame_store

CAPACITY_ROWS = 100_000
LEARNING_STARTS_STEPS = 5_000
EPSILON = 0.1
UNREACHED_FRAMES = 200_000_000
"""Budget of a run that is stopped long before it is spent."""


def shared_settings(config: OffPolicyConfig) -> OffPolicyConfig:
    """Return the settings with those that all programs are given: a memory that fits, and learning that starts soon."""
    explored = {"decay_starts_after_steps": LEARNING_STARTS_STEPS, "decay_steps": 1}
    return config.model_copy(
        update={
            "replay_capacity_rows": CAPACITY_ROWS,
            "replay_start": ReplayStart(count=LEARNING_STARTS_STEPS, unit="steps"),
            "epsilon": EpsilonConfig(start=1.0, end=EPSILON, **explored),
        }
    )


def main(game: str, lanes: int) -> None:
    """Train one run, or several as lanes, until nobody asks any more; checkpoints go to the current folder."""
    prepare_torch()
    played = [_lane(game, seed) for seed in range(1, lanes + 1)]
    trainees = [_trainee(lane) for lane in played]
    first, config, memory = trainees[0], played[0].config, played[0].memory

    def facts() -> dict[str, Any]:
        peak_bytes = peak_memory_bytes()  # first: what follows takes memory of its own
        return {
            "peak_bytes_beyond_replay": peak_bytes - sum(lane.memory.nbytes for lane in played),
            "replay_bytes_per_transition": replay_bytes_per_transition(played[0]),
            "checkpoint_bytes": checkpoint_bytes(first, Path.cwd()),
            "flop": network_flop(first, memory, config),
            "versions": versions(),
        }

    pace = Pace(facts, lambda: lane_parts(first, memory, config, Path.cwd()))
    at_end = [lane.at_end for lane in played]
    for _ in train(trainees, config):
        # The released program has a step that only stores a trajectory's last frame and plays nothing; others do not.
        if not all(at_end):
            pace.step()
        at_end = [lane.at_end for lane in played]


def _lane(game: str, seed: int) -> Lane:
    run = resolve_run(variant="dqn", task=game, seed=seed, budget_frames=UNREACHED_FRAMES)
    config = shared_settings(run.settings_as(OffPolicyConfig))
    return Lane(run, config, build_frame_store("lz4", config.replay_capacity_rows))


def _trainee(lane: Lane) -> Trainee:
    algorithm = load_algorithm(lane.run.variant.module)
    return Trainee(lane, Learner(algorithm, lane.config, lane.num_actions, lane.streams, "cpu"))


def replay_bytes_per_transition(lane: Lane) -> float:
    """Compute the bytes of a row in a full replay memory: its frame, and its share of what is allocated at once."""
    capacity_rows = lane.config.replay_capacity_rows
    fixed_bytes = SLOT_BYTES + ROW_BYTES
    return (lane.memory.nbytes - capacity_rows * fixed_bytes) / len(lane.memory) + fixed_bytes


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
