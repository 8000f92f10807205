"""The contract between environments and agents: what a step leads to, what a policy sees, what a policy is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray


class StepResult(NamedTuple):
    """The outcome of an agent step: raw summed reward and three separate facts."""

    reward: float
    terminated: bool
    truncated: bool
    life_lost: bool

    @property
    def ended(self) -> bool:
        """True where the episode is over."""
        return self.terminated or self.truncated


@dataclass(frozen=True)
class Viewing:
    """The view that a policy needs, whatever the protocol: its pipeline, its history and its own action repeat."""

    frame_pipeline: Literal["nature", "dopamine", "none"]
    frame_stack: int
    frame_skip: int


Policy = Callable[[NDArray[np.uint8], np.random.Generator], int]
"""From the newest frames, uint8 [84, 84, stack] (newest last), and a stream to an index into the minimal action set."""
