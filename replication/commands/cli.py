"""The command line: thin, one function a command. Torch and pandas are imported only by the commands that need them."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from replication.commands import control as control_command
from replication.commands import judge_command
from replication.commands.benchmark import command as benchmark_command
from replication.commands.expected_runs import refuse_changed
from replication.commands.parser import parser
from replication.commands.queue import command as queue_command
from replication.commands.snakemake import run_snakemake, snakemake_command
from replication.foundation.errors import ReplicationError
from replication.foundation.paths import state_root
from replication.foundation.stopping import INTERRUPTED_EXIT_CODE
from replication.specification.control_experiments import known_control_experiments
from replication.specification.experiments import known_experiments, load_experiment
from replication.specification.run import Run, resolve_run

STOPPED_EXIT_CODE = 130
"""The command was stopped by a signal and begins again when it is given again; what shells say of Ctrl-C."""
CONTINUED = ("run", "train", "control")
"""Commands that go on where they were stopped."""


def main(arguments: Sequence[str] | None = None, started: float | None = None) -> int:
    """Run one command.

    Args:
        arguments: of the command line; None: those of the process.
        started: moment of `time.monotonic` at which the process began; None: now.

    Returns: exit code; 2 for a problem the user can mend, which is printed as one line. A command that was stopped by a
        signal returns 75 where the same command goes on, 130 where it begins again.
    """
    verb = None
    now = time.monotonic()
    try:
        options = parser().parse_args(arguments)
        options.started = now if started is None else started
        verb = options.verb
        return _COMMANDS[verb](options)
    except KeyboardInterrupt:
        continues = verb in CONTINUED
        print(f"stopped{'; the same command continues' if continues else ''}", file=sys.stderr)
        return INTERRUPTED_EXIT_CODE if continues else STOPPED_EXIT_CODE
    except ReplicationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of a pipe had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _runs(options: argparse.Namespace) -> list[Run]:
    return [
        resolve_run(
            variant=options.variant,
            game=game,
            seed=seed,
            protocol=options.protocol,
            preset=options.preset,
            budget_frames=options.budget_frames,
            budget_iterations=options.budget_iterations,
        )
        for game in options.game
        for seed in options.seed
    ]


def _run(options: argparse.Namespace) -> int:
    from replication.commands.plan import measure_speeds, print_plan

    if options.experiment in known_control_experiments():
        raise ReplicationError(f"{options.experiment} is no Atari experiment; `control {options.experiment}` makes it")
    load_experiment(options.experiment)  # what is wrong with it is said before Snakemake starts
    if options.dry_run:
        state = options.state or state_root()
        if options.measure:
            measure_speeds(options.experiment, state)
        print_plan(options.experiment, options.results, state, options.cores)
        if options.profile != "default":
            print(f"hours are those of CPU cores; what profile {options.profile} takes, no run here has shown")
        return 0
    if options.state:
        os.environ["REPLICATION_STATE"] = str(options.state)
    return run_snakemake(snakemake_command(options.experiment, options.results, options.cores, profile=options.profile))


def _render(options: argparse.Namespace) -> int:
    from replication.report.render import render_figure, render_index, render_page, render_table

    if options.kind == "readme":
        from replication.report.pages.readmes import write_readmes

        print(*write_readmes(options.results), sep="\n")
    elif options.kind == "index":
        render_index(options.results)
    elif options.experiment is None:
        raise ReplicationError(f"which experiment? known: {', '.join(known_experiments())}")
    elif options.kind == "page":
        render_page(options.experiment, options.results)
    elif options.name is None:
        raise ReplicationError(f"which {options.kind}? give its name after the experiment's")
    else:
        render = render_table if options.kind == "table" else render_figure
        render(options.experiment, options.name, options.results)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from replication.commands.verify import run_folders, verify

    print(verify(options.results, options.cores, learn_again=options.policy, quiet=options.quiet))
    if options.policy:
        from replication.training.play_again import check_policies

        folders = run_folders(options.results, ("runs",))  # only our own networks can be there
        print(check_policies(folders, options.state or state_root(), quiet=options.quiet))
    return 0


def _film(options: argparse.Namespace) -> int:
    from replication.report.views.film import film, write_clip

    if options.episode is None:
        for folder in options.path:
            if not folder.is_dir():
                raise ReplicationError(f"{folder}: which episode? give --episode N; or name the folder of a run")
            print(write_clip(folder))
        return 0
    if len(options.path) > 1:
        raise ReplicationError(f"--episode: found {len(options.path)} paths, expected one trace")
    target = options.output or Path(f"episode_{options.episode}.webp")
    print(film(options.path[0], options.episode, target, options.first_frame, options.last_frame))
    return 0


def _fidelity(options: argparse.Namespace) -> int:
    from replication.report.fidelity_text import fidelity_text

    print(fidelity_text(options.variant, options.protocol, options.preset))
    return 0


def _describe(options: argparse.Namespace) -> int:
    from replication.commands.describe import description

    print(description(options.name))
    return 0


def _check_algorithm(options: argparse.Namespace) -> int:
    from replication.commands.check_algorithm.command import check_algorithm

    return check_algorithm(options.file, options.variant)


def _doctor(options: argparse.Namespace) -> int:
    from replication.commands.doctor import examine

    return examine(options.experiment, options.results, options.state or state_root(), options.cores)


def _train(options: argparse.Namespace) -> int:
    from replication.training.machine.settings import Machine, default_workers
    from replication.training.session import execute

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
    )
    runs = _runs(options)
    if options.expect is not None:
        refuse_changed(runs, options.expect, options.results)
    return execute(runs, machine)


def _embed(options: argparse.Namespace) -> int:
    from replication.commands.embed import embed

    for path in options.path:
        print(*embed(path, options.state or state_root(), options.output), sep="\n")
    return 0


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "train": _train,
    "queue": queue_command.run_command,
    "embed": _embed,
    "fidelity": _fidelity,
    "describe": _describe,
    "check-algorithm": _check_algorithm,
    "doctor": _doctor,
    "verify": _verify,
    "benchmark": benchmark_command.run,
    "judge": judge_command.run_command,
    "control": control_command.run_command,
    "film": _film,
    "render": _render,
}
