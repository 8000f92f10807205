"""The t-SNE of hidden activations, and the rows of the files it is kept in."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.evidence.activations import PERPLEXITY, SEED, Activations


def embedding_rows(found: Activations) -> list[dict[str, Any]]:
    """Embed the states that one policy met, and return the rows of embedding.csv.

    Returns: two coordinates, predicted value, episode and frame of each state.
    """
    return _rows(coordinates(found.hidden), found)


def policy_rows(agent: Activations, random: Activations) -> list[dict[str, Any]]:
    """Embed the states that two policies met together, as one network sees them; return embedding_policies.csv's rows.

    Returns: as `embedding_rows`, with the policy in front.
    """
    points = coordinates(np.concatenate([agent.hidden, random.hidden]))
    parts = (("agent", agent, points[: len(agent.values)]), ("random", random, points[len(agent.values) :]))
    return [{"policy": name} | row for name, found, places in parts for row in _rows(places, found)]


def coordinates(hidden: NDArray[np.float32]) -> NDArray[np.float64]:
    """Compute the t-SNE of activations, float32 [points, units] to float64 [points, 2]; one thread and a fixed seed."""
    from openTSNE import TSNE

    tsne = TSNE(perplexity=used_perplexity(len(hidden)), random_state=SEED, n_jobs=1, initialization="pca")
    return np.asarray(tsne.fit(hidden), dtype=np.float64)


def used_perplexity(points: int) -> float:
    """Return the perplexity of t-SNE for so many points: `PERPLEXITY`, or less where the points are few."""
    return min(float(PERPLEXITY), max(1.0, (points - 1) / 3))


def _rows(points: NDArray[np.float64], found: Activations) -> list[dict[str, Any]]:
    return [
        {"x": f"{x:.4f}", "y": f"{y:.4f}", "value": f"{value:.5g}", "episode": int(episode), "frame": int(frame)}
        for (x, y), value, episode, frame in zip(points, found.values, found.episodes, found.frames, strict=True)
    ]
