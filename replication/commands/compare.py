"""The command `compare`: two agents of ours beside each other on every task that both were asked the same of."""

from __future__ import annotations

import argparse
from pathlib import Path

from replication.foundation.errors import ReplicationError

HELP = "is one agent better than another: differences by task, with intervals and a word"
DESCRIPTION = (
    "Set two agents beside each other, of whichever families: on every task of which both have finished runs under the "
    "same protocol and with the same length of training. What is printed is a Markdown table."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `compare`."""
    parser.add_argument("agent", help="name of a variant, as its folder in results/runs")
    parser.add_argument("beside", help="the variant it is to be better than")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where the small files are")


def run(options: argparse.Namespace) -> int:
    """Print the table.

    Returns: exit code 0.
    Raises:
        ReplicationError: the two were never asked the same; a damaged record.
    """
    from replication.analysis.side_by_side import agents_side_by_side
    from replication.report.tables.agents_compared import COLUMNS, EXPLANATION, frame_of, rows_of
    from replication.report.tables.table import Table

    one, other = options.agent, options.beside
    found = agents_side_by_side(options.results)
    asked = {group.title: group for group in found.of_pair(one, other)}
    if not asked:
        possible = found.beside(one)
        raise ReplicationError(
            f"{options.results / 'runs'}: found no task on which {one} and {other} both have finished runs of one "
            "protocol and length of training; "
            + (f"beside {one} can stand {', '.join(possible)}" if possible else f"no agent can stand beside {one} yet")
        )
    ours, theirs = ({task: group.agents[name].scores for task, group in asked.items()} for name in (one, other))
    table = Table("compare", frame_of(rows_of(one, other, ours, theirs)), EXPLANATION, columns=COLUMNS)
    print(table.files()["md"].decode(), end="")
    return 0
