"""Protocols as frozen, validated settings: how games are presented and scored."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from replication.foundation.validation import Count, Probability, Settings

FrameRange = tuple[Annotated[int, Field(ge=0)], Count]
"""Least and most number of emulator frames, both included; drawn uniformly."""


class Deviation(Settings):
    """One knowing departure from the published program; rendered beside every result it touches."""

    id: str
    rows: Annotated[tuple[str, ...], Field(min_length=1)]
    """Rows of the fidelity table it concerns (E11, I10, ...)."""
    what: str
    why: str
    expected_effect: str


class Presentation(Settings):
    """The rules by which one game is shown to an agent, frame by frame."""

    frame_skip: Count
    """Emulator frames an action is held for; an agent may bring its own (the random agent's 6)."""
    sticky_probability: Probability
    """Chance, per emulator frame, that the action executed last is executed again."""
    life_loss_ends_trajectory: bool
    """A lost life ends a training trajectory; it never resets the game."""
    life_loss_stops_repeat: bool = True
    """A lost life that ends a trajectory stops the action repeat; False: lives are looked at after its last frame."""
    last_life_counts: bool = True
    """A lost life counts even where none is left; False: only while lives are left, whatever game over says."""
    noops_after_game_over_frames: FrameRange | None
    """No-op frames after a reset; None: none are played."""
    noops_after_life_loss_frames: FrameRange | None
    """No-op frames after a lost life that ended a trajectory; None: none are played."""
    episode_cap_frames: Count | None
    """Frames after the starting no-ops at which an episode is truncated; None: never."""

    @model_validator(mode="after")
    def _ranges_are_in_order(self) -> Presentation:
        for name in ("noops_after_game_over_frames", "noops_after_life_loss_frames"):
            frames = getattr(self, name)
            if frames is not None and frames[0] > frames[1]:
                raise ValueError(f"{name}: expected the least number before the most, found {list(frames)}")
        return self


class PeriodicEvaluation(Settings):
    """Evaluation during training, on an emulator of its own; its highest mean return selects the best network."""

    period_steps: Count
    """Steps between two evaluations."""
    length_steps: Count
    """Steps an evaluation has; its last episode may stay unfinished."""
    epsilon: Probability
    """Share of random actions."""
    presentation: Presentation


class FinalEvaluation(Settings):
    """The evaluation a published table prints."""

    network: Literal["best", "final"]
    """The best of the periodic evaluations, or the one at the end of training."""
    num_episodes: Count
    """Whole episodes."""
    epsilon: Probability | None
    """Share of random actions; None: the variant's own `evaluation_epsilon` (papers differ)."""
    presentation: Presentation


class Protocol(Settings):
    """The presentation of games in training and in evaluation, and the quantity that is published."""

    protocol: str
    title: str
    reference_set: Literal["nature49_5min", "atari57_30min"]
    """Random and human scores that normalise."""
    published_quantity: Literal["final_evaluation", "training_iterations"]
    """What the paper prints: scores of final evaluations, or training returns by iteration."""
    training: Presentation
    iteration_steps: Count | None
    """Least number of training steps an iteration has; its running episode is finished (Dopamine)."""
    periodic_evaluation: PeriodicEvaluation | None
    final_evaluation: FinalEvaluation | None
    sources: dict[str, str]
    deviations: tuple[Deviation, ...]
