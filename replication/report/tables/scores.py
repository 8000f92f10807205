"""The score table: ours beside the published, normalized, with an interval and a verdict, a row an agent and game."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from replication.analysis.cells import Cell, scored_cap_frames
from replication.analysis.finished import FinishedRuns, marks_of
from replication.analysis.intervals import LEVEL, estimate, interval
from replication.analysis.judged_cells import JudgedCell, judged_table
from replication.analysis.learning_curves import agent_title
from replication.analysis.other_scores import others_caption, with_others
from replication.analysis.random_play import TableTest
from replication.analysis.random_tables import table_tests
from replication.analysis.verdict_conventions import Family
from replication.foundation.errors import ReplicationError
from replication.published.references import ReferenceSet, normalized_score, reference_set
from replication.report.tables.columns import interval as interval_column
from replication.report.tables.columns import number, part, text
from replication.report.tables.scores_caption import caption
from replication.report.tables.table import Table
from replication.report.tables.verdict_columns import DIFFERENCE, REASON, SEVERITY, SHARE, VERDICT, verdict_cells
from replication.specification.experiments import Experiment
from replication.specification.fidelity import deviations_in_force
from replication.specification.tasks.atari_games import find_game

NEEDS = {"games": "all in reference_set"}
NOT_COMPARABLE = "not comparable"
"""Under `above random`: the episodes were cut at another time than the random agent's."""
_COLUMNS = (
    text("game"),
    text("agent"),
    number("ours", "score"),
    number("published", missing=""),
    *DIFFERENCE,
    VERDICT,
    REASON,
    *SHARE,
    *SEVERITY,
    text("all games"),
    part("seeds", "seeds_finished", "seeds_planned", "earlier_versions"),
    number("published runs", digits=0, missing=""),
    text("look"),
    number("frames", digits=0, missing="unknown"),
    interval_column("95 % interval", "score"),
    text("interval over"),
    number("normalized %", "normalized"),
    number("published normalized %", "published_normalized", missing=""),
    text("above random"),
    number("floor", missing=""),
    number("random (published)", "random"),
    number("human (published)", "human"),
    text("deviations"),
)
"""In a reader's order: up to the verdict, what it rests on."""
_PAPER_COLUMNS = ("game", "agent", "ours", "published", "share", "interval of the share", "verdict")
"""What fits a page of a paper."""


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table of an experiment; what is missing is shown as missing.

    Raises:
        ReplicationError: a damaged run file; a game outside the reference set.
    """
    references = reference_set(experiment.reference_set)
    for run in experiment.runs():
        if run.task.name not in references.random:
            raise ReplicationError(
                f"experiment {experiment.experiment}: {run.task.name} is not in the reference set "
                f"{references.name} ({references.title}); leave the game out of table scores, or name the set of its "
                "protocol"
            )
    table = finished.once(judged_table)
    cells = [one.cell for one in table.cells]
    together = table_tests(table)
    named = experiment.published.agents if experiment.published else {}
    chance = [cell for cell in cells if not cell.trains and cell.run.variant.variant in named]
    rows = [
        _row(one, agent_title(one.cell.run, experiment.judged_runs()), chance, references, table.family)
        | _of_all_games(together.get(one.cell.run.variant.title))
        for one in table.cells
    ]
    rows = with_others(rows, experiment, finished.results, table)
    text = caption(experiment, finished, references, table) + others_caption(experiment, finished.results)
    return Table("scores", pd.DataFrame(rows), text, _PAPER_COLUMNS, columns=_COLUMNS)


def _of_all_games(test: TableTest | None) -> dict[str, Any]:
    """Return the test of all games together, of an agent that does not train, by column."""
    return {"all_games": test.word if test else "", "all_games_p": test.p if test else None}


def _row(
    one: JudgedCell, agent: str, chance: Sequence[Cell], references: ReferenceSet, family: Family
) -> dict[str, Any]:
    cell, known, floor = one.cell, one.counterpart, one.floor
    game, scores = cell.run.task.name, cell.scores
    shown, unit = _shown_interval(cell)
    low, high = shown or (None, None)
    mean = float(np.mean(scores)) if scores else None
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
        "published_normalized": normalized_score(known.score, game, references) if known else None,
        "published_runs": None if known is None or known.episodes else known.runs,
        "published_episodes": known.episodes if known else None,
        "published_deviation": known.deviation if known else None,
        "floor": floor.score if floor else None,
        "floor_error": floor.error if floor else None,
        "floor_of": floor.name if floor else "",
        "floor_other_protocol": floor.other_protocol if floor else "",
        **verdict_cells(one, family),
        "deviations": ", ".join(deviation.id for deviation in deviations_in_force(cell.run)),
    }


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
