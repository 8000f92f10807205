"""The end of a trained off-policy run: its final evaluation, activations for t-SNE, and what its record holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from replication.environments.contract import DiscreteActions
from replication.evidence.activations import (
    PERPLEXITY,
    POINTS,
    SEED,
    Activations,
    StateSample,
    moments_of_steps,
    store_activations,
)
from replication.evidence.episode_log import EpisodeLog
from replication.evidence.run_files import Outcome, scored_outcome
from replication.evidence.state_files import activations_path, evaluation_traces, network_path
from replication.evidence.trace_file import Trace
from replication.evidence.traces import AnyTrace, of_game
from replication.foundation.files import sha256
from replication.foundation.random_streams import named_stream
from replication.training.final_evaluation import Finalist, final_evaluation_of, play_final_evaluations
from replication.training.machine.devices import card
from replication.training.machine.settings import Machine
from replication.training.off_policy.batching import Networks
from replication.training.off_policy.networks import network_sha256, store_network
from replication.training.off_policy.periodic_evaluation import evaluation_policy
from replication.training.off_policy.trainee import Trainee
from replication.training.resumable_play import Choose, Play, Played


def finished(
    trainees: Sequence[Trainee], machine: Machine, networks: Networks, play: Play, lanes: int
) -> list[Outcome]:
    """Evaluate trained runs by the protocol, side by side, and return what each leaves.

    `lanes`, how many runs were trained together, is written to each record.

    Raises:
        Stopped: by `play`.
    """
    evaluated = [_choose_network(trainee) for trainee in trainees]
    evaluations: Sequence[AnyTrace | None] = [None] * len(trainees)
    if trainees and trainees[0].run.protocol.evaluation_at_end is not None:
        for trainee in trainees:
            store_network(trainee.learner, network_path(trainee.run, machine.state))
        networks.keep([trainee.learner for trainee in trainees])
        evaluations = _evaluate_networks(trainees, machine, networks, play)
    return [
        _outcome(trainee, evaluation, network, machine, lanes)
        for trainee, evaluation, network in zip(trainees, evaluations, evaluated, strict=True)
    ]


def _choose_network(trainee: Trainee) -> dict[str, Any] | None:
    """Load the network that the protocol evaluates into the online network; return which it is, for run.json."""
    final = trainee.run.protocol.evaluation_at_end
    if final is None:
        return None
    if final.network == "best" and trainee.best is not None:
        trainee.learner.online.load_state_dict(trainee.best)
        return {"network": "best", "step": max(point.step for point in trainee.curve if point.is_best)}
    return {"network": "final", "step": trainee.step}


def _evaluate_networks(trainees: Sequence[Trainee], machine: Machine, networks: Networks, play: Play) -> list[AnyTrace]:
    """Play the final evaluations of a cohort, and store the activations of some of their states for t-SNE."""
    samples = [StateSample(POINTS) for _ in trainees]

    def policy(played: Sequence[Played]) -> Choose:
        epsilons = [trainee.run.final_epsilon(final_evaluation_of(trainee.run)) for trainee in trainees]
        return evaluation_policy(trainees, played, epsilons, networks)

    finalists = [
        Finalist(
            trainee.run,
            trainee.lane.begin_evaluation,
            DiscreteActions(codes=tuple(range(trainee.learner.num_actions))),
            network_sha256(trainee.learner.online_parameters()),
        )
        for trainee in trainees
    ]
    traces = play_final_evaluations(
        finalists, policy, lambda place, stack: samples[place].see(stack), play, quiet=machine.quiet
    )
    for trainee, sample, trace in zip(trainees, samples, traces, strict=True):
        _store_activations(trainee, sample, of_game(trace), machine)
    return traces


def _outcome(
    trainee: Trainee, evaluation: AnyTrace | None, evaluated: dict[str, Any] | None, machine: Machine, lanes: int
) -> Outcome:
    lane, config = trainee.lane, trainee.lane.config
    past = lane.past()
    facts = {
        "evaluated_network": evaluated,
        "embedding": {"perplexity": PERPLEXITY, "seed": SEED, "most_points": POINTS},
        "counts": {
            "steps": lane.step,
            "frames_nominal": lane.step * lane.run.protocol.training.frame_skip,
            "frames_of_finished_episodes": sum(episode.frames for episode in past.episodes),
            "training_episodes": len(past.episodes),
        },
        "cost": {"seconds": round(trainee.seconds, 1)},
        "machine": {"device": machine.device, "lanes": lanes, "precision": config.precision} | card(machine.device),
    }
    training = [{"episode": i, **asdict(record)} for i, record in enumerate(past.episodes)]
    tables = {
        "curve": [asdict(point) for point in trainee.curve],
        "training": training,
        "iterations": [{"iteration": i, **asdict(record)} for i, record in enumerate(past.iterations)],
    }
    traces = evaluation_traces(lane.run, machine.state, [point.step for point in trainee.curve])
    in_state = {name: sha256(data) for name, data in traces.items()}
    outcome = Outcome(lane.run, evaluation, past.training, facts, tables, in_state=in_state)
    if past.chapters is None:
        return outcome
    assert past.training is not None
    log = EpisodeLog(lane.run, past.training.header.minimal_actions)
    log.restore(past.training.episodes, past.chapters)
    return scored_outcome(outcome, log, training)


def _store_activations(trainee: Trainee, sample: StateSample, evaluation: Trace, machine: Machine) -> None:
    """Store the last hidden layer of evenly spaced states of the final evaluation, for t-SNE."""
    run = trainee.run
    found = trainee.learner.activations(np.stack(sample.states), named_stream(run.seed, run.task.name, "activations"))
    moments = moments_of_steps(evaluation, np.array(sample.steps))
    store_activations(activations_path(run, machine.state), Activations(*found, *moments))
