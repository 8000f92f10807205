"""The command `film`: an episode of a trace, or the best seconds of a run, as an animated WebP."""

from __future__ import annotations

import argparse
from pathlib import Path

from replication.commands.arguments import whole_number
from replication.foundation.errors import ReplicationError

HELP = "draw an episode of a trace as an animated WebP"
DESCRIPTION = (
    "Play a trace again and draw one of its episodes, with score and, of a game where embedding.csv has it, the "
    "predicted value. Given the folder of a finished run, draw the most rewarding seconds of its best episode as "
    "clip.webp there."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `film`."""
    parser.add_argument(
        "path", type=Path, nargs="+", help="a trace or the folder of a run, or without --episode folders of runs"
    )
    parser.add_argument("--episode", type=whole_number, help="number of the episode, the first is 0")
    parser.add_argument(
        "--first-frame",
        type=whole_number,
        default=1,
        help="where to begin: frames of a game, 60 a second, or steps (default: 1)",
    )
    parser.add_argument("--last-frame", type=whole_number, help="where to end (default: with the episode)")
    parser.add_argument("--output", type=Path, help="default: episode_N.webp beside the trace")


def run(options: argparse.Namespace) -> int:
    """Draw the episode, or a clip of each run, and print where it lies.

    Returns: exit code 0.
    Raises:
        ReplicationError: no such episode or frames; a damaged trace; arguments that do not go together.
    """
    from replication.report.views.any_film import film_of, write_any_clip

    if options.episode is None:
        for folder in options.path:
            if not folder.is_dir():
                raise ReplicationError(f"{folder}: which episode? give --episode N; or name the folder of a run")
            print(write_any_clip(folder))
        return 0
    if len(options.path) > 1:
        raise ReplicationError(f"--episode: found {len(options.path)} paths, expected one trace")
    path = options.path[0] / "evaluation.trace" if options.path[0].is_dir() else options.path[0]
    target = options.output or path.with_name(f"episode_{options.episode}.webp")
    print(film_of(path, options.episode, target, options.first_frame, options.last_frame))
    return 0
