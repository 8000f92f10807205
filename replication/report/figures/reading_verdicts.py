"""The figure that README explains verdicts with: made-up comparisons, each judged by the rule itself."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure

from replication.analysis.verdict_conventions import MARGIN_SHARE, Family
from replication.analysis.verdict_rule import Comparison, Runs, Verdict, judge
from replication.report.figures.figure import (
    MARGIN_COLOR,
    PUBLISHED_COLOR,
    REFERENCE_COLOR,
    VERDICT_COLORS,
    house_style,
)

NAME = "reading_verdicts"
_PUBLISHED = Runs(100.0, 5, 22.5)
"""The published agent of all but one example: it learned 100 points above the floor."""


@dataclass(frozen=True)
class Example:
    """A made-up comparison, in words and numbers."""

    words: str
    comparison: Comparison

    @property
    def verdict(self) -> Verdict:
        """The verdict, as if it were the only one of its table."""
        return judge(self.comparison, Family(1))


def _example(words: str, mean: float, seeds: int, variance: float | None, published: Runs = _PUBLISHED) -> Example:
    return Example(words, Comparison(Runs(mean, seeds, variance), published, 0.0, None))


EXAMPLES = (
    _example("three seeds that learned as much", 98.0, 3, 36.0),
    _example("three seeds that learned half as much", 50.0, 3, 36.0),
    _example("random play in our place", 0.0, 3, 4.0),
    _example("one seed: a tenth to a third more", 120.0, 1, None),
    _example("three seeds that scatter widely", 92.0, 3, 1600.0),
    _example("a published agent that is not\nclearly above random play", 12.0, 3, 36.0, Runs(12.0, 5, 400.0)),
)


def draw() -> Figure:
    """Draw each example's share with its interval, above the band in which it counts as the same."""
    with house_style():
        figure = Figure(figsize=(9.0, 3.4), layout="constrained")
        axes = figure.add_subplot()
        axes.axvspan(1 - MARGIN_SHARE, 1 + MARGIN_SHARE, color=MARGIN_COLOR, zorder=0)
        for share, color in ((0.0, REFERENCE_COLOR), (1.0, PUBLISHED_COLOR)):
            axes.axvline(share, color=color, linewidth=0.9, linestyle="--", zorder=1)
        for place, example in enumerate(EXAMPLES):
            verdict, height = example.verdict, len(EXAMPLES) - place
            color = VERDICT_COLORS[verdict.word]
            assert verdict.share is not None
            if verdict.share_low is not None and verdict.share_high is not None:
                axes.plot([verdict.share_low, verdict.share_high], [height, height], color=color, linewidth=2.2)
            axes.plot([verdict.share], [height], "o", color=color, markersize=5.5)
            axes.text(1.72, height, verdict.word, color=color, weight="bold", va="center")
        axes.set_yticks(range(len(EXAMPLES), 0, -1), [example.words for example in EXAMPLES])
        axes.set_xticks(
            [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5],
            ["0\nrandom play", "0.25", "0.5", "0.75", "1\npublished agent", "1.25", "1.5"],
        )
        axes.set_xlim(-0.2, 2.12)
        axes.set_ylim(0.4, len(EXAMPLES) + 0.6)
        axes.set_xlabel("share of what the published agent learned; shaded: within a quarter of it")
        axes.tick_params(axis="y", length=0)
    return figure
