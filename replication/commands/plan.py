"""The plan of an experiment: what is still to be done and what that costs, before anything is started.

Work is counted exactly, hours are estimated: from finished runs or a measurement of this machine where there is one,
else from assumed speeds, and the text says which. Only `measure_speeds` imports torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from replication.analysis.cost import Speed, known_speed, seconds_to_go, speed_conditions, speed_path, steps_to_go
from replication.evidence.records import finished_as, made_by_other_code, unfinished
from replication.foundation.durations import days_text, hours_text, time_text
from replication.foundation.files import readable_json, write_atomically
from replication.foundation.resources import usable_cpus
from replication.specification.budget import lengths_in_words
from replication.specification.experiments import load_experiment
from replication.specification.run import Run, one_a_record
from replication.training.footprints import load_footprint

SLOW_SECONDS = 30 * 86_400.0
"""On the clock; what takes longer is said to be slow."""


@dataclass(frozen=True)
class VariantPlan:
    """The runs of one variant: how many are done, and what the others cost."""

    variant: str
    total: int
    done: int
    to_go: Counter[str]
    """Of what is left, how much there is of each unit: frames, or what its budget counts."""
    seconds: float
    """Seconds of one core for all that is left."""
    longest_seconds: float
    """Seconds of its longest run."""
    speed: Speed | None
    """Speed that the estimate is made with; None: the variant does not train."""
    memory: str
    """Memory of one run, in words; '' where it is not worth one."""
    state_bytes: int
    """Bytes of the checkpoints of the runs left."""
    in_seeds: bool = False
    """True where its speed counts seeds, not steps: its runs take seconds."""

    @property
    def speed_text(self) -> str:
        """The speed and where it comes from, in words."""
        if self.speed is None:
            return "does not train"
        rate = f"{1.0 / self.speed.training:.2g} s a seed" if self.in_seeds else f"{self.speed.training:,.0f}"
        return f"{rate} ({self.speed.origin})"


def print_plan(experiment: str, results: Path, state: Path, cores: int | None = None) -> None:
    """Print what `run` would do with that many runs at a time (None: one a core).

    Raises:
        ReplicationError: no such experiment; a run file that belongs to another run.
    """
    print(plan_text(experiment, results, state, cores))


def plan_text(experiment: str, results: Path, state: Path, cores: int | None = None) -> str:
    """Describe the plan of an experiment: one line a variant, then time, memory and disk."""
    loaded = load_experiment(experiment)
    cores = cores or usable_cpus()
    plans = plan_variants(loaded.runs(), results, state)
    lines = [f"{experiment}: {loaded.title}", loaded.question, ""]
    rows = [("variant", "runs done", "to go", "core hours", "agent steps a second")]
    for plan in plans:
        covered = f"{plan.done} of {plan.total}"
        rows.append((plan.variant, covered, lengths_in_words(plan.to_go), hours_text(plan.seconds), plan.speed_text))
    done, total = sum(plan.done for plan in plans), sum(plan.total for plan in plans)
    seconds = sum(plan.seconds for plan in plans)
    to_go = sum((plan.to_go for plan in plans), Counter[str]())
    rows.append(("in all", f"{done} of {total}", lengths_in_words(to_go), hours_text(seconds), ""))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for name, *numbers, note in rows:
        aligned = [text.rjust(width) for text, width in zip(numbers, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *aligned, note]).rstrip())
    made = [finished_as(run, results) for run in loaded.runs()]
    if earlier := sum(run is not None and run.earlier_version is not None for run in made):
        lines += ["", f"done by an earlier numerics version of the same law, and not to be made again: {earlier}"]
    changed = {run.variant.source.name: other for run in loaded.runs() if (other := _of_other_code(run, results))}
    lines += [
        f"{name} has changed since runs were made ({other}): they are other runs" for name, other in changed.items()
    ]
    if done == total:
        return "\n".join([*lines, "", "every run is there; only tables, figures and the page may have to be made"])
    lines += [
        "",
        f"time: about {time_text(wall_seconds(plans, cores))} with {cores} runs at a time; "
        "evaluations are taken at their longest",
    ]
    if slow := slow_text(plans, cores):
        lines.append(f"slow: {slow}")
    for plan in plans:
        if plan.memory and plan.done < plan.total:
            lines.append(f"memory, each {plan.variant} run: {plan.memory}")
    disk = sum(plan.state_bytes for plan in plans)
    lines.append(f"disk: {disk / 1e9:.2f} GB of checkpoints in {state}")
    if any(plan.speed and plan.speed.origin == "assumed" and plan.seconds and not plan.in_seeds for plan in plans):
        lines.append(
            "assumed speeds are those of a 2-core cloud machine; "
            f"measure yours in seconds: python -m replication run {experiment} -n --measure"
        )
    return "\n".join(lines)


def plan_variants(runs: Sequence[Run], results: Path, state: Path) -> list[VariantPlan]:
    """Count the runs that are done and those that are left, variant by variant."""
    missing = {run.key for run in unfinished(runs, results)}
    ordered = sorted(runs, key=lambda run: run.variant.variant)
    plans = []
    for name, group in groupby(ordered, key=lambda run: run.variant.variant):
        members = list(group)
        left = [run for run in members if run.key in missing]
        trains = members[0].family.trains
        speed = known_speed(members[0], results, state) if trains else None
        seconds = [seconds_to_go(run, speed, state) for run in left]
        footprint = load_footprint(members[0].family.name)
        plans.append(
            VariantPlan(
                variant=name,
                total=sum(run.stands_for for run in members),
                done=sum(run.stands_for for run in members) - sum(run.stands_for for run in left),
                to_go=sum((_to_go(run, state) for run in left), Counter[str]()),
                seconds=sum(seconds),
                longest_seconds=max(seconds, default=0.0),
                speed=speed,
                memory=footprint.memory_text(members[0], "lz4"),
                state_bytes=sum(footprint.checkpoint_bytes(run) for run in one_a_record(left)),
                in_seeds=members[0].family.bundles,
            )
        )
    return plans


def _to_go(run: Run, state: Path) -> Counter[str]:
    """Count what a run has before it: frames or steps, from its newest checkpoint on, or all of its budget."""
    if run.training_frames:
        return Counter(frames=steps_to_go(run, state) * run.protocol.training.frame_skip)
    return Counter(steps=steps_to_go(run, state)) if run.budget.steps else run.training_length


def _of_other_code(run: Run, results: Path) -> Path | None:
    return made_by_other_code(run, results) if finished_as(run, results) is None else None


def wall_seconds(plans: Sequence[VariantPlan], cores: int) -> float:
    """Estimate the time on the clock with that many runs at a time: no less than the longest run takes alone."""
    return max([sum(plan.seconds for plan in plans) / cores, *(plan.longest_seconds for plan in plans)])


def slow_text(plans: Sequence[VariantPlan], cores: int) -> str:
    """Say that what is left takes longer than anybody waits for; '' where it does not."""
    if wall_seconds(plans, cores) < SLOW_SECONDS:
        return ""
    seconds = sum(plan.seconds for plan in plans)
    return f"{days_text(seconds)} of one core; take fewer games, seeds or frames, more cores, or a GPU"


def measure_speeds(experiment: str, state: Path, seconds: float = 5.0) -> None:
    """Time training and playing of each variant that trains, and keep what was found for the plan.

    Args:
        experiment: file of workflow/experiments.
        state: root of the state.
        seconds: of training, and as many of playing.

    Raises:
        ReplicationError: no such experiment; the state cannot be written.
    """
    from replication.training.contract import load_family

    runs = {run.variant.variant: run for run in load_experiment(experiment).runs()}
    for run in runs.values():
        if run.family.trains and not run.family.bundles:
            training, playing = load_family(run.family.name).measure_speed(run, seconds)
            found = speed_conditions(run) | {"training": training, "playing": playing}
            write_atomically(speed_path(run, state), readable_json(found))
