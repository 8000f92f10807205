"""Dyna-Q+ beside Dyna-Q in a maze that changes, under each choice of what the book leaves open."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from replication.analysis.bundles import BundleRecord, bundle_records
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import LEVEL, Estimate, family_level, interval
from replication.analysis.statements import above
from replication.report.tables.columns import interval as interval_column
from replication.report.tables.columns import number, text
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment
from replication.specification.families.tabular import DynaConfig
from replication.specification.tasks.gridworlds import Gridworld

_COLUMNS = (
    number("n", "planning_steps", digits=0),
    number("α", "step_size"),
    number("κ", "bonus", digits=4),
    number("Dyna-Q", "dyna_q"),
    number("Dyna-Q+", "dyna_q_plus"),
    number("difference", signed=True),
    interval_column("interval", "difference", signed=True),
    number("since the change", "since_change", signed=True),
    interval_column("interval since", "since_change", signed=True),
    text("ahead"),
)
_AHEAD = ("Dyna-Q+", "Dyna-Q", "not told apart")
_DATA = list(dict.fromkeys(name for column in _COLUMNS for name in column.data))


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: a row for each agent with a bonus whose twin without one is finished too."""
    pairs = pairs_of(bundle_records(finished))
    level = family_level(LEVEL, 2 * len(pairs))
    frame = pd.DataFrame([_row(plain, curious, level) for plain, curious in pairs], columns=_DATA)
    frame = frame.sort_values(["planning_steps", "step_size", "bonus"], ignore_index=True)
    counts = frame["ahead"].value_counts()
    summary = ", ".join(f"{counts.get(word, 0)} {word}" for word in _AHEAD)
    return Table(
        "maze_settings",
        frame,
        "Finished episodes at the end of the run of Dyna-Q+ and of Dyna-Q, under each choice of what the book leaves "
        f"open. {experiment.title}; {coverage(experiment, finished)} finished. n: steps planned after each step; α: "
        "step size; κ: the bonus of Dyna-Q+. Differences: Dyna-Q+ less Dyna-Q, in all and since the maze changed, "
        f"with intervals that all hold together with {LEVEL:.0%}. Ahead: by the difference in all, where its interval "
        f"leaves out 0: of {len(frame)} choices {summary}. The text claims its order for no choice in particular.",
        columns=_COLUMNS,
    )


def pairs_of(records: Sequence[BundleRecord]) -> list[tuple[BundleRecord, BundleRecord]]:
    """Pair agents without and with a bonus whose other settings are the same, in the order of those with one."""
    plain = {_others(record): record for record in records if config_of(record).bonus == 0.0}
    return [(plain[_others(each)], each) for each in records if config_of(each).bonus > 0.0 and _others(each) in plain]


def config_of(record: BundleRecord) -> DynaConfig:
    """Return the settings of a record's agent."""
    return record.run.settings_as(DynaConfig)


def since_change(record: BundleRecord) -> Estimate:
    """Estimate the episodes that were finished since the maze changed."""
    world = record.run.task
    assert isinstance(world, Gridworld)
    return record.gained(world.changes_after_steps, record.run.budget.steps)


def _others(record: BundleRecord) -> tuple[int, float]:
    return config_of(record).planning_steps, config_of(record).step_size


def _row(plain: BundleRecord, curious: BundleRecord, level: float) -> dict[str, object]:
    config = config_of(curious)
    whole, since = above(curious.score, plain.score), above(since_change(curious), since_change(plain))
    (low, high), (since_low, since_high) = interval(whole, level), interval(since, level)
    return {
        "planning_steps": config.planning_steps,
        "step_size": config.step_size,
        "bonus": config.bonus,
        "dyna_q": plain.mean,
        "dyna_q_plus": curious.mean,
        "difference": whole.mean,
        "difference_low": low,
        "difference_high": high,
        "since_change": since.mean,
        "since_change_low": since_low,
        "since_change_high": since_high,
        "ahead": _AHEAD[0] if low > 0.0 else _AHEAD[1] if high < 0.0 else _AHEAD[2],
    }
