"""The one table of a benchmark: each figure with its unit, its share of the floor and how it compares."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from textwrap import fill
from typing import Any

import pandas as pd

from replication.commands.benchmark.child import usable_cores
from replication.commands.benchmark.floor import FLOP, floor_seconds
from replication.commands.benchmark.loops import (
    CLEANRL,
    COHORT,
    COHORT_LANES,
    OURS,
    PAIR,
    PFRL,
    SB3,
    GameFigures,
    Key,
    Plan,
)
from replication.commands.benchmark.our_loop import EPSILON
from replication.commands.benchmark.pacing import LOOP, UPDATE_PERIOD_STEPS, WARM_UP_STEPS
from replication.evidence.provenance import git_commit
from replication.foundation.resources import processor_model, total_memory_bytes
from replication.report.tables.table import Table
from replication.specification.loading import load_protocol
from replication.specification.tasks.atari_games import find_game

NOT_MEASURED = "not measured"
COLUMNS = ("game", "what", "program", "median", "low", "high", "unit", "of the floor", f"beside {SB3}")


@dataclass(frozen=True)
class Quantity:
    """A thing that is timed, and how it is shown."""

    key: str
    what: str
    unit: str
    shown: Callable[[float], float]
    """Function from the seconds that one takes to the number that is shown."""
    work: str | None = None
    """Work whose floating-point operations the floor is counted from; None: it has no floor."""


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
    Quantity("frames", "frame pipeline: 4 screens to one 84x84 frame", "us a step", lambda s: 1e6 * s),
    Quantity("play", "emulation and frame pipeline, random actions", "steps/s", _rate),
    Quantity("act", "act: the values of one state", "ms", _milliseconds, "act"),
    Quantity("sample", "minibatch drawn from the replay memory", "ms", _milliseconds),
    Quantity("update", "update, its minibatch drawn", "ms", _milliseconds, "update"),
    Quantity("update_bfloat16", "update in bfloat16, its minibatch drawn", "ms", _milliseconds, "update"),
    Quantity(LOOP, "whole loop", "steps/s", _rate, "step"),
    Quantity("evaluation", "evaluation, one game", "steps/s", _rate),
    Quantity("checkpoint", "checkpoint, written and flushed to the disk", "ms", _milliseconds),
)
FACTS = (
    ("replay_bytes_per_transition", "replay memory, a transition", "bytes", 1.0),
    ("peak_bytes_beyond_replay", "peak memory of a run beyond its replay memory", "MB", 1e-6),
    ("checkpoint_bytes", "checkpoint", "MB", 1e-6),
)
DIFFERENCES = f"""
What differs. {SB3}: its DQN with its default replay buffer (both states of a transition, whole); its Atari wrappers
(NoFrameskip-v4; area resize and gray rounded, no-ops after a game alone, FIRE after a reset); the mean of the losses;
the gradient's norm clipped at 10; torch.optim.RMSprop centred, which adds its constant outside the root. {CLEANRL}: its
own dqn_atari.py, with Adam, squared error and one array of states. {PFRL}: its own train_dqn.py, with its schedule of
epsilon (the values are computed for every action all the same) and a memory of a million transitions, which fills as it
goes. Ours: as `python -m replication train --variant dqn` trains, frames compressed by lz4; steps in which a
trajectory's last frame is only perceived are not counted."""


def benchmark_table(plan: Plan, found: Sequence[GameFigures]) -> Table:
    """Build the table of all measurements, game by game."""
    rows = [row for figures in found for row in _game_rows(figures)]
    return Table("table", pd.DataFrame(rows, columns=list(COLUMNS)), _caption(plan, found))


def _game_rows(figures: GameFigures) -> list[dict[str, str]]:
    rows = []
    for quantity in QUANTITIES:
        for program in (OURS, SB3, CLEANRL, PFRL):
            seconds = figures.seconds.get(Key(program, quantity.key))
            if seconds is not None:
                rows.append(_timed_row(figures, quantity, program, seconds))
            elif quantity.key == LOOP:
                rows.append(_row(figures.game, quantity.what, program, NOT_MEASURED))
        if quantity.key == LOOP:
            rows += [_pair_row(figures), _cohort_row(figures)]
    for key, what, unit, scale in FACTS:
        theirs = figures.facts.get(SB3, {}).get(key)
        for program in (OURS, SB3):
            value = figures.facts.get(program, {}).get(key)
            if value is not None:
                beside = f"{figure(value / theirs)} of its bytes" if theirs and program == OURS else ""
                rows.append(_row(figures.game, what, program, figure(value * scale), unit=unit, beside=beside))
    return rows


def _timed_row(figures: GameFigures, quantity: Quantity, program: str, seconds: Sequence[float]) -> dict[str, str]:
    middle, low, high = _spread([quantity.shown(each) for each in seconds])
    share = ""
    if quantity.work is not None:
        kernels = {name: figures.seconds[Key(OURS, name)] for name in FLOP}
        least = floor_seconds(_flop(figures)[quantity.work], kernels)
        shares = [floor / each for floor, each in zip(least, seconds, strict=True)]
        share = f"{100 * median(shares):.0f} %"
    beside = ""
    theirs = figures.seconds.get(Key(SB3, quantity.key))
    if theirs is not None and program != SB3:
        times, *between = _spread([their / each for their, each in zip(theirs, seconds, strict=True)])
        beside = f"{times} times as fast [{'-'.join(between)}]"
    return _row(figures.game, quantity.what, program, middle, low, high, quantity.unit, share, beside)


def _pair_row(figures: GameFigures) -> dict[str, str]:
    """Compare two runs with one; not measured where there is one core, or a process cannot be held to one."""
    what, pair = "two runs side by side on two cores, over one alone", figures.seconds.get(Key(OURS, PAIR))
    if pair is None:
        return _row(figures.game, what, OURS, NOT_MEASURED)
    alone = figures.seconds[Key(OURS, LOOP)]
    return _row(figures.game, what, OURS, *_spread([a / p for a, p in zip(alone, pair, strict=True)]), unit="times")


def _cohort_row(figures: GameFigures) -> dict[str, str]:
    """Compare the cost of a step of several lanes with one of a run alone: as many as there are lanes, at best."""
    what = f"a step of {COHORT_LANES} lanes in one process, over one alone"
    steps = zip(figures.seconds[Key(OURS, COHORT)], figures.seconds[Key(OURS, LOOP)], strict=True)
    return _row(figures.game, what, OURS, *_spread([all_lanes / alone for all_lanes, alone in steps]), unit="times")


def _row(
    game: str,
    what: str,
    program: str,
    middle: str,
    low: str = "",
    high: str = "",
    unit: str = "",
    share: str = "",
    beside: str = "",
) -> dict[str, str]:
    cells = (find_game(game).title, what, program, middle, low, high, unit, share, beside)
    return dict(zip(COLUMNS, cells, strict=True))


def _flop(figures: GameFigures) -> dict[str, float]:
    """Count the floating-point operations of an update, of acting, and of an agent step, which has a share of both."""
    counted = figures.facts[OURS]["flop"]
    step = counted["update"] / UPDATE_PERIOD_STEPS + (1 - EPSILON) * counted["act"]
    return {"update": counted["update"], "act": counted["act"], "step": step}


def _spread(values: Sequence[float]) -> tuple[str, str, str]:
    return figure(median(values)), figure(min(values)), figure(max(values))


def figure(value: float) -> str:
    """Format a number with three digits, or with all those before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3g}"


def _caption(plan: Plan, found: Sequence[GameFigures]) -> str:
    flop = found[0].facts[OURS]["flop"]
    paragraphs = (
        f"""
        Measured {datetime.now(UTC):%Y-%m-%d} at commit {git_commit()} by
        `python -m replication benchmark`, on {machine_text()}. {_versions(found)}""",
        f"""
        Median, least and most of {plan.rounds} rounds, in which the programs take turns (A B A B). Each warms up once,
        for {WARM_UP_STEPS:,} agent steps, then runs {plan.seconds:g} s a round on one thread, all on the same core
        (where the system can hold them to one), while the others sleep; parts are given a tenth of that. Settings:
        minibatches of 32, an update each 4 agent steps, the target network every 10,000 steps, states of 84x84x4,
        epsilon 0.1, a replay memory of 100,000, learning from step 5,000. A step is an agent's decision: 4 frames.""",
        f"""
        The floor: as many operations at the faster of two rates of this core, measured in the same rounds: a matrix
        product and one of the network's convolutions, each alone and hot. Operations as torch counts them:
        {flop["update"] / 1e9:.3f} GFLOP an update, {flop["act"] / 1e6:.1f} MFLOP an action; for a step of the whole
        loop a quarter of the one and nine tenths of the other.""",
        " ".join(_evaluation_text(figures) for figures in found),
        DIFFERENCES,
    )
    return "\n\n".join(fill(" ".join(text.split()), 120, break_on_hyphens=False) for text in paragraphs)


def _evaluation_text(figures: GameFigures) -> str:
    """Say what the protocol's periodic evaluation costs, from the rates that were measured."""
    periodic = load_protocol("nature").periodic_evaluation
    assert periodic is not None and periodic.length_steps is not None
    evaluation, loop = (median(figures.seconds[Key(OURS, key)]) for key in ("evaluation", LOOP))
    minutes, share = periodic.length_steps * evaluation / 60, periodic.length_steps * evaluation / loop
    return (
        f"{find_game(figures.game).title}: a periodic evaluation of {periodic.length_steps:,} steps takes "
        f"{minutes:.1f} minutes, {100 * share / periodic.period_steps:.0f} % of the training of "
        f"{periodic.period_steps:,} steps before it."
    )


def _versions(found: Sequence[GameFigures]) -> str:
    told: Mapping[str, Any] = {name: facts["versions"] for name, facts in found[0].facts.items()}
    texts = [f"{name}: {', '.join(f'{p} {v}' for p, v in packages.items())}" for name, packages in told.items()]
    return f"Versions: {'; '.join(texts)}."


def machine_text() -> str:
    """Describe this machine in words."""
    cores, usable = os.cpu_count(), len(usable_cores())
    held = f" ({usable} usable)" if usable not in (0, cores) else ""
    memory = f"{total_memory_bytes() / 1e9:.0f} GB of memory"
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return f"{processor_model()}, {cores} cores{held}, {memory}, {system}, Python {platform.python_version()}"
