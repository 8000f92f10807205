"""Perceptrons whose gradient is written out: layers y = W x + b with ReLU between them.

A step of learning of these small networks is a few dozen operations of microseconds, of which torch's own record of
them and its memory for results are a large part. So the passes are written by hand, into memory that is kept; all
weights of a network lie in one vector, which an optimiser passes over once. The test compares every gradient with
torch's own in float64.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Shape:
    """The layers of a perceptron.

    sizes: of the input, each hidden layer and the output.
    extra: numbers of a second input, 0: there is none.
    extra_layer: layer that it enters, beside what the layer before gives.
    """

    sizes: tuple[int, ...]
    extra: int = 0
    extra_layer: int = 0

    @property
    def layers(self) -> tuple[tuple[int, int], ...]:
        """Outputs and inputs of each layer."""
        return tuple(
            (outputs, inputs + (self.extra if layer == self.extra_layer else 0))
            for layer, (inputs, outputs) in enumerate(zip(self.sizes[:-1], self.sizes[1:], strict=True))
        )

    @property
    def parameter_count(self) -> int:
        """Number of weights and biases."""
        return sum(outputs * (inputs + 1) for outputs, inputs in self.layers)

    def split(self, flat: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return views of a vector of parameters: weights [outputs, inputs] and biases [outputs] of each layer."""
        found, start = [], 0
        for outputs, inputs in self.layers:
            end = start + outputs * inputs
            found.append((flat[start:end].view(outputs, inputs), flat[end : end + outputs]))
            start = end + outputs
        return found


def fill_uniform(
    shape: Shape,
    flat: Tensor,
    stream: np.random.Generator,
    output_limit: float | None = None,
    hidden_limit: Literal["inputs", "outputs"] = "inputs",
) -> None:
    """Fill parameters uniformly within 1 / sqrt(inputs of the layer), those of the output within `output_limit`.

    Weights of hidden layers are within 1 / sqrt(outputs of the layer) where `hidden_limit` says so.

    Source: Lillicrap et al. 2016, section 7; torch/nn/modules/linear.py has the same without a limit of its own.
    """
    layers = shape.split(flat)
    for layer, (weights, biases) in enumerate(layers):
        limit = 1.0 / math.sqrt(weights.shape[1])
        if output_limit is not None and layer == len(layers) - 1:
            limit = output_limit
        of_weights = limit
        if hidden_limit == "outputs" and layer < len(layers) - 1:
            of_weights = 1.0 / math.sqrt(weights.shape[0])
        for part, within in ((weights, of_weights), (biases, limit)):
            part.copy_(torch.from_numpy(stream.uniform(-within, within, tuple(part.shape))))


class Pass:
    """A pass of minibatches through a perceptron, forward and back, into memory of its own.

    Args:
        shape: of the perceptron.
        batch_size: rows of every minibatch.
        dtype: of all numbers.
    """

    def __init__(self, shape: Shape, batch_size: int, dtype: torch.dtype = torch.float32) -> None:
        self._shape = shape
        self._inputs = [torch.empty(batch_size, inputs, dtype=dtype) for _, inputs in shape.layers]
        """Of each layer; what a layer gives is written into the input of the next."""
        self._gradients = [torch.empty(batch_size, outputs, dtype=dtype) for outputs, _ in shape.layers]
        """With respect to what each layer gives, before its ReLU."""
        self._output = torch.empty(batch_size, shape.sizes[-1], dtype=dtype)

    def forward(self, layers: Sequence[tuple[Tensor, Tensor]], inputs: Tensor, extra: Tensor | None = None) -> Tensor:
        """Compute the outputs [batch, outputs]; overwritten by the next call.

        Args:
            layers: weights and biases, as `Shape.split` gives them.
            inputs: [batch, inputs].
            extra: the second input, where the shape has one.
        """
        self._inputs[0][:, : inputs.shape[1]].copy_(inputs)
        if extra is not None:
            self._inputs[self._shape.extra_layer][:, -self._shape.extra :].copy_(extra)
        for layer, (weights, biases) in enumerate(layers):
            last = layer == len(layers) - 1
            given = self._output if last else self._inputs[layer + 1][:, : len(biases)]
            torch.addmm(biases, self._inputs[layer], weights.t(), out=given)
            if not last:
                given.relu_()
        return self._output

    def backward(
        self, layers: Sequence[tuple[Tensor, Tensor]], gradient: Tensor, into: Sequence[tuple[Tensor, Tensor]]
    ) -> None:
        """Compute the gradient of a loss with respect to the parameters, after `forward` with the same.

        Args:
            layers: as in `forward`.
            gradient: of the loss with respect to the outputs, [batch, outputs].
            into: where it is written, as `Shape.split` gives it.
        """
        for layer, above in self._back(layers, gradient, least_layer=1):
            weights, biases = into[layer]
            torch.mm(above.t(), self._inputs[layer], out=weights)
            torch.sum(above, dim=0, out=biases)

    def backward_to_extra(self, layers: Sequence[tuple[Tensor, Tensor]], gradient: Tensor) -> Tensor:
        """Compute the gradient with respect to the second input, [batch, extra], after `forward` with the same."""
        entered = self._shape.extra_layer
        for layer, above in self._back(layers, gradient, least_layer=entered + 1):
            if layer == entered:
                return torch.mm(above, layers[entered][0][:, -self._shape.extra :])
        raise AssertionError("a shape without a second input")

    def _back(
        self, layers: Sequence[tuple[Tensor, Tensor]], gradient: Tensor, least_layer: int
    ) -> Iterator[tuple[int, Tensor]]:
        """Yield the gradient with respect to what each layer gives before its ReLU, the last layer first."""
        above = gradient
        for layer in reversed(range(least_layer - 1, len(layers))):
            yield layer, above
            if layer < least_layer:
                return
            given = self._inputs[layer][:, : layers[layer - 1][0].shape[0]]
            below = torch.mm(above, layers[layer][0][:, : given.shape[1]], out=self._gradients[layer - 1])
            above = torch.ops.aten.threshold_backward.grad_input(below, given, 0.0, grad_input=below)  # where ReLU is 0


def outputs_of_one(
    layers: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]], inputs: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Compute the outputs [outputs] for one input [inputs]: faster in NumPy than in torch, whose calls take longer."""
    given = inputs
    for weights, biases in layers[:-1]:
        given = np.maximum(weights @ given + biases, 0.0)
    weights, biases = layers[-1]
    return weights @ given + biases
