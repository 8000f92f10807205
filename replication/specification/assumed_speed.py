"""The speed that is assumed of a variant where none was measured: counted arithmetic, scaled by one reference."""

from __future__ import annotations

from typing import NamedTuple

from replication.specification.families.facts import Work
from replication.specification.protocols import AnyPresentation, GymnasiumPresentation, of_atari
from replication.specification.run import Run
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask

REFERENCE_TRAINING, REFERENCE_PLAYING = 100.0, 625.0
"""Agent steps a second of `dqn`, of training and of evaluation, on one core of a 2-core cloud machine, as
results/benchmark had them for Pong and Breakout on 2026-11-27. What is assumed of others follows their arithmetic."""
REFERENCE_ACTIONS = 18
"""The most that a game has: one number for all games of a variant."""
REFERENCE_WORK = Work(act=9_352_192, update=1_092_222_976, updates_a_step=0.25)
"""The arithmetic of `dqn` with so many actions."""
_SECONDS_BESIDE_UPDATE = 0.004
"""Of an update of any size: drawing the minibatch, calling the network, the optimizer. With a minibatch of two, an
update of `dqn` takes 5 ms, of which its arithmetic is one."""
_SECONDS_A_MULTIPLY_ADD = (
    (1.0 / REFERENCE_TRAINING - 1.0 / REFERENCE_PLAYING) / REFERENCE_WORK.updates_a_step - _SECONDS_BESIDE_UPDATE
) / REFERENCE_WORK.update
_SECONDS_BESIDE = 1.0 / REFERENCE_PLAYING - _SECONDS_A_MULTIPLY_ADD * REFERENCE_WORK.act
"""Of a step of any agent: the emulator, the frames, and calling a network."""


class AssumedSpeed(NamedTuple):
    """Agent steps a second on one core."""

    training: float
    playing: float


def assumed_speed(run: Run) -> AssumedSpeed | None:
    """Return what the family assumes, else the reference scaled by the arithmetic of the run's own variant.

    Returns: None where the family assumes nothing and counts no arithmetic.
    """
    assumed = run.family.speed(run.settings) if run.family.speed is not None else None
    if assumed is not None:
        return AssumedSpeed(*assumed)
    if run.family.work is None:
        return None
    work = run.family.work(run.variant.module, run.settings, REFERENCE_ACTIONS)
    playing = _SECONDS_BESIDE + _SECONDS_A_MULTIPLY_ADD * work.act
    training = playing + work.updates_a_step * (_SECONDS_BESIDE_UPDATE + _SECONDS_A_MULTIPLY_ADD * work.update)
    return AssumedSpeed(1.0 / training, 1.0 / playing)


def longest_final_frames(run: Run) -> int:
    """Count the frames of the final evaluation at its longest, or steps of another task; 0 where there is none."""
    final = run.protocol.evaluation_at_end
    return final.num_episodes * _episode_cap_frames(run, final.presentation) if final else 0


def longest_periodic_steps(run: Run) -> int:
    """Count the agent steps of an evaluation during training at its longest; 0 where there is none."""
    periodic = run.protocol.periodic_evaluation
    if periodic is None:
        return 0
    if periodic.num_episodes is None:
        return periodic.length_steps or 0
    cap_frames = _episode_cap_frames(run, periodic.presentation)
    return periodic.num_episodes * cap_frames // periodic.presentation.frame_skip


def _episode_cap_frames(run: Run, presentation: AnyPresentation) -> int:
    """Return the frames after which an episode is truncated, or steps of another task; 0: nothing ends it for sure."""
    if isinstance(presentation, GymnasiumPresentation):
        assert isinstance(run.task, GymnasiumTask), f"{run.name}: its task is none of Gymnasium"
        return run.task.cap_steps(presentation.episode_cap_steps) or 0
    return of_atari(presentation).episode_cap_frames or 0
