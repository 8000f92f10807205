"""The end of a trained on-policy run of a task that is no game: a final evaluation, if there is one, and its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.evidence.evaluation import begin_evaluation
from replication.evidence.run_files import Outcome
from replication.evidence.state_files import network_path
from replication.evidence.traces import AnyTrace
from replication.training.final_evaluation import Finalist, final_evaluation_of, play_final_evaluations
from replication.training.machine.settings import Machine
from replication.training.on_policy.evaluated_network import EvaluatedNetwork, network_sha256, store_network
from replication.training.on_policy.trainee import Trainee
from replication.training.resumable_play import Choose, Play, Played
from replication.training.step_outcomes import outcome_by_steps


def vector_outcome_of(trainee: Trainee, machine: Machine, play: Play, lanes: int) -> Outcome:
    """Evaluate a trained run by its protocol, and return what it leaves.

    Args:
        trainee: at the end of its training.
        machine: where it was trained.
        play: the player of evaluations.
        lanes: how many runs were trained together.

    Raises:
        Stopped: by `play`.
    """
    run, lane = trainee.run, trainee.lane
    store_network(trainee.learner, network_path(run, machine.state))
    evaluation = None if run.protocol.final_evaluation is None else _evaluate(trainee, machine, play)
    facts = {
        "evaluated_network": {"network": "final", "step": trainee.step},
        "counts": {"steps": lane.step, "training_episodes": len(lane.episodes)},
        "cost": {"seconds": round(trainee.seconds, 1)},
        "machine": {"device": machine.device, "lanes": lanes, "precision": "float32"},
    }
    return outcome_by_steps(run, evaluation, facts, lane.episodes, trainee.curve, machine)


def _evaluate(trainee: Trainee, machine: Machine, play: Play) -> AnyTrace:
    run, learner, actions = trainee.run, trainee.learner, trainee.lane.actions
    choose_action = EvaluatedNetwork(learner, actions).policy(run.final_epsilon(final_evaluation_of(run)))

    def policy(played: Sequence[Played]) -> Choose:
        def choose(seen: Mapping[int, NDArray[np.float32]]) -> dict[int, Any]:
            return {place: choose_action(one, played[place].stream) for place, one in seen.items()}

        return choose

    finalist = Finalist(run, partial(begin_evaluation, run, None), actions, network_sha256(learner))
    (trace,) = play_final_evaluations([finalist], policy, lambda place, seen: None, play, quiet=machine.quiet)
    return trace
