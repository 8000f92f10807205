"""Score and predicted value by training epoch: two rows as in the article, a column a game.

An epoch is 250,000 agent steps, after each of which the network is evaluated; the predicted value is the mean over the
held-out states of the largest action value.

Source: Mnih et al. 2015, Figure 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from replication.analysis.finished import FinishedRun, FinishedRuns, coverage
from replication.analysis.learning_curves import agent_title
from replication.published.loader import published_table
from replication.report.figures.agent_looks import Look, experiment_looks, line_look
from replication.report.figures.figure import (
    PUBLISHED_COLOR,
    REFERENCE_COLOR,
    FigureResult,
    house_style,
    run_texts,
)
from replication.report.figures.learning_curve_panels import EACH_SEED
from replication.report.figures.legends import draw_legend, drawn_entries
from replication.report.figures.sheet import columns_that_fit, sheet_width
from replication.specification.experiments import Experiment
from replication.specification.tasks.atari_games import find_game

EPOCH_STEPS = 250_000
_LEVEL = "published score after 200 epochs"
COLUMNS = ["game", "agent", "seed", "epoch", "score", "episodes", "predicted_value"]
"""The columns of the numbers drawn. epoch: training in units of `EPOCH_STEPS`. score: mean return of the evaluation's
episodes in the game's own points. predicted_value: in clipped and discounted reward."""
_ROWS = {
    "score": "mean return of an episode",
    "predicted_value": "mean of max Q(s, a)",
}
_MOST_COLUMNS, _LEAST_PANEL_INCHES = 4, 2.3
_FEW_EPOCHS = 3
"""Up to so many evaluations a run, panels are low and each point has its value beside it."""
_FAR = 4.0
"""The published score stretches the axis to at most this many times what ours reach; beyond it, an arrow points."""


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw the periodic evaluations of the runs that are finished."""
    data = gather(experiment, finished)
    games = list(dict.fromkeys(run.task.name for run in experiment.runs()))
    published = published_table("nature_2015_table2").set_index("game")["dqn_mean"]
    levels = {game: float(published[game]) for game in games if game in published.index}
    with house_style():
        figure = draw(data, games, levels, experiment_looks(experiment))
    return FigureResult("nature_figure2", figure, data, caption(experiment, finished, data, levels))


def gather(experiment: Experiment, finished: Sequence[FinishedRun]) -> pd.DataFrame:
    """Gather every point drawn, in the columns `COLUMNS`; an evaluation that completed no episode has no score."""
    tables = []
    for found in finished:
        if found.curve is not None:
            curve = found.curve.rename(columns={"held_out_value": "predicted_value"})
            named = curve.assign(
                game=found.run.task.name,
                agent=agent_title(found.run, experiment.runs()),
                seed=found.run.seed,
                epoch=curve["step"] / EPOCH_STEPS,
            )
            tables.append(named[COLUMNS])
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)


def draw(data: pd.DataFrame, games: Sequence[str], levels: Mapping[str, float], looks: Mapping[str, Look]) -> Figure:
    """Draw the points.

    Args:
        data: from `gather`.
        games: the columns, at least one; more than four stand below one another.
        levels: the article's score of a game, where it has one.
        looks: of the agents.
    """
    columns = columns_that_fit(len(games), _MOST_COLUMNS, _LEAST_PANEL_INCHES)
    bands = -(-len(games) // columns)
    few = len(data) > 0 and data.groupby(["game", "agent", "seed"]).size().max() <= _FEW_EPOCHS
    width = sheet_width(4.5 * columns) if few else sheet_width()
    figure = Figure(figsize=(width, 0.5 + (3.9 if few else 4.3) * bands), layout="constrained")
    grid = figure.subplots(2 * bands, columns, squeeze=False)
    last = float(data["epoch"].max()) if len(data) else 1.0
    for place in range(bands * columns):
        band, column = divmod(place, columns)
        for row, (name, label) in enumerate(_ROWS.items()):
            axes = grid[2 * band + row, column]
            if place >= len(games):
                axes.remove()
                continue
            _draw_panel(axes, data[data["game"] == games[place]], name, looks, valued=few)
            axes.set_xlim(0, (1.25 if few else 1.02) * last)
            if row == 0:
                axes.set_title(find_game(games[place]).title)
                if games[place] in levels:
                    _draw_level(axes, levels[games[place]], data.loc[data["game"] == games[place], name])
            else:
                axes.set_xlabel(f"training epochs ({EPOCH_STEPS:,} steps each)")
            if column == 0:
                axes.set_ylabel(label)
            if axes.get_ylim()[0] > 0:
                axes.set_ylim(bottom=0)
    draw_legend(figure, drawn_entries(figure.axes, first=list(looks)), loc="outside upper left")
    return figure


def _draw_level(axes: Axes, level: float, ours: pd.Series) -> None:
    """Draw the published score, or point to it where it lies so far off that ours would be flat against the axis."""
    most = float(ours.abs().max()) if ours.notna().any() else float("nan")
    if abs(level) <= _FAR * most or most != most:
        axes.axhline(level, color=PUBLISHED_COLOR, linewidth=1.0, linestyle="--", label=_LEVEL)
    else:
        axes.set_ylim(min(0.0, 1.3 * float(ours.min())), 1.3 * max(float(ours.max()), 0.0))
        arrow = "↑" if level > 0 else "↓"
        words, where = f"{arrow} {_LEVEL}: {level:,.10g}", 0.97 if level > 0 else 0.03
        side = "top" if level > 0 else "bottom"
        axes.text(0.02, where, words, transform=axes.transAxes, ha="left", va=side, fontsize=7.5)


def _draw_panel(axes: Axes, rows: pd.DataFrame, name: str, looks: Mapping[str, Look], *, valued: bool) -> None:
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    if rows[name].dropna().empty:
        axes.text(
            0.5, 0.5, "no finished run", transform=axes.transAxes, ha="center", va="center", color=REFERENCE_COLOR
        )
        axes.set_yticks([])
        return
    for agent, look in looks.items():
        mine = rows[rows["agent"] == agent].dropna(subset=[name])
        alone = mine["seed"].nunique() == 1
        for _, line in mine.groupby("seed"):
            marker, width, alpha = "o" if len(line) < 12 else "", 1.4 if alone else 0.7, 1.0 if alone else 0.5
            x, y = line["epoch"], line[name]
            style = line_look(look) | {"marker": marker, "markersize": 4, "linewidth": width, "alpha": alpha}
            axes.plot(x, y, label=agent if alone else EACH_SEED, **style)
            for at, value in zip(x, y, strict=True) if valued and alone else ():
                axes.annotate(f"{value:,.4g}", (at, value), (6, 0), textcoords="offset points", va="center", fontsize=8)
        if not alone and len(mine):
            per_seed = mine.pivot_table(index="epoch", columns="seed", values=name).dropna()
            marker = "o" if len(per_seed) < 12 else ""
            style = line_look(look) | {"marker": marker, "markersize": 5, "linewidth": 2.2}
            axes.plot(per_seed.index, per_seed.mean(axis=1), label=agent, **style)


def caption(
    experiment: Experiment, finished: Sequence[FinishedRun], data: pd.DataFrame, levels: Mapping[str, float]
) -> str:
    """Write everything needed to read the figure, from what was run and drawn."""
    parts = [
        "Score and predicted value during training.",
        "After Figure 2 of Mnih et al. 2015.",
        f"{coverage(experiment, finished)} finished.",
        *run_texts(experiment),
    ]
    if data.empty:
        return " ".join([*parts, "No finished run was evaluated during training yet."])
    counts = data.groupby(["game", "agent", "seed"])["epoch"].agg(["size", "max"])
    blank = int(data["score"].isna().sum())
    parts += [
        f"Above: the mean return of the episodes of each periodic evaluation ({_evaluation(experiment)}), in the "
        f"game's own points; {int(counts['size'].min())} to {int(counts['size'].max())} evaluations a run, up to epoch "
        f"{float(counts['max'].max()):,.4g}.",
        f"{blank} that completed no episode are left out." if blank else "",
        "Below: the mean over states held out before learning began of the largest action value, as the target network "
        "predicts it, in clipped and discounted reward.",
        "The bold line is the mean over the finished seeds, thin ones are each seed."
        if data.groupby(["game", "agent"])["seed"].nunique().max() > 1
        else "Each line is one seed; there is no band: nothing is averaged.",
    ]
    if levels:
        parts.append(
            "Dashed, or named with an arrow where it lies far off: the published score of DQN after 200 epochs, the "
            "best network's over 30 episodes (Mnih et al. 2015, Extended Data Table 2); the article's curves "
            "themselves are not published as numbers."
        )
    return " ".join(filter(None, parts))


def _evaluation(experiment: Experiment) -> str:
    texts: dict[str, None] = {}
    for run in experiment.runs():
        periodic = run.protocol.periodic_evaluation
        if periodic is not None and run.family.trains:
            length = (
                f"{periodic.length_steps:,} steps" if periodic.length_steps else f"{periodic.num_episodes} episodes"
            )
            texts[f"{length} at epsilon {periodic.epsilon:g}"] = None
    return " or ".join(texts)
