"""Programs in turn: each warms up once, then A B A B while the others sleep, so that all see one machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple

from replication.commands.benchmark.child import Child, Cost, usable_cores
from replication.commands.benchmark.loops import Case, Plan
from replication.commands.benchmark.pacing import LOOP
from replication.commands.benchmark.programs import OURS, Command
from replication.foundation.progress import progress_bar, say

PAIR = "pair"
"""Two runs of ours at once, each on a core of its own."""
COHORT = "cohort"
"""Several runs of ours as the lanes of one process; a step is one of all lanes."""
PART_SHARE = 0.1
"""Share of a whole loop's time that a part is given; a part varies less."""
WARM_UP_SECONDS = 15.0
"""Guess for one program, for the time left before anything is known."""


class Key(NamedTuple):
    """A program, and what of it is timed: the name of a part, LOOP, PAIR or COHORT."""

    program: str
    what: str


@dataclass(frozen=True)
class Timing:
    """One measurement of a round."""

    key: Key
    planned_seconds: float
    measure: Callable[[], Cost]
    """Function that measures and returns what one costs."""


@dataclass(frozen=True)
class Measured:
    """The measurements of one case."""

    case: Case
    facts: dict[str, dict[str, Any]]
    """Facts that each program gave of itself once it was warm."""
    costs: dict[Key, list[Cost]]
    """What one costs, a round each: a step of a loop (or of either of a pair), or one repetition of a part."""
    load: float
    """The system's greatest average of processes that run or wait to, over a minute, these programs counted."""


def measure(plan: Plan, cases: Sequence[Case]) -> list[Measured]:
    """Measure all cases one after the other, with a bar that shows the time left.

    Raises:
        ReplicationError: a program that cannot be run, or ends.
    """
    planned_seconds = sum(_planned_seconds(plan, case) for case in cases)
    with progress_bar(planned_seconds, "s", "benchmark") as bar:
        bar.bar_format = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"

        def advance(seconds: float) -> None:
            bar.update(min(seconds, planned_seconds - bar.n))

        return [_measure_case(plan, case, advance) for case in cases]


def alternate(timings: Sequence[Timing], rounds: int, report: Callable[[Timing], object]) -> dict[Key, list[Cost]]:
    """Make all timings in their order, and again in every round.

    Args:
        timings: at most one a key.
        rounds: how often.
        report: called with each that is done.

    Returns: what each found, one for each round.
    """
    found: dict[Key, list[Cost]] = {timing.key: [] for timing in timings}
    for _ in range(rounds):
        for timing in timings:
            found[timing.key].append(timing.measure())
            report(timing)
    return found


def _measure_case(plan: Plan, case: Case, advance: Callable[[float], None]) -> Measured:
    cores = usable_cores()
    first_core = cores[0] if cores else None
    with ExitStack() as held:

        def started(name: str, command: Command, core: int | None = first_core) -> Child:
            return held.enter_context(
                Child(name, command.words, place=plan.state, core=core, paths=command.paths, mending=command.mending)
            )

        programs = {name: started(name, command) for name, command in case.commands.items()}
        cohort = started(OURS, case.cohort) if case.cohort else None
        second = started(OURS, case.commands[OURS], cores[1]) if case.cohort and len(cores) > 1 else None
        label = f"{case.loop}, {case.task}, {case.settings}"
        say(f"{label}: {', '.join(programs)} warm up")
        # Ours last: what another's environment lacks is said as soon as it is known.
        answers = {name: programs[name].answer() for name in reversed(programs)}
        facts = {name: answers[name] for name in programs}
        for child in (cohort, second):
            if child is not None:
                child.answer()
        advance(_warm_up_seconds(case))
        loads: list[float] = []

        def report(timing: Timing) -> None:
            loads.append(os.getloadavg()[0])
            advance(timing.planned_seconds)

        costs = alternate(_timings(plan, case, programs, cohort, second), plan.rounds, report)
    return Measured(case, facts, costs, max(loads))


def _timings(
    plan: Plan, case: Case, programs: dict[str, Child], cohort: Child | None, second: Child | None
) -> list[Timing]:
    """List the timings of one round: whole loops next to each other, then their parts."""
    timings = [_timing(Key(name, LOOP), child, LOOP, plan.seconds) for name, child in programs.items()]
    if cohort is not None:
        timings.append(_timing(Key(OURS, COHORT), cohort, LOOP, plan.seconds))
    if second is not None:
        first = programs[OURS]
        timings.append(Timing(Key(OURS, PAIR), plan.seconds, lambda: _side_by_side(first, second, plan.seconds)))
    for name, parts in case.parts.items():
        if name in programs:
            share = plan.seconds * PART_SHARE
            timings += [_timing(Key(name, part), programs[name], part, share) for part in parts]
    return timings


def _timing(key: Key, child: Child, what: str, seconds: float) -> Timing:
    return Timing(key, seconds, lambda: child.measured(what, seconds))


def _side_by_side(one: Child, other: Child, seconds: float) -> Cost:
    """Measure two loops that run at once; return what an agent step takes, the steps of both counted."""
    for child in (one, other):
        child.ask(LOOP, seconds)
    both = [child.answered() for child in (one, other)]
    return Cost(*(1.0 / sum(1.0 / each for each in clock) for clock in zip(*both, strict=True)))


def _planned_seconds(plan: Plan, case: Case) -> float:
    """Estimate the seconds that one case takes."""
    loops = len(case.commands) + (2 if case.cohort else 0)
    parts = sum(len(case.parts.get(name, ())) for name in case.commands)
    return _warm_up_seconds(case) + plan.rounds * plan.seconds * (loops + PART_SHARE * parts)


def _warm_up_seconds(case: Case) -> float:
    lanes = 5 if case.cohort else 0  # four of a cohort, and one of a pair
    return (len(case.commands) + lanes) * WARM_UP_SECONDS
