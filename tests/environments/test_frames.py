"""The frame pipelines against independent transcriptions (fidelity rows I1 to I6, E9, E9b)."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from numpy.typing import NDArray

from replication.environments.atari.emulator import open_emulator
from replication.environments.atari.frames import DopaminePipeline, NaturePipeline, frame_pipeline
from replication.environments.atari.palette import palette_gray, palette_rgb
from replication.foundation.errors import ReplicationError

SIX_GAMES = ["pong", "breakout", "space_invaders", "seaquest", "ms_pacman", "asteroids"]


class Screen:
    """Shows what it is told to."""

    terminated = False

    def __init__(self, indices: NDArray[np.uint8]) -> None:
        self.indices = indices

    def read_screen(self, out: NDArray[np.uint8]) -> None:
        out[:] = self.indices


def _screens(game: str, count: int) -> list[NDArray[np.uint8]]:
    """Screens of random play, two neighboring frames after every fourth."""
    emulator = open_emulator(game)
    emulator.reset()
    stream = np.random.default_rng(0)
    found = []
    for frame in range(150 + 4 * count):
        if emulator.terminated:
            emulator.reset()
        emulator.act(emulator.minimal_actions[stream.integers(len(emulator.minimal_actions))])
        if frame >= 150 and frame % 4 >= 2:
            found.append(np.empty((210, 160), dtype=np.uint8))
            emulator.read_screen(found[-1])
    return found


def _scale_rowcol(source: NDArray, length: int, real: type) -> NDArray:
    """torch/image's area average along the last axis, written from its description; every operation in `real`."""
    size = source.shape[-1]
    scale = real(real(size) / real(length))
    target = np.empty((*source.shape[:-1], length), dtype=real)
    start, start_part = 0, real(0)
    for i in range(length):
        end_part = real(real(i + 1) * scale)
        end = int(end_part)
        end_part = real(end_part - real(end))
        total = (real(1) - start_part) * source[..., start]
        weight = real(1) - start_part
        for j in range(start + 1, end):
            total = total + source[..., j]
            weight = real(weight + real(1))
        if end < size:
            total = total + end_part * source[..., end]
            weight = real(weight + end_part)
        target[..., i] = total / weight
        start, start_part = end, end_part
    return target


def _transcription(one: NDArray[np.uint8], other: NDArray[np.uint8], real: type) -> NDArray[np.uint8]:
    """Paint as RGB / 255, maximum, luminance, width, height, times 255, truncate."""
    colors = palette_rgb().astype(real)
    painted = [(colors[screen // 2] / real(255)).astype(real) for screen in (one, other)]
    pooled = np.maximum(*painted)
    y = real(0.299) * pooled[..., 0] + real(0)
    y = y + real(0.587) * pooled[..., 1]
    y = y + real(0.114) * pooled[..., 2]
    assert y.dtype == real
    wide = _scale_rowcol(y, 84, real)
    small = _scale_rowcol(wide.T, 84, real).T
    return (small * real(255)).astype(np.uint8)


def _nature(*screens: NDArray[np.uint8]) -> NDArray[np.uint8]:
    pipeline, out = NaturePipeline(), np.empty((84, 84), dtype=np.uint8)
    for screen in screens:
        pipeline.paint(Screen(screen), None)
    pipeline.grab(out)
    return out


@pytest.mark.rom
@pytest.mark.parametrize("game", SIX_GAMES)
def test_i1_equals_the_float32_transcription_bit_for_bit_and_float64_within_one_level(game: str) -> None:
    screens = _screens(game, 12)
    assert any((one != other).any() for one, other in zip(screens[::2], screens[1::2], strict=True))
    for one, other in zip(screens[::2], screens[1::2], strict=True):
        frame = _nature(one, other)
        np.testing.assert_array_equal(frame, _transcription(one, other, np.float32))
        exact = _transcription(one, other, np.float64).astype(int)
        assert np.abs(frame.astype(int) - exact).max() <= 1


def test_e9_the_maximum_is_taken_per_color_channel_over_the_last_two_screens() -> None:
    rgb = palette_rgb().astype(int)
    reddest, greenest = int(rgb[:, 0].argmax()), int((rgb[:, 1] - rgb[:, 0]).argmax())
    red, green = (np.full((210, 160), 2 * index, dtype=np.uint8) for index in (reddest, greenest))
    older = np.full((210, 160), 14, dtype=np.uint8)
    both = np.maximum(rgb[reddest], rgb[greenest]) @ [0.299, 0.587, 0.114]
    assert both > max(rgb[reddest] @ [0.299, 0.587, 0.114], rgb[greenest] @ [0.299, 0.587, 0.114]) + 2
    assert abs(int(_nature(older, red, green)[40, 40]) - both) <= 1
    np.testing.assert_array_equal(_nature(red, green), _nature(green, red))


def test_a_single_screen_after_clear_is_shown_alone() -> None:
    white, black = np.full((210, 160), 14, dtype=np.uint8), np.zeros((210, 160), dtype=np.uint8)
    pipeline, out = NaturePipeline(), np.empty((84, 84), dtype=np.uint8)
    pipeline.paint(Screen(white), None)
    pipeline.clear()
    pipeline.paint(Screen(black), None)
    pipeline.grab(out)
    assert not out.any()


def _constant(color: int) -> NDArray[np.uint8]:
    return np.full((210, 160), 2 * color, dtype=np.uint8)


def test_i4_a_constant_screen_stays_constant_and_a_pixel_spreads_over_its_box_alone() -> None:
    # Color 7 is the palette's white, 236 in all channels; the weights of luminance add up to 1.
    assert np.unique(_nature(_constant(7))).tolist() == [236]
    dot = np.zeros((210, 160), dtype=np.uint8)
    dot[100, 80] = 14
    rows, columns = np.nonzero(_nature(dot))
    # Row 100 begins an interval of 2.5 rows, [100, 102.5): output row 40. Column 80 = 42 * 160 / 84: output column 42.
    assert set(rows) == {40}
    assert set(columns) == {42}
    # One of 2.5 rows and one of 1.9047... columns: 236 * 0.4 * 0.525 = 49.56.
    assert _nature(dot)[40, 42] == 49
    on_an_edge = np.zeros((210, 160), dtype=np.uint8)
    on_an_edge[102, 81] = 14
    # Row 102 is halved between output rows 40 and 41. Of column 81, [81, 81.9047...) falls to output column 42, whose
    # interval is 1.9047... wide, and the rest to column 43: 236 * 0.2 * 0.475 = 22.42 and 236 * 0.2 * 0.05 = 2.36.
    rows, columns = np.nonzero(_nature(on_an_edge))
    assert (set(rows), set(columns)) == ({40, 41}, {42, 43})
    assert _nature(on_an_edge)[40:42, 42:44].tolist() == [[22, 2], [22, 2]]


@pytest.mark.rom
@pytest.mark.parametrize("game", ["pong", "seaquest"])
def test_i4_is_opencvs_area_interpolation_but_for_rounding(game: str) -> None:
    import cv2

    for screen in _screens(game, 4):
        y = (palette_rgb()[screen // 2] @ np.array([0.299, 0.587, 0.114])).astype(np.float32)
        area = cv2.resize(y, (84, 84), interpolation=cv2.INTER_AREA)
        difference = area - _nature(screen)  # truncation takes away less than one level
        assert difference.min() > -1e-3
        assert difference.max() < 1 + 1e-3


def test_i6_bytes_are_truncated_not_rounded() -> None:
    # Color 1 is gray 74. A single row of it fills 1 of the 2.5 rows of output row 0: 74 * 0.4 = 29.6.
    screen = np.zeros((210, 160), dtype=np.uint8)
    screen[0] = 2
    assert np.unique(_nature(screen)[0]).tolist() == [29]
    # Color 4 is gray 170. Float32 has it as 169.99998 once the three weights are added up, and as 170 again where the
    # averages happen to round up: the original's frame of a constant screen is not constant.
    assert np.unique(_nature(_constant(4))).tolist() == [169, 170]


@pytest.mark.rom
@pytest.mark.parametrize("game", ["pong", "seaquest"])
def test_d7_dopamine_is_gray_then_maximum_then_area_resize(game: str) -> None:
    import cv2

    gray = np.zeros(256, dtype=np.uint8)
    gray[::2] = palette_gray()
    screens = _screens(game, 6)
    pipeline, out = frame_pipeline("dopamine", 4), np.empty((84, 84), dtype=np.uint8)
    for one, other in zip(screens[::2], screens[1::2], strict=True):
        for index, screen in enumerate((other, one, one, other)):
            pipeline.paint(Screen(screen), index)
        pipeline.grab(out)
        pooled = np.maximum(gray[one], gray[other])
        np.testing.assert_array_equal(out, cv2.resize(pooled, (84, 84), interpolation=cv2.INTER_AREA))


def test_d7_d29_dopamine_shows_a_reset_alone_and_keeps_a_stale_frame_at_game_over() -> None:
    white, black = np.full((210, 160), 14, dtype=np.uint8), np.zeros((210, 160), dtype=np.uint8)
    pipeline, out = DopaminePipeline(4), np.empty((84, 84), dtype=np.uint8)
    pipeline.paint(Screen(white), 3)
    pipeline.paint(Screen(black), None)
    pipeline.grab(out)
    assert not out.any()
    over = Screen(white)
    over.terminated = True
    pipeline.paint(over, 2)
    pipeline.grab(out)
    assert not out.any()


def test_dopamines_frames_need_a_repeat_of_two() -> None:
    with pytest.raises(ReplicationError, match="frame_skip: found 1, expected 2 or more"):
        frame_pipeline("dopamine", 1)


def test_e14_the_palette_is_the_known_one() -> None:
    # Of the table whose colors, but for one that no game showed, were compared with the emulator's in all 57 games.
    digest = "b7079b44a1383777f01b4e95ccbf43c4c702673210bd9ede1776a039496e051b"
    assert hashlib.sha256(palette_rgb().tobytes()).hexdigest() == digest


@pytest.mark.rom
def test_the_palette_is_what_the_emulator_shows() -> None:
    from ale_py import ALEInterface, roms

    for game in SIX_GAMES:
        ale = ALEInterface()
        ale.loadROM(roms.get_rom_path(game))
        for _ in range(60):
            ale.act(0)
        indices = ale.getScreen()
        np.testing.assert_array_equal(palette_rgb()[indices // 2], ale.getScreenRGB())
        np.testing.assert_array_equal(palette_gray()[indices // 2], ale.getScreenGrayscale())
