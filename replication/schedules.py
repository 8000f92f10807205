"""When things happen, in agent steps; and the one conversion between frames and steps."""

from __future__ import annotations

from replication.errors import ReplicationError
from replication.settings import EpsilonConfig, PrioritisedSampling


def epsilon_at(step: int, config: EpsilonConfig) -> float:
    """Chance of a random action at an agent step: flat, then linear, then flat.

    Source: google-deepmind/dqn dqn/NeuralQLearner.lua:368-371. Nature: 1 until step 50,000, 0.1 from step 1,050,000
    (agent steps; the paper's "first million frames" are these).
    """
    past = max(0, step - config.decay_starts_after_steps)
    left = max(0, config.decay_steps - past)
    return config.end + (config.start - config.end) * left / config.decay_steps


def importance_exponent_at(learning_steps: int, sampling: PrioritisedSampling) -> float:
    """How much of the bias of prioritised sampling is corrected, so many agent steps after the first minibatch (beta).

    Linear, then flat. Source: Schaul et al. 2016, Prioritized Experience Replay, section 3.4.
    """
    passed = min(1.0, learning_steps / sampling.importance_steps)
    start, end = sampling.importance_exponent_start, sampling.importance_exponent_end
    return start + (end - start) * passed


def is_due(step: int, period_steps: int) -> bool:
    """Whether something with a period falls on this step, counted before the step is added.

    Source: google-deepmind/dqn dqn/NeuralQLearner.lua:341-358; `numSteps % target_q == 1` after the increment is
    the same as a multiple of the period before it.
    """
    return step % period_steps == 0


def steps_of_frames(frames: int, frame_skip: int) -> int:
    """Nominal agent steps of a number of emulator frames (resets, no-ops and cut repeats are not counted).

    Raises:
        ReplicationError: not a positive multiple of the frame skip.
    """
    if frames <= 0 or frames % frame_skip:
        raise ReplicationError(
            f"budget of {frames} frames: expected a positive multiple of {frame_skip}, the frames of one agent step"
        )
    return frames // frame_skip
