"""The training loop of agents that learn from a replay memory, for K lanes in lockstep.

All periods are counted in agent steps, so the lanes of a cohort act, learn, copy their target network and are
evaluated at the same ticks; a lane's numbers do not depend on its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from replication.config import OffPolicyConfig
from replication.engine.lane import Lane
from replication.engine.learner import Learner
from replication.evaluation import Viewing, evaluate, score
from replication.policies import Policy, epsilon_greedy
from replication.random_streams import named_stream
from replication.schedules import epsilon_at, is_due
from replication.traces import Trace


@dataclass(frozen=True)
class CurvePoint:
    """One periodic evaluation. Empty fields: no episode was completed, or nothing is held out yet."""

    step: int
    score: float | None
    episodes: int
    held_out_value: float | None
    held_out_td_error: float | None
    epsilon: float
    is_best: bool


@dataclass
class Trainee:
    """A lane with its learner, and what its periodic evaluations found."""

    lane: Lane
    learner: Learner
    curve: list[CurvePoint] = field(default_factory=list)
    best: dict[str, Tensor] | None = None
    """Parameters of the online network at the highest periodic evaluation so far."""
    fresh_trace: Trace | None = None
    """The trace of the latest periodic evaluation, until it is stored."""
    seconds: float = 0.0
    """Time spent training, over all sessions."""
    failure: str | None = None
    """Why the lane cannot go on. Its neighbours do; it is stored no more."""

    @property
    def active(self) -> bool:
        """Whether there is anything left to train."""
        return self.failure is None and not self.lane.done


def train(trainees: Sequence[Trainee], config: OffPolicyConfig) -> Iterator[None]:
    """Advance every lane by one agent step a turn, until all have spent their budget.

    Between two turns every lane is in a state from which it can be stored and continued.

    Source: google-deepmind/dqn dqn/NeuralQLearner.lua:300-365 for the order inside a step; Dopamine's agents learn
    before they choose (`acts_before_update` is false).
    """
    while active := [trainee for trainee in trainees if trainee.active]:
        actions: list[int | None] = []
        if config.acts_before_update:
            actions = choose_actions(active, config)
        learn(active, config)
        for trainee in active:
            trainee.lane.step += 1
        if not config.acts_before_update:
            actions = choose_actions(active, config)
        for trainee, action in zip(active, actions, strict=True):
            trainee.lane.play(action)
        for trainee in active:
            if trainee.failure is None and evaluation_is_due(trainee.lane):
                evaluate_periodically(trainee, config)
        yield


def choose_actions(trainees: Sequence[Trainee], config: OffPolicyConfig) -> list[int | None]:
    """Epsilon-greedy on the online network; None where a trajectory's last frame is perceived."""
    actions: list[int | None] = []
    for trainee in trainees:
        lane, learner = trainee.lane, trainee.learner
        if lane.at_end:
            actions.append(None)
            continue
        epsilon = epsilon_at(lane.step, config.epsilon)
        stream = lane.streams["exploration"]
        actions.append(_act(epsilon, learner, lane.game.num_actions, lane.stack, stream))
    return actions


def learn(trainees: Sequence[Trainee], config: OffPolicyConfig) -> None:
    """Update and copy the target network where due; set transitions aside when learning starts.

    A lane whose loss is no finite number fails: it ends this turn with the others and takes part in no further one.
    """
    for trainee in trainees:
        lane, learner = trainee.lane, trainee.learner
        if not lane.learning_started:
            continue
        if lane.held_out is None and config.held_out_transitions:
            lane.held_out = lane.memory.sample(lane.streams["replay"], config.held_out_transitions)
        if is_due(lane.step, config.update_period_steps):
            transitions = lane.memory.sample(lane.streams["replay"], config.batch_size)
            try:
                learner.update(transitions, lane.streams["loss"])
            except FloatingPointError as error:
                trainee.failure = f"{error} at step {lane.step:,}"
        if is_due(lane.step, config.target_update_period_steps):
            learner.copy_to_target()


def evaluation_is_due(lane: Lane) -> bool:
    """Every `period_steps`, once learning has started (google-deepmind/dqn dqn/train_agent.lua:106)."""
    periodic = lane.run.protocol.periodic_evaluation
    return periodic is not None and is_due(lane.step, periodic.period_steps) and lane.learning_started


def evaluate_periodically(trainee: Trainee, config: OffPolicyConfig) -> None:
    """Play the online network apart from training; keep it if its score exceeds all earlier ones."""
    lane, learner = trainee.lane, trainee.learner
    periodic = lane.run.protocol.periodic_evaluation
    assert periodic is not None
    index = lane.step // periodic.period_steps
    trace = evaluate(
        greedy_policy(learner, lane.game.num_actions, periodic.epsilon),
        lane.run,
        periodic.presentation,
        Viewing(config.frame_pipeline, config.frame_stack, periodic.presentation.frame_skip),
        "periodic_evaluation",
        index=index,
        num_steps=periodic.length_steps,
    )
    value = td_error = None
    if lane.held_out is not None:
        # A stream of its own: looking at the held-out transitions must not shift what training draws.
        apart = named_stream(lane.run.seed, lane.run.game, "held_out_loss", index)
        value, td_error = learner.held_out_statistics(lane.held_out, apart)
    found = score(trace)
    earlier = [point.score for point in trainee.curve if point.score is not None]
    is_best = not math.isnan(found) and (not earlier or found > max(earlier))
    if is_best:
        trainee.best = learner.online_parameters()
    trainee.fresh_trace = trace
    trainee.curve.append(
        CurvePoint(
            step=lane.step,
            score=None if math.isnan(found) else found,
            episodes=sum(episode.ending != "unfinished" for episode in trace.episodes),
            held_out_value=value,
            held_out_td_error=td_error,
            epsilon=epsilon_at(lane.step, config.epsilon),
            is_best=is_best,
        )
    )


def greedy_policy(learner: Learner, num_actions: int, epsilon: float) -> Policy:
    """The learner's online network, epsilon-greedy."""

    def policy(stack: NDArray[np.uint8], stream: np.random.Generator) -> int:
        return _act(epsilon, learner, num_actions, stack, stream)

    return policy


def _act(
    epsilon: float, learner: Learner, num_actions: int, stack: NDArray[np.uint8], stream: np.random.Generator
) -> int:
    return epsilon_greedy(epsilon, num_actions, lambda: learner.action_values(stack), stream)
