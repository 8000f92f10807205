"""The arguments of each command, one function a command, in the order of `--help`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from replication.commands.arguments import add_run_arguments, at_least_one, device, none_or_more, seconds, whole_number
from replication.commands.benchmark import command as benchmark
from replication.commands.control import DESCRIPTION as CONTROL_DESCRIPTION
from replication.commands.control import add_arguments as add_control_arguments
from replication.commands.judge_command import DESCRIPTION as JUDGE_DESCRIPTION
from replication.commands.judge_command import add_arguments as add_judge_arguments
from replication.commands.queue.command import DESCRIPTION as QUEUE_DESCRIPTION
from replication.commands.queue.command import add_arguments as add_queue_arguments
from replication.commands.snakemake import known_profiles
from replication.foundation.errors import ReplicationError, unknown_name
from replication.specification.control_experiments import known_control_experiments
from replication.specification.experiments import known_experiments
from replication.specification.loading import known_names


class Parser(argparse.ArgumentParser):
    """What is wrong with the arguments is one line, like every other error."""

    def __init__(self, **settings: Any) -> None:
        """Options are written out: an abbreviation may come to mean another one in a later version."""
        super().__init__(**settings, allow_abbrev=False)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse does; an option that there is not is refused by the command, which knows those there are."""
        known, unknown = super().parse_known_args(args, namespace)
        options = [option[2:] for option in self._option_string_actions if option.startswith("--")]
        for word in unknown:
            if word.startswith("--"):
                name = word[2:].partition("=")[0]
                raise ReplicationError(f"{unknown_name('option', name, options)}; see {self.prog} --help")
        return known, unknown

    def error(self, message: str) -> NoReturn:
        raise ReplicationError(f"{' '.join(message.split())}; see {self.prog} --help")


_Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


def parser() -> Parser:
    """The whole command line; `verb` is the command that was given."""
    whole = Parser(prog="python -m replication", description="Replicate published deep-RL results.")
    commands = whole.add_subparsers(required=True, metavar="COMMAND", dest="verb")
    for add in (
        _run,
        _train,
        _queue,
        _embed,
        _fidelity,
        _describe,
        _check,
        _doctor,
        _verify,
        _benchmark,
        _judge,
        _control,
        _film,
        _render,
    ):
        add(commands)
    return whole


def _run(commands: _Commands) -> None:
    run = commands.add_parser(
        "run",
        help="bring an experiment from nothing to its page",
        description="Train and evaluate what an experiment lacks, then make its tables, figures and page. "
        "Given again after an interruption, the same command continues.",
    )
    run.add_argument("experiment", help=f"one of: {', '.join(known_experiments())}")
    run.add_argument("-n", "--dry-run", action="store_true", help="print what is done and missing, and what it costs")
    run.add_argument(
        "--measure", action="store_true", help="with -n: measure this machine's speed first, about 10 s a variant"
    )
    run.add_argument("--cores", type=at_least_one, help="runs at a time (default: all cores)")
    run.add_argument(
        "--profile",
        default="default",
        choices=known_profiles(),
        help="default: a run a core; gpu: all runs of a variant as lanes of a cohort",
    )
    run.add_argument("--results", type=Path, default=Path("results"), help="where the small files go")
    run.add_argument("--state", type=Path, help="where checkpoints go (default: $REPLICATION_STATE or results/state)")


def _train(commands: _Commands) -> None:
    train = commands.add_parser(
        "train",
        help="train and evaluate one run, or several as the lanes of a cohort",
        description="Train a variant on games with seeds, evaluate by the protocol, write the results. "
        "Given again after an interruption, the same command continues.",
    )
    _add_runs(train)
    train.add_argument(
        "--expect",
        nargs="+",
        metavar="DIGEST",
        help="train only runs with these result digests (their first digits): refuses where the settings have changed "
        "since they were planned",
    )
    train.add_argument("--device", type=device, default="cpu", help="cpu (default) or cuda")
    train.add_argument(
        "--workers",
        type=none_or_more,
        help="processes that the lanes are dealt to; 0: they live in this one (default: 0 on a CPU, else one a core)",
    )
    train.add_argument(
        "--replay-storage",
        default="lz4",
        choices=["lz4", "raw"],
        help="frames of the replay memory compressed without loss (default), or as one array of 7 GB per million",
    )
    train.add_argument("--checkpoint-seconds", type=seconds, default=600.0, help="time between checkpoints")
    train.add_argument(
        "--max-seconds",
        type=seconds,
        help="stop cleanly before a wall limit, with exit code 75; it counts from the start of the process",
    )
    train.add_argument("--quiet", action="store_true", help="no progress bar")


def _queue(commands: _Commands) -> None:
    add_queue_arguments(
        commands.add_parser(
            "queue",
            help="work off long trainings in the background, apart from the work tree",
            description=QUEUE_DESCRIPTION,
        )
    )


def _embed(commands: _Commands) -> None:
    embed = commands.add_parser(
        "embed",
        help="t-SNE of what a network makes of the states it meets",
        description="Of the folder of a finished run, whose state must lie here: coordinates and screens of states of "
        "its evaluation, beside random play, and the values it predicts along its best seconds. Of a checkpoint: play "
        "five minutes with its network and embed them.",
    )
    embed.add_argument("path", type=Path, nargs="+", help="folders of finished runs, or checkpoints of a run's state")
    embed.add_argument("--state", type=Path, help="where networks lie (default: $REPLICATION_STATE or results/state)")
    embed.add_argument("--output", type=Path, help="where the files of a checkpoint go (default: embedding_STEP here)")


def _fidelity(commands: _Commands) -> None:
    fidelity = commands.add_parser(
        "fidelity",
        help="what is exactly as in the original program, and what is not",
        description="Print each detail of the original program beside the value in force here: exact, the deviations "
        "that concern it, or unconfirmed.",
    )
    fidelity.add_argument("--variant", default="dqn", help=f"one of: {', '.join(known_names('algorithms'))}")
    fidelity.add_argument("--protocol", help=f"instead of the variant's own: {', '.join(known_names('protocols'))}")
    fidelity.add_argument("--preset", help=f"overrides of scale: {', '.join(known_names('presets'))}")


def _describe(commands: _Commands) -> None:
    describe = commands.add_parser(
        "describe",
        help="the settings of a protocol or variant in words",
        description="Print what a protocol or variant does, in words, with units and sources.",
    )
    known = [*known_names("protocols"), *known_names("algorithms"), *known_control_experiments()]
    describe.add_argument("name", help=f"one of: {', '.join(known)}")


def _check(commands: _Commands) -> None:
    check = commands.add_parser(
        "check-algorithm",
        help="check that an algorithm's file does all that the engine asks of it",
        description="Build, differentiate, stack, train, resume and repeat an algorithm on a toy game, in seconds. One "
        "line a check: passed, or what was found and what to do; the exit code is then 2.",
    )
    check.add_argument("file", type=Path, help="the algorithm's Python file, in replication/algorithms or anywhere")
    check.add_argument(
        "--variant",
        help="its YAML anywhere, or the name of a variant (default: all that this package has of the module; for a "
        "file outside of it, the YAML of the same name beside it)",
    )


def _doctor(commands: _Commands) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="check that this machine can do what is asked of it",
        description="Check versions, ROMs, the emulator, the device, and memory, disk and hours against an experiment.",
    )
    doctor.add_argument("experiment", nargs="?", default="quickstart", help="default: quickstart")
    doctor.add_argument("--results", type=Path, default=Path("results"), help="where the small files go")
    doctor.add_argument(
        "--state", type=Path, help="where checkpoints go (default: $REPLICATION_STATE or results/state)"
    )
    doctor.add_argument("--cores", type=at_least_one, help="runs at a time (default: all cores)")


def _verify(commands: _Commands) -> None:
    verify = commands.add_parser(
        "verify",
        help="play every trace again and derive every score and table from them",
        description="Check a results folder without weights: every emulator frame is played again under the run's "
        "protocol, and every score, table and verdict derived again. The first difference is named, and the exit code "
        "is 2.",
    )
    verify.add_argument("results", nargs="?", type=Path, default=Path("results"), help="default: results")
    verify.add_argument("--cores", type=at_least_one, help="runs played at a time (default: all cores)")
    verify.add_argument(
        "--policy",
        action="store_true",
        help="also play stored networks again, which needs torch, and learn those of control experiments again",
    )
    verify.add_argument("--state", type=Path, help="where networks lie (default: $REPLICATION_STATE or results/state)")
    verify.add_argument("--quiet", action="store_true", help="no progress bar")


def _benchmark(commands: _Commands) -> None:
    benchmark.add_arguments(
        commands.add_parser(
            "benchmark",
            help="what a step costs here, beside what the machine can do and beside other programs",
            description=benchmark.DESCRIPTION,
        )
    )


def _judge(commands: _Commands) -> None:
    add_judge_arguments(
        commands.add_parser(
            "judge", help="play a policy of others by one of our protocols", description=JUDGE_DESCRIPTION
        )
    )


def _control(commands: _Commands) -> None:
    add_control_arguments(
        commands.add_parser(
            "control", help="a method on a simulated plant, from nothing to its page", description=CONTROL_DESCRIPTION
        )
    )


def _film(commands: _Commands) -> None:
    film = commands.add_parser(
        "film",
        help="draw an episode of a trace as an animated WebP",
        description="Play a trace again and draw one of its episodes, with frame, score and, where embedding.csv has "
        "it, the predicted value. Given the folder of a finished run, draw the most rewarding seconds of its best "
        "episode as clip.webp there.",
    )
    film.add_argument("path", type=Path, nargs="+", help="a trace, or folders of finished runs")
    film.add_argument("--episode", type=whole_number, help="number of the episode, the first is 0")
    film.add_argument("--first-frame", type=whole_number, default=1, help="where to begin, 60 a second (default: 1)")
    film.add_argument("--last-frame", type=whole_number, help="where to end (default: with the episode)")
    film.add_argument("--output", type=Path, help="default: episode_N.webp here")


def _render(commands: _Commands) -> None:
    render = commands.add_parser(
        "render",
        help="make a table, a figure or the page of an experiment, the page of all, or the READMEs",
        description="Make a table, a figure or the page of an experiment from the runs that are finished; or the page "
        "of all experiments, results/index.html; or bring the counts in README.md and the list in results/README.md up "
        "to date.",
    )
    render.add_argument("kind", choices=["table", "figure", "page", "index", "readme"])
    render.add_argument(
        "experiment",
        nargs="?",
        help=f"one of: {', '.join([*known_experiments(), *known_control_experiments()])}; none for index and readme",
    )
    render.add_argument("name", nargs="?", help="which table or figure")
    render.add_argument("--results", type=Path, default=Path("results"), help="where the small files are")


def _add_runs(parser: argparse.ArgumentParser) -> None:
    """The arguments that name runs and where their files lie."""
    add_run_arguments(parser, required=True)
    parser.add_argument("--results", type=Path, default=Path("results"), help="where the small files go")
    parser.add_argument(
        "--state", type=Path, help="where checkpoints go (default: $REPLICATION_STATE or results/state)"
    )
