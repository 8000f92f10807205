"""The score table: ours beside the published, normalised, with an interval and a verdict, a row an agent and game."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from replication.analysis.best_of_rates import Comparison, compared, comparison_count
from replication.analysis.cells import Cell, cells_of, other_cap, scored_cap_frames
from replication.analysis.finished import FinishedRun, FinishedRuns, coverage, marks_of
from replication.analysis.intervals import Estimate, estimate, family_level, interval
from replication.analysis.learning_curves import agent_title, full_budget_text, judged_text
from replication.analysis.other_scores import others_caption, with_others
from replication.analysis.published_counterparts import find_counterpart
from replication.analysis.verdicts import LEVEL, Verdict, judge, no_reference
from replication.foundation.errors import ReplicationError
from replication.published.references import ReferenceSet, normalized_score, reference_set
from replication.published.spreads import stand_in_text
from replication.report.tables.columns import interval as interval_column
from replication.report.tables.columns import number, part, text
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment
from replication.specification.fidelity import deviations_in_force
from replication.specification.run import Run
from replication.specification.tasks.atari_games import find_game

NEEDS = {"games": "all in reference_set"}
NOT_COMPARABLE = "not comparable"
"""Under `above random`: the episodes were cut at another time than the random agent's."""
_COLUMNS = (
    text("game"),
    text("agent"),
    number("score"),
    interval_column("95 % interval", "score"),
    number("published", missing=""),
    text("verdict"),
    number("normalized %", "normalized"),
    number("published normalized %", "published_normalized", missing=""),
    text("above random"),
    number("frames", digits=0, missing="unknown"),
    part("seeds", "seeds_finished", "seeds_planned", "earlier_versions"),
    text("interval over"),
    number("random (published)", "random"),
    number("human (published)", "human"),
    text("reason"),
    text("deviations"),
)
"""In a reader's order."""
_PAPER_COLUMNS = (
    "game",
    "agent",
    "seeds",
    "score",
    "95 % interval",
    "normalized %",
    "published",
    "published normalized %",
    "verdict",
)
"""What fits a page of a paper."""
_SCORE_TEXTS = {
    "final_evaluation": "Score: mean raw return over the protocol's episodes, averaged over seeds.",
    "training_iterations": "Score: mean raw return of the last iteration's training episodes, averaged over seeds.",
}
"""By what a protocol publishes."""
_POINTS_TEXT = (
    "A run that is judged after several lengths of training, or before its end, has a row for each with the frames of "
    "that length; its last iteration is then the last of that length, and each row is a comparison."
)


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table of an experiment; what is missing is shown as missing.

    Raises:
        ReplicationError: a damaged run file; a game outside the reference set.
    """
    references = reference_set(experiment.reference_set)
    cells = cells_of(experiment, finished)
    for cell in cells:
        if cell.run.task.name not in references.random:
            raise ReplicationError(
                f"experiment {experiment.experiment}: {cell.run.task.name} is not in the reference set "
                f"{references.name} ({references.title}); leave the game out of table scores, or name the set of its "
                "protocol"
            )
    counterparts = [find_counterpart(experiment.published, cell.run, references) for cell in cells]
    comparisons = compared(experiment.published, cells, counterparts)
    level = family_level(LEVEL, comparison_count(comparisons))
    named = experiment.published.agents if experiment.published else {}
    chance = [cell for cell in cells if not cell.trains and cell.run.variant.variant in named]
    rows = [
        _row(cell, agent_title(cell.run, experiment.judged_runs()), comparison, chance, references, level)
        for cell, comparison in zip(cells, comparisons, strict=True)
    ]
    rows = with_others(rows, experiment, finished.results, references)
    caption = _caption(experiment, finished, references, comparisons) + others_caption(experiment, finished.results)
    frame = pd.DataFrame(rows)
    return Table("scores", frame, caption, (("score", "published"),), _PAPER_COLUMNS, columns=_COLUMNS)


def _row(
    cell: Cell,
    agent: str,
    comparison: Comparison,
    chance: Sequence[Cell],
    references: ReferenceSet,
    level: float,
) -> dict[str, Any]:
    game, scores = cell.run.task.name, cell.scores
    shown, unit = _shown_interval(cell)
    low, high = shown or (None, None)
    mean = float(np.mean(scores)) if scores else None
    verdict = _verdict(cell, comparison, references, level)
    known = comparison.counterpart
    return {
        "game": find_game(game).title,
        "agent": agent,
        "frames": cell.run.training_frames,  # what a published number must share with the row
        "seeds_finished": len(cell.finished),
        "seeds_planned": len(cell.runs),
        "earlier_versions": marks_of(cell.finished),
        "score": mean,
        "score_low": low if scores else None,
        "score_high": high if scores else None,
        "interval_over": unit,
        "normalized": None if mean is None else normalized_score(mean, game, references),
        "above_random": _above_random(cell, chance, references),
        "random": references.random[game],
        "human": references.human[game],
        "published": known.score if known else None,
        "published_normalized": known.normalized if known else None,
        "difference": verdict.difference,
        "difference_low": verdict.low,
        "difference_high": verdict.high,
        "margin": verdict.margin,
        "stand_in": verdict.stand_in,
        "verdict": verdict.word,
        "reason": verdict.reason,
        "deviations": ", ".join(deviation.id for deviation in deviations_in_force(cell.run)),
    }


def _verdict(cell: Cell, comparison: Comparison, references: ReferenceSet, level: float) -> Verdict:
    """Judge a cell by contract: the unit is the training seed, or the episode for an agent that does not train."""
    counterpart = comparison.counterpart
    if counterpart is None:
        return no_reference(comparison.reason)
    if not cell.finished:
        return Verdict("not run", "no run is finished")
    if comparison.waits:
        why = f"the published score is the best of {comparison.tried} learning rates, not all finished here"
        return Verdict("inconclusive", why)
    values, stand_in = cell.normalized(references), counterpart.stand_in
    if not cell.trains:
        values = [normalized_score(value, cell.run.task.name, references) for value in cell.episode_returns]
    ours = estimate(values)
    if ours is None or (cell.trains and ours.standard_error == 0.0):
        if counterpart.between_runs is None:
            return Verdict("inconclusive", "one run, and no between-run spread of this game is published to stand in")
        ours, stand_in = Estimate(float(np.mean(values)), counterpart.between_runs, math.inf), True
    published = counterpart.estimate_beside(ours, len(values))
    if published is None:
        return Verdict("inconclusive", "no spread of the published score is known or can be stood in for")
    return judge(ours, published, level, stand_in=stand_in)


def _shown_interval(cell: Cell) -> tuple[tuple[float, float] | None, str]:
    """Return the interval that is shown, and whether it is over seeds or over episodes.

    It is over seeds where several are finished, else over the episodes of the one network, which is another thing.
    """
    if len(cell.finished) > 1 and cell.trains:
        values, unit = cell.scores, "seeds"
    else:
        values, unit = cell.episode_returns, "episodes"
    found = estimate(values)
    return (interval(found, LEVEL) if found else None), (unit if found else "")


def _above_random(cell: Cell, chance: Sequence[Cell], references: ReferenceSet) -> str:
    """Say whether the interval lies wholly above the random agent's, or its published score where it is not run.

    The random agent is one that does not train and that the published source has too: `chance` are its cells.
    Scores of episodes of another length than the random agent's tell nothing about it.
    """
    if not cell.trains:
        return ""
    played = [c for c in chance if c.run.task.name == cell.run.task.name]
    cap = scored_cap_frames(played[0].run) if played else references.cap_frames
    if scored_cap_frames(cell.run) != cap:
        return NOT_COMPARABLE
    ours = _shown_interval(cell)[0]
    published = references.random[cell.run.task.name]
    theirs = _shown_interval(played[0])[0] if played else (published, published)
    if ours is None or theirs is None:
        return "unknown"
    return "yes" if ours[0] > theirs[1] else "no"


def _caption(
    experiment: Experiment,
    finished: Sequence[FinishedRun],
    references: ReferenceSet,
    comparisons: Sequence[Comparison],
) -> str:
    runs, judged = experiment.runs(), comparison_count(comparisons)
    agents = {}
    for run in runs:
        title = agent_title(run, runs)
        preset = f", preset {run.preset.preset} ({run.preset.title})" if run.preset else ""
        of_training = " of training" * (run.budget.steps > 0)
        judged_at = judged_text([other for other in runs if agent_title(other, runs) == title], experiment)
        agents[title] = (
            f"{title}: {full_budget_text(run)}{of_training}{judged_at}{preset}, protocol {run.protocol.title}"
        )
    quantities = {run.protocol.published_quantity for run in runs}
    networks = Counter(
        found.record["evaluated_network"]["network"] for found in finished if found.record.get("evaluated_network")
    )
    evaluated = [f"the {name} network of {n} run{'s' * (n != 1)}" for name, n in sorted(networks.items())]
    parts = [
        f"{experiment.title}. {coverage(experiment, finished)} finished.",
        *(f"{text}." for text in agents.values()),
        *(text for quantity, text in _SCORE_TEXTS.items() if quantity in quantities),
        _POINTS_TEXT if experiment.judges_before_the_end else "",
        f"Normalized: 100 (score - random) / (human - random), references of {references.source}.",
        *_cap_texts(runs, references),
        f"Published: {experiment.published.source}, the same agent at the same frames."
        if experiment.published and judged
        else "",
        _best_text(comparisons),
        "An interval over episodes says how well one network is measured, not how training varies.",
        f"Evaluated: {' and '.join(evaluated)}." if evaluated else "",
        "Runs of an earlier numerics version were made by code of the same law; only the last digits of sums differ."
        if any(found.mark for found in finished)
        else "",
        f"Verdicts hold together at 95 % over {judged} comparison{'s' * (judged > 1)}. "
        f"{stand_in_text(experiment.published.source)} For the random agent it is ours between episodes."
        if judged and experiment.published
        else "Nothing here has a reference.",
    ]
    return " ".join(part for part in parts if part)


def _cap_texts(runs: Sequence[Run], references: ReferenceSet) -> list[str]:
    """Write a sentence for each way in which episodes are cut otherwise than those of the references."""
    agents: dict[str, dict[str, None]] = {}
    for run in runs:
        if (difference := other_cap(run, references)) is not None:
            agents.setdefault(difference, {})[agent_title(run, runs)] = None
    return [
        f"{', '.join(titles)}: {difference}, so the normalized score is a scale and no comparison with a human tester "
        "or random play."
        for difference, titles in agents.items()
    ]


def _best_text(comparisons: Sequence[Comparison]) -> str:
    tried = max((comparison.tried for comparison in comparisons), default=1)
    if tried == 1:
        return ""
    return (
        f"The published score of a game is the best of {tried} learning rates, so ours is too: that of the rate with "
        f"the highest mean over its seeds, once all {tried} are finished; which rates were tried is not published."
    )
