"""The actor of a run as one module."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from replication.environments.gymnasium.simulator import GymnasiumSimulator
from replication.specification.run import Run
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask
from replication.training.exported import Exported
from replication.training.off_policy_continuous.family import open_network
from replication.training.off_policy_continuous.learner import Learner, shapes


class BoundedActor(nn.Module):
    """From observations, float32 [batch, numbers], to actions within their bounds, float32 [batch, dimensions]."""

    low: Tensor
    high: Tensor

    def __init__(self, learner: Learner, actor_layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for weights, biases in actor_layers:
            linear = nn.Linear(weights.shape[1], weights.shape[0])
            linear.load_state_dict({"weight": weights, "bias": biases})
            layers += [linear, nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])
        self.register_buffer("low", learner.bounds.low)
        self.register_buffer("high", learner.bounds.high)

    def forward(self, observations: Tensor) -> Tensor:
        middle, half_range = (self.high + self.low) / 2, (self.high - self.low) / 2
        return (half_range * torch.tanh(self.layers(observations)) + middle).clamp(self.low, self.high)


def exported(run: Run, path: Path) -> Exported:
    """Open the stored actor of a run as a module."""
    learner = open_network(run, path).learner
    assert isinstance(learner, Learner), "what is evaluated of this family is an actor"
    assert isinstance(run.task, GymnasiumTask), "an actor of continuous actions plays no other"
    task = GymnasiumSimulator(run.task)
    size, dimensions = len(task.observation), len(learner.bounds.low)
    shape, _ = shapes(learner.config, size, dimensions)
    module = BoundedActor(learner, shape.split(learner.tensors()["actor"]))

    def prepared(observation: NDArray[Any], stream: np.random.Generator) -> tuple[Tensor, ...]:
        return (torch.from_numpy(np.asarray(observation, np.float32)[np.newaxis]),)

    def original(observation: NDArray[Any], stream: np.random.Generator) -> NDArray[np.float32]:
        actions: NDArray[np.float32] = learner.act(observation)
        return actions

    inputs = (("observation", f"float32 [batch, {size}]"),)
    output = f"actions, float32 [batch, {dimensions}]"
    return Exported(module, inputs, output, "the output itself", prepared, original)
