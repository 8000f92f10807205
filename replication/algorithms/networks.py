"""Building blocks of the networks: convolutions as the papers had them, and their initialisations.

Networks take pixels as bytes and scale them by 1/255 themselves. Parameters are built uninitialised and filled from a
numpy stream, so that no global generator is ever used and every device starts from the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from replication.specification.families.off_policy import Convolution, NetworkConfig


class Convolving(nn.Module):
    """A part of a network that convolves by its `convolve`, which a stack of lanes replaces by another form."""

    def __init__(self) -> None:
        """Start without layers."""
        super().__init__()
        self.convolve = convolve


class Convolutions(Convolving):
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
            layers.append(UninitialisedConv2d(channels, layer.channels, layer.kernel, layer.stride))
            channels, side = layer.channels, (side + total - layer.kernel) // layer.stride + 1
        self.layers = nn.ModuleList(layers)
        self.num_features = channels * side * side

    def forward(self, pixels: Tensor) -> Tensor:
        """Compute features, float32 [batch, num_features], from uint8 [batch, stack, 84, 84]."""
        x = pixels.to(next(self.parameters()).dtype)  # float32; two ways to compute are compared in float64
        for number, (layer, padding) in enumerate(zip(self.layers, self.padding, strict=True)):
            assert isinstance(layer, nn.Conv2d) and layer.bias is not None
            # The pixels' division by 255 is done on the first weights instead, a thousandth of the numbers. Autograd
            # goes through it, so the optimiser sees the gradient of the weights as they are.
            weight = layer.weight / 255.0 if number == 0 else layer.weight
            x = functional.relu(self.convolve(x, weight, layer.bias, layer.stride[0], padding))
        return x.flatten(1)


def convolve(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: tuple[int, int]) -> Tensor:
    """Convolve the pixels of one lane: float32 [batch, inputs, side, side] to [batch, outputs, side', side'].

    `padding` is the zeros before and after, the same along both sides.
    """
    before, after = padding
    if after > before:
        x = functional.pad(x, (0, after - before, 0, after - before))
    # Equal padding on both sides is left to the convolution: that saves a copy of every activation, forward and back.
    return functional.conv2d(x, weight, bias, stride, before)


def convolve_by_product(x: Tensor, weight: Tensor, bias: Tensor, stride: int, padding: tuple[int, int]) -> Tensor:
    """Convolve as `convolve` does, by one matrix product of patches and weights, for the lanes of a stack.

    Under vmap over lanes with weights of their own this is one batched product, where conv2d becomes a grouped
    convolution. Patches lie as channels-last pixels and weights do, so runs of kernel x channels numbers are copied.

    Measured on one CPU core (torch 2.13), loss and gradients of 4 lanes of 32 transitions, lane by lane being 1:
    grouped convolution 1.2 (TensorFlow's padding: 1.5), this 2.5 (2.7), patches cut out by slices 3.0 (3.0), by im2col
    3.6 (2.7). No form pays on a CPU. This one is for GPUs, where products are expected to beat cuDNN's grouped
    convolutions in float32, above all backward: that was not measured.
    """
    before, after = padding
    pixels = x.permute(0, 2, 3, 1)
    if after:
        pixels = functional.pad(pixels, (0, 0, before, after, before, after))
    kernel = weight.shape[-1]
    patches = pixels.unfold(1, kernel, stride).unfold(2, kernel, stride).permute(0, 1, 2, 4, 5, 3)
    batch, height, width = patches.shape[:3]
    rows = patches.reshape(batch * height * width, -1)
    products = functional.linear(rows, weight.permute(0, 2, 3, 1).flatten(1))
    # bfloat16 plus float32 would be float32, and the next layer's patches twice as big.
    outputs = products + bias.to(products.dtype)
    return outputs.reshape(batch, height, width, -1).permute(0, 3, 1, 2)


class UninitialisedConv2d(nn.Conv2d):
    """A convolution whose weights are not filled yet, so that nothing is drawn from torch's generator."""

    def reset_parameters(self) -> None:
        """Do nothing. `nn.utils.skip_init` would do, but imports symbolic algebra for half a second."""


class UninitialisedLinear(nn.Linear):
    """A linear layer whose weights are not filled yet, so that nothing is drawn from torch's generator."""

    def reset_parameters(self) -> None:
        """Do nothing, as above."""

    def forward(self, x: Tensor) -> Tensor:
        """Compute [batch, outputs] from [batch, inputs]; of one state, as in acting, by a matrix-vector product."""
        if len(x) == 1 and x.ndim == 2 and x.device.type == "cpu" and not torch.is_grad_enabled():
            return torch.addmv(self.bias, self.weight, x[0])[None]
        return super().forward(x)


class Output(UninitialisedLinear):
    """A network's last linear layer, float32 in every precision: values lie closer together than bfloat16 can tell."""

    def forward(self, x: Tensor) -> Tensor:
        """Compute [batch, outputs] in the precision of the weights from [batch, inputs] of any precision."""
        with _own_precision(x.device.type):
            return super().forward(x.to(self.weight.dtype))


class SharedBiasOutput(Output):
    """A last linear layer with one bias for all of its outputs, a parameter of shape [1].

    Source: van Hasselt et al. 2016, "Robustness to Human starts"; google-deepmind/dqn_zoo dqn_zoo/networks.py
    linear_with_shared_bias.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        """Lay out the layer, uninitialised."""
        super().__init__(inputs, outputs)
        self.bias = nn.Parameter(torch.empty(1))

    def forward(self, x: Tensor) -> Tensor:
        """Compute [batch, outputs] in the precision of the weights from [batch, inputs] of any precision."""
        with _own_precision(x.device.type):
            return functional.linear(x.to(self.weight.dtype), self.weight) + self.bias


class NoisyLinear(nn.Module):
    """A linear layer whose weights are drawn anew around learned means, by factorised Gaussian noise.

    y = (mu^w + sigma^w * epsilon^w) x + mu^b + sigma^b * epsilon^b, with epsilon^w_ij = f(epsilon_i) f(epsilon_j),
    epsilon^b_j = f(epsilon_j) and f(x) = sgn(x) sqrt|x|. One draw serves the whole batch. Zero noise leaves the means.

    On one CPU core (7,744 inputs, 512 outputs, 32 states) an update with the drawn weights written out took half the
    time of two products, of the means and of the deviations with noisy inputs; the latter is faster for one state.

    Source: Fortunato et al. 2018, equations 8 to 11.
    """

    def __init__(self, inputs: int, outputs: int, sigma_0: float) -> None:
        """Lay out means and deviations, uninitialised; `sigma_0` is what the deviations start from."""
        super().__init__()
        self.sigma_0 = sigma_0
        self.noise_shape = inputs, outputs
        self.num_noise = inputs + outputs
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.weight_deviation = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.bias_deviation = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """Compute [batch, outputs] from [batch, inputs] and standard normal noise, [inputs + outputs]."""
        f_inputs, f_outputs = (noise.sign() * noise.abs().sqrt()).split(self.noise_shape)
        weight = self.weight + self.weight_deviation * torch.outer(f_outputs, f_inputs)
        bias = self.bias + self.bias_deviation * f_outputs
        return functional.linear(x, weight, bias)


class NoisyOutput(NoisyLinear):
    """A network's last layer where that is noisy, float32 in every precision, as `Output` is."""

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """Compute [batch, outputs] in the precision of the weights from [batch, inputs] of any precision."""
        with _own_precision(x.device.type):
            return super().forward(x.to(self.weight.dtype), noise)


def count_noise(network: nn.Module) -> int:
    """Count the random numbers that one pass through the noisy layers of a network takes."""
    return sum(layer.num_noise for layer in network.modules() if isinstance(layer, NoisyLinear))


def noise_by_layer(layers: Sequence[nn.Module], draws: Sequence[Tensor]) -> list[Sequence[Tensor]]:
    """Split the noise, [noise of all layers], into what each layer takes beside its input; nothing without draws."""
    if not draws:
        return [() for _ in layers]
    (noise,) = draws
    return [(part,) for part in noise.split([layer.num_noise for layer in layers])]


def _own_precision(device_type: str) -> AbstractContextManager[object]:
    """Return a context in the precision of the parameters; a device without a lower one, as `meta`, needs no change."""
    available = torch.amp.is_autocast_available(device_type)
    return torch.autocast(device_type, enabled=False) if available else nullcontext()


def in_precision(network: Callable[..., Tensor], precision: Literal["float32", "bfloat16"]) -> Callable[..., Tensor]:
    """Return the network with its layers computed in another precision; parameters and outputs stay float32.

    bfloat16 products are summed in float32. The layers' results are rounded to 8 bits, but for the last one's.
    """

    def rounded(pixels: Tensor, *draws: Tensor) -> Any:
        with torch.autocast(pixels.device.type, torch.bfloat16):
            outputs: Tensor | tuple[Tensor, ...] = network(pixels, *draws)
        return tuple(each.float() for each in outputs) if isinstance(outputs, tuple) else outputs.float()

    return rounded if precision == "bfloat16" else network


def fill_torch7_uniform(network: nn.Module, stream: np.random.Generator) -> None:
    """Fill weights and biases with U(-1/sqrt(fan_in), 1/sqrt(fan_in)), in the order of the layers.

    Source: torch/nn Linear.lua:21-43 and SpatialConvolution.lua:34-55 of February 2015.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = 1.0 / math.sqrt(_fan_in(layer))
            _fill(layer.weight, stream.uniform(-bound, bound, tuple(layer.weight.shape)))
            assert layer.bias is not None
            _fill(layer.bias, stream.uniform(-bound, bound, tuple(layer.bias.shape)))


def fill_glorot_uniform(network: nn.Module, stream: np.random.Generator) -> None:
    """Fill weights with U(-b, b), b = sqrt(6 / (fan_in + fan_out)), and biases with 0: TensorFlow 1's default.

    Source: google/dopamine dopamine/discrete_domains/legacy_networks.py.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            fan_out = layer.weight.shape[0] * (_fan_in(layer) // layer.weight.shape[1])
            bound = math.sqrt(6.0 / (_fan_in(layer) + fan_out))
            _fill(layer.weight, stream.uniform(-bound, bound, tuple(layer.weight.shape)))
            assert layer.bias is not None
            _fill(layer.bias, np.zeros(tuple(layer.bias.shape)))


def fill_fan_in_uniform(network: nn.Module, stream: np.random.Generator) -> None:
    """Fill weights with U(-b, b), b = sqrt(sqrt(3) / fan_in), and biases with 0: variance scaling by 1 / sqrt(3).

    Source: google/dopamine 5873f54 dopamine/discrete_domains/legacy_networks.py:158-160,248-250 (Rainbow, C51, IQN).
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = math.sqrt(math.sqrt(3.0) / _fan_in(layer))
            _fill(layer.weight, stream.uniform(-bound, bound, tuple(layer.weight.shape)))
            assert layer.bias is not None
            _fill(layer.bias, np.zeros(tuple(layer.bias.shape)))


FILLS = {
    "torch7_uniform": fill_torch7_uniform,
    "glorot_uniform": fill_glorot_uniform,
    "fan_in_uniform": fill_fan_in_uniform,
}


def fill_noisy(
    network: nn.Module, stream: np.random.Generator, bias_scale: Literal["inputs", "outputs"] = "inputs"
) -> None:
    """Fill means with U(-1/sqrt(p), 1/sqrt(p)) and deviations with sigma_0 / sqrt(p) in noisy layers of p inputs.

    With `bias_scale` "outputs" p is the number of outputs for the deviations of biases, as in programs like
    Kaixhin/Rainbow.

    Source: Fortunato et al. 2018, section 3.2; Kaixhin/Rainbow 1745b18 model.py:25-30.
    """
    for layer in network.modules():
        if isinstance(layer, NoisyLinear):
            num_outputs, num_inputs = layer.weight.shape
            bound = 1.0 / math.sqrt(num_inputs)
            bias_bound = bound if bias_scale == "inputs" else 1.0 / math.sqrt(num_outputs)
            for means, deviations, scale in (
                (layer.weight, layer.weight_deviation, bound),
                (layer.bias, layer.bias_deviation, bias_bound),
            ):
                _fill(means, stream.uniform(-bound, bound, tuple(means.shape)))
                _fill(deviations, np.full(tuple(deviations.shape), layer.sigma_0 * scale))


def _fan_in(layer: nn.Conv2d | nn.Linear) -> int:
    return math.prod(layer.weight.shape[1:])


def _fill(parameter: Tensor, values: np.ndarray) -> None:
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(values.astype(np.float32)))


def _same_padding(side: int, layer: Convolution) -> int:
    """Return how many pixels TensorFlow's SAME padding adds along one side, in all."""
    outputs = math.ceil(side / layer.stride)
    return max(0, (outputs - 1) * layer.stride + layer.kernel - side)
