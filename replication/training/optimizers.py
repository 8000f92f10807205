"""The optimizers of the papers, each a few lines that read like their equations.

All keep their running means as named tensors, so that a checkpoint is a plain list of arrays. Deliberately not
torch.optim: its RMSprop adds the constant outside the root, which makes a first step on a small gradient eight
times larger than the released program's. On a CPU an update is one pass over each parameter, compiled; elsewhere it is
torch's operations in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from replication.specification.families.off_policy import AdamConfig, CenteredRMSPropConfig
from replication.specification.families.on_policy import RAdamConfig, RMSPropConfig


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
        for w, g, m, v in zip(self.parameters, gradients, self.mean_gradient, self.mean_square, strict=True):
            if w.device.type == "cpu":
                self._step_compiled(w, g, m, v)
            else:
                self._step_by_operations(w, g, m, v)

    def _step_compiled(self, w: Tensor, g: Tensor, m: Tensor, v: Tensor) -> None:
        c = self.config
        numbers = np.array([c.decay, 1.0 - c.decay, c.learning_rate, c.epsilon], dtype=np.float32)
        _rmsprop_pass(*_flat(w, g, m, v), numbers)  # type: ignore[call-arg]

    def _step_by_operations(self, w: Tensor, g: Tensor, m: Tensor, v: Tensor) -> None:
        c = self.config
        m.mul_(c.decay).add_(g, alpha=1.0 - c.decay)
        v.mul_(c.decay).addcmul_(g, g, value=1.0 - c.decay)
        root = torch.addcmul(v, m, m, value=-1.0).add_(c.epsilon).sqrt_()
        w.addcdiv_(g, root, value=-c.learning_rate)

    def state(self) -> dict[str, Tensor]:
        """Return its tensors by name, to be stored, and to be filled in place when a run is resumed."""
        means = {f"mean_gradient.{i}": m for i, m in enumerate(self.mean_gradient)}
        return means | {f"mean_square.{i}": v for i, v in enumerate(self.mean_square)}

    def keep_in(self, state: Mapping[str, Tensor]) -> None:
        """Keep the running means in these tensors from now on, named as in `state`."""
        self.mean_gradient = [state[f"mean_gradient.{i}"] for i in range(len(self.parameters))]
        self.mean_square = [state[f"mean_square.{i}"] for i in range(len(self.parameters))]


class RMSProp:
    """w <- w - eta g / sqrt(v + epsilon), with v the running mean of g^2; or eta g / (sqrt(v) + epsilon).

    Source: tensorflow/tensorflow tensorflow/python/training/rmsprop.py of TensorFlow 1, without momentum and not
    centered; v starts at 1 there. pytorch/pytorch torch/optim/rmsprop.py has the constant outside the root, and v
    starts at 0.
    """

    def __init__(self, parameters: Sequence[Tensor], config: RMSPropConfig) -> None:
        """Start the running means for `parameters`, which are updated in place by `step`."""
        self.config = config
        self.parameters = list(parameters)
        self.mean_square = [torch.full_like(w, config.mean_square_start) for w in self.parameters]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], factor: float = 1.0) -> None:
        """Apply one update with `factor` times the learning rate; `gradients` are in the order of the parameters."""
        c = self.config
        numbers = np.array([c.decay, 1.0 - c.decay, factor * c.learning_rate, c.epsilon], dtype=np.float32)
        pass_over = _rmsprop_outside_pass if c.epsilon_outside_root else _plain_rmsprop_pass
        for w, g, v in zip(self.parameters, gradients, self.mean_square, strict=True):
            pass_over(*_flat(w, g, v), numbers)  # type: ignore[call-arg]

    def state(self) -> dict[str, Tensor]:
        """Return its tensors by name, to be stored, and to be filled in place when a run is resumed."""
        return {f"mean_square.{i}": v for i, v in enumerate(self.mean_square)}


class Adam:
    """w <- w - eta m^ / (sqrt(v^) + epsilon), with bias-corrected running means m^ and v^.

    With `epsilon_before_correction` w <- w - eta_t m / (sqrt(v) + epsilon), eta_t = eta sqrt(1 - beta2^t) / (1 -
    beta1^t): TensorFlow's form, in whose first update the constant weighs 32 times as much (beta2 = 0.999).

    Source: Kingma and Ba 2015, Algorithm 1; the other form is their formula just before section 2.1, with "epsilon
    hat", as tensorflow/tensorflow tensorflow/python/training/adam.py says.
    """

    def __init__(self, parameters: Sequence[Tensor], config: AdamConfig) -> None:
        """Start the running means for `parameters`, which are updated in place by `step`."""
        self.config = config
        self.parameters = list(parameters)
        self.mean = [torch.zeros_like(w) for w in self.parameters]
        self.mean_square = [torch.zeros_like(w) for w in self.parameters]
        self.updates = torch.zeros((), dtype=torch.float64, device=self.parameters[0].device)
        """Steps taken; or [lanes], where the first dimension of each parameter is that of lanes."""

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], factor: float = 1.0) -> None:
        """Apply one update with `factor` times the learning rate; `gradients` are in the order of the parameters."""
        self.updates += 1
        rate = factor * self.config.learning_rate
        for w, g, m, v in zip(self.parameters, gradients, self.mean, self.mean_square, strict=True):
            if w.device.type == "cpu":
                self._step_compiled(w, g, m, v, rate)
            else:
                self._step_by_operations(w, g, m, v, rate)

    def _step_compiled(self, w: Tensor, g: Tensor, m: Tensor, v: Tensor, rate: float) -> None:
        c = self.config
        counts = self.updates.reshape(-1).tolist()
        lanes = (flat.reshape(len(counts), -1) for flat in _flat(w, g, m, v))
        for t, *arrays in zip(counts, *lanes, strict=True):
            correction, step = 1.0 - c.beta2**t, rate / (1.0 - c.beta1**t)
            corrections = (1.0, step * math.sqrt(correction)) if c.epsilon_before_correction else (correction, step)
            decays = (c.beta1, 1.0 - c.beta1, c.beta2, 1.0 - c.beta2)
            numbers = np.array([*decays, *corrections, c.epsilon], dtype=np.float32)
            _adam_pass(*arrays, numbers)  # type: ignore[call-arg]

    def _step_by_operations(self, w: Tensor, g: Tensor, m: Tensor, v: Tensor, rate: float) -> None:
        c = self.config
        # The counts stay on the device: a recorded step must not hold the number that was there when it was recorded.
        t = self.updates.reshape(self.updates.shape + (1,) * (w.ndim - self.updates.ndim))
        correction, step = 1.0 - torch.pow(c.beta2, t), rate / (1.0 - torch.pow(c.beta1, t))
        m.mul_(c.beta1).add_(g, alpha=1.0 - c.beta1)
        v.mul_(c.beta2).addcmul_(g, g, value=1.0 - c.beta2)
        if c.epsilon_before_correction:
            correction, step = torch.ones_like(correction), step * correction.sqrt()
        root = (v / correction.to(w.dtype)).sqrt_().add_(c.epsilon)
        w.addcdiv_(m * step.to(w.dtype), root, value=-1.0)

    def state(self) -> dict[str, Tensor]:
        """Return its tensors by name, to be stored, and to be filled in place when a run is resumed."""
        means = {f"mean.{i}": m for i, m in enumerate(self.mean)}
        return means | {f"mean_square.{i}": v for i, v in enumerate(self.mean_square)} | {"updates": self.updates}

    def keep_in(self, state: Mapping[str, Tensor]) -> None:
        """Keep the running means in these tensors from now on, named as in `state`."""
        self.mean = [state[f"mean.{i}"] for i in range(len(self.parameters))]
        self.mean_square = [state[f"mean_square.{i}"] for i in range(len(self.parameters))]
        self.updates = state["updates"]


class RAdam:
    """Adam whose step is rectified: w <- w - eta r m^ / (sqrt(v^) + epsilon), or w <- w - eta m^ while r is unknown.

    With t the number of updates, rho = 2 / (1 - beta2) - 1 and rho_t = rho - 2 t beta2^t / (1 - beta2^t),
    r^2 = (rho_t - 4)(rho_t - 2) rho / ((rho - 4)(rho - 2) rho_t), used once rho_t exceeds `RECTIFIED_ABOVE`.

    Source: Liu et al. 2020, On the variance of the adaptive learning rate and beyond, Algorithm 2, which has no
    epsilon; torch.optim.RAdam adds it before the correction of the bias, optax.radam after it.
    """

    RECTIFIED_ABOVE = 5.0
    """The article has 4; the programs have 5."""

    def __init__(self, parameters: Sequence[Tensor], config: RAdamConfig) -> None:
        """Start the running means for `parameters`, which are updated in place by `step`."""
        self.config = config
        self.parameters = list(parameters)
        self.mean = [torch.zeros_like(w) for w in self.parameters]
        self.mean_square = [torch.zeros_like(w) for w in self.parameters]
        self.updates = torch.zeros((), dtype=torch.float64)

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], factor: float = 1.0) -> None:
        """Apply one update with `factor` times the learning rate; `gradients` are in the order of the parameters."""
        self.updates += 1
        c, t = self.config, float(self.updates)
        rectification = self.rectification(t)
        step = factor * c.learning_rate / (1.0 - c.beta1**t) * (rectification or 1.0)
        correction = 1.0 - c.beta2**t
        if c.epsilon_before_correction and rectification:
            correction, step = 1.0, step * math.sqrt(correction)
        decays = (c.beta1, 1.0 - c.beta1, c.beta2, 1.0 - c.beta2)
        numbers = np.array([*decays, correction, step, c.epsilon], dtype=np.float32)
        update = _adam_pass if rectification else _momentum_pass
        for w, g, m, v in zip(self.parameters, gradients, self.mean, self.mean_square, strict=True):
            update(*_flat(w, g, m, v), numbers)  # type: ignore[call-arg]

    def rectification(self, updates: float) -> float | None:
        """Return r after so many updates; None while too few gradients were seen to tell it."""
        beta2 = self.config.beta2
        longest = 2.0 / (1.0 - beta2) - 1.0
        length = longest - 2.0 * updates * beta2**updates / (1.0 - beta2**updates)
        if length <= self.RECTIFIED_ABOVE:
            return None
        seen, all_of_it = (length - 4.0) * (length - 2.0) / length, (longest - 4.0) * (longest - 2.0) / longest
        return math.sqrt(seen / all_of_it)

    def state(self) -> dict[str, Tensor]:
        """Return its tensors by name, to be stored, and to be filled in place when a run is resumed."""
        means = {f"mean.{i}": m for i, m in enumerate(self.mean)}
        return means | {f"mean_square.{i}": v for i, v in enumerate(self.mean_square)} | {"updates": self.updates}


# error_model: division is not checked, or nothing is vectorized. No fastmath: every operation is rounded as written.
@njit(error_model="numpy", cache=True)
def _rmsprop_pass(
    w: NDArray[np.float32],
    g: NDArray[np.float32],
    m: NDArray[np.float32],
    v: NDArray[np.float32],
    numbers: NDArray[np.float32],
) -> None:
    decay, rest, learning_rate, epsilon = numbers
    for i in range(w.size):
        m[i] = decay * m[i] + rest * g[i]
        v[i] = decay * v[i] + rest * (g[i] * g[i])
        w[i] -= learning_rate * g[i] / np.sqrt(v[i] - m[i] * m[i] + epsilon)


@njit(error_model="numpy", cache=True)
def _plain_rmsprop_pass(
    w: NDArray[np.float32], g: NDArray[np.float32], v: NDArray[np.float32], numbers: NDArray[np.float32]
) -> None:
    decay, rest, learning_rate, epsilon = numbers
    for i in range(w.size):
        v[i] = decay * v[i] + rest * (g[i] * g[i])
        w[i] -= learning_rate * g[i] / np.sqrt(v[i] + epsilon)


@njit(error_model="numpy", cache=True)
def _rmsprop_outside_pass(
    w: NDArray[np.float32], g: NDArray[np.float32], v: NDArray[np.float32], numbers: NDArray[np.float32]
) -> None:
    decay, rest, learning_rate, epsilon = numbers
    for i in range(w.size):
        v[i] = decay * v[i] + rest * (g[i] * g[i])
        w[i] -= learning_rate * g[i] / (np.sqrt(v[i]) + epsilon)


@njit(error_model="numpy", cache=True)
def _adam_pass(
    w: NDArray[np.float32],
    g: NDArray[np.float32],
    m: NDArray[np.float32],
    v: NDArray[np.float32],
    numbers: NDArray[np.float32],
) -> None:
    beta1, rest1, beta2, rest2, correction, step, epsilon = numbers
    for i in range(w.size):
        m[i] = beta1 * m[i] + rest1 * g[i]
        v[i] = beta2 * v[i] + rest2 * (g[i] * g[i])
        w[i] -= step * m[i] / (np.sqrt(v[i] / correction) + epsilon)


@njit(error_model="numpy", cache=True)
def _momentum_pass(
    w: NDArray[np.float32],
    g: NDArray[np.float32],
    m: NDArray[np.float32],
    v: NDArray[np.float32],
    numbers: NDArray[np.float32],
) -> None:
    beta1, rest1, beta2, rest2, _, step, _ = numbers
    for i in range(w.size):
        m[i] = beta1 * m[i] + rest1 * g[i]
        v[i] = beta2 * v[i] + rest2 * (g[i] * g[i])
        w[i] -= step * m[i]


def _flat(w: Tensor, g: Tensor, *means: Tensor) -> list[NDArray[Any]]:
    """Return a parameter, its gradient and its running means as views float32 [numel], in one order of elements.

    The views are made anew each time: a parameter that changes its memory format takes new memory.
    """
    if g.stride() != w.stride():
        g = torch.empty_like(w).copy_(g)
    return [tensor.detach().as_strided((tensor.numel(),), (1,)).numpy() for tensor in (w, g, *means)]


Optimizer = CenteredRMSProp | Adam


def build_optimizer(parameters: Sequence[Tensor], config: CenteredRMSPropConfig | AdamConfig) -> Optimizer:
    """Build the optimizer that a variant names."""
    if isinstance(config, CenteredRMSPropConfig):
        return CenteredRMSProp(parameters, config)
    return Adam(parameters, config)
