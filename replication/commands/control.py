"""The command `control`: a control experiment from nothing to its page."""

from __future__ import annotations

import argparse
from pathlib import Path

from replication.evidence.control_files import FIGURES, TABLES
from replication.foundation.errors import unknown_name
from replication.foundation.paths import state_root
from replication.foundation.stopping import Stopped
from replication.specification.control_experiments import known_control_experiments, load_control_experiment

HELP = "a method on a simulated plant, from nothing to its page"
DESCRIPTION = (
    "Learn and test every repetition that a control experiment lacks, then make its tables, figure and page. "
    "A finished repetition is kept: given again after an interruption, the same command continues."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `control`."""
    parser.add_argument("experiment", help=f"one of: {', '.join(known_control_experiments())}")
    parser.add_argument("--variant", help="only this one, without tables and page")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where the small files go")
    parser.add_argument(
        "--state", type=Path, help="where finished repetitions are kept (default: $REPLICATION_STATE or results/state)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(options: argparse.Namespace) -> int:
    """Train and test what is missing; then make tables, figures and page.

    Returns: exit code 0.
    Raises:
        ReplicationError: no such experiment or variant; a damaged file.
        Stopped: a signal came; finished repetitions are kept.
    """
    from replication.training.fitted_q.variants import train_variant

    experiment = load_control_experiment(options.experiment)
    if options.variant is not None and options.variant not in experiment.variants:
        raise unknown_name("variant", options.variant, experiment.variants)
    state = options.state or state_root()
    try:
        for variant in experiment.variants if options.variant is None else [options.variant]:
            print(train_variant(experiment, variant, options.results, state, quiet=options.quiet))
    except KeyboardInterrupt:
        raise Stopped("finished repetitions are kept, ") from None
    if options.variant is None:
        render_all(options.experiment, options.results)
        print(options.results / options.experiment / "index.html")
    return 0


def render_all(name: str, results: Path) -> None:
    """Make tables, figure and page from the variants that are finished."""
    from replication.report.render import render_figure, render_page, render_table

    for table in TABLES:
        render_table(name, table, results)
    for figure in FIGURES:
        render_figure(name, figure, results)
    render_page(name, results)
