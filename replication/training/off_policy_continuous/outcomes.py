"""The end of a trained run of the family: its final evaluation, where there is one, and what its record holds."""

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
from replication.training.off_policy_continuous.networks import EvaluatedActor, network_sha256, store_actor
from replication.training.off_policy_continuous.trainee import Trainee
from replication.training.resumable_play import Choose, Play, Played
from replication.training.step_outcomes import outcome_by_steps


def outcome_of(trainee: Trainee, machine: Machine, play: Play, lanes: int) -> Outcome:
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
    store_actor(trainee.learner, network_path(run, machine.state))
    evaluation = None if run.protocol.final_evaluation is None else _evaluate(trainee, machine, play)
    facts = {
        "evaluated_network": {"network": "final", "step": trainee.step},
        "counts": {
            "steps": lane.step,
            "updates": trainee.learner.updates,
            "training_episodes": len(lane.episodes),
        },
        "cost": {"seconds": round(trainee.seconds, 1)},
        "machine": {"device": machine.device, "lanes": lanes, "precision": "float32"},
    }
    return outcome_by_steps(run, evaluation, facts, lane.episodes, trainee.curve, machine)


def _evaluate(trainee: Trainee, machine: Machine, play: Play) -> AnyTrace:
    run, learner = trainee.run, trainee.learner
    choose_action = EvaluatedActor(learner).policy(run.final_epsilon(final_evaluation_of(run)))

    def policy(played: Sequence[Played]) -> Choose:
        def choose(seen: Mapping[int, NDArray[np.float32]]) -> dict[int, Any]:
            return {place: choose_action(one, played[place].stream) for place, one in seen.items()}

        return choose

    finalist = Finalist(run, partial(begin_evaluation, run, None), trainee.lane.actions, network_sha256(learner))
    (trace,) = play_final_evaluations([finalist], policy, lambda place, seen: None, play, quiet=machine.quiet)
    return trace
