"""Figures: one module each, with `build(experiment, finished) -> FigureResult`. Here: their look and their files.

A figure that some experiments cannot have says so in a literal `NEEDS` (specification/needs.py).

The same data give the same bytes: fonts that matplotlib brings along, drawn as outlines; a fixed salt for the names
inside an SVG; no dates and no program versions.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from replication.analysis.finished import FinishedRun
from replication.analysis.learning_curves import agent_title, budget_text
from replication.foundation.files import write_atomically
from replication.report.figures.sheet import REST, sheet_font
from replication.report.views.screens import Picture
from replication.specification.experiments import Experiment
from replication.specification.run import Run

AGENT_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette, told apart by color-blind readers; black and gray are left to references."""

COLOR_MAP = "viridis"
"""Perceptually uniform, and read alike with the common color-vision deficiencies."""

REFERENCE_COLOR = "#595959"
PUBLISHED_COLOR = "#000000"

VERDICT_COLORS = {
    "replicated": AGENT_COLORS[2],
    "consistent": AGENT_COLORS[5],
    "differs": AGENT_COLORS[1],
    "inconclusive": AGENT_COLORS[4],
    "uninformative": REFERENCE_COLOR,
}
"""Of every figure, and of the pages."""
MARGIN_COLOR = "#e4f3ee"

PNG_DPI = 160
_KINDS = ("svg", "png")

_STYLE: dict[str, Any] = {
    "font.size": 8.5,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8c8c8c",
    "axes.linewidth": 0.7,
    "axes.formatter.useoffset": False,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "xtick.color": "#404040",
    "ytick.color": "#404040",
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "mathtext.fontset": "dejavusans",
    "svg.hashsalt": "replication",
}


@dataclass(frozen=True)
class FigureResult:
    """A drawn figure.

    Attributes:
        name: the module's, and of the files.
        figure: the drawing.
        data: every number that is drawn.
        caption: says everything needed to read it; its first sentence alone says what is shown.
        rest: a second image of the same kind, of what would make the first too large to read; None: there is none.
    """

    name: str
    figure: Figure
    data: pd.DataFrame
    caption: str
    rest: Figure | None = None

    def texts(self) -> dict[str, bytes]:
        """Return the content by suffix: `csv`, the numbers drawn, and `txt`, the caption."""
        return {
            "csv": self.data.to_csv(index=False, float_format="%.8g", lineterminator="\n").encode(),
            "txt": (self.caption + "\n").encode(),
        }


def house_style() -> AbstractContextManager[None]:
    """Return a context with the look of every figure; it starts from matplotlib's defaults, not the user's settings."""
    defaults: dict[Any, Any] = {key: value for key, value in mpl.rcParamsDefault.items() if key != "backend"}
    return mpl.rc_context(defaults | _STYLE | {"font.family": sheet_font()})


def write_figure(result: FigureResult, folder: Path) -> list[Path]:
    """Write NAME.svg, NAME.png, NAME.csv (the numbers drawn), NAME.txt (the caption), and NAME_rest.svg and .png.

    Where the figure has no second image, one that is left from before is removed.

    Returns: the files.
    """
    content = {f"{result.name}.{kind}": data for kind, data in _images(result.figure).items()}
    content |= {f"{result.name}.{kind}": data for kind, data in result.texts().items()}
    if result.rest is None:
        for kind in _KINDS:
            (folder / f"{result.name}{REST}.{kind}").unlink(missing_ok=True)
    else:
        content |= {f"{result.name}{REST}.{kind}": data for kind, data in _images(result.rest).items()}
    for name, data in content.items():
        write_atomically(folder / name, data)
    return [folder / name for name in content]


def write_pdf(result: FigureResult, folder: Path) -> list[Path]:
    """Write NAME.pdf, and NAME_rest.pdf where the figure has a second image, for an article.

    Returns: the files.
    """
    paths = []
    for name, figure in ((result.name, result.figure), (f"{result.name}{REST}", result.rest)):
        if figure is not None:
            settle(figure)
            paths.append(folder / f"{name}.pdf")
            write_atomically(paths[-1], image(figure, "pdf"))
    return paths


def _images(figure: Figure) -> dict[str, bytes]:
    settle(figure)
    return {kind: image(figure, kind) for kind in _KINDS}


def run_texts(experiment: Experiment) -> list[str]:
    """Write a sentence for each agent of an experiment: its budget, protocol, preset and seeds."""
    runs = experiment.runs()
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(agent_title(run, runs), []).append(run)
    texts = []
    for agent, group in groups.items():
        seeds = ", ".join(str(seed) for seed in sorted({run.seed for run in group}))
        preset = f", preset {group[0].preset.preset}" if group[0].preset else ""
        plural = "s" if "," in seeds else ""
        texts.append(
            f"{agent}: {budget_text(group[0])}, protocol {group[0].protocol.protocol}{preset}, seed{plural} {seeds}."
        )
    return texts


def trained_frames(run: FinishedRun) -> int:
    """Return the emulator frames of training as the run counted them."""
    counted = (run.record.get("counts") or {}).get("frames_nominal")
    return int(counted if counted is not None else run.run.training_frames)


def tsne_settings(shown: Sequence[FinishedRun]) -> str:
    """Write a sentence with the perplexity and seed of t-SNE that the runs recorded; empty where no run did."""
    stated: dict[str, None] = {}
    for run in shown:
        settings = run.record.get("embedding") or {}
        if "perplexity" in settings and "seed" in settings:
            stated[f"perplexity {settings['perplexity']}, random seed {settings['seed']}"] = None
    return f"t-SNE settings: {'; '.join(stated)}, one thread." if stated else ""


def bare(axes: Axes) -> None:
    """Remove ticks and frame, and set a gray ground, against which both ends of the color map are seen."""
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_facecolor("#ececec")


def show_screen(axes: Axes, screen: Picture) -> None:
    """Draw a screen in a television's proportions, without ticks."""
    axes.imshow(screen, interpolation="none", aspect=0.75 * screen.shape[1] / screen.shape[0])
    axes.set_xticks([])
    axes.set_yticks([])


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """Move labels apart along an axis from 0 to 1, keeping their order.

    Args:
        positions: where each label would like to be.
        gap: least distance between two neighbors.

    Returns: a position for each, in the order given; 1 at most, and below 0 where they do not all fit.
    """
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    placed = [positions[index] for index in order]
    for lower in range(len(placed) - 1):
        placed[lower + 1] = max(placed[lower + 1], placed[lower] + gap)
    ceiling = 1.0
    for place in range(len(placed) - 1, -1, -1):
        placed[place] = min(placed[place], ceiling)
        ceiling = placed[place] - gap
    result = [0.0] * len(placed)
    for place, index in enumerate(order):
        result[index] = placed[place]
    return result


def settle(figure: Figure) -> None:
    """Lay a figure out once: the last digits that the solver finds differ from time to time, and name parts of SVGs."""
    if figure.get_layout_engine() is None:
        return
    with house_style():
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        left, bottom, width, height = (round(number, 5) for number in axes.get_position(original=True).bounds)
        axes.set_position((left, bottom, width, height))


def image(figure: Figure, form: str) -> bytes:
    """Return a settled figure as `svg`, `png` or `pdf`; a PDF holds its fonts, and its text can be searched."""
    # None takes a field out of the file: no date, no program, no version.
    metadata = {
        "svg": {"Date": None, "Creator": None},
        "png": {"Software": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }[form]
    content = io.BytesIO()
    with house_style():
        figure.savefig(content, format=form, dpi=PNG_DPI, metadata=metadata)
    return content.getvalue()
