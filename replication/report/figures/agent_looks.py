"""The look of each agent: its color and line, the same in every figure of an experiment, whatever is finished."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from replication.analysis.learning_curves import agent_title
from replication.report.figures.figure import AGENT_COLORS
from replication.specification.experiments import Experiment
from replication.specification.run import Run

LineStyle = str | tuple[int, tuple[float, ...]]

LINE_STYLES: tuple[LineStyle, ...] = ("-", (0, (5, 2)), (0, (1, 1.3)), (0, (6, 1.5, 1, 1.5)), (0, (2.5, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")


@dataclass(frozen=True)
class Look:
    """What an agent is drawn with.

    Attributes:
        color: of its algorithm; told apart by color-blind readers.
        line: tells agents of one color apart.
        marker: as `line`, where points are drawn.
    """

    color: str
    line: LineStyle
    marker: str


def agent_looks(
    runs: Sequence[Run], name: Callable[[Run], str], colored_by: Callable[[Run], str] | None = None
) -> dict[str, Look]:
    """Return the look of every agent of an experiment.

    Agents of one variant, which differ in budget, preset or protocol, share its color and differ in line and marker;
    so do those beyond the six colors of the palette.

    Args:
        runs: all runs of the experiment, finished or not, so that no color moves when one more is finished.
        name: the agent of a run, as the figure calls it.
        colored_by: what agents of one color have in common; by default the variant.

    Returns: looks by the agent's name, in the order of the runs; no two are alike up to 30 agents.
    """
    colored_by = colored_by or _variant
    agents: dict[str, str] = {}
    # Runs that differ by seed and task alone have one name; it is asked for once.
    for run in {
        (_variant(run), run.preset and run.preset.preset, run.protocol.protocol, run.budget, run.bundle): run
        for run in runs
    }.values():
        agents.setdefault(name(run), colored_by(run))
    groups = list(dict.fromkeys(agents.values()))
    rounds = -(-len(groups) // len(AGENT_COLORS))
    looks: dict[str, Look] = {}
    siblings = dict.fromkeys(groups, 0)
    for agent, group in agents.items():
        turn, color = divmod(groups.index(group), len(AGENT_COLORS))
        number = turn + siblings[group] * rounds
        siblings[group] += 1
        line, marker = LINE_STYLES[number % len(LINE_STYLES)], MARKERS[number % len(MARKERS)]
        looks[agent] = Look(AGENT_COLORS[color], line, marker)
    return looks


def experiment_looks(experiment: Experiment) -> dict[str, Look]:
    """Return the look of every agent of an experiment by its title, that of its runs and that of each judged length."""
    runs, judged = experiment.runs(), experiment.judged_runs()
    looks = agent_looks(runs, lambda run: agent_title(run, runs))
    by_title = agent_looks(judged, lambda run: agent_title(run, judged))
    return by_title | looks


def agent_colors(runs: Sequence[Run], name: Callable[[Run], str]) -> dict[str, str]:
    """Return a color for each name, in the order of the runs, where the figure's lines are not the variants."""
    return {agent: look.color for agent, look in agent_looks(runs, name, name).items()}


def _variant(run: Run) -> str:
    return run.variant.variant


def line_look(look: Look) -> dict[str, Any]:
    """Return a look as keywords of matplotlib's lines, without the marker."""
    return {"color": look.color, "linestyle": look.line}
