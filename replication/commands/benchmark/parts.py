"""The parts of an agent step, each alone, on a lane that has learned for a while."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from replication.algorithms.off_policy.contract import load_algorithm
from replication.commands.benchmark.floor import floor_parts
from replication.environments.atari.emulator import open_emulator
from replication.environments.atari.frames import frame_pipeline
from replication.environments.atari.presentation import PresentedGame
from replication.environments.contract import Viewing
from replication.evidence.evaluation import EvaluationRequest, evaluate
from replication.foundation.random_streams import training_streams
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.protocols import of_atari
from replication.training.checkpoints import save_checkpoint
from replication.training.off_policy.acting import greedy_policy
from replication.training.off_policy.learner import Learner, pixels_of
from replication.training.off_policy.trainee import Trainee
from replication.training.replay.memory import ReplayMemory

STEPS_AT_A_TIME = 50
"""Steps between two looks at the clock, where one step takes microseconds."""
EVALUATED_STEPS_AT_A_TIME = 2_000
"""Steps of one evaluation: it begins by powering on an emulator, which takes as long as a hundred steps."""

Part = Callable[[], int]
"""Function that does something a number of times and returns that number."""


def lane_parts(trainee: Trainee, memory: ReplayMemory, config: OffPolicyConfig, folder: Path) -> dict[str, Part]:
    """Build the parts of a step, by name; none of them changes the lane or its networks.

    Args:
        trainee: between two steps.
        memory: of its lane, filled.
        config: its settings.
        folder: where checkpoints are written, and removed.
    """
    lane = trainee.lane
    other = _second_learner(trainee, config)
    rounded = _second_learner(trainee, config.model_copy(update={"precision": "bfloat16"}))
    chance = np.random.default_rng(0)

    def sample() -> int:
        memory.sample(chance, config.batch_size)
        return 1

    def update() -> int:
        other.update(memory.sample(chance, config.batch_size), chance)
        return 1

    def update_bfloat16() -> int:
        rounded.update(memory.sample(chance, config.batch_size), chance)
        return 1

    def act() -> int:
        other.action_values(lane.stack)
        return 1

    names = count()

    def checkpoint() -> int:
        """Write a new checkpoint, then remove the one before, as training does with the oldest of two."""
        number = next(names)
        save_checkpoint(trainee, folder / str(number))
        if number:
            shutil.rmtree(folder / str(number - 1))
        return 1

    emulated = {"emulation": _emulation(trainee), "frames": _frames(trainee, config), "play": _play(trainee, config)}
    learned: Mapping[str, Part] = {
        **{"act": act, "sample": sample, "checkpoint": checkpoint},
        **{"update": update, "update_bfloat16": update_bfloat16},
    }
    return {**floor_parts(), **emulated, **learned, "evaluation": _evaluation(trainee, config, other)}


def network_flop(trainee: Trainee, memory: ReplayMemory, config: OffPolicyConfig) -> dict[str, int]:
    """Count the floating-point operations of one update and of acting once, as torch does."""
    other = _second_learner(trainee, config)
    transitions = memory.sample(np.random.default_rng(0), config.batch_size)
    with FlopCounterMode(display=False) as updating:
        other.update(transitions, np.random.default_rng(0))
    pixels = pixels_of(torch.from_numpy(trainee.lane.stack[None]))
    with FlopCounterMode(display=False) as acting:
        other.online(pixels)  # with gradients: torch does not count the matrix times a vector that acts without
    return {"update": updating.get_total_flops(), "act": acting.get_total_flops()}


def checkpoint_bytes(trainee: Trainee, folder: Path) -> int:
    """Write a checkpoint, remove it, and return the bytes it took on the disk."""
    written = save_checkpoint(trainee, folder / "measured")
    size_bytes = sum(file.stat().st_size for file in written.iterdir())
    shutil.rmtree(folder / "measured")
    return size_bytes


def _second_learner(trainee: Trainee, config: OffPolicyConfig) -> Learner:
    """Build networks like the lane's, which can be trained without changing its run."""
    run = trainee.lane.run
    streams = training_streams(run.seed, run.task.name, run.family.streams)
    return Learner(load_algorithm(run.variant.module), config, trainee.lane.num_actions, streams, "cpu")


def _emulation(trainee: Trainee) -> Part:
    """Build the part that emulates frames of random play and reads no screen."""
    run = trainee.lane.run
    emulator = open_emulator(run.task.name)
    emulator.reset()
    chance = np.random.default_rng(0)

    def emulate() -> int:
        skip = run.protocol.training.frame_skip
        for _ in range(STEPS_AT_A_TIME):
            code = int(chance.choice(emulator.minimal_actions))
            for _ in range(skip):
                emulator.act(code)
            if emulator.terminated:
                emulator.reset()
        return STEPS_AT_A_TIME * skip

    return emulate


def _frames(trainee: Trainee, config: OffPolicyConfig) -> Part:
    """Build the part that makes the agent's frames, from screens that stand still."""
    run = trainee.lane.run
    emulator = open_emulator(run.task.name)
    emulator.reset()
    skip = run.protocol.training.frame_skip
    pipeline = frame_pipeline(config.frame_pipeline, skip)
    out = np.zeros((84, 84), dtype=np.uint8)

    def make() -> int:
        for _ in range(STEPS_AT_A_TIME):
            for repeat_index in range(skip):
                pipeline.paint(emulator, repeat_index)
            pipeline.grab(out)
        return STEPS_AT_A_TIME

    return make


def _play(trainee: Trainee, config: OffPolicyConfig) -> Part:
    """Build the part that plays at random as training presents the game: emulation, frames, no-ops, lives."""
    run = trainee.lane.run
    shown = of_atari(run.protocol.training)
    streams = training_streams(run.seed, run.task.name, run.family.streams)
    game = PresentedGame(
        open_emulator(run.task.name),
        shown,
        frame_pipeline(config.frame_pipeline, shown.frame_skip),
        shown.frame_skip,
        streams["noop_starts"],
        streams["stickiness"],
        life_loss_clears_frames=config.life_loss_clears_frames,
    )
    game.begin_episode()

    def play() -> int:
        for _ in range(STEPS_AT_A_TIME):
            result = game.step(int(streams["exploration"].integers(game.num_actions)))
            if result.ended:
                game.begin_episode()
            elif result.life_lost and shown.life_loss_ends_trajectory:
                game.begin_trajectory()
        return STEPS_AT_A_TIME

    return play


def _evaluation(trainee: Trainee, config: OffPolicyConfig, learner: Learner) -> Part:
    """Build the part that plays steps of a periodic evaluation."""
    run = trainee.lane.run
    periodic = run.protocol.periodic_evaluation
    assert periodic is not None
    shown = periodic.presentation
    policy = greedy_policy(learner, periodic.epsilon)
    viewing = Viewing(config.frame_pipeline, config.frame_stack, shown.frame_skip)
    request = EvaluationRequest(shown, "periodic_evaluation", num_steps=EVALUATED_STEPS_AT_A_TIME)

    def play() -> int:
        evaluate(policy, run, viewing, request)
        return EVALUATED_STEPS_AT_A_TIME

    return play
