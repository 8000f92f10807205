"""The end of a trained on-policy run: its final evaluation, where the protocol has one, and what its record holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.environments.contract import Viewing
from replication.evidence.activations import (
    PERPLEXITY,
    POINTS,
    SEED,
    Activations,
    StateSample,
    moments_of_steps,
    store_activations,
)
from replication.evidence.evaluation import begin_evaluation
from replication.evidence.run_files import Outcome, scored_outcome
from replication.evidence.state_files import activations_path, network_path
from replication.evidence.traces import AnyTrace, of_game
from replication.foundation.random_streams import named_stream
from replication.specification.protocols import Presentation, of_atari
from replication.specification.run import Run
from replication.training.final_evaluation import Finalist, final_evaluation_of, play_final_evaluations
from replication.training.machine.settings import Machine
from replication.training.on_policy.evaluated_network import EvaluatedNetwork, network_sha256, store_network
from replication.training.on_policy.trainee import Trainee
from replication.training.resumable_play import Choose, Play, Played

ViewingOf = Callable[[Run, Presentation], Viewing]
"""What a run's agent is shown of a game that is presented like this: `viewing` of the family."""


def outcome_of(trainee: Trainee, viewing: ViewingOf, machine: Machine, play: Play, lanes: int) -> Outcome:
    """Evaluate a trained run by its protocol, and return what it leaves.

    Args:
        trainee: at the end of its training.
        viewing: tells what its agent is shown of a game.
        machine: where it was trained.
        play: the player of evaluations.
        lanes: how many runs were trained together.

    Raises:
        Stopped: by `play`.
    """
    run, lane = trainee.run, trainee.lane
    evaluation, evaluated = None, None
    if run.protocol.evaluation_at_end is not None:
        evaluated = {"network": "final", "step": trainee.step}
        store_network(trainee.learner, network_path(run, machine.state))
        evaluation = _evaluate(trainee, viewing, machine, play)
    facts = {
        "evaluated_network": evaluated,
        "embedding": {"perplexity": PERPLEXITY, "seed": SEED, "most_points": POINTS},
        "counts": {
            "steps": lane.step,
            "frames_nominal": lane.step * run.protocol.training.frame_skip,
            "frames_of_finished_episodes": sum(episode.frames for episode in lane.episodes),
            "training_episodes": len(lane.episodes),
        },
        "cost": {"seconds": round(trainee.seconds, 1)},
        "machine": {"device": machine.device, "lanes": lanes, "precision": "float32"},
    }
    training = [{"episode": i, **asdict(record)} for i, record in enumerate(lane.episodes)]
    outcome = Outcome(run, evaluation, None, facts, {"training": training})
    return outcome if lane.log is None else scored_outcome(outcome, lane.log, training)


def _evaluate(trainee: Trainee, viewing: ViewingOf, machine: Machine, play: Play) -> AnyTrace:
    """Play the final evaluation, and store the activations of some of its states for t-SNE."""
    run, learner = trainee.run, trainee.learner
    network, sample = EvaluatedNetwork(learner, trainee.lane.actions), StateSample(POINTS)
    final = final_evaluation_of(run)
    choose_action, shown = network.policy(run.final_epsilon(final)), viewing(run, of_atari(final.presentation))

    def policy(played: Sequence[Played]) -> Choose:
        def choose(seen: Mapping[int, NDArray[Any]]) -> dict[int, Any]:
            return {place: choose_action(stack, played[place].stream) for place, stack in seen.items()}

        return choose

    finalist = Finalist(run, partial(begin_evaluation, run, shown), trainee.lane.actions, network_sha256(learner))
    (trace,) = play_final_evaluations(
        [finalist], policy, lambda place, stack: sample.see(stack), play, quiet=machine.quiet
    )
    stream = named_stream(run.seed, run.task.name, "activations")
    found = network.activations(np.stack(sample.states), stream)
    moments = moments_of_steps(of_game(trace), np.array(sample.steps))
    store_activations(activations_path(run, machine.state), Activations(*found, *moments))
    return trace
