"""The optimisers of the papers, each a few lines that read like their equations.

Both keep their running means as named tensors, so that a checkpoint is a plain list of arrays. Deliberately not
torch.optim: its RMSprop adds the constant outside the root, which makes a first step on a small gradient eight
times larger than the released program's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from replication.config import AdamConfig, CenteredRMSPropConfig


class CenteredRMSProp:
    """w <- w - eta g / sqrt(v - m^2 + epsilon), with m and v the running means of g and g^2.

    The numerator is g, not m, and there is no momentum and no bias correction.

    Source: google-deepmind/dqn dqn/NeuralQLearner.lua:266-277 (m and v start at 0, epsilon 0.01). TensorFlow 1's
    RMSPropOptimizer(centered=True) is the same with v starting at 1 (Dopamine, epsilon 0.00001).
    """

    def __init__(self, parameters: Sequence[Tensor], config: CenteredRMSPropConfig) -> None:
        """Start the running means for `parameters`, which are updated in place by `step`."""
        self.config = config
        self.parameters = list(parameters)
        self.mean_gradient = [torch.zeros_like(w) for w in self.parameters]
        self.mean_square = [torch.full_like(w, config.mean_square_start) for w in self.parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Apply one update; `gradients` are in the order of the parameters."""
        c = self.config
        for w, g, m, v in zip(self.parameters, gradients, self.mean_gradient, self.mean_square, strict=True):
            m.mul_(c.decay).add_(g, alpha=1.0 - c.decay)
            v.mul_(c.decay).addcmul_(g, g, value=1.0 - c.decay)
            root = torch.addcmul(v, m, m, value=-1.0).add_(c.epsilon).sqrt_()
            w.addcdiv_(g, root, value=-c.learning_rate)

    def state(self) -> dict[str, Tensor]:
        """Named tensors, to be stored and to be filled in place when a run is resumed."""
        means = {f"mean_gradient.{i}": m for i, m in enumerate(self.mean_gradient)}
        return means | {f"mean_square.{i}": v for i, v in enumerate(self.mean_square)}


class Adam:
    """w <- w - eta m^ / (sqrt(v^) + epsilon), with bias-corrected running means m^ and v^.

    Source: Kingma and Ba 2015, Algorithm 1.
    """

    def __init__(self, parameters: Sequence[Tensor], config: AdamConfig) -> None:
        """Start the running means for `parameters`, which are updated in place by `step`."""
        self.config = config
        self.parameters = list(parameters)
        self.mean = [torch.zeros_like(w) for w in self.parameters]
        self.mean_square = [torch.zeros_like(w) for w in self.parameters]
        self.updates = torch.zeros((), dtype=torch.float64)

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Apply one update; `gradients` are in the order of the parameters."""
        c = self.config
        self.updates += 1
        t = self.updates.item()
        for w, g, m, v in zip(self.parameters, gradients, self.mean, self.mean_square, strict=True):
            m.mul_(c.beta1).add_(g, alpha=1.0 - c.beta1)
            v.mul_(c.beta2).addcmul_(g, g, value=1.0 - c.beta2)
            root = (v / (1.0 - c.beta2**t)).sqrt_().add_(c.epsilon)
            w.addcdiv_(m, root, value=-c.learning_rate / (1.0 - c.beta1**t))

    def state(self) -> dict[str, Tensor]:
        """Named tensors, to be stored and to be filled in place when a run is resumed."""
        means = {f"mean.{i}": m for i, m in enumerate(self.mean)}
        return means | {f"mean_square.{i}": v for i, v in enumerate(self.mean_square)} | {"updates": self.updates}


Optimizer = CenteredRMSProp | Adam


def build_optimizer(parameters: Sequence[Tensor], config: CenteredRMSPropConfig | AdamConfig) -> Optimizer:
    """The optimiser a variant names."""
    if isinstance(config, CenteredRMSPropConfig):
        return CenteredRMSProp(parameters, config)
    return Adam(parameters, config)
