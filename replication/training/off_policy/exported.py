"""The online network of an off-policy run with its action values as one module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from replication.specification.run import Run
from replication.training.exported import Exported, frames_first
from replication.training.off_policy.learner import Learner
from replication.training.off_policy.networks import open_network


class ActionValues(nn.Module):
    """From frames, uint8 [batch, frames, 84, 84], and what the network draws, to Q(s, .), float32 [batch, actions]."""

    def __init__(self, learner: Learner) -> None:
        super().__init__()
        self.network = learner.online
        self._algorithm, self._config = learner.algorithm, learner.config

    def forward(self, frames: Tensor, *draws: Tensor) -> Tensor:
        return self._algorithm.action_values(self.network(frames, *draws), self._config)


def exported(run: Run, path: Path) -> Exported:
    """Open the stored network of a run as a module; what it draws to act are further inputs."""
    learner = open_network(run, path).learner
    draws = learner.acting_draws_spec[True]

    def prepared(stack: NDArray[Any], stream: np.random.Generator) -> tuple[Tensor, ...]:
        drawn = map(torch.from_numpy, learner.acting_draws(stream, evaluating=True))
        return (frames_first(stack), *drawn)

    def original(stack: NDArray[Any], stream: np.random.Generator) -> NDArray[np.float32]:
        return learner.action_values(stack, learner.acting_draws(stream, evaluating=True))

    frames = ("frames", f"uint8 [batch, {learner.config.frame_stack}, 84, 84], oldest first")
    drawn = [(name, f"float32, {spec.distribution}") for name, spec in draws.items()]
    output = f"action values, float32 [batch, {learner.num_actions}]"
    return Exported(ActionValues(learner), (frames, *drawn), output, "the largest value", prepared, original)
