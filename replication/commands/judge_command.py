"""The command `judge`: its arguments, and what it does with them."""

from __future__ import annotations

import argparse
from pathlib import Path

from replication.commands.arguments import at_least_one, seconds, whole_number
from replication.specification.loading import known_names

DESCRIPTION = (
    "Play a policy of others by one of our protocols. It is a process that you start: it reads observations from its "
    "stdin and writes actions to its stdout (the bytes are described at the top of replication/commands/foreign_policy.py, an "
    "example is workflow/examples/judge_sb3.py). What is left is a trace like our own, which `verify` plays again."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `judge` takes."""
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


def run_command(options: argparse.Namespace) -> int:
    """Judge, and print the score."""
    from replication.commands.judge import judge, judged_run  # numpy and the emulator are loaded by it

    run = judged_run(
        name=options.name,
        game=options.game,
        protocol=options.protocol,
        seed=options.seed,
        preset=options.preset,
        frame_pipeline=options.frame_pipeline,
        epsilon=options.epsilon,
        num_episodes=options.episodes,
    )
    print(judge(run, options.policy_command, options.results, options.answer_seconds, quiet=options.quiet))
    return 0
