"""From emulator screens to the agent's 84x84 frame.

`nature` is the released program's pipeline, bit for bit in float32: maximum per color channel over the last two
screens, luminance, area resize (width first), truncation to a byte. `dopamine` is Dopamine's: the emulator's gray,
maximum over the last two, INTER_AREA, rounded. Those of Baselines and CleanRL: baselines_frames.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Literal, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from replication.environments.atari.baselines_frames import (
    Baselines2017Pipeline,
    BaselinesPipeline,
    CleanRLPipeline,
    load_opencv,
)
from replication.environments.atari.emulator import Emulator
from replication.environments.atari.palette import palette_gray, palette_rgb
from replication.foundation.errors import ReplicationError
from replication.specification.protocols import FramePipelineName, HistoryStart

HEIGHT_PIXELS, WIDTH_PIXELS, SIDE_PIXELS = 210, 160, 84


class FramePipeline(Protocol):
    """A collector of screens that makes the agent's frame of them."""

    def clear(self) -> None:
        """Remove all screens; called before the first of a game, or of a life if losing one clears them, is painted."""

    def paint(self, emulator: Emulator, repeat_index: int | None, *, stopped: bool = False) -> None:
        """Take the screen after an emulator frame.

        Args:
            emulator: whose screen it is.
            repeat_index: 0 .. frame_skip - 1 inside an agent step; None after a reset or a no-op.
            stopped: True where a lost life stops the action repeat with this frame.
        """

    def grab(self, out: NDArray[np.uint8]) -> None:
        """Write the frame, uint8 [84, 84]."""

    def state(self) -> dict[str, Any]:
        """Return plain data from which `restore` continues."""

    def restore(self, state: dict[str, Any]) -> None: ...


def frame_pipeline(name: FramePipelineName | Literal["none"], frame_skip: int) -> FramePipeline:
    """Build the pipeline that a variant names; `none` for an agent that looks at nothing.

    Raises:
        ReplicationError: it cannot make a frame of so short a repeat, or a package is missing that it resizes with.
    """
    built: dict[str, Callable[[], FramePipeline]] = {
        "none": NoPipeline,
        "nature": NaturePipeline,
        "dopamine": lambda: DopaminePipeline(frame_skip),
        "baselines": lambda: BaselinesPipeline(frame_skip),
        "baselines_2017": lambda: Baselines2017Pipeline(frame_skip),
        "cleanrl": lambda: CleanRLPipeline(frame_skip),
    }
    return built[name]()


class NoPipeline:
    """A pipeline that looks at nothing: every frame stays as it is."""

    def clear(self) -> None: ...

    def paint(self, emulator: Emulator, repeat_index: int | None, *, stopped: bool = False) -> None: ...

    def grab(self, out: NDArray[np.uint8]) -> None: ...

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None: ...


class NaturePipeline:
    """A ring of two screens, into which every emulator frame is painted.

    Source: alewrap GameScreen.lua:53-135; google-deepmind/dqn run_gpu:19-20, dqn/Scale.lua:18-27.
    """

    def __init__(self) -> None:
        self._ring = np.zeros((2, HEIGHT_PIXELS, WIDTH_PIXELS), dtype=np.uint8)
        self._painted = 0

    def clear(self) -> None:
        self._painted = 0

    def paint(self, emulator: Emulator, repeat_index: int | None, *, stopped: bool = False) -> None:
        emulator.read_screen(self._ring[self._painted % 2])
        self._painted += 1

    def grab(self, out: NDArray[np.uint8]) -> None:
        assert self._painted, "nothing was painted since clear"
        newest = self._ring[(self._painted - 1) % 2]
        other = self._ring[self._painted % 2] if self._painted > 1 else newest
        _nature_frame(newest, other, _luminance_of_maximum(), out)

    def state(self) -> dict[str, Any]:
        return {"ring": self._ring.copy(), "painted": self._painted}

    def restore(self, state: dict[str, Any]) -> None:
        self._ring[:] = state["ring"]
        self._painted = state["painted"]


class DopaminePipeline:
    """Gray screens of the repeat's last two frames; after a reset the second is zeros.

    Where the game is over inside a repeat, or a lost life stops it, nothing is fetched, so the frame is stale, as in
    Dopamine before April 2022 (9e8c66a). After game over it is neither stored nor acted on; after a lost life it is the
    first of the next one, where nothing clears the screens.

    Source: google/dopamine 5873f54 dopamine/discrete_domains/atari_lib.py; what is fetched: the same file at c67e2c3,
    lines 464-476.
    """

    def __init__(self, frame_skip: int) -> None:
        """Load opencv.

        Raises:
            ReplicationError: opencv is missing, or there is no frame before the repeat's last to take a maximum with.
        """
        if frame_skip < 2:
            raise ReplicationError(f"Dopamine's frame pipeline: frame_skip: found {frame_skip}, expected 2 or more")
        cv2 = load_opencv("Dopamine's frame pipeline")
        self._resize = cv2.resize
        self._area = cv2.INTER_AREA
        self._frame_skip = frame_skip
        self._gray = np.zeros(256, dtype=np.uint8)
        self._gray[::2] = palette_gray()
        self._screen = np.zeros((HEIGHT_PIXELS, WIDTH_PIXELS), dtype=np.uint8)
        self._slots = np.zeros((2, HEIGHT_PIXELS, WIDTH_PIXELS), dtype=np.uint8)

    def clear(self) -> None:
        self._slots[:] = 0

    def paint(self, emulator: Emulator, repeat_index: int | None, *, stopped: bool = False) -> None:
        slot = 0 if repeat_index is None else repeat_index - (self._frame_skip - 2)
        if slot < 0 or stopped or (repeat_index is not None and emulator.terminated):
            return
        emulator.read_screen(self._screen)
        np.take(self._gray, self._screen, out=self._slots[slot])
        if repeat_index is None:
            self._slots[1] = 0

    def grab(self, out: NDArray[np.uint8]) -> None:
        pooled = np.maximum(self._slots[0], self._slots[1])
        self._resize(pooled, (SIDE_PIXELS, SIDE_PIXELS), dst=out, interpolation=self._area)

    def state(self) -> dict[str, Any]:
        return {"slots": self._slots.copy()}

    def restore(self, state: dict[str, Any]) -> None:
        self._slots[:] = state["slots"]


@cache
def _luminance_of_maximum() -> NDArray[np.float32]:
    """Compute the luminance of the per-channel maximum of two colors, in the original's order of operations.

    Returns: float32 [128, 128].

    Source: alewrap GameScreen.lua:134 (divided by 255 when painted); torch/image init.lua rgb2y of February 2015.
    """
    colors = palette_rgb().astype(np.float32) / np.float32(255)
    pooled = np.maximum(colors[:, None, :], colors[None, :, :])
    red, green, blue = pooled[..., 0], pooled[..., 1], pooled[..., 2]
    y = np.zeros((128, 128), dtype=np.float32)
    y += np.float32(0.299) * red
    y += np.float32(0.587) * green
    y += np.float32(0.114) * blue
    return y


@njit(cache=True, nogil=True, error_model="numpy")
def _nature_frame(
    one: NDArray[np.uint8], other: NDArray[np.uint8], table: NDArray[np.float32], out: NDArray[np.uint8]
) -> None:
    """Make the frame of two screens of palette indices."""
    # Turned, so that both averages run over whole rows side by side: the same operations, four times as fast.
    luminance = np.empty((WIDTH_PIXELS, HEIGHT_PIXELS), dtype=np.float32)
    for row in range(HEIGHT_PIXELS):
        for column in range(WIDTH_PIXELS):
            luminance[column, row] = table[one[row, column] >> 1, other[row, column] >> 1]
    narrow = np.empty((SIDE_PIXELS, HEIGHT_PIXELS), dtype=np.float32)
    _area_average(luminance, narrow)
    turned = np.empty((HEIGHT_PIXELS, SIDE_PIXELS), dtype=np.float32)
    for row in range(HEIGHT_PIXELS):
        for column in range(SIDE_PIXELS):
            turned[row, column] = narrow[column, row]
    small = np.empty((SIDE_PIXELS, SIDE_PIXELS), dtype=np.float32)
    _area_average(turned, small)
    for row in range(SIDE_PIXELS):
        for column in range(SIDE_PIXELS):
            out[row, column] = np.uint8(small[row, column] * np.float32(255))


@njit(cache=True, nogil=True, error_model="numpy")
def _area_average(source: NDArray[np.float32], target: NDArray[np.float32]) -> None:
    """Average along the first axis: a target row is the mean of its interval of the source, fractional edges weighted.

    All in float32 and, for each element, in the original's order of operations.

    Source: torch/image generic/image.c scale_rowcol (694f4cb), branch for shrinking.
    """
    one = np.float32(1)
    scale = np.float32(source.shape[0]) / np.float32(target.shape[0])
    first, first_fraction = 0, np.float32(0)
    for i in range(target.shape[0]):
        last_fraction = np.float32(i + 1) * scale
        last = int(last_fraction)
        last_fraction = np.float32(last_fraction - np.float32(last))
        weight = np.float32(one - first_fraction)
        for k in range(target.shape[1]):
            target[i, k] = weight * source[first, k]
        for j in range(first + 1, last):
            weight = np.float32(weight + one)
            for k in range(target.shape[1]):
                target[i, k] += source[j, k]
        if last < source.shape[0]:
            weight = np.float32(weight + last_fraction)
            for k in range(target.shape[1]):
                target[i, k] += last_fraction * source[last, k]
        for k in range(target.shape[1]):
            target[i, k] /= weight
        first, first_fraction = last, last_fraction


def push_frame(
    stack: NDArray[np.uint8], frame: NDArray[np.uint8], *, clear: bool, start: HistoryStart = "zeros"
) -> None:
    """Make `frame` the newest of `stack` in place.

    Args:
        stack: uint8 [84, 84, stack], oldest first.
        frame: uint8 [84, 84].
        clear: whether the frame starts a trajectory.
        start: what such a frame has before it: zeros, or itself again and again.
    """
    if clear:
        stack[:] = 0 if start == "zeros" else frame[:, :, None]
    elif stack.shape[2] == 4 and stack.flags.c_contiguous:
        words = stack.view("<u4")  # the oldest frame is the lowest byte: eight times as fast as moving bytes
        words >>= 8
    else:
        stack[:, :, :-1] = stack[:, :, 1:]
    stack[:, :, -1] = frame
