"""The command `embed`: t-SNE, screens and values of the states that a network meets (see network_views.py)."""

from __future__ import annotations

import argparse
from pathlib import Path

from replication.commands.arguments import add_algorithm
from replication.foundation.paths import state_root

HELP = "t-SNE of what a network makes of the states it meets"
DESCRIPTION = (
    "Of the folder of a finished run, whose state must lie here: coordinates and screens of states of its evaluation, "
    "beside random play, and the values it predicts along its best seconds. Of a checkpoint: play five minutes with "
    "its network and embed them."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `embed`."""
    parser.add_argument("path", type=Path, nargs="+", help="folders of finished runs, or checkpoints of a run's state")
    parser.add_argument("--state", type=Path, help="where networks lie (default: $REPLICATION_STATE or results/state)")
    parser.add_argument("--output", type=Path, help="where the files of a checkpoint go (default: embedding_STEP here)")
    add_algorithm(parser)


def run(options: argparse.Namespace) -> int:
    """Embed each run or checkpoint, and print the files that are there.

    Returns: exit code 0.
    Raises:
        ReplicationError: neither a run nor a checkpoint; nothing to embed; a damaged file.
    """
    from replication.commands.network_views import embed

    for path in options.path:
        print(*embed(path, options.state or state_root(), options.output), sep="\n")
    return 0
