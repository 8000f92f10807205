"""Records of runs that are scored by evaluations during training, as a family would leave them, nothing learned."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from replication.environments.registry import open_simulator
from replication.evidence.evaluation import EvaluationRequest, evaluate
from replication.evidence.evaluation_log import evaluated_outcome
from replication.evidence.run_files import Outcome, write_results
from replication.evidence.scores import CurvePoint, score
from replication.evidence.state_files import evaluation_name
from replication.evidence.traces import trace_bytes
from replication.foundation.files import write_atomically
from replication.specification.budget import Budget
from replication.specification.loading import load_protocol
from replication.specification.protocols import Protocol
from replication.specification.run import Run, resolve_run

PERIOD_STEPS, AT_STEPS, EPISODES = 50, (0, 100), 3


def evaluated_protocol(**changes: Any) -> Protocol:
    """The protocol of continuous control with few and short evaluations; `changes` are of its settings."""
    content = json.loads(load_protocol("mujoco_2018").model_dump_json())
    shown = {"kind": "gymnasium", "episode_cap_steps": 40}
    periodic = {"period_steps": PERIOD_STEPS, "num_episodes": EPISODES, "presentation": shown}
    content["periodic_evaluation"] |= {key: changes.pop(key, value) for key, value in periodic.items()}
    content |= {"evaluation_score": {"at_steps": AT_STEPS}} | changes
    return Protocol.model_validate_json(json.dumps(content))


def evaluated_run(task: str = "pendulum", steps: int = 200, **changes: Any) -> Run:
    """A run of a task under that protocol."""
    run = resolve_run(variant="random_uniform", task=task, seed=3)
    return replace(run, protocol=evaluated_protocol(**changes), budget=Budget(steps=steps))


def play_evaluations(run: Run, state: Path) -> list[CurvePoint]:
    """Evaluate at step 0 and every period with uniform actions; leave the traces in the state, as a session does."""
    periodic = run.protocol.periodic_evaluation
    assert periodic is not None
    actions, curve = open_simulator(run.task).actions, []

    def policy(seen: np.ndarray, stream: np.random.Generator) -> Any:
        return stream.uniform(actions.low, actions.high).astype(np.float32)

    for step in range(0, run.budget.steps + 1, periodic.period_steps):
        index = step // periodic.period_steps
        request = EvaluationRequest(periodic.presentation, "periodic_evaluation", index, periodic.num_episodes)
        trace = evaluate(policy, run, None, request)
        write_atomically(run.state_folder(state) / evaluation_name(step), trace_bytes(trace))
        curve.append(CurvePoint(step, score(trace), len(trace.episodes), None, None, 0.0, is_best=False))
    return curve


def write_evaluated(run: Run, folder: Path) -> Path:
    """Play a run's evaluations and write its record; its folder."""
    curve = play_evaluations(run, folder / "state")
    outcome = Outcome(run, None, None, {}, {"curve": [asdict(point) for point in curve]})
    return write_results(evaluated_outcome(outcome, curve, folder / "state"), folder / "results")
