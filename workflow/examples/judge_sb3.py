"""A Stable-Baselines3 model as a policy that `judge` can play.

    python -m replication judge --name my_dqn --game pong --protocol nature --seed 1 --frame-pipeline dopamine \
        --command "/where/sb3/is/bin/python workflow/examples/judge_sb3.py model.zip"

This runs in the environment of Stable-Baselines3 and needs nothing of this project: it speaks version 1 of the
interface that replication/commands/foreign_policy.py describes. Change `load` for a model of another program.

Stable-Baselines3's own wrappers show a game a little otherwise than our protocols: they take the maximum of the colors
of two frames before the gray (as `--frame-pipeline nature` does) but resize with OpenCV (as `dopamine` does), press
FIRE after a reset and treat a lost life as an end. Here the game is shown by the protocol alone, and a model that never
pressed FIRE itself has to do it now.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable

import numpy as np


def load(path: str, observation: tuple[int, int, int], num_actions: int) -> Callable[[np.ndarray], int]:
    """A policy from observations, uint8 [frames, height, width], to the index of an action."""
    from stable_baselines3 import DQN

    model = DQN.load(path, device="cpu", buffer_size=1)
    found = (tuple(model.observation_space.shape), int(model.action_space.n))
    if found != (observation, num_actions):
        sys.exit(f"{path}: made for observations and actions {found}, asked for {(observation, num_actions)}")

    def choose(frames: np.ndarray) -> int:
        action, _ = model.predict(frames[np.newaxis], deterministic=True)
        return int(action[0])

    return choose


def main(path: str) -> None:
    """Answer until nobody asks any more."""
    # stdout is for answers alone: whatever else is printed, by any library, goes to stderr.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    asked = sys.stdin.buffer
    magic, version, frames, height, width, num_actions = struct.unpack("<8sHHHHH", asked.read(18))
    if (magic, version) != (b"RPLJUDGE", 1):
        sys.exit(f"expected version 1 of the interface, found {magic!r} {version}")
    asked.read(num_actions)  # ALE's codes of the actions; the model was made for the same, minimal set
    choose = load(path, (frames, height, width), num_actions)
    size = frames * height * width
    while message := asked.read(1 + size):  # the first byte is 1 where an episode begins
        seen = np.frombuffer(bytearray(message), np.uint8, size, offset=1).reshape(frames, height, width)
        answers.write(bytes([choose(seen)]))


if __name__ == "__main__":
    main(sys.argv[1])
