"""The command `export`: the network of a finished run as a file for other programs, with a card beside it."""

from __future__ import annotations

import argparse
from pathlib import Path

from replication.commands.arguments import add_algorithm
from replication.foundation.paths import state_root

HELP = "write the network of a finished run for other programs, with a card"
DESCRIPTION = (
    "Write the network that a run was evaluated with, as safetensors (tensors alone), torchscript or onnx (programs "
    "from observations to what an action is chosen by), and card.md: settings, protocol, score, verdict, digests, how "
    "to play it. What is written was read again and compared with the original on 1,000 states of the run's own play."
)
FORMATS = ("safetensors", "torchscript", "onnx")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `export`."""
    parser.add_argument("run", help="the folder of a finished run, or variant/task/seed, such as dqn/pong/1")
    parser.add_argument("--format", default="safetensors", choices=FORMATS, help="of the file (default: safetensors)")
    parser.add_argument("--output", type=Path, help="folder of the files (default: exported_VARIANT_TASK_SEED here)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where the run lies, if it is named")
    parser.add_argument("--state", type=Path, help="where networks lie (default: $REPLICATION_STATE or results/state)")
    add_algorithm(parser)


def run(options: argparse.Namespace) -> int:
    """Write the files, and print them.

    Returns: exit code 0.
    Raises:
        ReplicationError: no such run; its network is not in the state; a package is missing; what was written is not
            the original.
    """
    from replication.commands.exporting import export
    from replication.commands.loaded_run import find_record, load_run

    folder, seed = find_record(options.run, options.results)
    loaded = load_run(folder, seed, options.state or state_root())
    for path in export(loaded, options.format, options.output, options.results):
        print(path)
    return 0
