"""What Sutton & Barto's text says of REINFORCE on the short corridor (Figures 13.1 and 13.2), tested."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from replication.analysis.bundles import BundleRecord, bundle_records
from replication.analysis.exact_references import best_blind_value, blind_value
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import Estimate
from replication.analysis.statements import Statement, above, within
from replication.report.tables.statements import statements_table
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment
from replication.specification.families.tabular import ReinforceTabularConfig
from replication.specification.run import Run

_NEAR_SHARE = 0.05
"""Of the best value: returns this near to it have approached it."""
_FIRST = 200
"""Episodes in which a baseline's lead is looked for."""
_BOOK = "Sutton & Barto 2018"


def config_of(run: Run) -> ReinforceTabularConfig:
    """Return the settings of an agent that learns a policy."""
    return run.settings_as(ReinforceTabularConfig)


def power_text(step_size: float) -> str:
    """Write a step size as the power of two that it is."""
    return f"2^{round(math.log2(step_size))}"


def setting_text(run: Run) -> str:
    """Say what the book leaves open: the start of the policy, and the floor on its probabilities."""
    config = config_of(run)
    floor = f"floor {config.least_probability:g}" if config.least_probability else "no floor"
    return f"P(right) {config.start_probability:g} at first, {floor}"


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: the statements for each choice of what the book leaves open."""
    by_setting: dict[str, list[BundleRecord]] = {}
    for record in bundle_records(finished):
        by_setting.setdefault(setting_text(record.run), []).append(record)
    statements = [each for records in by_setting.values() for each in _of(records)]
    return statements_table(
        "corridor_statements",
        f"Statements about REINFORCE on the short corridor. {experiment.title}; "
        f"{coverage(experiment, finished)} finished.",
        statements,
        f"Approaches: within {_NEAR_SHARE:.0%} of the best value, which is exact. Where a floor keeps both actions "
        "possible, means over runs are compared. Without one a run may become so certain of a bad action that its "
        "episodes are cut, and a mean over runs says nothing: what the median run does is tested instead, by the share "
        "of runs, which must exceed a half. The book names neither the first policy nor a floor: rows differ in both.",
    )


def _of(records: Sequence[BundleRecord]) -> list[Statement]:
    plain = [record for record in records if not config_of(record.run).baseline_step_size]
    helped = [record for record in records if config_of(record.run).baseline_step_size]
    statements = [_approaches(plain)] if len(plain) > 1 else []
    return statements + [_faster(with_baseline, without) for with_baseline in helped for without in plain]


def _approaches(records: Sequence[BundleRecord]) -> Statement:
    run = records[0].run
    _, best = best_blind_value(run)
    margin = _NEAR_SHARE * abs(best)
    middles = [float(np.median(_column(record, "second_half"))) for record in records]
    good = records[int(np.argmax(middles))]
    comparisons: tuple[Estimate, ...]
    if config_of(run).least_probability:
        comparisons = within(good.column("second_half"), best, margin)
    else:
        near = np.abs(_column(good, "second_half") - best) <= margin
        comparisons = (_above_half(near),)
    sizes = "; ".join(f"{power_text(config_of(record.run).step_size)}: {_found(record)}" for record in records)
    return Statement(
        f"With a good step size the return of an episode approaches the best value, {best:.2f}, in the second half of "
        f"training ({setting_text(run)})",
        f"{_BOOK}, Figure 13.1",
        comparisons,
        f"{sizes}; the first policy earns {blind_value(run, config_of(run).start_probability):.1f}",
    )


def _faster(helped: BundleRecord, plain: BundleRecord) -> Statement:
    source = f"{_BOOK}, Figure 13.2"
    text = f"With a baseline REINFORCE learns faster, in the first {_FIRST} episodes ({setting_text(plain.run)})"
    if not config_of(plain.run).least_probability:
        # Each run of one against the same seed of the other, whatever the size of the difference.
        ahead = _column(helped, "score") > _column(plain, "score")
        told = f"with a baseline {_found(helped)}; without {_found(plain)}; ahead in {ahead.mean():.1%} of seeds"
        text = f"With a baseline REINFORCE earns more over all episodes, seed by seed ({setting_text(plain.run)})"
        return Statement(text, source, (_above_half(ahead),), told)
    early, other = helped.window(1, _FIRST), plain.window(1, _FIRST)
    return Statement(text, source, (above(early, other),), f"{early.mean:.1f} against {other.mean:.1f}")


def _column(record: BundleRecord, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([float(row[name]) for row in record.rows])


def _found(record: BundleRecord) -> str:
    values, cut = _column(record, "second_half"), int((_column(record, "cut_episodes") > 0).sum())
    said = f", {cut} of {record.seeds:,} runs with episodes that were cut" if cut else ""
    return f"mean {values.mean():,.2f}, median {np.median(values):.2f}{said}"


def _above_half(true: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Estimate:
    """Estimate by how much a share of runs is above a half; the error is that of a share of a half, the greatest."""
    return Estimate(float(true.mean()) - 0.5, 0.5 / math.sqrt(len(true)), math.inf)
