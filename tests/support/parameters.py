"""Parameters of tests of which `make test` takes some and `make test-long` the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

import pytest

MADE_OF_OTHERS = (
    "double_dqn",
    "dueling_double_dqn",
    "munchausen_iqn",
    "noisy_dqn",
    "ppo1",
    "rainbow_no_distributional",
)
"""Variants whose network and loss are those of others with one part more or less."""


def long_unless(ordinary: Callable[[Any], bool], values: Iterable[Any]) -> list[Any]:
    """Return the values, those marked `long` that the ordinary tests leave out."""
    return [value if ordinary(value) else pytest.param(value, marks=pytest.mark.long) for value in values]


def first_of_each(key: Callable[[str], Any], names: Iterable[str], later: Collection[str] = ()) -> list[Any]:
    """Return the names, marked `long` those in `later` and all but the first of each key.

    A name that is its own key goes first.
    """
    chosen: dict[Any, str] = {}
    listed = list(names)
    for name in sorted(listed, key=lambda name: key(name) != name):
        chosen.setdefault(key(name), name)
    return long_unless((set(chosen.values()) - set(later)).__contains__, listed)
