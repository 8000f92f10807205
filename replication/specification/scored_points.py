"""Where a training is scored along its way: by its last episodes, or by evaluations during it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from replication.foundation.validation import Count, Settings


class TrainingScore(Settings):
    """A score of training episodes: the mean raw return of the last ones finished, of all games played side by side."""

    episodes: Count
    """How many are averaged; fewer where fewer were finished."""
    at_frames: tuple[Count, ...]
    """Emulator frames of training, ascending, at which a run may be judged beside the end of its budget. The record
    keeps the episodes that these scores are of, and no others."""

    @model_validator(mode="after")
    def _in_order(self) -> TrainingScore:
        if list(self.at_frames) != sorted(set(self.at_frames)):
            raise ValueError(f"at_frames: expected ascending numbers, each once, found {list(self.at_frames)}")
        return self

    def points_frames(self, budget_frames: int) -> tuple[int, ...]:
        """Return the emulator frames at which a training of this length is scored, ascending; its end is the last."""
        return (*(frames for frames in self.at_frames if frames < budget_frames), budget_frames)


class EvaluationScore(Settings):
    """A score of a periodic evaluation: the mean raw return of its episodes. The run's own is of the last one."""

    at_steps: tuple[Annotated[int, Field(ge=0)], ...]
    """Steps of training, ascending, at which a run may be judged beside the end of its budget; 0: untrained. The record
    keeps the traces of the evaluations at these steps and at its end, and no others."""

    @model_validator(mode="after")
    def _in_order(self) -> EvaluationScore:
        if list(self.at_steps) != sorted(set(self.at_steps)):
            raise ValueError(f"at_steps: expected ascending numbers, each once, found {list(self.at_steps)}")
        return self

    def points_steps(self, budget_steps: int) -> tuple[int, ...]:
        """Return the steps at which a training of this length is scored, ascending; its end is the last."""
        return (*(steps for steps in self.at_steps if steps < budget_steps), budget_steps)


class Solving(Settings):
    """A moving mean of training episodes, by which small tasks count as solved; of iterations where those are counted.

    It moves no number of training. Only records of many seeds keep it; other records keep the episodes themselves.
    """

    of_last: Count
    """How many are averaged; fewer where fewer were played."""
    level: float | None
    """The mean at which the task counts as solved; None: no such level is used."""
    shown_every: Count
    """The mean is kept after each multiple of this."""

    def shown(self, length: int) -> list[int]:
        """List the episodes, from 1, after which the mean is kept in a training of so many; its end at least."""
        return list(range(self.shown_every, length + 1, self.shown_every)) or [length]
