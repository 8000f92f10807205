"""A cohort of ours on a device as a measured program: lanes in lockstep, their networks stacked.

`python -m replication.commands.benchmark.our_lanes REQUEST`, a JSON object with the fields of `Cohort`. A step of it is
a tick: one agent step of every lane.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from replication.algorithms.off_policy.contract import load_algorithm
from replication.commands.benchmark.pacing import Pace, versions
from replication.foundation.errors import ReplicationError
from replication.specification.families.off_policy import OffPolicyConfig, ReplayStart
from replication.specification.loading import load_protocol, load_variant
from replication.specification.run import Run, resolve_run
from replication.training.machine.devices import card
from replication.training.machine.settings import Machine
from replication.training.off_policy.batching import InStacks, Minibatch, Seen
from replication.training.off_policy.lane_in_worker import open_lanes
from replication.training.off_policy.learner import Learned, Learner, prepare_torch
from replication.training.off_policy.loop import train
from replication.training.off_policy.trainee import Trainee

PROFILE = "profile"
"""The part that writes what a few ticks spend, and where."""
PERIOD_TICKS = 4
WARM_UP_TICKS = 100
"""Learning starts after `LEARNING_STARTS_STEPS`; the first updates are recorded as graphs."""
LEARNING_STARTS_STEPS = 60
PROFILED_TICKS = 16
PROFILE_ROWS = 40
CAPACITY_ROWS = 50_000
UNREACHED = {"frames": 200_000_000, "iterations": 200}
"""Budgets of runs that are stopped long before they are spent, by the unit of their protocol."""


@dataclass(frozen=True)
class Cohort:
    """What one process of a measurement trains."""

    device: str
    variant: str
    preset: str | None
    games: Sequence[str]
    lanes: int
    workers: int
    """Processes that play; 0: the lanes play in the process that computes."""
    profile: str | None
    """File to write a profile to, absolute."""

    def command_text(self) -> str:
        """Return the request as the program takes it."""
        return json.dumps(asdict(self))


class Clocked:
    """Stacked networks, and the seconds that the process that computes has spent in them."""

    def __init__(self, inside: InStacks) -> None:
        self._inside = inside
        self.seconds = {"values": 0.0, "update": 0.0}

    def keep(self, learners: Sequence[Learner]) -> None:
        """Form the stacks of these learners."""
        self._inside.keep(learners)

    def action_values(self, seen: Sequence[Seen]) -> list[Any]:
        """Compute values of states, in `values` seconds."""
        return self._spent("values", lambda: self._inside.action_values(seen))

    def update(self, minibatches: Sequence[Minibatch]) -> list[Learned]:
        """Update, in `update` seconds."""
        return self._spent("update", lambda: self._inside.update(minibatches))

    def copy_to_target(self, learners: Sequence[Learner]) -> None:
        """Copy each network to its target."""
        self._inside.copy_to_target(learners)

    def _spent(self, key: str, do: Callable[[], list[Any]]) -> list[Any]:
        started = time.perf_counter()
        try:
            return do()
        finally:
            self.seconds[key] += time.perf_counter() - started


def main(request: str) -> None:
    """Train until nobody asks any more."""
    prepare_torch()
    cohort = Cohort(**json.loads(request))
    runs = runs_of(cohort)
    config = measured_settings(runs[0])
    algorithm = load_algorithm(runs[0].variant.module)
    place = Machine(Path(), Path(), cohort.device, "lz4", 1e9, None, quiet=True, workers=cohort.workers)
    with open_lanes(runs, config, place) as lanes:
        learners = [Learner(algorithm, config, lane.num_actions, lane.streams, cohort.device) for lane in lanes]
        networks = Clocked(InStacks())
        turns = train([Trainee(lane, each) for lane, each in zip(lanes, learners, strict=True)], config, networks)
        pace = Pace(
            lambda: {"versions": versions(), **card(cohort.device), **told(cohort, networks)},
            lambda: {PROFILE: lambda: profiled(turns, cohort)},
            period_steps=PERIOD_TICKS,
            warm_up_steps=WARM_UP_TICKS,
            beside=lambda: told(cohort, networks),
        )
        for _ in turns:
            pace.step()


def told(cohort: Cohort, networks: Clocked) -> Mapping[str, float]:
    """Return what is known by now: seconds since the start in values and updates, and the most memory of the device."""
    memory = torch.cuda.max_memory_allocated(cohort.device) if cohort.device != "cpu" else 0
    return {"values": networks.seconds["values"], "update": networks.seconds["update"], "device_bytes": memory}


def runs_of(cohort: Cohort) -> list[Run]:
    """Return the runs of the lanes: game by game, then the next seed.

    Raises:
        ReplicationError: no such variant, preset or game; a variant that does not learn from a replay memory.
    """
    variant = load_variant(cohort.variant)
    unit = load_protocol(variant.protocol).budget_unit
    given: dict[str, Any] = {
        "variant": cohort.variant,
        "preset": cohort.preset,
        f"budget_{unit}": UNREACHED.get(unit, 1),
    }
    seeds = range(1, 1 - (-cohort.lanes // len(cohort.games)))
    found = [resolve_run(**given, task=game, seed=seed) for seed in seeds for game in cohort.games]
    if not isinstance(found[0].settings, OffPolicyConfig):
        raise ReplicationError(f"--variant {cohort.variant}: expected an agent of Atari with a replay memory")
    return found[: cohort.lanes]


def measured_settings(run: Run) -> OffPolicyConfig:
    """Return the settings with a small memory and learning that starts at once: neither costs a step less."""
    config = run.settings_as(OffPolicyConfig)
    return config.model_copy(
        update={
            "replay_capacity_rows": min(CAPACITY_ROWS, config.replay_capacity_rows),
            "replay_start": ReplayStart(count=LEARNING_STARTS_STEPS, unit="steps"),
            "held_out_transitions": min(50, config.held_out_transitions),
            "epsilon": config.epsilon.model_copy(update={"start": 0.1, "end": 0.1}),
        }
    )


def profiled(turns: Iterator[None], cohort: Cohort) -> int:
    """Write what a few ticks spend on the device, or on the CPU where that is it; return their number."""
    assert cohort.profile is not None, "a profile was asked for"
    on_cpu = cohort.device == "cpu"
    activities = [ProfilerActivity.CPU] if on_cpu else [ProfilerActivity.CPU, ProfilerActivity.CUDA]
    started = time.perf_counter()
    with profile(activities=activities) as found:
        for _ in islice(turns, PROFILED_TICKS):
            pass
    spent_seconds = time.perf_counter() - started
    busy = f"self_{'cpu' if on_cpu else 'device'}_time_total"
    averages = found.key_averages()
    busy_seconds = sum(getattr(each, busy) for each in averages) / 1e6
    table = averages.table(sort_by=busy, row_limit=PROFILE_ROWS, max_name_column_width=90)
    Path(cohort.profile).write_text(
        f"{PROFILED_TICKS} ticks of {cohort.lanes} lanes of {cohort.variant} on {cohort.device}: {spent_seconds:.3f} s "
        f"under the profiler, of which kernels and copies {busy_seconds:.3f} s\n{table}\n",
        encoding="utf-8",
    )
    return PROFILED_TICKS


if __name__ == "__main__":
    main(sys.argv[1])
