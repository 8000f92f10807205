"""The rows of a benchmark's table: plain numbers, each with its unit, its share of the floor and how ours compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

from replication.commands.benchmark.child import Cost
from replication.commands.benchmark.conditions import differing_packages
from replication.commands.benchmark.floor import FLOP, floor_seconds
from replication.commands.benchmark.loops import COHORT_LANES, Plan
from replication.commands.benchmark.our_dqn import EPSILON
from replication.commands.benchmark.pacing import LOOP, UPDATE_PERIOD_STEPS
from replication.commands.benchmark.programs import OURS
from replication.commands.benchmark.turns import COHORT, PAIR, Key, Measured

COLUMNS = (
    *("loop", "task", "settings", "what", "program", "version", "unit", "rounds", "seconds"),
    *("median", "low", "high", "ours_beside_it", "ours_beside_it_low", "ours_beside_it_high", "of_floor"),
    *("differs", "packages", "load", "date", "commit", "processor", "cores", "memory_gb", "system", "python"),
    *("torch", "lock"),
)
WHOLE_LOOP = "whole loop"
OF_PROCESSOR, OF_WALL = "of processor time", "of wall time"
BYTES = ("bytes", "MB")
"""Units of which less is better, and `ours_beside_it` is ours over theirs; of all others it is how many times as fast
ours is."""


class Spread(NamedTuple):
    """The middle, the least and the greatest of the rounds."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Quantity:
    """A part that is timed, and how it is shown."""

    key: str
    what: str
    unit: str
    shown: Callable[[float], float]
    """Function from the seconds that one takes to the number that is shown."""
    work: str | None = None
    """Work whose floating-point operations the floor is counted from; None: it has no floor."""
    clock: str = OF_PROCESSOR


def _rate(seconds: float) -> float:
    return 1.0 / seconds


def _milliseconds(seconds: float) -> float:
    return 1e3 * seconds


QUANTITIES = (
    Quantity(
        "matrix_product", "matrix product, 2,048^3, float32", "GFLOP/s", lambda s: FLOP["matrix_product"] / s / 1e9
    ),
    Quantity("convolution", "the network's second convolution", "GFLOP/s", lambda s: FLOP["convolution"] / s / 1e9),
    Quantity("emulation", "emulation alone, random actions", "frames/s", _rate),
    Quantity("frames", "frame pipeline: 4 screens to one 84x84 frame", "us", lambda s: 1e6 * s),
    Quantity("play", "emulation and frame pipeline, random actions", "steps/s", _rate),
    Quantity("act", "act in one state", "ms", _milliseconds, "act"),
    Quantity("sample", "minibatch drawn from the replay memory", "ms", _milliseconds),
    Quantity("update", "update, its minibatch drawn", "ms", _milliseconds, "update"),
    Quantity("update_bfloat16", "update in bfloat16, its minibatch drawn", "ms", _milliseconds, "update"),
    Quantity("evaluation", "evaluation", "steps/s", _rate),
    Quantity("checkpoint", "checkpoint, written and flushed to the disk", "ms", _milliseconds, clock=OF_WALL),
)
FACTS = (
    ("replay_bytes_per_transition", "replay memory, a transition", "bytes", 1.0),
    ("peak_bytes_beyond_replay", "peak memory of a run beyond its replay memory", "MB", 1e-6),
    ("checkpoint_bytes", "checkpoint", "MB", 1e-6),
)
WORK = (("update", "operations of an update", "GFLOP", 1e-9), ("act", "operations of acting once", "MFLOP", 1e-6))


def measured_rows(plan: Plan, measured: Measured, now: Mapping[str, object]) -> list[dict[str, Any]]:
    """Return the rows of one case: its whole loops on both clocks, several runs of ours at once, parts, and sizes.

    Args:
        plan: what was asked for.
        measured: of the case.
        now: columns that all rows of a run share: `conditions`.
    """
    case = measured.case
    shared = dict(now) | {"loop": case.loop, "task": case.task, "settings": case.settings, "load": measured.load}

    def row(program: str, what: str, unit: str, *values: Mapping[str, float]) -> dict[str, Any]:
        facts = measured.facts.get(program, {})
        told, ours = facts.get("versions", {}), measured.facts[OURS]["versions"]
        own = {
            "what": what,
            "program": program,
            "version": _version(measured, program, str(now["commit"])),
            "unit": unit,
            "differs": differing_packages(told, ours) or None,
            "packages": ", ".join(f"{name} {version}" for name, version in told.items()) or None,
        }
        cells = shared | own | {key: value for each in values for key, value in each.items()}
        return {name: cells.get(name) for name in COLUMNS}

    timed = {"rounds": plan.rounds, "seconds": plan.seconds}
    rows = []
    for clock, of_clock in (("processor", OF_PROCESSOR), ("wall", OF_WALL)):
        for program in case.commands:
            costs = _clock(measured.costs[Key(program, LOOP)], clock)
            floor = _share(measured, "step", costs) if program == OURS and clock == "processor" else {}
            spread = _named(_spread([_rate(each) for each in costs]))
            beside = _times(measured, program, LOOP, clock)
            rows.append(row(program, WHOLE_LOOP, f"{case.unit} {of_clock}", timed, spread, beside, floor))
    rows += [row(program, WHOLE_LOOP, f"{case.unit} {OF_PROCESSOR}") for program in case.not_measured]
    rows += [row(OURS, what, "times", timed, _named(times)) for what, times in _several(measured).items()]
    for quantity in QUANTITIES:
        clock = "wall" if quantity.clock == OF_WALL else "processor"
        for program in case.commands:
            if Key(program, quantity.key) in measured.costs:
                costs = _clock(measured.costs[Key(program, quantity.key)], clock)
                floor = _share(measured, quantity.work, costs) if quantity.work else {}
                spread = _named(_spread([quantity.shown(each) for each in costs]))
                beside = _times(measured, program, quantity.key, clock)
                rows.append(
                    row(program, quantity.what, f"{quantity.unit} {quantity.clock}", timed, spread, beside, floor)
                )
    for key, what, unit, scale in FACTS:
        ours = measured.facts[OURS].get(key)
        for program, facts in measured.facts.items():
            if key in facts:
                beside = {"ours_beside_it": ours / facts[key]} if program != OURS and ours else {}
                rows.append(row(program, what, unit, {"median": facts[key] * scale}, beside))
    counted = measured.facts[OURS].get("flop", {})
    rows += [row(OURS, what, unit, {"median": counted[key] * scale}) for key, what, unit, scale in WORK if counted]
    return rows


def _version(measured: Measured, program: str, commit: str) -> str | None:
    """Return the commit of what comes from a repository, else the version of the package of that name."""
    command = measured.case.commands.get(program)
    if command is None:
        return None
    told = measured.facts[program]["versions"]
    if program == OURS:
        return commit.split(";")[0] if ";" in commit else commit[:12]
    return command.commit[:12] if command.commit else told.get(program.lower())


def _several(measured: Measured) -> dict[str, Spread]:
    """Compare several runs of ours with one: two beside each other, on the wall's clock; lanes, on the processor's."""
    found = {}
    pair, cohort = measured.costs.get(Key(OURS, PAIR)), measured.costs.get(Key(OURS, COHORT))
    for name, costs, clock in (("pair", pair, "wall"), ("cohort", cohort, "processor")):
        if costs is not None:
            alone, several = _clock(measured.costs[Key(OURS, LOOP)], clock), _clock(costs, clock)
            if name == "pair":
                times = [one / both for one, both in zip(alone, several, strict=True)]
                found["two runs side by side on two cores, over one alone"] = _spread(times)
            else:
                times = [all_lanes / one for one, all_lanes in zip(alone, several, strict=True)]
                found[f"a step of {COHORT_LANES} lanes in one process, over one alone"] = _spread(times)
    return found


def _times(measured: Measured, program: str, what: str, clock: str) -> dict[str, float]:
    """Say how many times as fast ours is, round by round; nothing of ours itself."""
    ours = measured.costs.get(Key(OURS, what))
    if program == OURS or ours is None:
        return {}
    theirs = _clock(measured.costs[Key(program, what)], clock)
    times = _spread([their / our for their, our in zip(theirs, _clock(ours, clock), strict=True)])
    return {f"ours_beside_it{end}": value for end, value in zip(("", "_low", "_high"), times, strict=True)}


def _share(measured: Measured, work: str, costs: Sequence[float]) -> dict[str, float]:
    """Say what share of the time the floor is, in the middle of the rounds; nothing where none was counted."""
    counted = measured.facts[OURS].get("flop")
    if counted is None:
        return {}
    step = counted["update"] / UPDATE_PERIOD_STEPS + (1 - EPSILON) * counted["act"]
    kernels = {name: _clock(measured.costs[Key(OURS, name)], "processor") for name in FLOP}
    least = floor_seconds({**counted, "step": step}[work], kernels)
    return {"of_floor": median(floor / each for floor, each in zip(least, costs, strict=True))}


def _clock(costs: Sequence[Cost], clock: str) -> list[float]:
    return [getattr(cost, clock) for cost in costs]


def _spread(values: Sequence[float]) -> Spread:
    return Spread(median(values), min(values), max(values))


def _named(spread: Spread) -> dict[str, float]:
    return spread._asdict()
