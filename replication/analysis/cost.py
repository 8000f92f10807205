"""Estimates of the time runs take: the steps they have, and the speed of this machine, known or assumed."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replication.evidence.records import readable_records, task_name
from replication.evidence.state_files import checkpoint_step
from replication.foundation.resources import processor_model
from replication.specification.assumed_speed import assumed_speed, longest_final_frames, longest_periodic_steps
from replication.specification.loading import identity_config
from replication.specification.run import Run

ASSUMED_RANDOM_FRAMES = 8_000.0
"""Emulator frames a second of a random agent, on the same machine."""
LONG_ENOUGH = 5
"""A finished run tells a variant's speed if it trained this many times longer than until learning starts."""


@dataclass(frozen=True)
class Speed:
    """Agent steps a second on one core, or seeds where a family bundles them, and where the numbers come from."""

    training: float
    playing: float
    includes_evaluations: bool
    """True where the time of training has that of the periodic evaluations in it."""
    origin: str


def seconds_to_go(run: Run, speed: Speed | None, state: Path) -> float:
    """Estimate the time left on one core, in seconds.

    It is that of training from the newest checkpoint, of periodic evaluations, and of the final evaluation at its
    longest. `speed` is that of `known_speed`; None for an agent that does not train.
    """
    return _seconds(run, speed, steps_to_go(run, state))


def assumed_seconds(run: Run) -> float:
    """Estimate the time of a run from its start, at assumed speeds; the same on every machine."""
    return _seconds(run, _assumed_speed(run) if run.family.trains else None, run.training_steps)


def _seconds(run: Run, speed: Speed | None, steps: int) -> float:
    if run.family.bundles:
        return run.stands_for / speed.training if speed else 0.0
    final_frames = longest_final_frames(run)
    if speed is None:
        return final_frames / ASSUMED_RANDOM_FRAMES
    periodic = run.protocol.periodic_evaluation
    played = final_frames / run.protocol.training.frame_skip
    if periodic is not None and not speed.includes_evaluations:
        played += steps // periodic.period_steps * longest_periodic_steps(run)
    return steps / speed.training + played / speed.playing


def steps_to_go(run: Run, state: Path) -> int:
    """Return the agent steps between the newest checkpoint and the budget."""
    return max(0, run.training_steps - checkpoint_step(run, state))


def known_speed(run: Run, results: Path, state: Path) -> Speed:
    """Return the speed of a variant here: as measured, else that of its longest run finished here, else assumed."""
    if run.family.bundles:
        return _speed_of_bundles(run, results, state)
    if measured := _measured(run, state):
        return Speed(*measured, includes_evaluations=False, origin="measured on this machine")
    assumed = _assumed_speed(run)
    enough = LONG_ENOUGH * run.settings.steps_before_learning
    longest = max(
        (record for record in _records_here(run, results, state) if record["counts"]["steps"] >= enough),
        key=lambda record: record["counts"]["steps"],
        default=None,
    )
    if longest is not None:
        rate = longest["counts"]["steps"] / longest["cost"]["seconds"]
        origin = f"of the finished run of {task_name(longest)}"
        return Speed(rate, assumed.playing, includes_evaluations=True, origin=origin)
    return assumed


def _speed_of_bundles(run: Run, results: Path, state: Path) -> Speed:
    """Return the seeds a second of a family that bundles them: of its finished records here, else assumed."""
    found = [record for record in _records_here(run, results, state) if record.get("totals")]
    if not found:
        return _assumed_speed(run)
    seeds, seconds = (sum(of(record) for record in found) for of in (_seeds_in, _seconds_in))
    return Speed(seeds / seconds, seeds / seconds, includes_evaluations=True, origin="of finished runs")


def _seeds_in(record: dict[str, Any]) -> float:
    return float(record["totals"]["count"])


def _seconds_in(record: dict[str, Any]) -> float:
    return float(record["cost"]["seconds"])


def _records_here(run: Run, results: Path, state: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of finished runs of the same configuration, trained here, alone and on the CPU.

    A record that came with the results, from another machine, says nothing of this one: that its system and number of
    cores are the same is not enough, so the state must have been here too.
    """
    here = speed_conditions(run)
    for path in sorted((results / "runs" / run.variant.variant).glob("*/*/*/run.json")):
        for record in readable_records([path.parent]):
            try:
                like_this = all(record["provenance"][key] == here["machine"][key] for key in ("system", "cores"))
                alone = record["machine"]["device"] == "cpu" and record["machine"]["lanes"] == 1
                same = record["config"] == here["config"] and _has_state(path.parent, record, results, state)
                if like_this and alone and same and record["cost"]["seconds"] > 0:
                    yield record
            except (KeyError, TypeError):
                continue  # an estimate can do without it; the run it belongs to is refused where it is used


def _has_state(folder: Path, record: dict[str, Any], results: Path, state: Path) -> bool:
    """Return whether training left its folder in the state: of a run by its training, of a bundle by its record."""
    place = folder.relative_to(results / "runs")
    return any((state / place.parent / name[:12]).is_dir() for name in (record["training_digest"], place.name))


def _measured(run: Run, state: Path) -> tuple[float, float] | None:
    """Read the speed that was measured here: agent steps a second of training and of evaluation; None: none was."""
    try:
        found = json.loads(speed_path(run, state).read_bytes())
        same = speed_conditions(run).items() <= found.items()
        return (float(found["training"]), float(found["playing"])) if same else None
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return None


def _assumed_speed(run: Run) -> Speed:
    assumed = assumed_speed(run)
    if assumed is None:
        length = run.budget.episodes or run.budget.steps
        rate = 1.0 / (run.family.seconds_a_seed + run.family.seconds_an_episode * length)
        return Speed(rate, rate, includes_evaluations=True, origin="assumed")
    return Speed(*assumed, includes_evaluations=False, origin="assumed")


def speed_path(run: Run, state: Path) -> Path:
    """Return the file in which the measured speed of a variant is kept."""
    return state / run.variant.variant / "speed.json"


def speed_conditions(run: Run) -> dict[str, Any]:
    """Return what a measured speed holds for: the machine and the configuration of the variant."""
    return {"machine": this_machine(), "config": identity_config(run.variant)}


def this_machine() -> dict[str, Any]:
    """Return the system, the number of cores and the processor's model of this machine."""
    system = f"{platform.system()} {platform.machine()}"
    return {"system": system, "cores": os.cpu_count(), "processor": processor_model()}
