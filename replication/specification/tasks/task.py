"""What a run plays: a task, by its one name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["atari", "gridworld", "gymnasium", "pole"]
"""Kinds of environments: each has its presentation settings (protocols.py) and a folder of `environments`."""


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        name: in YAMLs, paths and on the command line: snake_case, unique among tasks of all kinds.
        title: what figures and tables print.
        published_key: how the files of published numbers spell it; one that no source scores has a key no file holds.
        kind: the environment that plays it.
    """

    name: str
    title: str
    published_key: str
    kind: Kind

    @property
    def unknown_content(self) -> str | None:
        """The digest of its content where that is part of what names a run; None: the name says all there is."""
        return None
