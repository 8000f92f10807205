"""The one table of a benchmark: its data, and how a reader sees them. Markdown and LaTeX are made of the data alone."""

from __future__ import annotations

import math
from textwrap import fill

import pandas as pd

from replication.commands.benchmark.pacing import WARM_UP_STEPS
from replication.commands.benchmark.programs import CLEANRL, OURS, PFRL, SB3, SHANGTONG
from replication.commands.benchmark.rows import BYTES, OF_PROCESSOR, WHOLE_LOOP
from replication.report.tables.columns import PrintedColumn, is_missing, text
from replication.report.tables.table import Table
from replication.specification.loading import load_protocol

NOT_MEASURED = "not measured"
DIFFERENCES = f"""
What differs beside versions. {SB3}: its Atari wrappers (NoFrameskip-v4; area resize and gray rounded, no-ops after a
game alone, FIRE after a reset); its DQN keeps both states of a transition whole, takes the mean of the losses and clips
the gradient's norm at 10, with torch.optim.RMSprop centered, which adds its constant outside the root; its A2C and PPO
have the settings of Baselines; its DDPG and TD3 the sizes and rates of ours. {CLEANRL}: its own dqn_atari.py, with
Adam, squared error and one array of states, and its own ppo_atari.py as it is. {PFRL}: its own train_dqn.py, with its
schedule of epsilon (the values are computed for every action all the same) and a memory of a million transitions, which
fills as it goes. {SHANGTONG}: the functions of its chapter06/cliff_walking.py, as its figure 6.4 calls them. Ours: as
`python -m replication train` trains the variants dqn, a2c, ppo_cleanrl, ddpg_tianshou and td3_code; frames compressed
by lz4; steps in which a trajectory's last frame is only perceived are not counted. DQN Zoo is not here: it
asks for CPython 3.9 with jaxlib 0.3.10, gym 0.19.0 and atari-py 0.2.9, whose ROMs have to be fetched for it."""


def figure(value: float) -> str:
    """Format a number with three digits, or with all those before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3g}"


def benchmark_table(frame: pd.DataFrame) -> Table:
    """Build the table of all rows, of one or several runs of the command on one machine."""
    return Table(
        "table",
        frame,
        _caption(frame),
        paper_columns=("loop", "program", "what", "median", "unit", f"{OURS} beside it"),
        columns=PRINTED,
    )


def _spread(low: float, high: float) -> str:
    return f"{figure(low)} to {figure(high)}"


def _beside(times: float, low: float, high: float, unit: str) -> str:
    if unit in BYTES:
        return f"{figure(times)} of its {unit}"
    return f"{figure(times)} times as fast [{figure(low)}-{figure(high)}]"


PRINTED = (
    text("loop"),
    text("task"),
    text("settings"),
    text("what"),
    text("program"),
    text("version", missing=NOT_MEASURED),
    PrintedColumn("median", ("median",), figure, NOT_MEASURED),
    PrintedColumn("least to most", ("low", "high"), _spread),
    text("unit"),
    PrintedColumn(
        f"{OURS} beside it", ("ours_beside_it", "ours_beside_it_low", "ours_beside_it_high", "unit"), _beside
    ),
    PrintedColumn("of the floor", ("of_floor",), lambda share: f"{100 * share:.0f} %"),
    text("other versions than ours", "differs"),
)


def _caption(frame: pd.DataFrame) -> str:
    timed = frame[frame["rounds"].notna()]
    rounds, seconds = (_all_of(timed, name) for name in ("rounds", "seconds"))
    paragraphs = [
        f"""
        What a step costs on one core, beside other programs. Measured {_all_of(frame, "date")} at commit
        {_all_of(frame, "commit")} by `python -m replication benchmark`, on {_all_of(frame, "processor")},
        {_all_of(frame, "cores")} cores, {_all_of(frame, "memory_gb")} GB of memory,
        {_all_of(frame, "system")}, Python {_all_of(frame, "python")}, torch {_all_of(frame, "torch")},
        requirements.lock {_all_of(frame, "lock")}. Load while it was measured, one of it the measured program itself:
        {_loads(frame)}.""",
        f"""
        Median, least and most of {rounds} rounds, in which the programs take turns (A B A B). Each warms up once (DQN,
        DDPG and TD3 for {WARM_UP_STEPS:,} agent steps, learning from step 5,000), then runs {seconds} s a round or
        longer, in whole periods of what it repeats, on one thread, all on the same core (where the system can hold them
        to one), while the others sleep; parts are given a tenth of that. A step is an agent's decision: 4 frames of
        Atari. Of processor time: other programs on the machine do not count. How many times as fast ours is: of the
        same rounds.""",
        f"Packages: {_packages(frame)}.",
    ]
    if frame["of_floor"].notna().any():
        paragraphs.append(
            """
            The floor: as many operations at the faster of two rates of this core, measured in the same rounds: a matrix
            product and one of the network's convolutions, each alone and hot; operations as torch counts them; for a
            step of the whole loop of DQN a quarter of an update and nine tenths of acting once."""
        )
        paragraphs.append(_evaluation_text(frame))
    return "\n\n".join(
        fill(" ".join(words.split()), 120, break_on_hyphens=False) for words in (*paragraphs, DIFFERENCES) if words
    )


def _all_of(frame: pd.DataFrame, column: str) -> str:
    """Write the values of a column, each once: one, where all rows were measured together."""
    values = frame[column].dropna().unique()
    return ", ".join(value if isinstance(value, str) else f"{value:g}" for value in values)


def _loads(frame: pd.DataFrame) -> str:
    greatest = frame.groupby("loop", sort=False)["load"].max().dropna()
    return ", ".join(f"{loop} {load:.1f}" for loop, load in greatest.items()) or "unknown"


def _packages(frame: pd.DataFrame) -> str:
    told: dict[str, list[str]] = {}
    for program, packages in zip(frame["program"], frame["packages"], strict=True):
        if not is_missing(packages):
            known = told.setdefault(program, [])
            known += [each for each in packages.split(", ") if each not in known]
    return "; ".join(f"{program}: {', '.join(packages)}" for program, packages in told.items())


def _evaluation_text(frame: pd.DataFrame) -> str:
    """Say what the protocol's periodic evaluation costs, from the rates that were measured."""
    periodic = load_protocol("nature").periodic_evaluation
    assert periodic is not None and periodic.length_steps is not None
    texts = []
    ours = frame[(frame["loop"] == "dqn") & (frame["program"] == OURS) & frame["unit"].str.endswith(OF_PROCESSOR)]
    for task, rows in ours.groupby("task", sort=False):
        rates = dict(zip(rows["what"], rows["median"], strict=True))
        evaluation, loop = rates.get("evaluation", math.nan), rates[WHOLE_LOOP]
        if not math.isnan(evaluation):
            seconds = periodic.length_steps / evaluation
            texts.append(
                f"{task}: a periodic evaluation of {periodic.length_steps:,} steps takes {seconds / 60:.1f} minutes, "
                f"{100 * seconds * loop / periodic.period_steps:.0f} % of the training of {periodic.period_steps:,} "
                "steps before it."
            )
    return " ".join(texts)
