"""The wrappers of Atari games of OpenAI Baselines, as of 2017 and of 2020, and the frames of these and of CleanRL.

Written from their description: openai/baselines d9f194f and ea25b9e baselines/common/atari_wrappers.py.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from replication.environments.atari.emulator import open_emulator
from replication.environments.atari.palette import palette_rgb

Seen = tuple[NDArray[np.uint8], float, bool]


class Console:
    """An environment of one frame a step: the screen in colors, the reward, the end of the game."""

    def __init__(self, game: str) -> None:
        self.emulator = open_emulator(game)
        self.fires = self.emulator.minimal_actions[1:2] == (1,)
        self.returned = 0.0

    def seen(self) -> NDArray[np.uint8]:
        screen = np.empty((210, 160), dtype=np.uint8)
        self.emulator.read_screen(screen)
        return palette_rgb()[screen >> 1]

    def reset(self) -> NDArray[np.uint8]:
        self.emulator.reset()
        self.returned = 0.0
        return self.seen()

    def step(self, action: int) -> Seen:
        reward = float(self.emulator.act(self.emulator.minimal_actions[action]))
        self.returned += reward
        return self.seen(), reward, self.emulator.terminated


class Noops:
    """After a reset of what lies below, 1 to 30 no-ops; an end within them resets again."""

    def __init__(self, below: Any, stream: np.random.Generator) -> None:
        self.below, self.stream = below, stream
        self.step = below.step

    def reset(self) -> NDArray[np.uint8]:
        seen = self.below.reset()
        for _ in range(int(self.stream.integers(1, 30, endpoint=True))):
            seen, _, done = self.below.step(0)
            if done:
                seen = self.below.reset()
        return seen


class Repeat:
    """Four frames, rewards summed, stopped by an end; maximum of frames 3 and 4, or in 2017 of the last two."""

    def __init__(self, below: Any, *, last_two: bool) -> None:
        self.below, self.last_two = below, last_two
        self.places = np.zeros((2, 210, 160, 3), dtype=np.uint8)

    def reset(self) -> NDArray[np.uint8]:
        seen = self.below.reset()
        if self.last_two:
            self.places[:] = seen
        return seen

    def step(self, action: int) -> Seen:
        total, done = 0.0, False
        for number in range(4):
            seen, reward, done = self.below.step(action)
            total += reward
            if self.last_two:
                self.places = np.stack([self.places[1], seen])
            elif number >= 2:
                self.places[number - 2] = seen
            if done:
                break
        return self.places.max(axis=0), total, done


class Lives:
    """A lost life is an end while lives are left; after it one no-op of what lies below takes a reset's place."""

    def __init__(self, below: Any, console: Console) -> None:
        self.below, self.console = below, console
        self.lives, self.over = 0, True

    def reset(self) -> NDArray[np.uint8]:
        if self.over:
            seen = self.below.reset()
        else:
            seen, _, over = self.below.step(0)
            if over:  # Stable-Baselines3; the original plays on, and its monitor refuses
                seen = self.below.reset()
        self.lives = self.console.emulator.lives
        return seen

    def step(self, action: int) -> Seen:
        seen, reward, self.over = self.below.step(action)
        lives = self.console.emulator.lives
        lost = 0 < lives < self.lives
        self.lives = lives
        return seen, reward, self.over or lost


class Fire:
    """After a reset a step of action 1 and one of action 2; what the second one led to is seen."""

    def __init__(self, below: Any) -> None:
        self.below = below
        self.step = below.step

    def reset(self) -> NDArray[np.uint8]:
        self.below.reset()
        for action in (1, 2):
            seen, _, done = self.below.step(action)
            if done:
                self.below.reset()
        return seen


def wrapped_2020(console: Console, stream: np.random.Generator) -> Any:
    lives = Lives(Repeat(Noops(console, stream), last_two=False), console)
    return Fire(lives) if console.fires else lives


def wrapped_2017(console: Console, stream: np.random.Generator) -> Any:
    repeat = Repeat(Noops(Lives(console, console), stream), last_two=True)
    return Fire(repeat) if console.fires else repeat


def gray_then_area(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (84, 84), interpolation=cv2.INTER_AREA)


def area_then_gray(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return cv2.cvtColor(cv2.resize(rgb, (84, 84), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)


def pillow_bilinear(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    luminance = np.dot(rgb.astype("float32"), np.array([0.299, 0.587, 0.114], "float32"))
    resized = Image.fromarray(luminance).resize((84, 84), resample=Image.Resampling.BILINEAR)
    return np.array(resized).astype(np.uint8)
