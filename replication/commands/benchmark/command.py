"""The command `benchmark`: measure what a step costs here, and write the table."""

from __future__ import annotations

import argparse
from pathlib import Path

from replication.commands.arguments import at_least_one, device, none_or_more, seconds
from replication.commands.benchmark.programs import CHECKOUTS, PACKAGES, Peer
from replication.foundation.files import ensure_folder
from replication.foundation.paths import state_root

HELP = "what a step costs here, beside what the machine can do and beside other programs"
DESCRIPTION = (
    "Time whole loops of training on one core, in turn with other programs at the same settings where their pythons "
    "are named, and the parts of a step beside the floor of this machine; print the table and write it. `make "
    "benchmark` builds Stable-Baselines3's environment and names it."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `benchmark`."""
    parser.add_argument(
        "--loops",
        nargs="+",
        metavar="LOOP",
        help="of dqn a2c ppo ddpg td3 tabular (default: all); rows of the others that the table has are kept",
    )
    parser.add_argument("--games", nargs="+", default=["pong"], help="ROM names, for dqn a2c ppo (default: pong)")
    parser.add_argument(
        "--tasks",
        nargs="+",
        metavar="TASK",
        default=["half_cheetah"],
        help="of Gymnasium, for ddpg td3 (default: half_cheetah)",
    )
    parser.add_argument("--rounds", type=at_least_one, default=5, help="turns of each program (default: 5)")
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=10.0,
        help="of each timing of a whole loop (default: 10); its parts are given a tenth",
    )
    for option, name in (("sb3", "Stable-Baselines3"), ("rl-blox", "rl-blox")):
        parser.add_argument(f"--{option}", type=Path, metavar="PYTHON", help=f"a python that has {name}")
    for option, name in (("cleanrl", "CleanRL"), ("pfrl", "PFRL"), ("shangtong-zhang", "ShangtongZhang")):
        parser.add_argument(
            f"--{option}",
            type=Path,
            nargs=2,
            metavar=("CHECKOUT", "PYTHON"),
            help=f"a checkout of {name}'s repository, and a python in which its scripts run",
        )
    _add_device_arguments(parser)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("results/benchmark"),
        help="where the table goes (default: results/benchmark)",
    )


def _add_device_arguments(parser: argparse.ArgumentParser) -> None:
    """Add those of cohorts on a device."""
    group = parser.add_argument_group("cohorts on a device, instead of loops on a core: device.md, device_kernels.md")
    group.add_argument(
        "--device", type=device, metavar="DEVICE", help="cuda or cuda:N; cpu: the same code, for a trial"
    )
    group.add_argument(
        "--lanes", type=at_least_one, nargs="+", default=[8, 64], help="of all processes together (default: 8 64)"
    )
    group.add_argument(
        "--processes", type=at_least_one, nargs="+", default=[1, 4], help="that share the device (default: 1 4)"
    )
    group.add_argument("--workers", type=none_or_more, help="of all processes together (default: a core each; cpu: 0)")
    group.add_argument("--variant", default="dqn_dopamine", help="an agent of Atari (default: dqn_dopamine)")
    group.add_argument("--preset", help="of its settings")
    group.add_argument(
        "--profile",
        type=Path,
        metavar="FILE",
        help="what a few ticks of one process spend, and where; the kernels are measured too",
    )


def run(options: argparse.Namespace) -> int:
    """Measure, print the table and write it.

    Returns: exit code 0.
    Raises:
        ReplicationError: something a user can mend.
    """
    if options.device is not None:
        return _run_on_device(options)
    import pandas as pd

    from replication.commands.benchmark.conditions import conditions, kept_rows
    from replication.commands.benchmark.loops import LOOPS, Plan, cases
    from replication.commands.benchmark.rows import COLUMNS, measured_rows
    from replication.commands.benchmark.table import benchmark_table
    from replication.commands.benchmark.turns import measure
    from replication.report.tables.table import write_table

    state = state_root()
    plan = Plan(
        loops=options.loops or list(LOOPS),
        games=options.games,
        tasks=options.tasks,
        rounds=options.rounds,
        seconds=options.seconds,
        state=state,
        peers=_peers(options),
    )
    planned, now = cases(plan), conditions()
    kept = kept_rows(options.output / "table.csv", plan.loops, now, COLUMNS)
    ensure_folder(options.output, "name another with --output")
    ensure_folder(state, "name another by setting REPLICATION_STATE")
    rows = [row for each in measure(plan, planned) for row in measured_rows(plan, each, now)]
    found = pd.concat([kept, pd.DataFrame(rows, columns=list(COLUMNS))]) if len(kept) else pd.DataFrame(rows)
    found = found.sort_values("loop", key=lambda loops: loops.map(list(LOOPS).index), kind="stable", ignore_index=True)
    table = benchmark_table(found)
    print(table.files()["md"].decode())
    for path in write_table(table, options.output):
        print(path)
    return 0


def _peers(options: argparse.Namespace) -> dict[str, Peer]:
    """Return the other programs that are named, by name."""
    found: dict[str, Peer] = {}
    for option, name in (PACKAGES | CHECKOUTS).items():
        given = getattr(options, option.replace("-", "_"))
        if given is not None:
            checkout, python = given if option in CHECKOUTS else (None, given)
            found[name] = Peer(option, python, checkout)
    return found


def _run_on_device(options: argparse.Namespace) -> int:
    """Measure cohorts on a device, print the tables and write them; return exit code 0."""
    from replication.commands.benchmark.conditions import conditions
    from replication.commands.benchmark.device import DevicePlan, measure_device
    from replication.commands.benchmark.our_lanes import Cohort
    from replication.report.tables.table import write_table
    from replication.training.machine.devices import leased_device
    from replication.training.machine.settings import default_workers

    state = state_root()
    for folder, mending in ((options.output, "--output"), (state, "REPLICATION_STATE")):
        ensure_folder(folder, f"name another with {mending}")
    workers = default_workers(options.device) if options.workers is None else options.workers
    profile = None if options.profile is None else str(options.profile.absolute())
    with leased_device(options.device) as held:
        given = Cohort(held, options.variant, options.preset, options.games, 1, workers, profile)
        plan = DevicePlan(given, options.lanes, options.processes, options.rounds, options.seconds, state)
        tables = measure_device(plan, conditions())
    for table in tables:
        print(table.files()["md"].decode())
        for path in write_table(table, options.output):
            print(path)
    return 0
