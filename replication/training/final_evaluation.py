"""The end of a trained run: its final evaluation by the protocol, activations for t-SNE, and its results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from replication.evidence.activations import (
    PERPLEXITY,
    POINTS,
    SEED,
    Activations,
    StateSample,
    moments_of_steps,
    store_activations,
)
from replication.evidence.evaluation import EvaluationRequest, Purpose
from replication.evidence.run_files import write_results
from replication.evidence.scores import score
from replication.evidence.state_files import activations_path, network_path
from replication.evidence.trace_file import Trace
from replication.foundation.progress import progress_bar, say
from replication.foundation.random_streams import named_stream
from replication.specification.run import Run
from replication.training.machine.devices import card
from replication.training.machine.settings import Machine
from replication.training.off_policy.batching import Networks
from replication.training.off_policy.periodic_evaluation import evaluation_policy, to_be_played
from replication.training.off_policy.trainee import Trainee
from replication.training.resumable_play import Play, unfinished_path
from replication.training.stored_networks import store_network

_PURPOSE: Purpose = "final_evaluation"


def finish(trainees: Sequence[Trainee], machine: Machine, networks: Networks, play: Play, lanes: int) -> None:
    """Evaluate trained runs by the protocol, side by side, and write the results of each.

    `lanes`, how many runs were trained together, is written to each record.

    Raises:
        Stopped: by `play`.
    """
    evaluated = [_choose_network(trainee) for trainee in trainees]
    evaluations: list[Trace | None] = [None] * len(trainees)
    if trainees and trainees[0].lane.run.protocol.final_evaluation is not None:
        for trainee in trainees:
            store_network(trainee.learner, network_path(trainee.lane.run, machine.state))
        networks.keep([trainee.learner for trainee in trainees])
        evaluations = list(_evaluate_networks(trainees, machine, networks, play))
    for trainee, evaluation, network in zip(trainees, evaluations, evaluated, strict=True):
        folder = _write(trainee, evaluation, network, machine, lanes)
        unfinished_path(trainee.lane.run, machine.state).unlink(missing_ok=True)
        announce(trainee.lane.run, folder, evaluation)


def _choose_network(trainee: Trainee) -> dict[str, Any] | None:
    """Load the network that the protocol evaluates into the online network; return which it is, for run.json."""
    final = trainee.lane.run.protocol.final_evaluation
    if final is None:
        return None
    if final.network == "best" and trainee.best is not None:
        trainee.learner.online.load_state_dict(trainee.best)
        return {"network": "best", "step": max(point.step for point in trainee.curve if point.is_best)}
    return {"network": "final", "step": trainee.lane.step}


def _evaluate_networks(trainees: Sequence[Trainee], machine: Machine, networks: Networks, play: Play) -> list[Trace]:
    """Play the final evaluations of a cohort, and store the activations of some of their states for t-SNE."""
    samples = [StateSample(POINTS) for _ in trainees]
    epsilons, played = {}, []
    final = trainees[0].lane.run.protocol.final_evaluation
    assert final is not None
    total, name = final.num_episodes * len(trainees), ", ".join(trainee.lane.run.name for trainee in trainees)
    with progress_bar(total, "episodes", f"{name}: final evaluation", quiet=machine.quiet) as bar:
        for place, trainee in enumerate(trainees):
            epsilons[place] = trainee.lane.run.final_epsilon(final)
            request = EvaluationRequest(final.presentation, _PURPOSE, num_episodes=final.num_episodes)
            begun = trainee.lane.begin_evaluation(request, lambda episodes: bar.update())
            played.append(to_be_played(trainee, begun, _PURPOSE))
        choose = evaluation_policy(trainees, played, epsilons, networks)
        traces = play(played, choose, lambda place, stack: samples[place].see(stack))
    for trainee, sample, trace in zip(trainees, samples, traces, strict=True):
        _store_activations(trainee, sample, trace, machine)
    return traces


def _write(
    trainee: Trainee, evaluation: Trace | None, evaluated: dict[str, Any] | None, machine: Machine, lanes: int
) -> Path:
    lane, config = trainee.lane, trainee.lane.config
    run, protocol = lane.run, lane.run.protocol
    past = lane.past()
    facts = {
        "evaluated_network": evaluated,
        "embedding": {"perplexity": PERPLEXITY, "seed": SEED, "most_points": POINTS},
        "counts": {
            "steps": lane.step,
            "frames_nominal": lane.step * protocol.training.frame_skip,
            "frames_of_finished_episodes": sum(episode.frames for episode in past.episodes),
            "training_episodes": len(past.episodes),
        },
        "cost": {"seconds": round(trainee.seconds, 1)},
        "machine": {"device": machine.device, "lanes": lanes, "precision": config.precision} | card(machine.device),
    }
    tables = {
        "curve": [asdict(point) for point in trainee.curve],
        "training": [{"episode": i, **asdict(record)} for i, record in enumerate(past.episodes)],
        "iterations": [{"iteration": i, **asdict(record)} for i, record in enumerate(past.iterations)],
    }
    return write_results(
        run, machine.results, evaluation=evaluation, training=past.training, tables=tables, facts=facts
    )


def _store_activations(trainee: Trainee, sample: StateSample, evaluation: Trace, machine: Machine) -> None:
    """Store the last hidden layer of evenly spaced states of the final evaluation, for t-SNE."""
    run = trainee.lane.run
    found = trainee.learner.activations(np.stack(sample.states), named_stream(run.seed, run.game, "activations"))
    moments = moments_of_steps(evaluation, np.array(sample.steps))
    store_activations(activations_path(run, machine.state), Activations(*found, *moments))


def announce(run: Run, folder: Path, evaluation: Trace | None) -> None:
    """Say the score of a finished run, and the folder of its results."""
    found = "" if evaluation is None else f" score {score(evaluation):.1f} over {len(evaluation.episodes)} episodes;"
    say(f"{run.name}:{found} {folder}")
