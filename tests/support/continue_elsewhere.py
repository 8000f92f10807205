"""Continues stored games in a process of its own and prints what it saw.

python -m tests.support.continue_elsewhere FILE
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from replication.environments.atari.emulator import open_emulator
from replication.environments.atari.frames import frame_pipeline
from replication.environments.atari.presentation import PresentedGame
from replication.foundation.files import plain, rich
from replication.foundation.random_streams import named_stream, restore_stream, stream_state
from replication.specification.loading import load_protocol

STEPS = 1_000
NAMES = ("noop_starts", "stickiness", "actions")


def presented(game: str, protocol: str) -> tuple[PresentedGame, dict[str, np.random.Generator]]:
    streams = {name: named_stream(3, game, name) for name in NAMES}
    shown = load_protocol(protocol).training
    pipeline = frame_pipeline("nature", shown.frame_skip)
    emulator = open_emulator(game)
    return PresentedGame(
        emulator, shown, pipeline, shown.frame_skip, streams["noop_starts"], streams["stickiness"]
    ), streams


def play(game: PresentedGame, streams: dict[str, np.random.Generator], steps: int) -> str:
    """The digest of every reward, screen, memory and observation of so many steps of random play."""
    seen, screen = hashlib.sha256(), np.empty((210, 160), np.uint8)
    for _ in range(steps):
        result = game.step(int(streams["actions"].integers(game.num_actions)))
        game._emulator.read_screen(screen)
        seen.update(repr(result).encode() + screen.tobytes() + game._emulator.ram().tobytes())
        seen.update(game.observation.tobytes())
        if result.ended:
            game.begin_episode()
        elif result.life_lost and game._presentation.life_loss_ends_trajectory:
            game.begin_trajectory()
    return seen.hexdigest()


def stored(game: PresentedGame, streams: dict[str, np.random.Generator]) -> dict[str, Any]:
    states = {name: stream_state(stream) for name, stream in streams.items()}
    content: dict[str, Any] = plain({"game": game.state(), "streams": states})
    return content


def continued(game: str, protocol: str, state: dict[str, Any]) -> str:
    """What is seen when a stored game goes on here."""
    other, streams = presented(game, protocol)
    content = rich(state)
    other.restore(content["game"])
    for name, stream in streams.items():
        restore_stream(stream, content["streams"][name])
    return play(other, streams, STEPS)


if __name__ == "__main__":
    for entry in json.loads(Path(sys.argv[1]).read_text()):
        print(continued(entry["game"], entry["protocol"], entry["state"]))
