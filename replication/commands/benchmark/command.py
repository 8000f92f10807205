"""The command `benchmark`: measure what a step costs here, and write the table."""

from __future__ import annotations

import argparse
from pathlib import Path

from replication.commands.arguments import at_least_one, seconds
from replication.foundation.files import ensure_folder
from replication.foundation.paths import state_root

HELP = "what a step costs here, beside what the machine can do and beside other programs"
DESCRIPTION = (
    "Time emulation, frames, acting, updates, the whole loop, memory, checkpoints and evaluation of one run on one "
    "core, beside the floor of this machine and, where their pythons are named, in turn with other programs at the "
    "same settings; print the table and write it. `make benchmark` builds Stable-Baselines3's environment and names it."
)
PEERS = {"cleanrl": "CleanRL", "pfrl": "PFRL"}
"""Programs that are measured from a checkout of their repository: option to name."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `benchmark`."""
    parser.add_argument("--games", nargs="+", default=["pong", "breakout"], help="ROM names (default: pong breakout)")
    parser.add_argument(
        "--tasks",
        nargs="+",
        metavar="TASK",
        help="TD3 on these tasks of Gymnasium instead of DQN on games: half_cheetah",
    )
    parser.add_argument("--rounds", type=at_least_one, default=5, help="turns of each program (default: 5)")
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=10.0,
        help="of each timing of a whole loop (default: 10); its parts are given a tenth",
    )
    parser.add_argument("--sb3", type=Path, metavar="PYTHON", help="a python that has Stable-Baselines3")
    for option, name in PEERS.items():
        parser.add_argument(
            f"--{option}",
            type=Path,
            nargs=2,
            metavar=("CHECKOUT", "PYTHON"),
            help=f"a checkout of {name}'s repository, and a python in which its DQN script runs",
        )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("results/benchmark"),
        help="where the table goes (default: results/benchmark)",
    )


def run(options: argparse.Namespace) -> int:
    """Measure, print the table and write it.

    Returns: exit code 0.
    Raises:
        ReplicationError: something a user can mend.
    """
    from replication.commands.benchmark.continuous import continuous_table
    from replication.commands.benchmark.loops import Plan, Script, measure
    from replication.commands.benchmark.table import benchmark_table
    from replication.report.tables.table import write_table

    state = state_root()
    ensure_folder(options.output, "name another with --output")
    ensure_folder(state, "name another by setting REPLICATION_STATE")
    plan = Plan(
        games=options.games,
        rounds=options.rounds,
        seconds=options.seconds,
        state=state,
        sb3=options.sb3,
        cleanrl=Script(*options.cleanrl) if options.cleanrl else None,
        pfrl=Script(*options.pfrl) if options.pfrl else None,
    )
    table = continuous_table(plan, options.tasks) if options.tasks else benchmark_table(plan, measure(plan))
    print(table.files()["md"].decode())
    for path in write_table(table, options.output):
        print(path)
    return 0
