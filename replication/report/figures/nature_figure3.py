"""Normalized scores of the 49 games as bars, sorted by the published score of DQN: ours beside the published.

Human level is 75 % and above, as in the article.

Source: Mnih et al. 2015, Figure 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from replication.analysis.finished import FinishedRun, FinishedRuns, coverage
from replication.analysis.intervals import estimate, interval
from replication.analysis.learning_curves import agent_title
from replication.published.judges import find_judge
from replication.published.loader import published_table
from replication.published.references import normalized_score, reference_set
from replication.report.figures.agent_looks import Look, experiment_looks
from replication.report.figures.figure import (
    REFERENCE_COLOR,
    FigureResult,
    house_style,
    run_texts,
)
from replication.report.figures.sheet import sheet_width
from replication.specification.experiments import Experiment
from replication.specification.tasks.atari_games import NATURE49, find_game

HUMAN_LEVEL_PERCENT = 75.0
COLUMNS = ["game", "series", "origin", "score", "normalized_percent", "low", "high"]
"""The columns of the numbers drawn. score: raw return. low and high: 95 % interval of ours in normalized percent."""

_LINEAR_UP_TO = 600.0
_SQUEEZE = 14.0
"""Beyond `_LINEAR_UP_TO` a percent is drawn this many times shorter, as on the article's broken axis."""
_LEFT = -30.0
_LEVEL = 0.95
_MOST_AGENTS = 2
_PUBLISHED_DQN, _PUBLISHED_LINEAR = "DQN", "best linear learner"
_LINEAR_LEARNERS = ("linear", "contingency")
"""Columns of the article's table. The gray bars of its figure are as long as the better of the two: 337 % for Video
Pinball, 86 % for James Bond, where the column named "best linear learner" gives 59 % and 46 %."""
_COLORS = {_PUBLISHED_DQN: "#595959", _PUBLISHED_LINEAR: "#bfbfbf"}


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw the published bars of all 49 games and ours of those that are finished."""
    data = gather(experiment, finished)
    with house_style():
        figure = draw(data, experiment_looks(experiment))
    return FigureResult("nature_figure3", figure, data, caption(experiment, finished, data))


def gather(experiment: Experiment, finished: Sequence[FinishedRun]) -> pd.DataFrame:
    """Gather every bar, in the columns `COLUMNS`; games in the order of the figure, from the top."""
    references = reference_set("nature49_5min")
    published = published_table("nature_2015_table2").set_index("game").to_dict("index")
    agents = list(_agents(experiment))
    rows: list[tuple[object, ...]] = []

    def by_percentage(game: str) -> tuple[float, float]:
        printed = published[game]  # where two are printed alike, their scores decide
        exact = normalized_score(float(printed["dqn_mean"]), game, references)
        return -float(printed["dqn_normalized_percent"]), -exact

    for game in sorted(NATURE49, key=by_percentage):
        printed = published[game]
        linear = max(float(printed[learner]) for learner in _LINEAR_LEARNERS)
        percent = normalized_score(linear, game, references)
        rows.append((game, _PUBLISHED_DQN, "published", printed["dqn_mean"], printed["dqn_normalized_percent"]))
        rows.append((game, _PUBLISHED_LINEAR, "published", linear, percent))
        for agent in agents:
            values = _values(experiment, finished, agent, game)
            if values is None:
                continue
            percents = [normalized_score(float(value), game, references) for value in values]
            known = estimate(percents)
            low, high = interval(known, _LEVEL) if known else (np.nan, np.nan)
            rows.append((game, agent, "ours", float(values.mean()), float(np.mean(percents)), low, high))
    table = pd.DataFrame([row + (np.nan,) * (len(COLUMNS) - len(row)) for row in rows], columns=COLUMNS)
    return table.astype(dict.fromkeys(COLUMNS[3:], "float64"))


def _agents(experiment: Experiment) -> dict[str, None]:
    """Return the agents that train and are scored as the article's are."""
    runs, own = experiment.runs(), find_judge("nature_2015_table2").protocol
    shown = {agent_title(run, runs): None for run in runs if run.family.trains and run.protocol.protocol == own}
    return dict(list(shown.items())[:_MOST_AGENTS])


def _values(
    experiment: Experiment, finished: Sequence[FinishedRun], agent: str, game: str
) -> NDArray[np.float64] | None:
    """Return the scores of the seeds, or the returns of the episodes of a single seed; None: no run is finished."""
    runs = experiment.runs()
    episodes = [
        found.episodes["return"].to_numpy(np.float64)
        for found in finished
        if found.episodes is not None and found.run.task.name == game and agent_title(found.run, runs) == agent
    ]
    if len(episodes) > 1:
        return np.array([values.mean() for values in episodes])
    return episodes[0] if episodes else None


def draw(data: pd.DataFrame, looks: Mapping[str, Look]) -> Figure:
    """Draw horizontal bars, the best game on top, and a line between human level and below; ours in their colors."""
    games = list(dict.fromkeys(data["game"]))
    series = list(dict.fromkeys(data["series"]))
    left, right, top, bottom = 1.35, 0.25, 0.4, 0.55
    height = 0.27 * len(games) + top + bottom
    figure = Figure(figsize=(sheet_width(), height))
    axes = figure.add_axes(
        (left / sheet_width(), bottom / height, 1 - (left + right) / sheet_width(), 1 - (top + bottom) / height)
    )
    axes.set_xscale("function", functions=(_squeezed, _unsqueezed))
    places = {game: place for place, game in enumerate(games)}
    thick = 0.84 / len(series)
    # Ours stand next to the article's DQN, the linear learner below them.
    order = [_PUBLISHED_DQN, *(name for name in series if name not in _COLORS), _PUBLISHED_LINEAR]
    colors = _COLORS | {name: looks[name].color for name in order if name not in _COLORS}
    for number, name in enumerate(order):
        rows = data[data["series"] == name]
        at = np.array([places[game] for game in rows["game"]]) + (number - (len(order) - 1) / 2) * thick
        origin = "published" if name in _COLORS else "ours"
        percents = np.clip(rows["normalized_percent"], _LEFT, None)
        axes.barh(at, percents, thick, color=colors[name], label=f"{name} ({origin})", linewidth=0)
        known = rows["low"].notna().to_numpy()
        if known.any():
            sides = np.stack([rows["normalized_percent"] - rows["low"], rows["high"] - rows["normalized_percent"]])
            error = sides[:, known]
            axes.errorbar(percents[known], at[known], xerr=error, fmt="none", ecolor="#1c1c1c", elinewidth=0.8)
    _label(axes, data, places)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper left", ncols=len(order))
    return figure


def _label(axes: Axes, data: pd.DataFrame, places: dict[str, int]) -> None:
    """Draw names, printed percentages, and the line between the games at human level and those below."""
    published = data[data["series"] == _PUBLISHED_DQN].set_index("game")["normalized_percent"].to_dict()
    axes.set_yticks(range(len(places)), [find_game(game).title for game in places], fontsize=7.5)
    axes.set_ylim(len(places) - 0.4, -0.6)
    axes.set_xlim(_LEFT, 4_500)
    ticks = [0, 100, 200, 300, 400, 500, 600, 2_500, 4_500]
    axes.set_xticks(ticks, [f"{tick:,} %" for tick in ticks])
    axes.set_xlabel("normalized score: 0 % random play, 100 % the article's human tester")
    axes.axvline(0, color=REFERENCE_COLOR, linewidth=0.6)
    axes.axvline(100, color=REFERENCE_COLOR, linewidth=0.8, linestyle="--")
    axes.axvline(_LINEAR_UP_TO, color="#b0b0b0", linewidth=0.8, linestyle=":")
    ends = data[["normalized_percent", "high"]].max(axis=1).groupby(data["game"]).max().to_dict()
    for game, place in places.items():
        end = max(ends[game], 0.0)
        own = data[(data["game"] == game) & (data["origin"] == "ours")]
        ours = "".join(f" | {int(percent):,} %" for percent in own["normalized_percent"])
        words = f"{int(published[game]):,} %{ours}"  # cut, not rounded, as in the article's figure
        ground: dict[str, object] = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
        axes.annotate(words, (end, place), (4, 0), textcoords="offset points", va="center", fontsize=6.5, bbox=ground)
    level = sum(percent >= HUMAN_LEVEL_PERCENT for percent in published.values()) - 0.5
    axes.axhline(level, color=REFERENCE_COLOR, linewidth=0.8)
    for words, height, side in (
        ("at human level or above", level - 0.3, "bottom"),
        ("below human level", level + 0.3, "top"),
    ):
        axes.text(0.985, height, words, transform=axes.get_yaxis_transform(), ha="right", va=side, fontsize=9)
    axes.grid(axis="x")
    axes.set_axisbelow(True)


def _squeezed(percent: NDArray[np.float64]) -> NDArray[np.float64]:
    percent = np.asarray(percent, dtype=np.float64)
    return np.where(percent > _LINEAR_UP_TO, _LINEAR_UP_TO + (percent - _LINEAR_UP_TO) / _SQUEEZE, percent)


def _unsqueezed(place: NDArray[np.float64]) -> NDArray[np.float64]:
    place = np.asarray(place, dtype=np.float64)
    return np.where(place > _LINEAR_UP_TO, _LINEAR_UP_TO + (place - _LINEAR_UP_TO) * _SQUEEZE, place)


def caption(experiment: Experiment, finished: Sequence[FinishedRun], data: pd.DataFrame) -> str:
    """Write everything needed to read the figure, from what was run and drawn."""
    published = data[data["series"] == _PUBLISHED_DQN]
    human = int((published["normalized_percent"] >= HUMAN_LEVEL_PERCENT).sum())
    parts = [
        "Normalized scores on the 49 games, sorted by the published score of DQN.",
        "After Figure 3 of Mnih et al. 2015.",
        f"{coverage(experiment, finished)} finished.",
        *run_texts(experiment),
        "Published: DQN after 200 million frames and the better of the article's two linear learners, as its figure "
        f"has it (Mnih et al. 2015, Extended Data Table 2); {human} of {len(published)} games at "
        f"{HUMAN_LEVEL_PERCENT:g} % or more, which the article calls human level.",
    ]
    ours = data[data["origin"] == "ours"]
    for agent, rows in ours.groupby("series", sort=False):
        above = int((rows["normalized_percent"] >= HUMAN_LEVEL_PERCENT).sum())
        parts.append(f"Ours, {agent}: {above} of the {len(rows)} games that are finished are.")
    if ours.empty:
        parts.append("No run that trains is finished yet, so there is no bar of ours.")
    else:
        parts.append(
            "Thin lines on our bars are 95 % intervals, over seeds or, where there is one seed, over the episodes of "
            "its one network, which says how well it is measured, not how training varies."
        )
    parts.append(
        "Numbers are the published percentage and, after the bar, ours, both cut to whole percent. Normalized: 100 "
        "(score - random) / (human - random), both from the article's table. The horizontal axis is "
        f"{_SQUEEZE:g} times as dense beyond {_LINEAR_UP_TO:g} %; bars below {_LEFT:g} % are cut there."
    )
    return " ".join(parts)
