"""The command `queue`: long trainings in the background, a verb each for what can be done with them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from replication.commands.arguments import add_run_arguments, at_least_one, budgets, seconds, whole_number
from replication.commands.queue.entries import Entry, first_seeds_first, moved, with_runs, without
from replication.commands.queue.folder import QueueFolder, queue_folder
from replication.evidence import records
from replication.foundation.errors import ReplicationError
from replication.foundation.locks import is_held
from replication.foundation.paths import IN_CHECKOUT, PROJECT
from replication.foundation.resources import usable_cpus
from replication.specification.experiments import known_experiments, load_experiment
from replication.specification.run import Run, resolve_run

HELP = "work off long trainings in the background, apart from the work tree"
DESCRIPTION = (
    "Work off long trainings in the background, a few at a time, from a clone of this project at one commit of main, "
    "in a folder outside the work tree. `add` runs, `start`; `status` shows how far they are; after `stop`, a reboot "
    "or a kill `start` goes on from the checkpoints; `collect` brings finished runs into results/."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `queue`: a verb each, with its options."""
    verbs = parser.add_subparsers(required=True, metavar="VERB", dest="queue_verb")
    _add(verbs.add_parser("add", help="put the missing runs of an experiment, or single runs, into the queue"))
    start = verbs.add_parser("start", help="start working the queue off in the background, or go on with it")
    start.add_argument(
        "--commit",
        help="of the branch main, which the clone is brought to (default: where the clone stands, at first the tip)",
    )
    start.add_argument(
        "--python",
        type=Path,
        help="the Python of an environment to use as it is (default: the clone's own, built by `make venv`)",
    )
    _jobs(start)
    stop = verbs.add_parser("stop", help="stop it: each training writes a checkpoint and ends")
    stop.add_argument(
        "--wait-seconds", type=seconds, default=600.0, help="longest time to wait until all have ended (600)"
    )
    status = verbs.add_parser("status", help="how far each run is, hours used and left, what failed and why")
    status.add_argument("--json", action="store_true", help="as JSON")
    collect = verbs.add_parser("collect", help="copy finished runs into results/, verified, to be committed")
    collect.add_argument("--results", type=Path, default=Path("results"), help="the results of the work tree")
    remove = verbs.add_parser("remove", help="take entries out; their files stay")
    move = verbs.add_parser("move", help="give entries another place in the order")
    for verb in (remove, move):
        verb.add_argument("id", type=whole_number, nargs="+", help="number of an entry, as `status` shows it")
    _place(move, required=True)
    verbs.add_parser("check", help="whether this environment can train and play what waits; `start` asks it first")
    work = verbs.add_parser("work", help="what `start` runs in the clone")
    _jobs(work)
    for verb in verbs.choices.values():
        verb.add_argument(
            "--folder",
            type=Path,
            help="of the queue (default: $REPLICATION_QUEUE, else replication/queue in $XDG_STATE_HOME or "
            "~/.local/state)",
        )


def run(options: argparse.Namespace) -> int:
    """Do what the verb says.

    Returns: exit code: 0, or INTERRUPTED_EXIT_CODE for a worker that was told to stop.
    Raises:
        ReplicationError: something a user can mend.
    """
    folder = queue_folder(options.folder)
    verb: str = options.queue_verb
    if verb == "add":
        return _add_runs(options, folder)
    if verb in ("remove", "move"):
        return _change(options, folder)
    if verb == "start":
        from replication.commands.queue.processes import start

        if not IN_CHECKOUT:
            raise ReplicationError(f"{PROJECT}: installed, and the queue trains a commit; call `queue` from a checkout")
        print(start(folder, PROJECT, options.commit, options.python, options.jobs or usable_cpus()))
        return 0
    if verb == "stop":
        from replication.commands.queue.processes import stop

        print(stop(folder, options.wait_seconds))
        return 0
    if verb == "work":
        from replication.commands.queue.worker import work

        return work(folder, options.jobs or usable_cpus())
    if verb == "check":
        from replication.commands.queue.environment import check_environment

        print(check_environment(folder))
        return 0
    if verb == "collect":
        from replication.commands.queue.collection import collect

        return collect(folder, options.results)
    from replication.commands.queue.status import status_json, status_text

    print(status_json(folder) if options.json else status_text(folder))
    return 0


def _add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "experiment",
        nargs="?",
        help="its missing runs in the order of its YAML, first seeds of all games before second seeds; without it, "
        "--variant, --game, --seed and a budget name runs as they do for `train`",
    )
    parser.add_argument("--seeds", type=whole_number, nargs="+", help="of an experiment: only runs of these seeds")
    add_run_arguments(parser, required=False)
    _place(parser, required=False)
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="the results of the work tree: what is finished there"
    )


def _place(parser: argparse.ArgumentParser, *, required: bool) -> None:
    place = parser.add_mutually_exclusive_group(required=required)
    place.add_argument("--first", action="store_true", help="in front of all others")
    place.add_argument("--before", type=whole_number, metavar="ID", help="in front of this entry")


def _jobs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--jobs", type=at_least_one, help="trainings at a time (default: processors it may use)")


def _add_runs(options: argparse.Namespace, folder: QueueFolder) -> int:
    runs = _named(options)
    with folder.editing():
        queue = folder.read()
        numbers = {entry.result_digest: entry.id for entry in queue.entries}
        missing: list[Run] = []
        for run in runs:
            made = next(
                (place for place in (options.results, folder.results) if records.read_or_none(run, place)), None
            )
            if run.result_digest in numbers:
                print(f"{run.name}: in the queue already, entry {numbers[run.result_digest]}")
            elif made is not None:
                print(f"{run.name}: finished, nothing to be done ({run.results_folder(made)})")
            elif run not in missing:
                missing.append(run)
        queue, added = with_runs(queue, missing, _before(options, queue.entries))
        if added:
            folder.write(queue)
        for entry in added:
            print(f"{entry.name}: added, entry {entry.id}")
        if added and not is_held(folder.worker_lock):
            print("the queue does not run; `queue start` works it off")
    return 0


def _named(options: argparse.Namespace) -> list[Run]:
    """Return the runs that the arguments of `add` name, in the order in which they are to be trained."""
    single = {name: getattr(options, name) for name in ("variant", "task", "seed")}
    beside = {"protocol": options.protocol, "preset": options.preset}
    length = budgets(options)
    if options.experiment is not None:
        given = [name for name, value in (single | beside | length).items() if value is not None]
        if given:
            raise ReplicationError(
                f"--{given[0].replace('_', '-')}: an experiment names its runs itself; leave it out, or the experiment"
            )
        experiment = load_experiment(options.experiment)
        if any(run.family.bundles for run in experiment.runs()):
            raise ReplicationError(
                f"{options.experiment}: runs of seconds need no queue; `run {options.experiment}` does"
            )
        return first_seeds_first(experiment, options.seeds)
    absent = [f"--{name}" for name, value in single.items() if value is None]
    if absent:
        known = ", ".join(known_experiments())
        raise ReplicationError(f"{', '.join(absent)} missing; or name an experiment, one of: {known}")
    if options.seeds is not None:
        raise ReplicationError("--seeds: chooses among the seeds of an experiment; single runs take --seed")
    return [
        resolve_run(
            variant=single["variant"],
            task=task,
            seed=seed,
            seeds=None,
            protocol=options.protocol,
            preset=options.preset,
            **length,
        )
        for seed in single["seed"]
        for task in single["task"]
    ]


def _change(options: argparse.Namespace, folder: QueueFolder) -> int:
    with folder.editing():
        queue = folder.read()
        chosen = [queue.entry(number) for number in dict.fromkeys(options.id)]
        if options.queue_verb == "move":
            rest = [entry for entry in queue.entries if entry not in chosen]
            folder.write(moved(queue, options.id, _before(options, rest)))
        else:
            for entry in chosen:
                if is_held(folder.running(entry)):
                    raise ReplicationError(f"entry {entry.id} ({entry.name}) is being trained; `queue stop` first")
            folder.write(without(queue, options.id))
    done = "moved" if options.queue_verb == "move" else "removed"
    print(*(f"{entry.name}: {done}, entry {entry.id}" for entry in chosen), sep="\n")
    return 0


def _before(options: argparse.Namespace, entries: Sequence[Entry]) -> int | None:
    """Return the id of the entry that new ones go in front of; None: they go to the end."""
    if options.first:
        return entries[0].id if entries else None
    return options.before  # type: ignore[no-any-return]
