"""The command `cite`: BibTeX of what was replicated."""

from __future__ import annotations

import argparse

from replication.specification.changed_settings import changes_of
from replication.specification.experiments import known_experiments, load_experiment

HELP = "print BibTeX of what was replicated, and of where the published numbers were read"
DESCRIPTION = (
    "Print the entries of an experiment (its publication, those of its algorithms, its source of numbers), of a "
    "published source, or of all; and that of this program."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `cite`."""
    parser.add_argument(
        "name", nargs="?", help="an experiment, or a source of replication/published/judges.csv (default: all)"
    )


def run(options: argparse.Namespace) -> int:
    """Print the entries.

    Returns: exit code 0.
    Raises:
        ReplicationError: a name that is neither.
    """
    from replication.report.exports.citations import all_cited, cited_by, entry_of_source, entry_of_suite

    name: str | None = options.name
    if name is None:
        entries = all_cited()
    elif changes_of(name)[0] in known_experiments():
        entries = cited_by(load_experiment(name))
    else:
        entries = [entry_of_source(name)]
    print("\n\n".join([*entries, entry_of_suite()]))
    return 0
