"""What an experiment still has to do and what that costs, before anything is started.

Work is counted exactly, hours are estimated: from finished runs or a measurement of this machine where there is one,
else from assumed speeds, and the text says which. Nothing here imports torch; only `measure_speeds` does.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from replication.config import WORKFLOW, identity_config
from replication.durations import hours_text, time_text
from replication.experiments import load_experiment
from replication.files import readable_json, write_atomically
from replication.frame_store import FRAME_SHAPE, Storage, storage_text, typical_bytes
from replication.games import find_game
from replication.run_records import checkpoint_step, finished_as, unfinished
from replication.runs import Run
from replication.settings import NetworkConfig, OffPolicyConfig
from replication.validation import validated

ASSUMED_TRAINING = {"dqn": 150.0, "dqn_paper": 150.0, "iqn": 17.0, "iqn_dopamine": 7.0, "munchausen_iqn": 7.0}
"""Agent steps a second of training on one core, both cores of a 2-core cloud machine busy (2.5 GHz class, 2026).

IQN's are counted, not measured: its update in Dopamine has 82 GFLOP, 15 times DQN's there, iqn's has 33."""
ASSUMED_TRAINING_OTHERS = 100.0
ASSUMED_PLAYING = 700.0
"""Agent steps a second of evaluation, on the same machine."""
ASSUMED_RANDOM_FRAMES = 8_000.0
"""Emulator frames a second of a random agent, on the same machine."""

LONG_ENOUGH = 5
"""A finished run tells a variant's speed if it trained this many times longer than until learning starts."""


@dataclass(frozen=True)
class Speed:
    """Agent steps a second on one core, and where the numbers come from."""

    training: float
    playing: float
    includes_evaluations: bool
    """Whether periodic evaluations are in the time of training already."""
    origin: str


@dataclass(frozen=True)
class VariantPlan:
    """What is left of the runs of one variant."""

    variant: str
    total: int
    done: int
    frames_to_go: int
    seconds: float
    """Of one core, for all that is left."""
    longest_seconds: float
    """Of its longest run."""
    speed: Speed | None
    """None: the variant does not train."""
    memory: str
    """Replay memory of one run, in words."""
    state_bytes: int
    """Checkpoints of the runs left."""


def print_plan(experiment: str, results: Path, state: Path, cores: int | None = None) -> None:
    """Print what `run` would do with that many runs at a time (None: one a core).

    Raises:
        ReplicationError: no such experiment; a run file that belongs to another run.
    """
    print(plan_text(experiment, results, state, cores))


def plan_text(experiment: str, results: Path, state: Path, cores: int | None = None) -> str:
    """The plan of an experiment in words: one line a variant, then time, memory and disk."""
    loaded = load_experiment(experiment)
    cores = cores or os.cpu_count() or 1
    plans = plan_variants(loaded.runs(), results, state)
    lines = [f"{experiment}: {loaded.title}", loaded.question, ""]
    rows = [("variant", "runs done", "frames to go", "core hours", "agent steps a second")]
    for plan in plans:
        speed = f"{plan.speed.training:,.0f} ({plan.speed.origin})" if plan.speed else "does not train"
        covered = f"{plan.done} of {plan.total}"
        rows.append((plan.variant, covered, f"{plan.frames_to_go:,}", hours_text(plan.seconds), speed))
    done, total = sum(plan.done for plan in plans), sum(plan.total for plan in plans)
    seconds = sum(plan.seconds for plan in plans)
    frames = sum(plan.frames_to_go for plan in plans)
    rows.append(("in all", f"{done} of {total}", f"{frames:,}", hours_text(seconds), ""))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for name, *numbers, note in rows:
        aligned = [text.rjust(width) for text, width in zip(numbers, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *aligned, note]).rstrip())
    made = [finished_as(run, results) for run in loaded.runs()]
    if earlier := sum(run is not None and run.earlier_version is not None for run in made):
        lines += ["", f"done by an earlier numerics version of the same law, and not to be made again: {earlier}"]
    if done == total:
        return "\n".join([*lines, "", "every run is there; only tables, figures and the page may have to be made"])
    lines += [
        "",
        f"time: about {time_text(wall_seconds(plans, cores))} with {cores} runs at a time; "
        "evaluations are taken at their longest",
    ]
    for plan in plans:
        if plan.memory and plan.done < plan.total:
            lines.append(f"memory, each {plan.variant} run: {plan.memory}")
    disk = sum(plan.state_bytes for plan in plans)
    lines.append(f"disk: {disk / 1e9:.2f} GB of checkpoints in {state}")
    if any(plan.speed and plan.speed.origin == "assumed" and plan.seconds for plan in plans):
        lines.append(
            "assumed speeds are those of a 2-core cloud machine; "
            f"measure yours in seconds: python -m replication run {experiment} -n --measure"
        )
    return "\n".join(lines)


def plan_variants(runs: Sequence[Run], results: Path, state: Path) -> list[VariantPlan]:
    """Count what is done and what is left, variant by variant."""
    missing = {run.result_digest for run in unfinished(runs, results)}
    ordered = sorted(runs, key=lambda run: run.variant.variant)
    plans = []
    for name, group in groupby(ordered, key=lambda run: run.variant.variant):
        members = list(group)
        left = [run for run in members if run.result_digest in missing]
        trains = members[0].variant.family == "off_policy"
        speed = known_speed(members[0], results, state) if trains else None
        seconds = [seconds_to_go(run, speed, state) for run in left]
        config = off_policy_config(members[0]) if trains else None
        plans.append(
            VariantPlan(
                variant=name,
                total=len(members),
                done=len(members) - len(left),
                frames_to_go=sum(steps_to_go(run, state) * run.protocol.training.frame_skip for run in left),
                seconds=sum(seconds),
                longest_seconds=max(seconds, default=0.0),
                speed=speed,
                memory=memory_text(config) if config else "",
                state_bytes=sum(checkpoint_bytes(run) for run in left),
            )
        )
    return plans


def wall_seconds(plans: Sequence[VariantPlan], cores: int) -> float:
    """Estimated time on the clock with that many runs at a time: no less than the longest run takes alone."""
    return max([sum(plan.seconds for plan in plans) / cores, *(plan.longest_seconds for plan in plans)])


def steps_to_go(run: Run, state: Path) -> int:
    """Agent steps between the newest checkpoint and the budget."""
    return max(0, _budget_steps(run) - checkpoint_step(run, state))


def budget_frames(run: Run) -> int:
    """Emulator frames of training a run has from its start."""
    return _budget_steps(run) * run.protocol.training.frame_skip


def _budget_steps(run: Run) -> int:
    """An iteration counts as its least number of steps."""
    return run.budget.steps or run.budget.iterations * (run.protocol.iteration_steps or 0)


def seconds_to_go(run: Run, speed: Speed | None, state: Path) -> float:
    """Estimated time of one core: training, periodic evaluations, and the final evaluation at its longest."""
    return _seconds(run, speed, steps_to_go(run, state))


def assumed_seconds(run: Run) -> float:
    """The same from the start of a run, at the speeds assumed: nothing of this machine enters."""
    return _seconds(run, _assumed_speed(run) if run.variant.family == "off_policy" else None, _budget_steps(run))


def _seconds(run: Run, speed: Speed | None, steps: int) -> float:
    final = run.protocol.final_evaluation
    final_frames = final.num_episodes * (final.presentation.episode_cap_frames or 0) if final else 0
    if speed is None:
        return final_frames / ASSUMED_RANDOM_FRAMES
    periodic = run.protocol.periodic_evaluation
    played = final_frames / run.protocol.training.frame_skip
    if periodic is not None and not speed.includes_evaluations:
        played += steps // periodic.period_steps * periodic.length_steps
    return steps / speed.training + played / speed.playing


def known_speed(run: Run, results: Path, state: Path) -> Speed:
    """Speed of a variant on this machine: of its longest finished run, else as measured, else assumed."""
    config = off_policy_config(run)
    measured = _measured(run, state)
    playing = measured[1] if measured else ASSUMED_PLAYING
    enough = LONG_ENOUGH * config.replay_start.count
    longest = max(
        (record for record in _records_here(run, results) if record["counts"]["steps"] >= enough),
        key=lambda record: record["counts"]["steps"],
        default=None,
    )
    if longest is not None:
        rate = longest["counts"]["steps"] / longest["cost"]["seconds"]
        return Speed(rate, playing, includes_evaluations=True, origin=f"of the finished run of {longest['game']}")
    if measured:
        return Speed(*measured, includes_evaluations=False, origin="measured on this machine")
    return _assumed_speed(run)


def _assumed_speed(run: Run) -> Speed:
    training = ASSUMED_TRAINING.get(run.variant.variant, ASSUMED_TRAINING_OTHERS)
    return Speed(training, ASSUMED_PLAYING, includes_evaluations=False, origin="assumed")


def _records_here(run: Run, results: Path) -> Iterator[dict[str, Any]]:
    """Records of finished runs with the same configuration, trained alone on the CPU of a machine like this one."""
    here = _here(run)
    for path in sorted((results / "runs" / run.variant.variant).glob("*/*/*/run.json")):
        try:
            record = json.loads(path.read_bytes())
            like_this = {key: record["provenance"][key] for key in here["machine"]} == here["machine"]
            alone = record["machine"]["device"] == "cpu" and record["machine"]["lanes"] == 1
            if like_this and alone and record["config"] == here["config"] and record["cost"]["seconds"] > 0:
                yield record
        except (ValueError, KeyError, TypeError, OSError):
            continue  # an estimate can do without it; the run it belongs to is refused where it is used


def _speed_path(run: Run, state: Path) -> Path:
    return state / run.variant.variant / "speed.json"


def _here(run: Run) -> dict[str, Any]:
    """What a speed depends on."""
    return {"machine": _machine(), "config": identity_config(run.variant)}


def _machine() -> dict[str, Any]:
    return {"system": f"{platform.system()} {platform.machine()}", "cores": os.cpu_count()}


def _measured(run: Run, state: Path) -> tuple[float, float] | None:
    try:
        found = json.loads(_speed_path(run, state).read_bytes())
        same = _here(run).items() <= found.items()
        return (float(found["training"]), float(found["playing"])) if same else None
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return None


def measure_speeds(experiment: str, state: Path, seconds: float = 5.0) -> None:
    """Time training and playing of each variant that trains, and keep what was found for the plan.

    Args:
        experiment: file of workflow/experiments.
        state: root of the state.
        seconds: of training, and as many of playing.

    Raises:
        ReplicationError: no such experiment; the state cannot be written.
    """
    from replication.engine.speed import measure_speed

    runs = {run.variant.variant: run for run in load_experiment(experiment).runs()}
    for run in runs.values():
        if run.variant.family == "off_policy":
            training, playing = measure_speed(run, seconds)
            found = _here(run) | {"training": training, "playing": playing}
            write_atomically(_speed_path(run, state), readable_json(found))


# ---------------------------------------------------------------- memory

WORKER_BYTES = 110_000_000
"""What a worker process takes without its lanes: Python, numpy, numba and the emulator (measured, 107 MB)."""
LEARNER_BYTES = 3_000_000_000
"""Assumed, not measured: what the process that learns takes on the host beside a GPU, for torch and CUDA."""


def rows_held(run: Run, config: OffPolicyConfig, storage: Storage) -> int:
    """Rows of a run's replay memory that will take memory: compressed, no more than its budget fills."""
    fills_part = storage == "lz4" and run.budget.steps and not config.replay_padding_rows
    return min(run.budget.steps, config.replay_capacity_rows) if fills_part else config.replay_capacity_rows


PRIORITY_BYTES = {"proportional": 16, "rank": 20}
"""For each row of a replay memory that is sampled by priority: a tree of float64; a heap and cumulative sums."""


def priority_bytes(config: OffPolicyConfig) -> int:
    """What is there of priorities from the start, beside the rows."""
    return PRIORITY_BYTES.get(config.replay_sampling.name, 0) * config.replay_capacity_rows


def memory_text(config: OffPolicyConfig, storage: Storage = "lz4") -> str:
    """What the replay memory of a run takes, in words."""
    rows = storage_text(config.replay_capacity_rows, storage).removeprefix("replay memory: ")
    beside = priority_bytes(config)
    return f"{rows}; priorities {beside / 1e6:.1f} MB" if beside else rows


def lanes_that_fit(run: Run, memory_bytes: int, workers: int) -> int:
    """Runs like this one that one process can train, their frames compressed, each counted as a busy game; at least 1.

    Args:
        run: a run that trains.
        memory_bytes: of the machine; a tenth is left to everything else.
        workers: processes that emulate for the one that learns.
    """
    config = off_policy_config(run)
    _, rows = typical_bytes(rows_held(run, config, "lz4"), "lz4")
    each = rows + priority_bytes(config)
    return max(1, (memory_bytes * 9 // 10 - LEARNER_BYTES - workers * WORKER_BYTES) // each)


# ---------------------------------------------------------------- disk


def off_policy_config(run: Run) -> OffPolicyConfig:
    """The part of a variant's configuration that all algorithms of the family share; an algorithm may add to it."""
    given = run.variant.config
    shared = {field: given[field] for field in OffPolicyConfig.model_fields if field in given}
    return validated(OffPolicyConfig, shared, WORKFLOW / "algorithms" / f"{run.variant.variant}.yaml", "config")


def checkpoint_bytes(run: Run) -> int:
    """Size of the two checkpoints a run keeps: five copies of the parameters, held-out transitions, priorities."""
    if run.variant.family == "untrained":
        return 0
    config = off_policy_config(run)
    num_actions = find_game(run.game).minimal_actions_count
    copies = 5 * 4 * parameter_count(config.network, config.frame_stack, num_actions)
    held_out = 2 * config.held_out_transitions * config.frame_stack * FRAME_SHAPE[0] * FRAME_SHAPE[1]
    priorities = priority_bytes(config) // 2  # what the other half holds follows from it
    return 2 * (copies + held_out + priorities)


def parameter_count(network: NetworkConfig, channels: int, num_actions: int) -> int:
    """Weights and biases of the convolutions, the hidden layer and the output."""
    side, count = FRAME_SHAPE[0], 0
    for layer in network.convolutions:
        count += layer.channels * (channels * layer.kernel**2 + 1)
        side = -(-side // layer.stride) if network.padding == "same" else (side - layer.kernel) // layer.stride + 1
        channels = layer.channels
    count += network.hidden_units * (channels * side**2 + 1)
    return count + num_actions * (network.hidden_units + 1)
