"""What a run plays: a task, by its one name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Literal

from replication.foundation.files import canonical_json, sha256

Kind = Literal["atari", "gridworld", "gymnasium", "pole"]
"""Kinds of environments: each has its presentation settings (protocols.py) and a folder of `environments`."""
_DIGITS = 16


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


def content_digest(task: Task, left_out: Collection[str]) -> str:
    """Compute the digest of what a world consists of, 16 hexadecimal digits.

    Args:
        task: a world that is data.
        left_out: its fields that change no number. Fields that hold their default are left out too.
    """
    plain = asdict(task)
    content = {
        field.name: plain[field.name]
        for field in fields(task)
        if field.name not in left_out and (field.default is MISSING or getattr(task, field.name) != field.default)
    }
    return sha256(canonical_json(content))[:_DIGITS]
