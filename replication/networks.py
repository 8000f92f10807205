"""Building blocks of the networks: convolutions as the papers had them, and their initialisations.

Networks take pixels as bytes and scale them by 1/255 themselves. Parameters are built uninitialised and filled from a
numpy stream, so that no global generator is ever used and every device starts from the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from replication.config import Convolution, NetworkConfig


class Convolutions(nn.Module):
    """Convolutions with ReLU on [batch, stack, 84, 84] byte pixels, flattened to [batch, features].

    Source: google-deepmind/dqn dqn/convnet_atari3.lua:10-14. Padding `valid` covers pixels 0..83 exactly: the
    listing's padding of 1 was without effect in the CUDA module of its day. `same` is TensorFlow's: an odd pixel
    goes to the bottom and right (google/dopamine legacy networks; 21x21, 11x11, 11x11).
    """

    def __init__(self, config: NetworkConfig, stack: int, side: int) -> None:
        """Lay out the convolutions for `stack` channels of `side` x `side` pixels, uninitialised."""
        super().__init__()
        self.padding: list[tuple[int, int]] = []
        layers: list[nn.Conv2d] = []
        channels = stack
        for layer in config.convolutions:
            total = _same_padding(side, layer) if config.padding == "same" else 0
            self.padding.append((total // 2, total - total // 2))
            layers.append(_uninitialised_conv(channels, layer))
            channels, side = layer.channels, (side + total - layer.kernel) // layer.stride + 1
        self.layers = nn.ModuleList(layers)
        self.num_features = channels * side * side

    def forward(self, pixels: Tensor) -> Tensor:
        """uint8 [batch, stack, 84, 84] to float32 [batch, num_features]."""
        x = pixels.to(torch.float32)
        for number, (layer, (before, after)) in enumerate(zip(self.layers, self.padding, strict=True)):
            if after:
                x = functional.pad(x, (before, after, before, after))
            assert isinstance(layer, nn.Conv2d)
            # The pixels' division by 255 is done on the first weights instead, a thousandth of the numbers. Autograd
            # goes through it, so the optimiser sees the gradient of the weights as they are.
            weight = layer.weight / 255.0 if number == 0 else layer.weight
            x = functional.relu(functional.conv2d(x, weight, layer.bias, tuple(layer.stride)))
        return x.flatten(1)


class Output(nn.Linear):
    """A network's last linear layer, float32 in every precision: values lie closer together than bfloat16 can tell."""

    def forward(self, x: Tensor) -> Tensor:
        """[batch, inputs] of any precision to [batch, outputs] in that of the weights."""
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.to(self.weight.dtype))


def in_precision(network: nn.Module, precision: Literal["float32", "bfloat16"]) -> Callable[[Tensor], Tensor]:
    """The network with the arithmetic of its layers in another precision; parameters and outputs stay float32.

    bfloat16 products are summed in float32. The layers' results are rounded to 8 bits, but for the last one's.
    """

    def rounded(pixels: Tensor) -> Tensor:
        with torch.autocast(pixels.device.type, torch.bfloat16):
            outputs: Tensor = network(pixels)
        return outputs.float()

    return rounded if precision == "bfloat16" else network


def uninitialised_linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer whose weights are still to be filled."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, inputs, outputs)
    return layer


def uninitialised_output(inputs: int, outputs: int) -> Output:
    """A last layer whose weights are still to be filled."""
    layer: Output = nn.utils.skip_init(Output, inputs, outputs)
    return layer


def fill_torch7_uniform(network: nn.Module, stream: np.random.Generator) -> None:
    """Weights and biases ~ U(-1/sqrt(fan_in), 1/sqrt(fan_in)), in the order of the layers.

    Source: torch/nn Linear.lua:21-43 and SpatialConvolution.lua:34-55 of February 2015.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = 1.0 / math.sqrt(_fan_in(layer))
            _fill(layer.weight, stream.uniform(-bound, bound, tuple(layer.weight.shape)))
            assert layer.bias is not None
            _fill(layer.bias, stream.uniform(-bound, bound, tuple(layer.bias.shape)))


def fill_glorot_uniform(network: nn.Module, stream: np.random.Generator) -> None:
    """Weights ~ U(-b, b) with b = sqrt(6 / (fan_in + fan_out)), biases 0: TensorFlow 1's default.

    Source: google/dopamine dopamine/discrete_domains/legacy_networks.py.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            fan_out = layer.weight.shape[0] * (_fan_in(layer) // layer.weight.shape[1])
            bound = math.sqrt(6.0 / (_fan_in(layer) + fan_out))
            _fill(layer.weight, stream.uniform(-bound, bound, tuple(layer.weight.shape)))
            assert layer.bias is not None
            _fill(layer.bias, np.zeros(tuple(layer.bias.shape)))


FILLS = {"torch7_uniform": fill_torch7_uniform, "glorot_uniform": fill_glorot_uniform}


def _fan_in(layer: nn.Conv2d | nn.Linear) -> int:
    return math.prod(layer.weight.shape[1:])


def _fill(parameter: Tensor, values: np.ndarray) -> None:
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(values.astype(np.float32)))


def _same_padding(side: int, layer: Convolution) -> int:
    """Pixels TensorFlow's SAME adds along one side length, in all."""
    outputs = math.ceil(side / layer.stride)
    return max(0, (outputs - 1) * layer.stride + layer.kernel - side)


def _uninitialised_conv(channels: int, layer: Convolution) -> nn.Conv2d:
    built: nn.Conv2d = nn.utils.skip_init(nn.Conv2d, channels, layer.channels, layer.kernel, stride=layer.stride)
    return built
