"""Whole loops in turn: each program warms up once, then A B A B while the others sleep, so that all see one machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from replication.commands.benchmark.child import Child, usable_cores
from replication.commands.benchmark.floor import FLOP
from replication.commands.benchmark.pacing import LOOP, WARM_UP_STEPS
from replication.foundation.errors import ReplicationError
from replication.foundation.progress import progress_bar, say
from replication.specification.tasks.atari_games import find_game

OURS, SB3, CLEANRL, PFRL = "this suite", "Stable-Baselines3", "CleanRL", "PFRL"
PARTS = {
    OURS: (
        *FLOP,
        "emulation",
        "frames",
        "play",
        "act",
        "sample",
        "update",
        "update_bfloat16",
        "evaluation",
        "checkpoint",
    ),
    SB3: ("play", "act", "update", "evaluation"),
}
PAIR = "pair"
"""Two runs of ours at once, each on a core of its own."""
COHORT, COHORT_LANES = "cohort", 4
"""Several runs of ours as the lanes of one process, and how many; a step is one of all lanes."""
PART_SHARE = 0.1
"""Share of a whole loop's time that a part is given; a part varies less."""
WARM_UP_SECONDS = 20.0
"""Guess for one program, for the time left before anything is known; most of the steps come before learning."""


@dataclass(frozen=True)
class Script:
    """Another program's own training script, and the python that has what it needs."""

    checkout: Path
    python: Path


@dataclass(frozen=True)
class Plan:
    """The programs and games to measure, and for how long; a program that is None is not measured."""

    games: Sequence[str]
    rounds: int
    seconds: float
    """Length of each timing of a whole loop."""
    state: Path
    """Folder in which programs write while they are measured: the checkpoints that are timed, their logs."""
    sb3: Path | None = None
    """The python of an environment that has Stable-Baselines3."""
    cleanrl: Script | None = None
    pfrl: Script | None = None


class Key(NamedTuple):
    """A program, and what of it is timed: the name of a part, LOOP, PAIR or COHORT."""

    program: str
    what: str


@dataclass(frozen=True)
class Timing:
    """One measurement of a round."""

    key: Key
    planned_seconds: float
    measure: Callable[[], float]
    """Function that measures and returns the seconds that one takes."""


@dataclass(frozen=True)
class GameFigures:
    """The measurements in one game."""

    game: str
    facts: dict[str, dict[str, Any]]
    """Facts that each program gave of itself once it was warm."""
    seconds: dict[Key, list[float]]
    """Seconds that one takes, a round each: a step of a loop (or of either of a pair), or one repetition of a part."""


def measure(plan: Plan) -> list[GameFigures]:
    """Measure every game of the plan, with a bar that shows the time left.

    Raises:
        ReplicationError: no such game; a program that cannot be run, or ends.
    """
    games = list(dict.fromkeys(find_game(name).name for name in plan.games))
    planned_seconds = len(games) * _planned_seconds(plan)
    with progress_bar(planned_seconds, "s", "benchmark") as bar:
        bar.bar_format = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"

        def advance(seconds: float) -> None:
            bar.update(min(seconds, planned_seconds - bar.n))

        return [_measure_game(plan, game, advance) for game in games]


def alternate(timings: Sequence[Timing], rounds: int, report: Callable[[Timing], object]) -> dict[Key, list[float]]:
    """Make all timings in their order, and again in every round.

    Args:
        timings: at most one a key.
        rounds: how often.
        report: called with each that is done.

    Returns: the seconds that each found, one for each round.
    """
    found: dict[Key, list[float]] = {timing.key: [] for timing in timings}
    for _ in range(rounds):
        for timing in timings:
            found[timing.key].append(timing.measure())
            report(timing)
    return found


def environment_name(game: str) -> str:
    """Return the name of a game among ale-py's Gymnasium environments, without frame skip or stickiness."""
    return "".join(part.capitalize() for part in game.split("_")) + "NoFrameskip-v4"


def _measure_game(plan: Plan, game: str, advance: Callable[[float], None]) -> GameFigures:
    cores = usable_cores()
    with ExitStack() as held:
        programs = _started(plan, game, cores[0] if cores else None, held)
        cohort = held.enter_context(_ours(plan, game, cores[0] if cores else None, COHORT_LANES))
        second = held.enter_context(_ours(plan, game, cores[1])) if len(cores) > 1 else None
        say(f"{game}: {', '.join(programs)}: {WARM_UP_STEPS:,} agent steps to warm up")
        # Ours last: what another's environment lacks is said as soon as it is known.
        answers = {name: programs[name].answer() for name in reversed(programs)}
        facts = {name: answers[name] for name in programs}
        for child in (cohort, second):
            if child is not None:
                child.answer()
        advance((len(programs) + COHORT_LANES) * WARM_UP_SECONDS)
        say(f"{game}: {plan.rounds} rounds of each in turn")
        seconds = alternate(
            _timings(plan, programs, cohort, second), plan.rounds, lambda timing: advance(timing.planned_seconds)
        )
    return GameFigures(game, facts, seconds)


def _timings(plan: Plan, programs: dict[str, Child], cohort: Child, second: Child | None) -> list[Timing]:
    """List the timings of one round: whole loops next to each other, then their parts."""
    timings = [_timing(child, name, LOOP, plan.seconds) for name, child in programs.items()]
    timings.append(Timing(Key(OURS, COHORT), plan.seconds, lambda: cohort.each_seconds(LOOP, plan.seconds)))
    if second is not None:
        first = programs[OURS]
        timings.append(Timing(Key(OURS, PAIR), plan.seconds, lambda: _side_by_side(first, second, plan.seconds)))
    for name, parts in PARTS.items():
        if name in programs:
            timings += [_timing(programs[name], name, part, plan.seconds * PART_SHARE) for part in parts]
    return timings


def _timing(child: Child, name: str, what: str, seconds: float) -> Timing:
    return Timing(Key(name, what), seconds, lambda: child.each_seconds(what, seconds))


def _side_by_side(one: Child, other: Child, seconds: float) -> float:
    """Measure two loops that run at once; return the seconds that an agent step takes, the steps of both counted."""
    for child in (one, other):
        child.ask(LOOP, seconds)
    return 1.0 / sum(1.0 / child.answered_seconds() for child in (one, other))


def _started(plan: Plan, game: str, core: int | None, held: ExitStack) -> dict[str, Child]:
    """Start the programs that are measured in turn, all on the same core."""
    programs = {OURS: held.enter_context(_ours(plan, game, core))}
    name = environment_name(game)
    if plan.sb3 is not None:
        command = [python_at(plan.sb3, "--sb3"), "-m", "replication.commands.benchmark.sb3_dqn", name]
        mending = "`make benchmark` builds its environment and runs this command with it"
        programs[SB3] = held.enter_context(Child(SB3, command, place=plan.state, core=core, mending=mending))
    # Each at its own settings but for these; what differs is told in the table.
    if plan.cleanrl is not None:
        stepped = ("gymnasium.vector", "SyncVectorEnv", "step")
        arguments = (
            *("--env-id", name, "--no-cuda", "--buffer-size", "100000", "--learning-starts", "5000"),
            *("--target-network-frequency", "10000", "--start-e", "0.1", "--end-e", "0.1"),
        )
        child = _script(
            CLEANRL, "--cleanrl", plan.cleanrl, "cleanrl/dqn_atari.py", stepped, arguments, plan.state, core
        )
        programs[CLEANRL] = held.enter_context(child)
    if plan.pfrl is not None:
        acted = ("pfrl.agents", "DQN", "act")
        given = ("--env", name, "--gpu", "-1", "--replay-start-size", "5000")
        child = _script(
            PFRL, "--pfrl", plan.pfrl, "examples/atari/reproduction/dqn/train_dqn.py", acted, given, plan.state, core
        )
        programs[PFRL] = held.enter_context(child)
    return programs


def _ours(plan: Plan, game: str, core: int | None, lanes: int = 1) -> Child:
    command = [sys.executable, "-m", "replication.commands.benchmark.our_loop", game, str(lanes)]
    return Child(
        OURS, command, place=plan.state, core=core, mending="python -m replication doctor says what is missing"
    )


def _script(
    name: str,
    option: str,
    script: Script,
    path: str,
    counted: tuple[str, str, str],
    arguments: tuple[str, ...],
    place: Path,
    core: int | None,
) -> Child:
    """Start another program's training script; `counted` is what it calls each agent step: module, class, method."""
    file = script.checkout.absolute() / path
    if not file.is_file():
        raise ReplicationError(f"{option}: {script.checkout} has no {path}; expected a checkout of {name}'s repository")
    runner = [python_at(script.python, option), "-m", "replication.commands.benchmark.peer_script"]
    mending = f"{option} needs the python of an environment in which its script runs"
    command = [*runner, *counted, str(file), *arguments]
    return Child(name, command, place=place, core=core, paths=[script.checkout], mending=mending)


def python_at(path: Path, option: str) -> str:
    """Return the absolute path of an interpreter, links not followed: a virtual environment's python is one."""
    if not path.is_file():
        raise ReplicationError(
            f"{option}: there is no python at {path}; expected one such as .benchmark-venv/bin/python"
        )
    return str(path.absolute())


def _planned_seconds(plan: Plan) -> float:
    """Estimate the seconds that one game takes."""
    named = {OURS: True, SB3: plan.sb3, CLEANRL: plan.cleanrl, PFRL: plan.pfrl}
    programs = [name for name, given in named.items() if given is not None]
    loops = len(programs) + 1 + (len(usable_cores()) > 1)
    parts = sum(len(PARTS.get(name, ())) for name in programs)
    return (len(programs) + COHORT_LANES) * WARM_UP_SECONDS + plan.rounds * plan.seconds * (loops + PART_SHARE * parts)
