"""The end of a run: its final evaluation by the protocol, activations for t-SNE, and its results."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from replication.algorithms import random_agent
from replication.atari.emulator import open_emulator
from replication.config import OffPolicyConfig, UntrainedConfig, variant_config
from replication.embedding import PERPLEXITY, POINTS, SEED, StateSample, activations_path, store_activations
from replication.engine.learner import Learner
from replication.engine.machine import BAR, Machine, say
from replication.engine.off_policy import Trainee, greedy_policy
from replication.engine.policy_check import network_path, store_network
from replication.errors import ReplicationError
from replication.evaluation import Viewing, evaluate, score
from replication.policies import Policy
from replication.results import write_results
from replication.runs import Run
from replication.traces import Trace, new_trace


def evaluate_untrained(run: Run, machine: Machine) -> None:
    """Play an agent that learns nothing by the protocol, and write the results.

    Raises:
        ReplicationError: the protocol has no final evaluation.
    """
    config = variant_config(run.variant, UntrainedConfig)
    if run.protocol.final_evaluation is None:
        raise ReplicationError(f"{run.name}: protocol {run.protocol.protocol} has no final evaluation to play")
    policy = random_agent.policy(len(open_emulator(run.game).minimal_actions))
    started = time.monotonic()
    trace = _final_evaluation(policy, run, random_agent.viewing(config), machine)
    facts = {
        "evaluated_network": None,
        "cost": {"seconds": round(time.monotonic() - started, 1)},
        "machine": {"device": "cpu", "lanes": 1},
    }
    _announce(run, write_results(run, machine.results, evaluation=trace, training=None, tables={}, facts=facts), trace)


def finish(trainee: Trainee, config: OffPolicyConfig, machine: Machine, lanes: int) -> None:
    """Evaluate by the protocol and write the results."""
    lane, learner = trainee.lane, trainee.learner
    run, protocol = lane.run, lane.run.protocol
    evaluated: dict[str, Any] | None = None
    evaluation: Trace | None = None
    if protocol.final_evaluation is not None:
        evaluated = {"network": "final", "step": lane.step}
        if protocol.final_evaluation.network == "best" and trainee.best is not None:
            evaluated = {"network": "best", "step": max(p.step for p in trainee.curve if p.is_best)}
            learner.online.load_state_dict(trainee.best)
        policy = greedy_policy(learner, lane.game.num_actions, run.final_epsilon(protocol.final_evaluation))
        store_network(learner, network_path(run, machine.state))
        viewing = Viewing(config.frame_pipeline, config.frame_stack, protocol.final_evaluation.presentation.frame_skip)
        sample = StateSample(POINTS)

        def watched(stack: NDArray[np.uint8], stream: np.random.Generator) -> int:
            sample.see(stack)
            return policy(stack, stream)

        evaluation = _final_evaluation(watched, run, viewing, machine)
        _store_activations(learner, sample, evaluation, activations_path(run, machine.state))
    training: Trace | None = None
    if lane.recorder is not None:
        training = new_trace(lane.recorder, run, protocol.training, protocol.training.frame_skip, "training")
    facts = {
        "evaluated_network": evaluated,
        "embedding": {"perplexity": PERPLEXITY, "seed": SEED, "most_points": POINTS},
        "counts": {
            "steps": lane.step,
            "frames_nominal": lane.step * protocol.training.frame_skip,
            "frames_of_finished_episodes": sum(episode.frames for episode in lane.episodes),
            "training_episodes": len(lane.episodes),
        },
        "cost": {"seconds": round(trainee.seconds, 1)},
        "machine": {"device": machine.device, "lanes": lanes, "precision": config.precision},
    }
    tables = {
        "curve": [asdict(point) for point in trainee.curve],
        "training": [{"episode": i, **asdict(record)} for i, record in enumerate(lane.episodes)],
        "iterations": [{"iteration": i, **asdict(record)} for i, record in enumerate(lane.iterations)],
    }
    folder = write_results(run, machine.results, evaluation=evaluation, training=training, tables=tables, facts=facts)
    _announce(run, folder, evaluation)


def _store_activations(learner: Learner, sample: StateSample, evaluation: Trace, path: Path) -> None:
    """What the network makes of evenly spaced states of its final evaluation, for t-SNE."""
    skip = evaluation.header.frame_skip
    ends = np.cumsum([-(-episode.scored_frames // skip) for episode in evaluation.episodes])
    steps = np.array(sample.steps)
    episodes = np.searchsorted(ends, steps, side="right")
    frames = (steps - np.concatenate([[0], ends])[episodes]) * skip
    store_activations(path, *learner.activations(np.stack(sample.states)), episodes, frames)


def _final_evaluation(policy: Policy, run: Run, viewing: Viewing, machine: Machine) -> Trace:
    final = run.protocol.final_evaluation
    assert final is not None
    name = f"{run.name}: final evaluation"
    with tqdm(total=final.num_episodes, unit="episodes", desc=name, disable=machine.quiet, **BAR) as bar:
        return evaluate(
            policy,
            run,
            final.presentation,
            viewing,
            "final_evaluation",
            num_episodes=final.num_episodes,
            report=lambda episodes: bar.update(),
        )


def _announce(run: Run, folder: Path, evaluation: Trace | None) -> None:
    found = "" if evaluation is None else f" score {score(evaluation):.1f} over {len(evaluation.episodes)} episodes;"
    say(f"{run.name}:{found} {folder}")
