"""The t-SNE of runs on a page: pointing at a state, or moving to it with the keys, shows its screen.

Self-contained: the screens are in the text, and nothing is asked of a network.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from replication.analysis.finished import FinishedRun
from replication.report.pages.template import fill_fragment
from replication.report.views.screens import TILE_COLUMNS, TILE_HEIGHT, TILE_WIDTH, StateScreens, load_screens

_MOST_VIEWS = 4
_WIDTH, _HEIGHT, _MARGIN = 600, 450, 14
"""The size of a drawing, in its own units."""
_COLORS = 32
"""Classes of predicted value, each with a color of the map."""


def embedding_views(finished: Sequence[FinishedRun]) -> str:
    """Return HTML of the first runs that have coordinates and screens; empty where no run has.

    They share one script. A page that has a content security policy must allow its inline script and style, and images
    of `data:` addresses.

    Raises:
        ReplicationError: the screens of a run are damaged.
    """
    shown: list[dict[str, Any]] = []
    for found in finished:
        screens = None if found.embedding is None else load_screens(found.folder, len(found.embedding))
        if screens is not None and len(shown) < _MOST_VIEWS:
            shown.append(_view(found, screens))
    if not shown:
        return ""
    return fill_fragment("embedding.html", views=shown, width=_WIDTH, height=_HEIGHT)


def _view(found: FinishedRun, screens: StateScreens) -> dict[str, Any]:
    """Return what the template is filled with: words, and the numbers that the script draws."""
    points = found.embedding
    assert points is not None
    places = points[["x", "y"]].to_numpy(np.float64)
    low, high = places.min(axis=0), places.max(axis=0)
    inside = np.array([_WIDTH, _HEIGHT]) - 2 * _MARGIN
    scale = float((inside / np.maximum(high - low, 1e-9)).min())  # one for both: distances keep their proportions
    drawn = (places - (low + high) / 2) * scale * np.array([1, -1]) + np.array([_WIDTH, _HEIGHT]) / 2
    values = points["value"].to_numpy(np.float64)
    share = (values - values.min()) / max(float(np.ptp(values)), 1e-9)
    data = {
        "x": np.round(drawn[:, 0], 1).tolist(),
        "y": np.round(drawn[:, 1], 1).tolist(),
        "color": np.minimum((share * _COLORS).astype(int), _COLORS - 1).tolist(),
        "value": [f"{value:.3g}" for value in values],
        "episode": points["episode"].astype(int).tolist(),
        "frame": points["frame"].astype(int).tolist(),
        "tile": [screens.tiles.get(point, -1) for point in range(len(points))],
        "colors": _color_map(),
        "columns": TILE_COLUMNS,
        "tileWidth": TILE_WIDTH,
        "tileHeight": TILE_HEIGHT,
        "tiles": len(screens.tiles),
        "sprite": f"data:image/webp;base64,{base64.b64encode(screens.sprite).decode()}",
    }
    run = found.run
    return {
        "name": run.result_digest[:12],
        "title": f"{run.task.title}, {run.variant.title}, seed {run.seed}",
        "states": len(points),
        "with_screen": len(screens.tiles),
        "low": f"{values.min():.3g}",
        "high": f"{values.max():.3g}",
        "colors": _color_map(),
        # No tag can begin inside of it.
        "data": json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"),
    }


def _color_map() -> list[str]:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    colors = colormaps["viridis"](np.linspace(0, 1, _COLORS))
    return [to_hex(color) for color in colors]
