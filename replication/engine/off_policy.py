"""The training loop of agents that learn from a replay memory, for K lanes in lockstep.

All periods are counted in agent steps, so the lanes of a cohort act, learn, copy their target network and are
evaluated at the same ticks; a lane's numbers do not depend on its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from replication.engine.batching import IN_TURN, Networks, Seen
from replication.engine.lane_contract import AnyLane
from replication.engine.learner import Learner
from replication.engine.resumable_play import Choose, Play, Played, network_sha256, play_at_once
from replication.evaluation import Evaluation, Purpose, exploration_stream, score
from replication.policies import Policy, epsilon_greedy, explore, greedy
from replication.random_streams import named_stream
from replication.schedules import epsilon_at, is_due
from replication.settings import OffPolicyConfig
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

    lane: AnyLane
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


def train(
    trainees: Sequence[Trainee], config: OffPolicyConfig, networks: Networks = IN_TURN, play: Play = play_at_once
) -> Iterator[None]:
    """Advance every lane by one agent step a turn, until all have spent their budget.

    Between two turns every lane is in a state from which it can be stored and continued. It is in one within a periodic
    evaluation too, in which `play` may raise: nothing of the evaluation has changed the lane by then, and a lane that
    is continued there is evaluated before it takes another step.

    Source: google-deepmind/dqn dqn/NeuralQLearner.lua:300-365 for the order inside a step; Dopamine's agents learn
    before they choose (`acts_before_update` is false). What was begun may be under way elsewhere, so lanes that live in
    workers draw minibatches while actions are chosen, and play while the networks learn.

    An update is made by all lanes, and their priorities are renewed, before the next of a round. All minibatches of a
    round are drawn from the memory as it was before this step: nobody plays before the last one is begun.
    """
    owing = [trainee for trainee in trainees if trainee.failure is None and _owes_evaluation(trainee)]
    if owing:
        networks.keep([trainee.learner for trainee in owing])
        evaluate_periodically(owing, config, networks, play)
        yield
    while active := [trainee for trainee in trainees if trainee.active]:
        networks.keep([trainee.learner for trainee in active])
        lesson = begin_lesson(active, config)
        actions = choose(active, config, networks) if config.acts_before_update else None
        for _ in range(config.updates_at_once - 1):
            learn(lesson, networks)
            begin_batches(lesson)
        if actions is not None:
            begin_to_play(active, actions)
        learn(lesson, networks)
        networks.copy_to_target([trainee.learner for trainee in lesson.copied])
        for trainee in active:
            trainee.lane.step += 1
        if actions is None:
            begin_to_play(active, choose(active, config, networks))
        for trainee in active:
            trainee.lane.end_play()
        due = [trainee for trainee in active if trainee.failure is None and evaluation_is_due(trainee.lane)]
        if due:
            evaluate_periodically(due, config, networks, play)
        yield


def choose(trainees: Sequence[Trainee], config: OffPolicyConfig, networks: Networks) -> dict[int, int]:
    """The actions of this step by place, epsilon-greedy; none where a trajectory's last frame is perceived."""
    playing = {place: trainee for place, trainee in enumerate(trainees) if not trainee.lane.at_end}
    epsilons = {place: epsilon_at(trainee.lane.step, config.epsilon) for place, trainee in playing.items()}
    streams = {place: trainee.lane.streams["exploration"] for place, trainee in playing.items()}
    seen = {place: (trainee.learner, trainee.lane.stack) for place, trainee in playing.items()}
    return act(seen, epsilons, streams, networks, evaluating=False)


def begin_to_play(trainees: Sequence[Trainee], actions: Mapping[int, int]) -> None:
    """Have every lane play its action, or perceive its trajectory's last frame."""
    for place, trainee in enumerate(trainees):
        trainee.lane.begin_play(actions.get(place))


def act(
    states: Mapping[int, tuple[Learner, NDArray[np.uint8]]],
    epsilons: Mapping[int, float],
    streams: Mapping[int, np.random.Generator],
    networks: Networks,
    *,
    evaluating: bool,
) -> dict[int, int]:
    """An epsilon-greedy action for each state; values, and what a network draws, are asked for only if they decide."""
    explored = {
        place: explore(epsilons[place], learner.num_actions, streams[place]) for place, (learner, _) in states.items()
    }
    open_places = [place for place, action in explored.items() if action is None]
    seen: list[Seen] = []
    for place in open_places:
        learner, stack = states[place]
        seen.append((learner, stack, learner.acting_draws(streams[place], evaluating=evaluating)))
    values = dict(zip(open_places, networks.action_values(seen), strict=True))
    return {
        place: greedy(values[place], streams[place]) if action is None else action for place, action in explored.items()
    }


@dataclass(frozen=True)
class Lesson:
    """Who has updates due in this step, on minibatches that are being drawn, and whose target network is copied."""

    updated: list[Trainee]
    copied: list[Trainee]

    @property
    def studying(self) -> list[Trainee]:
        """Those of the updated that have not failed, in an earlier update of the round."""
        return [trainee for trainee in self.updated if trainee.failure is None]


def begin_lesson(trainees: Sequence[Trainee], config: OffPolicyConfig) -> Lesson:
    """Have minibatches drawn where updates are due; set transitions aside when learning starts."""
    learning = [trainee for trainee in trainees if trainee.lane.learning_started]
    for lane in (trainee.lane for trainee in learning):
        if lane.held_out is None and config.held_out_transitions:
            lane.held_out = lane.sample(config.held_out_transitions)
    updated = [trainee for trainee in learning if is_due(trainee.lane.step, config.update_period_steps)]
    copied = [trainee for trainee in learning if is_due(trainee.lane.step, config.target_update_period_steps)]
    lesson = Lesson(updated, copied)
    begin_batches(lesson)
    return lesson


def begin_batches(lesson: Lesson) -> None:
    """Have a minibatch drawn for each lane that has an update due."""
    for trainee in lesson.studying:
        trainee.lane.begin_batch()


def learn(lesson: Lesson, networks: Networks) -> None:
    """Update on the minibatches drawn, and hand back the priorities of their transitions.

    A lane whose loss or a priority is no finite number fails: it ends this turn with the others, learns nothing more,
    and takes part in no further one.
    """
    studying = lesson.studying
    studied = [(each.learner, each.lane.batch(), each.lane.streams["loss"]) for each in studying]
    for trainee, learned in zip(studying, networks.update(studied), strict=True):
        failure = learned.failure or _bad_priority(learned.priorities)
        if failure is not None:
            trainee.failure = f"{failure} at step {trainee.lane.step:,}"
        elif learned.priorities is not None:
            trainee.lane.renew_priorities(learned.priorities)


def _bad_priority(priorities: NDArray[np.float32] | None) -> str | None:
    """What is wrong with priorities, where there are any: each is to be a finite number, not negative."""
    if priorities is None:
        return None
    bad = priorities[~(np.isfinite(priorities) & (priorities >= 0.0))]
    return f"a priority is {bad[0]}" if len(bad) else None


def evaluation_is_due(lane: AnyLane) -> bool:
    """Every `period_steps`, once learning has started (google-deepmind/dqn dqn/train_agent.lua:106)."""
    periodic = lane.run.protocol.periodic_evaluation
    return periodic is not None and is_due(lane.step, periodic.period_steps) and lane.learning_started


def _owes_evaluation(trainee: Trainee) -> bool:
    """Whether a lane was stored within the evaluation that is due at its step."""
    evaluated = bool(trainee.curve) and trainee.curve[-1].step == trainee.lane.step
    return evaluation_is_due(trainee.lane) and not evaluated


def evaluate_periodically(
    trainees: Sequence[Trainee], config: OffPolicyConfig, networks: Networks, play: Play = play_at_once
) -> None:
    """Play the online networks apart from training, side by side; keep one whose score exceeds all its earlier ones."""
    for trainee, trace in zip(trainees, _periodic_traces(trainees, networks, play), strict=True):
        lane, learner = trainee.lane, trainee.learner
        value = td_error = None
        if lane.held_out is not None:
            # A stream of its own: looking at the held-out transitions must not shift what training draws.
            apart = named_stream(lane.run.seed, lane.run.game, "held_out_loss", _evaluation_index(lane))
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


def _periodic_traces(trainees: Sequence[Trainee], networks: Networks, play: Play) -> list[Trace]:
    epsilons, played = {}, []
    purpose: Purpose = "periodic_evaluation"
    for place, trainee in enumerate(trainees):
        lane = trainee.lane
        periodic, index = lane.run.protocol.periodic_evaluation, _evaluation_index(lane)
        assert periodic is not None
        epsilons[place] = periodic.epsilon
        begun = lane.begin_evaluation(periodic.presentation, purpose, index=index, num_steps=periodic.length_steps)
        played.append(to_be_played(trainee, begun, purpose, index))
    return play(played, evaluation_policy(trainees, played, epsilons, networks), lambda place, stack: None)


def to_be_played(trainee: Trainee, evaluation: Evaluation, purpose: Purpose, index: int = 0) -> Played:
    """An evaluation of a lane's online network, with the stream its policy draws from."""
    run, learner = trainee.lane.run, trainee.learner
    stream, network = exploration_stream(run, purpose, index), network_sha256(learner.online_parameters())
    return Played(evaluation, run, purpose, index, network, learner.num_actions, stream)


def evaluation_policy(
    trainees: Sequence[Trainee], played: Sequence[Played], epsilons: Mapping[int, float], networks: Networks
) -> Choose:
    """The online networks, epsilon-greedy, for those of the evaluations that are under way."""
    streams = {place: each.stream for place, each in enumerate(played)}

    def choose(stacks: Mapping[int, NDArray[np.uint8]]) -> dict[int, int]:
        seen = {place: (trainees[place].learner, stack) for place, stack in stacks.items()}
        return act(seen, epsilons, streams, networks, evaluating=True)

    return choose


def _evaluation_index(lane: AnyLane) -> int:
    periodic = lane.run.protocol.periodic_evaluation
    assert periodic is not None
    return lane.step // periodic.period_steps


def greedy_policy(learner: Learner, epsilon: float) -> Policy:
    """The learner's online network, epsilon-greedy."""

    def policy(stack: NDArray[np.uint8], stream: np.random.Generator) -> int:
        def values() -> NDArray[np.float32]:
            return learner.action_values(stack, learner.acting_draws(stream, evaluating=True))

        return epsilon_greedy(epsilon, learner.num_actions, values, stream)

    return policy
