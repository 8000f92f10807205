"""Schedules and periods, in agent steps."""

from __future__ import annotations

from replication.specification.families.off_policy import EpsilonConfig, PrioritisedSampling


def epsilon_at(step: int, config: EpsilonConfig) -> float:
    """Compute epsilon, the chance of a random action, at an agent step: flat, then linear, then flat.

    Source: google-deepmind/dqn dqn/NeuralQLearner.lua:368-371. Nature: 1 until step 50,000, 0.1 from step 1,050,000
    (agent steps; the paper's "first million frames" are these).
    """
    past = max(0, step - config.decay_starts_after_steps)
    left = max(0, config.decay_steps - past)
    return config.end + (config.start - config.end) * left / config.decay_steps


def importance_exponent_at(learning_steps: int, sampling: PrioritisedSampling) -> float:
    """Compute beta, how much of the bias of prioritized sampling is corrected: linear, then flat.

    `learning_steps` are agent steps since the first minibatch.

    Source: Schaul et al. 2016, Prioritized Experience Replay, section 3.4.
    """
    passed = min(1.0, learning_steps / sampling.importance_steps)
    start, end = sampling.importance_exponent_start, sampling.importance_exponent_end
    return start + (end - start) * passed


def is_due(step: int, period_steps: int) -> bool:
    """Return whether something with a period falls on this step, counted before the step is added.

    Source: google-deepmind/dqn dqn/NeuralQLearner.lua:341-358; `numSteps % target_q == 1` after the increment is
    the same as a multiple of the period before it.
    """
    return step % period_steps == 0
