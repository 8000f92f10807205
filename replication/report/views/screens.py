"""Screens of chosen states as small files beside a run's coordinates: a sprite of many, and a few of them larger.

Nothing here plays a game; figures and pages read these files.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.cluster.vq import kmeans2

from replication.environments.atari.palette import palette_rgb
from replication.foundation.errors import ReplicationError

HEIGHT_PIXELS, WIDTH_PIXELS = 210, 160
TILE_HEIGHT, TILE_WIDTH = HEIGHT_PIXELS // 2, WIDTH_PIXELS // 2
TILE_COLUMNS = 40
"""Screens side by side in a sprite of many; each is half as high and wide as the console's."""
MOST_SPRITE_BYTES = 300_000
MARKED = 12
"""States that Figure 4 shows the screens of."""
COLUMNS = ["point", "tile", "marked"]
"""Columns of embedding_screens.csv. point: row of embedding.csv, the first is 0. tile: place in the sprite. marked:
place in embedding_marked.webp; blank for most."""

Screen = NDArray[np.uint8]
"""Palette indices, uint8 [210, 160]."""
Picture = NDArray[np.uint8]
"""Red, green and blue, uint8 [height, width, 3]."""


@dataclass(frozen=True)
class StateScreens:
    """The screens of states of an embedding.

    Attributes:
        tiles: row of embedding.csv to place in the sprite.
        sprite: a lossless WebP, `TILE_COLUMNS` tiles in a row.
        marked: rows of embedding.csv whose larger screens are shown, with these.
    """

    tiles: dict[int, int]
    sprite: bytes
    marked: dict[int, Picture]


def load_screens(folder: Path, points: int) -> StateScreens | None:
    """Load the screens that `write_screens` left in a run's folder; None where the run is older than them.

    Args:
        folder: of a finished run.
        points: rows of its embedding.csv.

    Raises:
        ReplicationError: a file is missing or damaged.
    """
    path = folder / "embedding_screens.csv"
    if not path.exists():
        return None
    again = f"remove {path} and run `python -m replication embed {folder}`"
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        tiles = {int(row["point"]): int(row["tile"]) for row in rows}
        chosen = {int(row["marked"]): int(row["point"]) for row in rows if row["marked"]}
        sprite = (folder / "embedding_screens.webp").read_bytes()
        larger = (folder / "embedding_marked.webp").read_bytes()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReplicationError(f"{path}: not the screens of an embedding ({error}); {again}") from None
    if sorted(tiles.values()) != list(range(len(rows))) or sorted(chosen) != list(range(len(chosen))) or not rows:
        raise ReplicationError(f"{path}: tile and marked: expected 0, 1, 2, ... each once; {again}")
    if not 0 <= min(tiles) <= max(tiles) < points:
        raise ReplicationError(
            f"{path}: point: found {min(tiles)} to {max(tiles)}, expected 0 to {points - 1}; {again}"
        )
    try:
        pictures = cut(larger, len(chosen), len(chosen), halved=False)
        cut(sprite, len(tiles), TILE_COLUMNS, halved=True)
    except ReplicationError as error:
        raise ReplicationError(f"{path}: the pictures beside it: {error}; {again}") from None
    return StateScreens(tiles, sprite, {chosen[place]: picture for place, picture in enumerate(pictures)})


def spread_out(points: NDArray[np.float64], number: int) -> list[int]:
    """Choose a state near the middle of each of so many clusters, the same ones every time.

    Args:
        points: float64 [states, 2].
        number: of clusters; k-means begins with states far apart from one another.

    Returns: rows of `points`, ascending; fewer than `number` where there are fewer states.
    """
    first = [int(np.argmin(((points - points.mean(axis=0)) ** 2).sum(axis=1)))]
    distances = ((points - points[first[0]]) ** 2).sum(axis=1)
    while len(first) < min(number, len(points)) and distances.max() > 0:
        first.append(int(np.argmax(distances)))
        distances = np.minimum(distances, ((points - points[first[-1]]) ** 2).sum(axis=1))
    centers, _ = kmeans2(points, points[first], minit="matrix", missing="warn")
    return sorted({int(np.argmin(((points - center) ** 2).sum(axis=1))) for center in centers})


def sprite(screens: Sequence[Screen], columns: int, *, halved: bool) -> bytes:
    """Draw screens beside and below one another as one lossless WebP: what they have in common is stored once.

    Args:
        screens: at least one.
        columns: screens in a row.
        halved: 80x105 pixels each, averages of four, instead of 160x210.
    """
    height, width = (HEIGHT_PIXELS // 2, WIDTH_PIXELS // 2) if halved else (HEIGHT_PIXELS, WIDTH_PIXELS)
    rows = -(-len(screens) // columns)
    drawn = Image.new("RGB", (min(columns, len(screens)) * width, rows * height))
    colors = palette_rgb()
    for place, screen in enumerate(screens):
        picture = Image.fromarray(colors[screen // 2])
        row, column = divmod(place, columns)
        drawn.paste(picture.resize((width, height), Image.Resampling.BOX), (column * width, row * height))
    content = io.BytesIO()
    drawn.save(content, "WEBP", lossless=True, quality=60, method=4)
    return content.getvalue()


def cut(content: bytes, number: int, columns: int, *, halved: bool) -> list[Picture]:
    """Cut a sprite into its pictures.

    Raises:
        ReplicationError: it is no picture, or not of so many screens.
    """
    height, width = (HEIGHT_PIXELS // 2, WIDTH_PIXELS // 2) if halved else (HEIGHT_PIXELS, WIDTH_PIXELS)
    try:
        drawn: Picture = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise ReplicationError(f"not a picture ({error})") from None
    expected = (-(-number // columns) * height, min(columns, number) * width)
    if drawn.shape[:2] != expected:
        raise ReplicationError(f"found {drawn.shape[1]}x{drawn.shape[0]} pixels, expected {expected[1]}x{expected[0]}")
    places = (divmod(place, columns) for place in range(number))
    return [drawn[row * height : (row + 1) * height, at * width : (at + 1) * width] for row, at in places]
