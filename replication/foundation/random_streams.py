"""Owned randomness: every random draw of a run takes a named stream, spawned from the run's seed.

A stream depends on the seed, the game and its name alone, so what one part of a run draws never shifts
what another part sees: evaluating more often leaves training as it was, and a run has the same draws
whatever shares its process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np


def named_stream(seed: int, game: str, name: str, *index: int) -> np.random.Generator:
    """Start one stream of a run.

    Args:
        seed: the run's seed, >= 0.
        game: part of the entropy, so that runs of one seed on several games are independent.
        name: what the stream is for.
        *index: tells repeated uses apart (which evaluation).
    """
    words = np.frombuffer(hashlib.sha256(f"{game}/{name}".encode()).digest(), dtype="<u4")
    return np.random.default_rng(np.random.SeedSequence([seed, *(int(word) for word in words), *index]))


def training_streams(seed: int, game: str, names: Iterable[str]) -> dict[str, np.random.Generator]:
    """Start the streams that live as long as training does, as the run's family names them."""
    return {name: named_stream(seed, game, name) for name in names}


def episode_streams(
    seed: int, game: str, actor: int, streams: Mapping[str, np.random.Generator]
) -> Callable[[int], None]:
    """Return a function that begins streams anew for an episode, so that its draws depend on no other episode.

    Args:
        seed: the run's seed.
        game: the game's name.
        actor: tells the games apart that a run plays side by side.
        streams: by what they are for; begun anew in place, by the number of the episode.
    """

    def begin(episode: int) -> None:
        for name, stream in streams.items():
            restore_stream(stream, stream_state(named_stream(seed, game, f"episode/{name}", actor, episode)))

    return begin


def stream_state(stream: np.random.Generator) -> dict[str, Any]:
    """Return plain data (integers and words) from which `restore_stream` continues exactly."""
    state: dict[str, Any] = dict(stream.bit_generator.state)
    return state


def restore_stream(stream: np.random.Generator, state: dict[str, Any]) -> None:
    """Continue where `stream_state` was taken."""
    stream.bit_generator.state = state
