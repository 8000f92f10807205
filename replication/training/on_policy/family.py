"""Agents that learn from what their policy has just done: cohorts of lanes, and what they play."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from replication.algorithms.on_policy.contract import load_algorithm
from replication.environments.contract import Policy, Viewing
from replication.evidence.evaluation import EvaluationRequest, begin_evaluation
from replication.evidence.run_files import Outcome
from replication.foundation.errors import ReplicationError
from replication.foundation.progress import say
from replication.foundation.random_streams import named_stream
from replication.specification.families.on_policy import OnPolicyConfig
from replication.specification.protocols import Presentation, of_atari
from replication.specification.run import Run
from replication.training.final_evaluation import final_evaluation_of
from replication.training.machine.settings import Machine
from replication.training.off_policy.learner import prepare_torch
from replication.training.on_policy.evaluated_network import EvaluatedNetwork, open_network
from replication.training.on_policy.footprint import memory_text
from replication.training.on_policy.lane import Lane
from replication.training.on_policy.learner import Learner
from replication.training.on_policy.loop import learn, play_rollout, train
from replication.training.on_policy.outcomes import outcome_of
from replication.training.on_policy.trainee import Trainee
from replication.training.on_policy.vector_outcomes import vector_outcome_of
from replication.training.resumable_play import Play

__all__ = ["measure_speed", "open_cohort", "open_network", "player", "viewing"]


class OnPolicyCohort:
    """The lanes of one variant with their learners, all in this process.

    Args:
        trainees: at least one.
        machine: they are on.
    """

    def __init__(self, trainees: Sequence[Trainee], machine: Machine) -> None:
        self.trainees = trainees
        self.progress_unit = "frames" if trainees[0].run.training_frames else "steps"
        self._machine = machine

    def train(self, play: Play) -> Iterator[None]:
        """Advance every lane by one rollout or evaluation a turn."""
        return train(self.trainees, play)

    def finish(self, play: Play) -> Iterator[Outcome]:
        """Evaluate the lanes one after the other."""
        for trainee in self.trainees:
            if trainee.failure is None:
                yield self._outcome(trainee, play)

    def _outcome(self, trainee: Trainee, play: Play) -> Outcome:
        if trainee.lane.config.of_vectors is not None:
            return vector_outcome_of(trainee, self._machine, play, lanes=len(self.trainees))
        return outcome_of(trainee, viewing, self._machine, play, lanes=len(self.trainees))


@contextmanager
def open_cohort(runs: Sequence[Run], machine: Machine) -> Iterator[OnPolicyCohort]:
    """Open the lanes of runs.

    Raises:
        ReplicationError: another device than the CPU; a protocol of games whose evaluations are periodic; a task whose
            actions are of another kind than those of the policy.
    """
    prepare_torch()
    run = runs[0]
    if machine.device != "cpu":
        raise ReplicationError(
            f"--device {machine.device}: {run.name}: family {run.family.name} trains on cpu alone; leave --device out"
        )
    if run.protocol.periodic_evaluation is not None and run.training_frames:
        raise ReplicationError(
            f"{run.name}: protocol {run.protocol.protocol} evaluates periodically, family {run.family.name} at the end "
            "alone on games; name a protocol without periodic_evaluation"
        )
    say(f"{memory_text(run, machine.storage)}{f', for each of {len(runs)} lanes' if len(runs) > 1 else ''}")
    yield OnPolicyCohort([new_trainee(run) for run in runs], machine)


def new_trainee(run: Run) -> Trainee:
    """Open the games or other tasks of a run, and build its network."""
    config = run.settings_as(OnPolicyConfig)
    lane = Lane(run, config)
    learner = Learner(load_algorithm(run.variant.module), config, lane.spaces, lane.streams)
    learner.see(lane.stacks)
    return Trainee(lane, learner)


def player(run: Run, network: Path | None) -> tuple[Policy, Viewing | None]:
    """Return the policy of an evaluated network, and what it is shown of a game; observations are seen as they are."""
    assert network is not None, "a run that trains has a network"
    if run.task.kind != "atari":
        return open_network(run, network).policy(run.final_epsilon(run.protocol.final_evaluation)), None
    final = final_evaluation_of(run)
    return open_network(run, network).policy(run.final_epsilon(final)), viewing(run, of_atari(final.presentation))


def viewing(run: Run, presentation: Presentation) -> Viewing:
    """Return the pipeline and the history of the run's settings, at the frame skip of the presentation."""
    seen = run.settings_as(OnPolicyConfig).of_game
    return Viewing(seen.frame_pipeline, seen.frame_stack, presentation.frame_skip, seen.history_start)


def measure_speed(run: Run, seconds: float) -> tuple[float, float]:
    """Train a lane, then play its network; nothing is written.

    Args:
        run: an on-policy run.
        seconds: how long each of the two is timed.

    Returns: agent steps a second in training, and in evaluation; on one core of the CPU.
    """
    prepare_torch()
    trainee = new_trainee(run)
    _advance(trainee)  # compiled functions are ready
    first, started = trainee.step, time.monotonic()
    while time.monotonic() - started < seconds:
        _advance(trainee)
    training = (trainee.step - first) / (time.monotonic() - started)
    shown = run.protocol.training
    request = EvaluationRequest(shown, "periodic_evaluation", num_steps=sys.maxsize)
    seen = viewing(run, of_atari(shown)) if run.task.kind == "atari" else None
    evaluation = begin_evaluation(run, seen, request)
    policy = EvaluatedNetwork(trainee.learner, trainee.lane.actions).policy(0.0)
    stream = named_stream(run.seed, run.task.name, "speed")
    stack, steps, started = next(evaluation), 0, time.monotonic()
    while time.monotonic() - started < seconds:
        assert stack is not None
        stack = evaluation.send(policy(stack, stream))
        steps += 1
    return training, steps / (time.monotonic() - started)


def _advance(trainee: Trainee) -> None:
    play_rollout(trainee)
    learn(trainee)
