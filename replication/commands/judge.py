"""The command `judge`: a policy of another program, played by one of our protocols.

The policy is a process of the user's (see foreign_policy.py). What it leaves is what our own runs leave, a trace among
it, in results/judged/NAME/GAME/seedN/DIGEST, and `verify` plays it again in the same way. How the policy came to be is
not known here: its folder's digest covers how it was judged, not what was judged, and its record says so with the
family `judged`.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from replication.commands.arguments import at_least_one, seconds, whole_number
from replication.commands.foreign_policy import INTERFACE_VERSION, ForeignPolicy
from replication.evidence import records
from replication.foundation.errors import ReplicationError
from replication.foundation.files import csv_bytes, ensure_folder
from replication.foundation.validation import Count
from replication.specification.budget import Budget
from replication.specification.families.facts import FamilySettings
from replication.specification.loading import known_names, load_preset, load_protocol
from replication.specification.protocols import FinalEvaluation, Protocol, of_atari
from replication.specification.run import Run, checked_task
from replication.specification.variants import Variant

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
FRAME_STACK = 4
_SCREEN = (84, 84)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


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
        default="nature",
        choices=["nature", "dopamine"],
        help="from screens to 84x84 bytes: maximum of colours, then gray (default), or gray, then maximum",
    )
    parser.add_argument(
        "--answer-seconds", type=seconds, default=60.0, help="longest time for an answer, the start included (60)"
    )
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
    )
    print(judge(judged, options.policy_command, options.results, options.answer_seconds, quiet=options.quiet))
    return 0


class JudgedConfig(FamilySettings):
    """How another program's policy sees the game, and the messages it is asked in."""

    frame_pipeline: Literal["nature", "dopamine"]
    frame_stack: Count
    interface_version: Count


class _Judged(Variant):
    """Another program's agent."""

    @property
    def settings_class(self) -> type[FamilySettings]:
        """The settings class of a judged agent, whose algorithm nobody here knows."""
        return JudgedConfig


class JudgedRun(Run):
    """A policy of another program under a protocol; `variant` holds its name and how it sees the game."""

    @property
    def shared_identity(self) -> dict[str, Any]:
        """The identity of a run, marked as another program's."""
        return super().shared_identity | {"family": "judged", "numerics_version": INTERFACE_VERSION}

    def results_folder(self, results: Path) -> Path:
        """Return the folder of its results: beside the runs, never among them."""
        return results / "judged" / self.place


def judged_run(
    *,
    name: str,
    game: str,
    protocol: str,
    seed: int,
    preset: str | None = None,
    frame_pipeline: Literal["nature", "dopamine"] = "nature",
    epsilon: float | None = None,
    num_episodes: int | None = None,
) -> JudgedRun:
    """Return what is judged, and how.

    Args:
        name: of the agent, letters, digits, `_`, `.` and `-`.
        game: ROM name.
        protocol: whose presentation and episodes are played.
        seed: of everything random: no-op starts, stickiness, random actions.
        preset: overrides of scale.
        frame_pipeline: how screens become 84x84 bytes.
        epsilon: share of random actions; only where the protocol leaves it open.
        num_episodes: only where the protocol has no final evaluation; its training presentation is then played.

    Raises:
        ReplicationError: a name that is malformed or a variant's; a bad game, protocol, seed or preset; an epsilon or
            a number of episodes that is missing, out of range or already the protocol's own.
    """
    if not _NAME.fullmatch(name):
        raise ReplicationError(
            f"--name {name!r}: expected 1 to 64 letters, digits, _ . - (the first a letter or digit)"
        )
    if name in known_names("algorithms"):
        raise ReplicationError(f"--name {name!r}: a variant of this program is called so; give another name")
    if seed < 0:
        raise ReplicationError(f"seed {seed}: expected an integer >= 0")
    loaded_preset = load_preset(preset) if preset else None
    played = _with_final_evaluation(load_protocol(protocol, loaded_preset), epsilon, num_episodes)
    config = {"frame_pipeline": frame_pipeline, "frame_stack": FRAME_STACK, "interface_version": INTERFACE_VERSION}
    agent = _Judged(
        variant=name,
        title=name,
        module="judged",
        family="untrained",  # it learns nothing here; `identity` says what it is
        paper="",
        original="",
        protocol=protocol,
        config=config,
        sources={},
        deviations=(),
    )
    return JudgedRun(agent, played, checked_task(game, played), seed, loaded_preset, Budget())


_IN_EVALUATION = {"life_loss_ends_trajectory": False, "independent_episodes": False}
"""Of a training's presentation, where it is evaluated by it: games are whole, and all of them are kept."""


def _with_final_evaluation(protocol: Protocol, epsilon: float | None, num_episodes: int | None) -> Protocol:
    """Return the protocol with all that an evaluation needs and it leaves open."""
    name, final = protocol.protocol, protocol.final_evaluation
    if final is not None and num_episodes is not None:
        raise ReplicationError(f"protocol {name} plays {final.num_episodes} episodes: leave --episodes out")
    if final is not None and final.epsilon is not None and epsilon is not None:
        raise ReplicationError(f"protocol {name} has epsilon {final.epsilon:g}: leave --epsilon out")
    if final is None and num_episodes is None:
        raise ReplicationError(
            f"protocol {name} scores training returns and plays no evaluation: give --episodes N, played as its "
            "training is presented"
        )
    if (final is None or final.epsilon is None) and epsilon is None:
        raise ReplicationError(f"protocol {name} leaves epsilon, the share of random actions, open: give --epsilon")
    if epsilon is not None and not 0.0 <= epsilon <= 1.0:
        raise ReplicationError(f"--epsilon {epsilon:g}: expected a share from 0 to 1")
    if final is None:
        assert num_episodes is not None
        presentation = of_atari(protocol.training).model_copy(update=_IN_EVALUATION)
        final = FinalEvaluation(network="final", num_episodes=num_episodes, epsilon=epsilon, presentation=presentation)
    elif epsilon is not None:
        final = final.model_copy(update={"epsilon": epsilon})
    scored = {"final_evaluation": final, "published_quantity": "final_evaluation"}
    return protocol.model_copy(update=scored | {"evaluation_beside_score": None, "training_score": None})


def judge(run: JudgedRun, command: str, results: Path, answer_seconds: float, *, quiet: bool = False) -> str:
    """Play another program's policy by the protocol and write scores.csv, evaluation.trace and run.json.

    Args:
        run: from `judged_run`.
        command: starts the process of the policy.
        results: root of the results.
        answer_seconds: the longest an answer may take.
        quiet: no progress bar.

    Returns: the score and the folder, in words.
    Raises:
        ReplicationError: it was judged already; the process fails or answers something else; the disk is full.
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
    trace = _play(run, command, answer_seconds, quiet=quiet)
    _write(run, command, trace, folder, time.monotonic() - started)
    return f"{run.name}: score {score(trace):.1f} over {len(trace.episodes)} episodes; {folder}"


def _play(run: JudgedRun, command: str, answer_seconds: float, *, quiet: bool) -> Trace:
    import numpy as np

    from replication.environments.atari.emulator import open_emulator
    from replication.environments.contract import Viewing
    from replication.evidence.evaluation import EvaluationRequest, evaluate
    from replication.evidence.traces import of_game
    from replication.foundation.progress import progress_bar
    from replication.training.exploration import explore

    final, config = run.protocol.final_evaluation, run.settings_as(JudgedConfig)
    assert final is not None
    viewing = Viewing(config.frame_pipeline, config.frame_stack, final.presentation.frame_skip)
    request = EvaluationRequest(final.presentation, "final_evaluation", num_episodes=final.num_episodes)
    codes = open_emulator(run.task.name).minimal_actions
    epsilon, begins_episode = run.final_epsilon(final), True

    def finished(episodes: int) -> None:
        nonlocal begins_episode
        begins_episode = True
        bar.update()

    def policy(stack: NDArray[np.uint8], stream: np.random.Generator) -> int:
        nonlocal begins_episode
        chosen = process.choose(np.ascontiguousarray(stack.transpose(2, 0, 1)), begins_episode=begins_episode)
        begins_episode = False
        at_random = explore(epsilon, len(codes), stream)
        return chosen if at_random is None else at_random

    with (
        progress_bar(final.num_episodes, "episodes", run.name, quiet=quiet, mininterval=0.5) as bar,
        ForeignPolicy(command, codes, (FRAME_STACK, *_SCREEN), answer_seconds) as process,
    ):
        return of_game(evaluate(policy, run, viewing, request, finished))


def _write(run: JudgedRun, command: str, trace: Trace, folder: Path, seconds: float) -> None:
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
        "policy_command": command,
        "evaluated_network": None,
        "cost": {"seconds": round(seconds, 1)},
        "machine": {"device": "unknown", "lanes": 1},
    }
    records.write(folder, record, files)
