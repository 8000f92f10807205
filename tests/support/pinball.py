"""A made-up game, its traces recorded, and what tests do to their files."""

from __future__ import annotations

import hashlib
import json
import lzma
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from replication.evidence.recording import RecordingEmulator
from replication.evidence.trace_file import RESET, Trace, TraceHeader, serialise_trace
from replication.foundation.errors import ReplicationError

ACTIONS = (0, 1, 3, 4)
PLACE = Path("somewhere/evaluation.trace")


class Pinball:
    """A made-up game: any action but the no-op moves a ball; some places give points, some cost a life.

    What the last episode left in the memory moves the first ball of the next one.
    """

    game = "pinball"
    minimal_actions = ACTIONS

    def __init__(self) -> None:
        self.memory = np.zeros(128, np.uint8)
        self.lives = 0
        self.log: list[int] = []

    def reset(self, *, cold: bool = False) -> None:
        self.log.append(RESET)
        self.lives = 3
        self.memory[0] = self.memory[0] // 2

    def act(self, action_code: int) -> int:
        self.log.append(action_code)
        self.memory[1] = (int(self.memory[1]) + 1) % 256
        if action_code == 0:
            return 1
        place = (31 * int(self.memory[0]) + 7 * action_code) % 251
        self.memory[0] = place
        self.lives -= place % 13 == 0
        return place - 100 if place % 3 == 0 else 0

    @property
    def terminated(self) -> bool:
        return self.lives <= 0

    def read_screen(self, out: np.ndarray) -> None:
        out[:] = self.memory[0]

    def ram(self) -> np.ndarray:
        return self.memory

    def save(self) -> bytes:
        return bytes([self.lives]) + self.memory.tobytes()

    def restore(self, state: bytes) -> None:
        self.lives, self.memory = state[0], np.frombuffer(state[1:], np.uint8).copy()


def header(**changes) -> TraceHeader:
    fields = {
        "variant": "dqn",
        "protocol": "nature",
        "game": "pinball",
        "seed": 3,
        "purpose": "final_evaluation",
        "rom_md5": "0" * 32,
        "ale_py_version": "0.12.1",
        "frame_skip": 4,
        "sticky_probability": 0.25,
        "minimal_actions": ACTIONS,
        "result_digest": "ab" * 32,
    }
    return TraceHeader(**(fields | changes))


def play(recorder, noops, parts) -> None:
    """One episode as a game session plays it, counting for itself.

    Args:
        recorder: records it.
        noops: frames of no-op after the reset.
        parts: (action, frames, whether they are scored), until the game is over.
    """
    recorder.reset()
    for _ in range(noops):
        recorder.act(0)
    total = frames = unscored = 0
    for action, length, scored in parts:
        recorder.mark_scored(scored)
        for _ in range(length):
            if recorder.terminated:
                break
            reward = recorder.act(action)
            total += reward if scored else 0
            frames += scored
            unscored += not scored and frames == 0
    recorder.finish_episode(
        raw_return=total,
        scored_frames=frames,
        noop_frames=noops + unscored,
        ending="terminated" if recorder.terminated else "truncated",
    )


def recorded(*episodes) -> Trace:
    recorder = RecordingEmulator(Pinball())
    for noops, parts in episodes:
        play(recorder, noops, parts)
    return Trace(header(), tuple(recorder.episodes))


def two_episodes() -> Trace:
    """The first is ended by game over after some 20 frames, the second by the cap."""
    return recorded((5, [(3, 4, True), (1, 400, True)]), (2, [(4, 3, True), (0, 2, False), (4, 1, True)]))


def edited(trace, number, **changes) -> Trace:
    episodes = list(trace.episodes)
    episodes[number] = replace(episodes[number], **changes)
    return replace(trace, episodes=tuple(episodes))


def assembled(content, payload, version=1) -> bytes:
    """A file of any content, with the right digest at its end."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    body = struct.pack("<8sHI", b"RPLTRACE", version, len(text)) + text + payload
    return body + hashlib.sha256(body).digest()


def taken_apart(trace) -> tuple[dict, bytes]:
    """Header as plain data, and the payload decompressed."""
    data = serialise_trace(trace)
    length = struct.unpack_from("<I", data, 10)[0]
    return json.loads(data[14 : 14 + length]), lzma.decompress(data[14 + length : -32])


def message(action, *arguments) -> str:
    with pytest.raises(ReplicationError) as caught:
        action(*arguments)
    text = str(caught.value)
    assert "\n" not in text
    return text
