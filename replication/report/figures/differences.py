"""What was judged, at a glance: ours less the published score of every row, in units of the margin it was judged by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.judged_cells import JudgedCell, judged_table
from replication.analysis.learning_curves import agent_title
from replication.analysis.published_counterparts import find_rivals
from replication.published.references import reference_set
from replication.report.figures.figure import (
    MARGIN_COLOR,
    REFERENCE_COLOR,
    VERDICT_COLORS,
    FigureResult,
    house_style,
)
from replication.report.figures.legends import legend_columns
from replication.report.figures.sheet import sheet_width
from replication.specification.experiments import Experiment

NEEDS = {"games": "all in reference_set"}
COLUMNS = [
    *("task", "agent", "series", "verdict", "difference", "margin"),
    *("in_margins", "low", "high", "low_wide", "high_wide"),
]
OURS = "ours"
"""The series of our own rows; any other is a sibling: another agent in the published one's place."""
_FAR = 6.0
"""Margins from 0 that are drawn; what lies farther off is an arrow at the edge, with its number."""
_ROW_INCHES, _NARROW_INCHES = 0.22, 5.0
_AXIS = "ours less the published score, in units of the margin"


def build(experiment: Experiment, finished: FinishedRuns) -> FigureResult:
    """Draw a row for each cell of the score table that has a verdict, in the order of the differences."""
    data = differences(experiment, finished)
    with house_style():
        figure = _draw(data)
    return FigureResult("differences", figure, data, _caption(experiment, finished, data))


def differences(experiment: Experiment, finished: FinishedRuns) -> pd.DataFrame:
    """Gather every number drawn: a row a judged cell, the least difference first, each followed by its siblings."""
    cells = [one for one in finished.once(judged_table).cells if one.verdict.word not in ("no reference", "not run")]
    rows: list[dict[str, Any]] = []
    for one in sorted(cells, key=_order):
        named = {"task": one.cell.run.task.title, "agent": agent_title(one.cell.run, experiment.judged_runs())}
        shown = one.difference
        row = named | {"series": OURS, "verdict": one.verdict.word, "difference": shown.value, "margin": shown.margin}
        rows.append(row | dict(zip(COLUMNS[6:], shown.in_margins or (), strict=False)))
        if shown.margin and one.counterpart is not None:
            for name, score in _siblings(experiment, one).items():
                beside = score - one.counterpart.score
                rows.append(
                    named
                    | {
                        "series": name,
                        "difference": beside,
                        "margin": shown.margin,
                        "in_margins": beside / shown.margin,
                    }
                )
    return pd.DataFrame(rows, columns=COLUMNS)


def _order(one: JudgedCell) -> tuple[bool, float]:
    """Return the place of a row: by its difference in margins; what has no margin comes last."""
    shown = one.difference.in_margins
    return shown is None, shown[0] if shown else 0.0


def _siblings(experiment: Experiment, one: JudgedCell) -> dict[str, float]:
    """Return by name the raw scores of other agents that the verdict was tried on."""
    if one.random_play is not None:
        return {name: other.mean for name, other in one.others_at_random.items()}
    assert experiment.published is not None
    rivals = find_rivals(experiment.published, one.cell.run, reference_set(experiment.reference_set))
    return {rival.agent: rival.score for rival in rivals}


def _draw(data: pd.DataFrame) -> Figure:
    ours = data[data["series"] == OURS]
    count = max(1, len(ours))
    narrow = sheet_width() < _NARROW_INCHES
    row_inches = _ROW_INCHES * (1.7 if narrow else 1.0)
    figure = Figure(figsize=(sheet_width(7.5), (2.4 if narrow else 1.5) + row_inches * count), layout="constrained")
    axes = figure.add_subplot()
    axes.axvspan(-1, 1, color=MARGIN_COLOR, zorder=0)
    axes.axvline(0, color="black", linewidth=0.8, zorder=1)
    reach = _reach(data)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(count - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    gap = "\n" if narrow else " "
    axes.set_xlabel("ours less the published\nscore, in margins" if narrow else _AXIS)
    if ours.empty:
        axes.text(0, 0, "nothing is judged yet", ha="center", va="center", color=REFERENCE_COLOR)
        axes.set_yticks([])
        return figure
    several = ours["agent"].nunique() > 1 or ours["task"].duplicated().any()
    axes.set_yticks(
        range(count), [f"{row.task},{gap}{row.agent}" if several else str(row.task) for row in ours.itertuples()]
    )
    place = -1
    for row in data.to_dict("records"):
        if row["series"] == OURS:
            place += 1
            _draw_ours(axes, place, {str(name): cell for name, cell in row.items()}, reach)
        elif abs(row["in_margins"]) <= reach:
            axes.plot([row["in_margins"]], [place], "|", color="#8c8c8c", markersize=6, markeredgewidth=1.0, zorder=2)
    handles = _legend(data, ours)
    columns = legend_columns(str(handle.get_label()) for handle in handles)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)
    return figure


def _reach(data: pd.DataFrame) -> float:
    """Return how many margins are drawn on either side of 0."""
    ours = data.loc[data["series"] == OURS, ["in_margins", "low", "high"]].to_numpy(np.float64)
    farthest = np.nanmax(np.abs(ours), initial=0.0, where=np.isfinite(ours))
    return float(min(_FAR, max(2.0, 1.1 * farthest)))


def _draw_ours(axes: Axes, place: int, row: dict[str, Any], reach: float) -> None:
    color, value = VERDICT_COLORS[row["verdict"]], row["in_margins"]
    if pd.isna(value):
        axes.text(0.06, place, row["verdict"], color=color, va="center", fontsize=7)
        return
    for low, high, width in (("low_wide", "high_wide", 0.9), ("low", "high", 2.6)):
        if not (pd.isna(row[low]) or pd.isna(row[high])):
            axes.plot([row[low], row[high]], [place, place], color=color, linewidth=width, solid_capstyle="butt")
    if abs(value) <= reach:
        axes.plot([value], [place], "o", color=color, markeredgecolor="white", markersize=5.5, zorder=4)
        return
    side = 1 if value > 0 else -1
    marker = ">" if side > 0 else "<"
    axes.plot([0.97 * side * reach], [place], marker, color=color, markersize=6, zorder=4)
    words = f"{value:+.1f}".replace("-", "−")
    where = "right" if side > 0 else "left"
    axes.text(0.93 * side * reach, place, words, color=color, va="center", ha=where, fontsize=7)


def _legend(data: pd.DataFrame, ours: pd.DataFrame) -> list[Artist]:
    """Return the legend of what is drawn, and of nothing else."""
    counted = ours["verdict"].value_counts()
    handles: list[Artist] = [
        Line2D([], [], color=color, marker="o", linestyle="", label=f"{word} ({counted[word]})")
        for word, color in VERDICT_COLORS.items()
        if word in counted
    ]
    handles.append(Patch(facecolor=MARGIN_COLOR, label="within the margin"))
    one_test = _same(ours, "low", "low_wide")
    if ours["low"].notna().any():
        label = "interval of the test" if one_test else "interval for “replicated”"
        handles.append(Line2D([], [], color=REFERENCE_COLOR, linewidth=2.6, label=label))
    if not one_test:
        handles.append(Line2D([], [], color=REFERENCE_COLOR, linewidth=0.9, label="interval for “differs”"))
    if len(data) > len(ours):
        mark = Line2D([], [], color="#8c8c8c", marker="|", linestyle="", markersize=6, label="other agents")
        handles.append(mark)
    return handles


def _same(ours: pd.DataFrame, one: str, other: str) -> bool:
    return bool(((ours[one] == ours[other]) | ours[one].isna()).all())


def _caption(experiment: Experiment, finished: FinishedRuns, data: pd.DataFrame) -> str:
    ours = data[data["series"] == OURS]
    parts = [
        f"Ours less the published score, in units of the margin. {experiment.title}; "
        f"{coverage(experiment, finished)} finished.",
    ]
    if ours.empty:
        return f"{parts[0]} Nothing is judged yet."
    words: Sequence[str] = sorted(set(ours["verdict"]))
    if set(words) - {"consistent"} and not _same(ours, "low", "low_wide"):
        parts.append(
            "The margin is a quarter of what the published agent learned. `replicated`: the thick interval lies within "
            "the shaded margin; `differs`: the thin one lies outside of it; `inconclusive`: neither."
        )
    else:
        parts.append(
            "The margin is the difference that would be found in 95 of 100 experiments. `differs`: the interval leaves "
            "out 0; `consistent`: it does not, which is no more than that."
        )
    if ours["margin"].isna().any():
        parts.append(
            "Rows without a mark have no margin: the published agent is not clearly above its floor, or all its runs "
            "scored the same."
        )
    if (ours["in_margins"].abs() > _FAR).any():
        parts.append(f"Arrows: more than {_FAR:.0f} margins away.")
    if len(data) > len(ours):
        parts.append(
            "Small marks: where other agents lie, on which the verdict was tried too; not drawn beyond the edges."
        )
    parts.append("The numbers in points are in the table of scores.")
    return " ".join(parts)
