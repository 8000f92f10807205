"""The command `judge`: a policy of another program, played by one of our protocols.

The policy is a process of the user's (see foreign_policy.py). What it leaves is what our own runs leave, a trace among
it, in results/judged/NAME/GAME/seedN/DIGEST, and `verify` plays it again in the same way. Its record says so with the
family `judged`. How the policy came to be is known where whoever judges it says so (`--training`), and its folder's
digest covers what was judged where the file is named (`--policy-file`).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_args

from replication.commands.arguments import at_least_one, seconds, whole_number
from replication.commands.foreign_policy import ForeignPolicy
from replication.commands.judged_run import FRAME_STACK, JudgedConfig, JudgedRun, judged_run
from replication.evidence import records
from replication.foundation.errors import ReplicationError
from replication.foundation.files import csv_bytes, ensure_folder
from replication.specification.loading import known_names
from replication.specification.protocols import FramePipelineName

if TYPE_CHECKING:  # numpy and the emulator are loaded where a policy is played
    import numpy as np
    from numpy.typing import NDArray

    from replication.evidence.trace_file import Trace

HELP = "play a policy of others by one of our protocols"
DESCRIPTION = (
    "Play a policy of others by one of our protocols. It is a process that you start: it reads observations from its "
    "stdin and writes actions to its stdout (the bytes are described at the top of "
    "replication/commands/foreign_policy.py, an example is workflow/examples/judge_sb3.py). What is left is a trace "
    "like our own, which `verify` plays again."
)
_SCREEN = (84, 84)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `judge`."""
    parser.add_argument(
        "--command", dest="policy_command", required=True, help="starts the policy: program and arguments, no shell"
    )
    parser.add_argument("--name", required=True, help="of the agent, as results and tables call it")
    parser.add_argument("--game", required=True, help="ROM name, such as ms_pacman")
    parser.add_argument("--protocol", required=True, help=f"one of: {', '.join(known_names('protocols'))}")
    parser.add_argument("--seed", required=True, type=whole_number, help="of starts, stickiness and random actions")
    parser.add_argument("--epsilon", type=float, help="share of random actions, where the protocol leaves it open")
    parser.add_argument("--episodes", type=at_least_one, help="where the protocol itself plays no evaluation")
    parser.add_argument("--preset", help=f"overrides of scale: {', '.join(known_names('presets'))}")
    parser.add_argument(
        "--frame-pipeline",
        choices=get_args(FramePipelineName),
        help="from screens to 84x84 bytes (default: as the protocol's own agents see them)",
    )
    parser.add_argument(
        "--answer-seconds", type=seconds, default=60.0, help="longest time for an answer, the start included (60)"
    )
    parser.add_argument(
        "--policy-file", type=Path, help="the file that holds the policy: its digest is then part of what names the run"
    )
    parser.add_argument("--training", help="how the policy came to be, in words, for its record")
    parser.add_argument("--results", type=Path, default=Path("results"), help="where the small files go")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(options: argparse.Namespace) -> int:
    """Play the policy by the protocol, and print its score.

    Returns: exit code 0.
    Raises:
        ReplicationError: a bad name or number; the policy's process fails; it was judged already.
    """
    judged = judged_run(
        name=options.name,
        game=options.game,
        protocol=options.protocol,
        seed=options.seed,
        preset=options.preset,
        frame_pipeline=options.frame_pipeline,
        epsilon=options.epsilon,
        num_episodes=options.episodes,
        policy_file=options.policy_file,
        training=options.training,
    )
    policy = by_command(options.policy_command, options.answer_seconds)
    found = judge(judged, policy, options.results, quiet=options.quiet)
    print(f"{judged.name}: score {found.score:.1f} over {len(found.trace.episodes)} episodes; {found.folder}")
    return 0


class Chooser(Protocol):
    """A policy under way: asked for an action at each step."""

    def choose(self, frames: NDArray[np.uint8], *, begins_episode: bool) -> int:
        """Choose an action by the newest frames, uint8 [stack, 84, 84], oldest first."""


@dataclass(frozen=True)
class JudgedPolicy:
    """Another program's policy, not yet begun."""

    open: Callable[[Sequence[int]], AbstractContextManager[Chooser]]
    """Begins it, told ALE's code of each action."""
    named: dict[str, str]
    """What the record says of it."""


def by_command(command: str, answer_seconds: float) -> JudgedPolicy:
    """Return the policy that a command starts, as a process of its own."""
    return JudgedPolicy(
        lambda codes: ForeignPolicy(command, codes, (FRAME_STACK, *_SCREEN), answer_seconds),
        {"policy_command": command},
    )


def by_call(function: Callable[[NDArray[np.uint8]], Any]) -> JudgedPolicy:
    """Return the policy that is a function of this process."""
    from replication.commands.called_policy import name_of_function, opened

    return JudgedPolicy(lambda codes: opened(function, len(codes)), {"policy_function": name_of_function(function)})


@dataclass(frozen=True)
class JudgedResult:
    """What was judged, and its score."""

    run: JudgedRun
    folder: Path
    trace: Trace
    score: float


def judge(run: JudgedRun, policy: JudgedPolicy, results: Path, *, quiet: bool = False) -> JudgedResult:
    """Play another program's policy by the protocol and write scores.csv, evaluation.trace and run.json.

    Args:
        run: from `judged_run`.
        policy: another program's.
        results: root of the results.
        quiet: no progress bar.

    Raises:
        ReplicationError: it was judged already; the policy fails or answers something else; the disk is full.
    """
    from replication.evidence.scores import score

    folder = run.results_folder(results)
    if (folder / "run.json").exists():
        raise ReplicationError(
            f"{folder}: {run.variant.variant} was judged already on {run.task.name} with seed {run.seed}; give another "
            "--name or --seed, or remove the folder"
        )
    ensure_folder(results, "give --results a folder that can be written")
    started = time.monotonic()
    trace = _play(run, policy, quiet=quiet)
    _write(run, policy, trace, folder, time.monotonic() - started)
    return JudgedResult(run, folder, trace, score(trace))


def _play(run: JudgedRun, policy: JudgedPolicy, *, quiet: bool) -> Trace:
    import numpy as np

    from replication.environments.atari.emulator import open_emulator
    from replication.environments.contract import Viewing
    from replication.evidence.evaluation import EvaluationRequest, evaluate
    from replication.evidence.traces import of_game
    from replication.foundation.progress import progress_bar
    from replication.training.exploration import explore

    final, config = run.protocol.final_evaluation, run.settings_as(JudgedConfig)
    assert final is not None
    skip = final.presentation.frame_skip
    viewing = Viewing(config.frame_pipeline, config.frame_stack, skip, config.history_start)
    request = EvaluationRequest(final.presentation, "final_evaluation", num_episodes=final.num_episodes)
    codes = open_emulator(run.task.name).minimal_actions
    epsilon, begins_episode = run.final_epsilon(final), True

    def finished(episodes: int) -> None:
        nonlocal begins_episode
        begins_episode = True
        bar.update()

    def choose(stack: NDArray[np.uint8], stream: np.random.Generator) -> int:
        nonlocal begins_episode
        chosen = begun.choose(np.ascontiguousarray(stack.transpose(2, 0, 1)), begins_episode=begins_episode)
        begins_episode = False
        at_random = explore(epsilon, len(codes), stream)
        return chosen if at_random is None else at_random

    with (
        progress_bar(final.num_episodes, "episodes", run.name, quiet=quiet, mininterval=0.5) as bar,
        policy.open(codes) as begun,
    ):
        return of_game(evaluate(choose, run, viewing, request, finished))


def _write(run: JudgedRun, policy: JudgedPolicy, trace: Trace, folder: Path, seconds: float) -> None:
    from replication.evidence.provenance import provenance
    from replication.evidence.scores import score, score_rows
    from replication.evidence.trace_file import serialise_trace

    files = {"scores.csv": csv_bytes(score_rows(trace)), "evaluation.trace": serialise_trace(trace)}
    identity = run.identity()
    record = identity | {
        "format": records.FORMAT,
        "result_digest": run.result_digest,
        "training_digest": run.training_digest,
        "budget": identity["budget"] | {"frames": 0},
        "deviations": [deviation.model_dump() for deviation in run.protocol.deviations],
        "score": score(trace),
        "provenance": provenance(run),
        **policy.named,
        "evaluated_network": None,
        "cost": {"seconds": round(seconds, 1)},
        "machine": {"device": "unknown", "lanes": 1},
    }
    records.write(folder, record, files)
