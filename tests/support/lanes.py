"""Small real runs for the tests of the engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from replication.algorithms.off_policy.contract import load_algorithm
from replication.foundation.files import plain
from replication.foundation.random_streams import stream_state
from replication.specification.run import Run, resolve_run
from replication.training.machine.settings import Machine
from replication.training.off_policy.lane import Lane
from replication.training.off_policy.lane_in_worker import open_lanes
from replication.training.off_policy.learner import Learner
from replication.training.off_policy.loop import train
from replication.training.off_policy.trainee import Trainee
from replication.training.replay.frame_store import build_frame_store
from replication.training.replay.transitions import Transitions


def smoke_run(variant: str = "dqn", game: str = "catch", seed: int = 1, **changes: Any) -> Run:
    """A run at the scale of the smoke preset."""
    budget = {"budget_iterations": 2} if variant == "dqn_dopamine" else {"budget_frames": 2_400}
    return resolve_run(variant=variant, task=game, seed=seed, **({"preset": "smoke"} | budget | changes))


def build(run: Run, **changes: Any) -> Trainee:
    """A lane with its learner, at its start; `changes` replace values of its configuration."""
    algorithm = load_algorithm(run.variant.module)
    config = run.settings.model_copy(update=changes)
    lane = Lane(run, config, build_frame_store("lz4", config.replay_capacity_rows))
    return Trainee(lane, Learner(algorithm, config, lane.num_actions, lane.streams, "cpu"))


@contextmanager
def cohort(runs: Sequence[Run], workers: int, **changes: Any) -> Iterator[list[Trainee]]:
    """The lanes of runs of one variant with their learners, in so many workers."""
    algorithm = load_algorithm(runs[0].variant.module)
    config = runs[0].settings.model_copy(update=changes)
    machine = Machine(Path(), Path(), "cpu", "lz4", 600.0, None, quiet=True, workers=workers)
    with open_lanes(runs, config, machine) as lanes:
        yield [Trainee(lane, Learner(algorithm, config, lane.num_actions, lane.streams, "cpu")) for lane in lanes]


def whole_state(trainee: Trainee) -> dict[str, object]:
    """Everything a run is, as comparable plain data, wherever its lane lives."""
    tensors = trainee.learner.tensors() | {f"best.{name}": tensor for name, tensor in (trainee.best or {}).items()}
    return {
        "past": plain(asdict(trainee.lane.past())),
        "tensors": {name: tensor.numpy().tobytes() for name, tensor in tensors.items()},
        "held_out": [array.tobytes() for array in trainee.lane.held_out or ()],
        "curve": list(trainee.curve),
        "episodes": list(trainee.finished_episodes(0)),
        "failure": trainee.failure,
    }


def advance(trainees: list[Trainee], steps: int | None = None) -> None:
    """Train for a number of steps, or to the end of the budget."""
    turns: Iterator[None] = train(trainees, trainees[0].lane.config)
    for _ in islice(turns, steps):
        pass


class RecordingLearner:
    """Stands in for a learner: notes what the engine asks of it, learns nothing."""

    def __init__(self, trainee: Trainee, values: NDArray[np.float32] | None = None) -> None:
        self.lane = trainee.lane
        self.num_actions = self.lane.num_actions
        self.draws_spec: dict[str, Any] = {}
        self.values = np.zeros(self.lane.num_actions, dtype=np.float32) if values is None else values
        self.events: list[tuple[str, int]] = []
        trainee.learner = self  # type: ignore[assignment]

    def action_values(self, stack: NDArray[np.uint8], draws: object = ()) -> NDArray[np.float32]:
        self.events.append(("act", self.lane.step))
        return self.values

    def acting_draws(self, stream: np.random.Generator, *, evaluating: bool) -> tuple[()]:
        return ()

    def update(self, transitions: Transitions, stream: np.random.Generator) -> None:
        self.events.append(("update", self.lane.step))

    def copy_to_target(self) -> None:
        self.events.append(("copy", self.lane.step))

    def held_out_statistics(self, transitions: Transitions, stream: np.random.Generator) -> tuple[float, float]:
        self.events.append(("held_out", self.lane.step))
        return 0.0, 0.0

    def online_parameters(self) -> dict[str, Any]:
        return {}

    def at(self, event: str) -> list[int]:
        """Steps at which the event was asked for."""
        return [step for name, step in self.events if name == event]


def fingerprint(trainee: Trainee) -> dict[str, object]:
    """Everything a run is, as comparable plain data."""
    lane = trainee.lane
    return {
        "tensors": {name: t.numpy().tobytes() for name, t in trainee.learner.tensors().items()},
        "decisions": bytes(lane.decisions),
        "streams": {name: stream_state(stream) for name, stream in lane.streams.items()},
        "episodes": lane.episodes,
        "iterations": lane.iterations,
        "curve": trainee.curve,
        "rows": lane.memory.rows_appended,
        "best": None if trainee.best is None else {n: t.numpy().tobytes() for n, t in trainee.best.items()},
    }


def maps_of_workers() -> dict[psutil.Process, str]:
    """What each worker of this process has in its memory."""
    maps = {child: Path(f"/proc/{child.pid}/maps").read_text() for child in psutil.Process().children()}
    return {child: text for child, text in maps.items() if "memfd:lanes" in text}
