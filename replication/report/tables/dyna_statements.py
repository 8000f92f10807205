"""What Sutton & Barto's text says of Dyna-Q and Dyna-Q+ in the mazes of chapter 8, tested."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from replication.analysis.bundles import BundleRecord, bundle_records
from replication.analysis.exact_references import shortest_steps
from replication.analysis.finished import FinishedRuns, coverage
from replication.analysis.intervals import Estimate
from replication.analysis.statements import Statement, above
from replication.report.figures.measured_curves import measured_of
from replication.report.tables.maze_settings import config_of, pairs_of, since_change
from replication.report.tables.statements import statements_table
from replication.report.tables.table import Table
from replication.specification.experiments import Experiment
from replication.specification.tasks.gridworlds import Gridworld

_NEAR_OPTIMAL_STEPS = 20.0
"""An episode this short counts as near-optimal: the text gives no number, and the best explorer takes some 16."""
_BOOK = "Sutton & Barto 2018"


def build(experiment: Experiment, finished: FinishedRuns) -> Table:
    """Build the table: the statements that the finished records are about."""
    records = bundle_records(finished)
    of_episodes = [record for record in records if measured_of(record.run) == "episode_steps"]
    of_steps = [record for record in records if measured_of(record.run) == "finished_episodes"]
    statements = _planning_helps(of_episodes) if of_episodes else []
    if pairs := pairs_of(of_steps):
        statements += _of_a_changing_maze(*pairs[0])
    return statements_table(
        "dyna_statements",
        f"Statements about Dyna-Q and Dyna-Q+. {experiment.title}; {coverage(experiment, finished)} finished.",
        statements,
        "With a bonus, kappa, it is Dyna-Q+. The book states neither n, alpha nor kappa for the changing mazes: the "
        "pair that the experiment names first is tested, and the table of settings shows the others. Near-optimal: a "
        f"mean over runs of at most {_NEAR_OPTIMAL_STEPS:g} steps. The numbers of the book's figures are in pictures "
        "alone: no reference.",
    )


def _planning_helps(records: Sequence[BundleRecord]) -> list[Statement]:
    by_steps = dict(sorted((config_of(record).planning_steps, record) for record in records))
    early = {steps: record.window(2, 10) for steps, record in by_steps.items()}
    sizes = list(early)
    found = {}
    for steps, record in by_steps.items():
        near = record.curve[record.curve["mean"] <= _NEAR_OPTIMAL_STEPS]["point"]
        found[steps] = f"{int(near.min())}" if len(near) else "none"
    means = ", ".join(f"{early[steps].mean:.0f} with {steps}" for steps in sizes)
    first = ", ".join(f"{found[steps]} with {steps}" for steps in sizes)
    comparisons = tuple(above(early[one], early[more]) for one, more in pairwise(sizes))
    return [
        Statement(
            "The more steps are planned, the shorter are the first episodes, from the second to the tenth",
            f"{_BOOK}, Example 8.1, which says about 25, 5 and 3 episodes to near-optimal ones with 0, 5 and 50",
            comparisons,
            f"mean steps {means}; first near-optimal episode {first}",
        )
    ]


def _of_a_changing_maze(plain: BundleRecord, curious: BundleRecord) -> list[Statement]:
    config = config_of(curious)
    settings = f"n {config.planning_steps}, alpha {config.step_size:g}, kappa {config.bonus:g}"
    since, without = since_change(curious), since_change(plain)
    statements = [
        Statement(
            f"Dyna-Q+ earns more than Dyna-Q after the change ({settings})",
            f"{_BOOK}, Examples 8.2 and 8.3",
            (above(since, without),),
            f"{since.mean:.1f} against {without.mean:.1f} episodes",
        ),
        Statement(
            f"Dyna-Q+ has earned more in all at the end ({settings})",
            f"{_BOOK}, Figures 8.4 and 8.5",
            (above(curious.score, plain.score),),
            f"{curious.mean:.1f} against {plain.mean:.1f} episodes",
        ),
    ]
    before, after = shortest_steps(plain.run), shortest_steps(plain.run, changed=True)
    return statements if after > before else [*statements, _of_the_shortcut(plain, curious, settings, before)]


def _of_the_shortcut(plain: BundleRecord, curious: BundleRecord, settings: str, old_steps: float) -> Statement:
    # More episodes than steps divided by the old path's length cannot be finished by the old path.
    world, end = plain.run.task, plain.run.budget.steps
    assert isinstance(world, Gridworld)
    middle = (world.changes_after_steps + end) // 2
    most = (end - middle) / old_steps
    never, takes = plain.gained(middle, end), curious.gained(middle, end)
    return Statement(
        f"Dyna-Q does not take the shortcut, Dyna-Q+ does, in the mean over runs ({settings})",
        f"{_BOOK}, Example 8.3",
        (_below(never, most), _above(takes, most)),
        f"{never.mean:.1f} and {takes.mean:.1f} episodes in the last {end - middle:,} steps; the old path allows at "
        f"most {most:.1f}",
    )


def _above(ours: Estimate, number: float) -> Estimate:
    return Estimate(ours.mean - number, ours.standard_error, ours.degrees)


def _below(ours: Estimate, number: float) -> Estimate:
    return Estimate(number - ours.mean, ours.standard_error, ours.degrees)
