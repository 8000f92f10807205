"""The policy of an on-policy run as one module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from replication.foundation.errors import ReplicationError
from replication.specification.run import Run
from replication.training.exported import Exported, frames_first
from replication.training.on_policy.evaluated_network import open_network

_OUTPUTS = ("logits", "action_values")
"""Of a network's outputs, what an action is chosen by."""
_CHOICES = {
    "sampled": "drawn with the probabilities softmax(logits)",
    "greedy": "the largest",
}


class PolicyOutputs(nn.Module):
    """From frames, uint8 [batch, frames, 84, 84], to what an action is chosen by, float32 [batch, actions]."""

    def __init__(self, network: nn.Module, output: str) -> None:
        super().__init__()
        self.network = network
        self._output = output

    def forward(self, frames: Tensor) -> Tensor:
        found: Tensor = getattr(self.network(frames), self._output)
        return found


def exported(run: Run, path: Path) -> Exported:
    """Open the stored network of a run as a module.

    Raises:
        ReplicationError: its task is no game.
    """
    if run.task.kind != "atari":
        raise ReplicationError(f"{run.name}: of family {run.family.name} the networks of games are exported; name one")
    learner = open_network(run, path).learner
    frame_stack = learner.config.of_game.frame_stack

    def prepared(stack: NDArray[Any], stream: np.random.Generator) -> tuple[Tensor, ...]:
        return (frames_first(stack),)

    def original(stack: NDArray[Any], stream: np.random.Generator) -> NDArray[np.float32]:
        outputs: NDArray[np.float32] = getattr(learner.outputs(stack[None]), name)[0].numpy()
        return outputs

    probe = learner.outputs(np.zeros((1, 84, 84, frame_stack), np.uint8))
    name = next(each for each in _OUTPUTS if hasattr(probe, each))
    frames = ("frames", f"uint8 [batch, {frame_stack}, 84, 84], oldest first")
    output = f"{name.replace('_', ' ')}, float32 [batch, {getattr(probe, name).shape[1]}]"
    choice = _CHOICES.get(learner.config.evaluation_policy, "the largest")
    return Exported(PolicyOutputs(learner.network, name), (frames,), output, choice, prepared, original)
