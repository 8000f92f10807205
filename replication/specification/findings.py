"""Findings: what was found out about a difference from published scores, as an experiment's YAML states it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from replication.foundation.validation import Settings


def check_one_list(games: object, tasks: object) -> None:
    """Check that tasks are named once, as tasks or as games, which are tasks too; raises ValueError."""
    if (games is None) == (tasks is None):
        found = "neither" if games is None else "both"
        raise ValueError(f"tasks: expected tasks or games, which are tasks too, found {found}")


class Finding(Settings):
    """A finding about a difference from the published scores; on the page and in results/README.md."""

    games: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Tasks, where they are games; exactly one of the two is given."""
    tasks: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    what: str
    """The best explanation there is."""
    checked: str
    """What was looked at, and against what."""

    @model_validator(mode="after")
    def _one_list_of_tasks(self) -> Finding:
        check_one_list(self.games, self.tasks)
        return self

    @property
    def task_names(self) -> tuple[str, ...]:
        """The tasks that it is about."""
        names = self.games or self.tasks
        assert names is not None
        return names
