"""The command `train`: train and evaluate runs in this process, one or the lanes of a cohort."""

from __future__ import annotations

import argparse

from replication.commands.arguments import (
    add_algorithm,
    add_folders,
    add_run_arguments,
    add_tensorboard,
    budgets,
    device,
    gigabytes,
    none_or_more,
    seconds,
    variant_of,
)
from replication.commands.expected_runs import refuse_changed
from replication.foundation.errors import ReplicationError
from replication.foundation.paths import state_root
from replication.foundation.stopping import INTERRUPTED_EXIT_CODE
from replication.specification.changed_settings import changed_name
from replication.specification.run import Run, resolve_run
from replication.specification.variants import Variant

HELP = "train and evaluate one run, or several as the lanes of a cohort"
DESCRIPTION = (
    "Train a variant on tasks with seeds, evaluate by the protocol, write the results. "
    "Given again after an interruption, the same command continues."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `train`."""
    add_run_arguments(parser, required=True, bundles=True)
    add_algorithm(parser)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a setting of the variant, such as optimizer.learning_rate=1e-4; may be given again for others. It "
        "makes a variant of its own, named after the change, with a departure declared",
    )
    add_folders(parser)
    parser.add_argument(
        "--expect",
        nargs="+",
        metavar="DIGEST",
        help="train only runs with these result digests (their first digits): refuses where the settings have changed "
        "since they were planned",
    )
    parser.add_argument("--device", type=device, default="cpu", help="cpu (default) or cuda")
    parser.add_argument(
        "--workers",
        type=none_or_more,
        help="processes that the lanes are dealt to; 0: they live in this one (default: 0 on a CPU, else one a core)",
    )
    parser.add_argument(
        "--replay-storage",
        default="lz4",
        choices=["lz4", "raw"],
        help="frames of the replay memory compressed without loss (default), or as one array of 7 GB per million",
    )
    parser.add_argument("--checkpoint-seconds", type=seconds, default=600.0, help="time between checkpoints")
    parser.add_argument(
        "--max-seconds",
        type=seconds,
        help=f"stop cleanly before a wall limit, with exit code {INTERRUPTED_EXIT_CODE}; it counts from the start of "
        "the process",
    )
    parser.add_argument(
        "--deadline",
        type=seconds,
        metavar="SECONDS",
        help="refuse, within the first seconds of learning, what by their speed cannot end that long after the start "
        "of the process; phases whose speed was not yet seen, such as evaluations, count for nothing",
    )
    parser.add_argument(
        "--memory-gb",
        type=gigabytes,
        help="memory that replay memories and workers may take (default: what the system says is available now; a "
        "small virtual machine may say less than it will have)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    add_tensorboard(parser)


def run(options: argparse.Namespace) -> int:
    """Train and evaluate the runs that are named.

    Returns: exit code, 0 or INTERRUPTED_EXIT_CODE.
    Raises:
        ReplicationError: a bad name or budget; settings that are not those expected; a run that failed.
    """
    from replication.training.event_files import require_tensorboard
    from replication.training.machine.settings import Machine, default_workers
    from replication.training.session import execute

    if options.tensorboard is not None:
        require_tensorboard()
    machine = Machine(
        results=options.results,
        state=options.state or state_root(),
        device=options.device,
        storage=options.replay_storage,
        checkpoint_seconds=options.checkpoint_seconds,
        max_seconds=options.max_seconds,
        started=options.started,
        quiet=options.quiet,
        workers=default_workers(options.device) if options.workers is None else options.workers,
        memory_bytes=None if options.memory_gb is None else int(options.memory_gb * 1e9),
        deadline_seconds=options.deadline,
        tensorboard=options.tensorboard,
    )
    runs = named_runs(options)
    if runs[0].variant.lies_elsewhere:
        refuse_incomplete(runs[0].variant)
    if options.expect is not None:
        refuse_changed(runs, options.expect, options.results)
    return execute(runs, machine)


def refuse_incomplete(variant: Variant) -> None:
    """Refuse an algorithm outside this package that lacks something, before anything is opened.

    Raises:
        ReplicationError: names what it lacks.
    """
    from replication.commands.check_algorithm.subject import check_members
    from replication.specification.own_settings import imported_file

    check_members(imported_file(variant.source), variant.source, variant)


def named_runs(options: argparse.Namespace) -> list[Run]:
    """Return the runs that the arguments name: every task with every seed, task by task; of a bundle the first.

    Raises:
        ReplicationError: a bad name, seed or budget; one that is named twice.
    """
    for option, named in (("--task", options.task), ("--seed", options.seed or [])):
        twice = next((one for one in named if named.count(one) > 1), None)
        if twice is not None:
            raise ReplicationError(f"{option}: found {twice} twice; name it once")
    variant = variant_of(options)
    return [
        resolve_run(
            variant=changed_name(variant, options.set),
            task=task,
            seed=seed,
            seeds=options.seeds,
            protocol=options.protocol,
            preset=options.preset,
            **budgets(options),
        )
        for task in options.task
        for seed in ([options.seeds.first] if options.seeds else options.seed)
    ]
