"""The command `publish`: the tables of an experiment in the forms that other places read."""

from __future__ import annotations

import argparse
from pathlib import Path

from replication.foundation.errors import ReplicationError
from replication.specification.experiments import known_experiments, load_experiment

HELP = "write the tables of an experiment as a data package, or its verdicts for the card of a model"
DESCRIPTION = (
    "Write, beside the tables of an experiment, datapackage.json, which describes each CSV with its columns; or its "
    "verdicts as evaluation results of a model, YAML files for the folder .eval_results of its repository."
)
FORMATS = ("datapackage", "eval-results")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `publish`."""
    parser.add_argument("experiment", help=f"one of: {', '.join(known_experiments())}")
    parser.add_argument("--format", choices=FORMATS, required=True)
    parser.add_argument(
        "--dataset", metavar="OWNER/NAME", help="of eval-results: the benchmark that the platform keeps them under"
    )
    parser.add_argument("--results", type=Path, default=Path("results"), help="where the small files are")


def run(options: argparse.Namespace) -> int:
    """Write the files, and print where they are.

    Returns: exit code 0.
    Raises:
        ReplicationError: tables that are not made yet; a dataset that is missing or not asked for.
    """
    from replication.report.exports.data_package import write_data_package
    from replication.report.exports.eval_results import write_eval_results

    experiment = load_experiment(options.experiment)
    if (options.dataset is not None) != (options.format == "eval-results"):
        raise ReplicationError("--dataset: expected with --format eval-results, and with no other")
    if options.format == "datapackage":
        print(write_data_package(experiment, options.results))
    else:
        print(*write_eval_results(experiment, options.results, options.dataset), sep="\n")
    return 0
