"""The frames of OpenAI Baselines, as its wrappers make them at two times, and of CleanRL.

All take the maximum per color channel over two screens of an action repeat; the first frame of a game, and that of a
life after single no-op frames, is one screen alone. `baselines` is gray by opencv, then INTER_AREA, both rounded;
`baselines_2017` a luminance in float32, Pillow's bilinear filter, truncated; `cleanrl` shrinks the colors, then gray.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.environments.atari.emulator import Emulator
from replication.environments.atari.palette import palette_rgb
from replication.foundation.errors import ReplicationError

_SCREEN_SHAPE = (210, 160)
_FRAME_SIZE = (84, 84)


def load_opencv(needed_by: str) -> Any:
    """Import opencv, which only the pipelines need that resize with it.

    Raises:
        ReplicationError: it is missing.
    """
    try:
        import cv2
    except ImportError:
        raise ReplicationError(f"{needed_by} needs opencv: pip install opencv-python-headless") from None
    return cv2


class _MaximumOfTwoScreens:
    """Two screens, whose maximum per channel is the frame's source; they are equal where there is only one."""

    def __init__(self, frame_skip: int) -> None:
        """Store the length of the action repeat, in emulator frames.

        Raises:
            ReplicationError: there is no frame before the repeat's last to take a maximum with.
        """
        if frame_skip < 2:
            raise ReplicationError(f"Baselines' frame pipelines: frame_skip: found {frame_skip}, expected 2 or more")
        self._frame_skip = frame_skip
        self._screens = np.zeros((2, *_SCREEN_SHAPE), dtype=np.uint8)

    def _colors(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the color of every pixel on both screens, rows of the palette."""
        return self._screens[0] >> 1, self._screens[1] >> 1

    def state(self) -> dict[str, Any]:
        return {"screens": self._screens.copy()}

    def restore(self, state: dict[str, Any]) -> None:
        self._screens[:] = state["screens"]


class BaselinesPipeline(_MaximumOfTwoScreens):
    """Gray of the maximum over frames 3 and 4 of a repeat, shrunk by INTER_AREA.

    Where the game is over inside a repeat the two places hold what an earlier repeat left there. Such a frame is shown
    only where the game ends in the second step of a start that presses FIRE.

    Source: openai/baselines ea25b9e baselines/common/atari_wrappers.py:97-123 (MaxAndSkipEnv), :166-186 (WarpFrame).
    """

    _name = "Baselines' frame pipeline"

    def __init__(self, frame_skip: int) -> None:
        """Load opencv.

        Raises:
            ReplicationError: opencv is missing, or `frame_skip` is less than 2.
        """
        super().__init__(frame_skip)
        self._cv2 = load_opencv(self._name)
        self._first: NDArray[np.uint8] = np.zeros(_SCREEN_SHAPE, dtype=np.uint8)
        self._shows_first = False

    def clear(self) -> None: ...

    def paint(self, emulator: Emulator, repeat_index: int | None, *, stopped: bool = False) -> None:
        self._shows_first = repeat_index is None
        if repeat_index is None:
            emulator.read_screen(self._first)
        elif repeat_index >= self._frame_skip - 2:
            emulator.read_screen(self._screens[repeat_index - (self._frame_skip - 2)])

    def grab(self, out: NDArray[np.uint8]) -> None:
        gray = _looked_up(_gray_of_maximum(), *self._colors())
        self._cv2.resize(gray, _FRAME_SIZE, dst=out, interpolation=self._cv2.INTER_AREA)

    def _colors(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return (np.right_shift(self._first, 1),) * 2 if self._shows_first else super()._colors()

    def state(self) -> dict[str, Any]:
        return super().state() | {"first": self._first.copy(), "shows_first": self._shows_first}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self._first[:] = state["first"]
        self._shows_first = state["shows_first"]


class CleanRLPipeline(BaselinesPipeline):
    """The same screens, but each color channel is shrunk by INTER_AREA before gray is made of them.

    Source: vwxyzjn/cleanrl fe8d8a0 cleanrl/ppo_atari.py:89-105, with gym's ResizeObservation and GrayScaleObservation.
    """

    _name = "CleanRL's frame pipeline"

    def grab(self, out: NDArray[np.uint8]) -> None:
        one, other = self._colors()
        rgb = palette_rgb()
        small = self._cv2.resize(np.maximum(rgb[one], rgb[other]), _FRAME_SIZE, interpolation=self._cv2.INTER_AREA)
        self._cv2.cvtColor(small, self._cv2.COLOR_RGB2GRAY, dst=out)


class Baselines2017Pipeline(_MaximumOfTwoScreens):
    """Luminance of the maximum over the last two frames of a repeat, wherever it ended, shrunk by Pillow.

    Source: openai/baselines d9f194f baselines/common/atari_wrappers.py:86-113 (MaxAndSkipEnv), :120-131 (WarpFrame).
    """

    def __init__(self, frame_skip: int) -> None:
        """Load Pillow.

        Raises:
            ReplicationError: Pillow is missing, or `frame_skip` is less than 2.
        """
        super().__init__(frame_skip)
        try:
            from PIL import Image
        except ImportError:
            raise ReplicationError("Baselines' frame pipeline of 2017 needs Pillow: pip install pillow") from None
        self._image = Image

    def clear(self) -> None: ...

    def paint(self, emulator: Emulator, repeat_index: int | None, *, stopped: bool = False) -> None:
        self._screens[0] = self._screens[1]
        emulator.read_screen(self._screens[1])
        if repeat_index is None:
            self._screens[0] = self._screens[1]

    def grab(self, out: NDArray[np.uint8]) -> None:
        luminance = self._image.fromarray(_looked_up(_luminance_of_maximum(), *self._colors()))
        # Truncated, as by the original's conversion to bytes.
        out[:] = np.asarray(luminance.resize(_FRAME_SIZE, resample=self._image.Resampling.BILINEAR)).astype(np.uint8)


@njit(cache=True, nogil=True)
def _looked_up(table: NDArray[Any], one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[Any]:
    """Take table[one, other] pixel by pixel, several times as fast as indexing by arrays does."""
    found = np.empty(one.shape, table.dtype)
    for row in range(one.shape[0]):
        for column in range(one.shape[1]):
            found[row, column] = table[one[row, column], other[row, column]]
    return found


def _maximum() -> NDArray[np.uint8]:
    """Compute the maximum per channel of every two colors, uint8 [128, 128, 3]."""
    rgb = palette_rgb()
    return np.maximum(rgb[:, None, :], rgb[None, :, :])


@cache
def _gray_of_maximum() -> NDArray[np.uint8]:
    """Compute opencv's gray of the maximum of every two colors, uint8 [128, 128]."""
    cv2 = load_opencv("a gray level")
    gray: NDArray[np.uint8] = cv2.cvtColor(_maximum(), cv2.COLOR_RGB2GRAY)
    return gray


@cache
def _luminance_of_maximum() -> NDArray[np.float32]:
    """Compute 0.299 R + 0.587 G + 0.114 B of the maximum of every two colors, in float32, float32 [128, 128]."""
    luminance: NDArray[np.float32] = np.dot(
        _maximum().astype(np.float32), np.array([0.299, 0.587, 0.114], dtype=np.float32)
    )
    return luminance
