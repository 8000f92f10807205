"""Networks that give the value of each action, normalized layer by layer, and the initializations they start from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from replication.algorithms.networks import Convolutions, Output, UninitialisedLinear
from replication.algorithms.policy_networks import SCREEN_SIDE_PIXELS, Spaces, orthogonal_matrix
from replication.specification.families.on_policy_modules import LayerNormalizationConfig, PQNConfig

TRUNCATED_DEVIATION = 0.87962566103423978
"""Standard deviation of a standard normal number that is kept only within two deviations."""


class ActionValues(NamedTuple):
    """What a network says of states.

    action_values: float32 [batch, actions].
    """

    action_values: Tensor


class LayerNormalization(nn.Module):
    """(x - mean) / sqrt(variance + epsilon), of the last axes of x, times a weight and plus a bias for each number.

    Source: Ba et al. 2016, Layer normalization, arXiv 1607.06450.
    """

    def __init__(self, shape: tuple[int, ...], epsilon: float) -> None:
        """Lay out weights and biases, uninitialised, for numbers of this shape."""
        super().__init__()
        self.shape, self.epsilon = shape, epsilon
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.empty(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize x, float32 [..., *shape]."""
        return functional.layer_norm(x, self.shape, self.weight, self.bias, self.epsilon)


class NormalizedConvolutions(Convolutions):
    """Convolutions, each normalized before its ReLU, on [batch, stack, 84, 84] byte pixels.

    Source: mttga/purejaxql 47af6d7 purejaxql/pqn_atari.py:166-202; vwxyzjn/cleanrl fe8d8a0
    cleanrl/pqn_atari_envpool.py:115-136.
    """

    def __init__(self, config: PQNConfig, side: int) -> None:
        """Lay out convolutions and normalizations for `side` x `side` pixels, uninitialised."""
        super().__init__(config.network, config.of_game.frame_stack, side)
        normalization = config.network.layer_normalization
        sides = _sides(self, side)
        self.normalizations = nn.ModuleList(
            LayerNormalization(_shape(layer, size, normalization), normalization.epsilon)
            for layer, size in zip(self.layers, sides, strict=True)
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Compute features, float32 [batch, num_features], from uint8 [batch, stack, 84, 84]."""
        x = pixels.to(next(self.parameters()).dtype)
        parts = zip(self.layers, self.padding, self.normalizations, strict=True)
        for number, (layer, padding, normalize) in enumerate(parts):
            assert isinstance(layer, nn.Conv2d) and layer.bias is not None
            weight = layer.weight / 255.0 if number == 0 else layer.weight  # as in `Convolutions`
            x = self.convolve(x, weight, layer.bias, layer.stride[0], padding)
            # With the channels last, as they lie in memory, either choice of axes is the last ones.
            x = functional.relu(normalize(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        return x.flatten(1)


class ActionValueNetwork(nn.Module):
    """Normalized convolutions and a normalized hidden layer, each with ReLU, and a linear output for each action."""

    def __init__(self, config: PQNConfig, spaces: Spaces) -> None:
        """Lay out the layers, uninitialised."""
        super().__init__()
        units = config.network.hidden_units
        self.convolutions = NormalizedConvolutions(config, SCREEN_SIDE_PIXELS)
        self.hidden = UninitialisedLinear(self.convolutions.num_features, units)
        self.normalization = LayerNormalization((units,), config.network.layer_normalization.epsilon)
        self.output = Output(units, spaces.num_actions)

    def forward(self, pixels: Tensor) -> ActionValues:
        """Compute the values of actions from uint8 [batch, stack, 84, 84]."""
        return ActionValues(self.output(self.embed(pixels)))

    def embed(self, pixels: Tensor) -> Tensor:
        """Compute the last hidden layer after its ReLU, float32 [batch, hidden_units], from pixels as in `forward`."""
        return functional.relu(self.normalization(self.hidden(self.convolutions(pixels))))


@torch.no_grad()
def fill_normalized(network: ActionValueNetwork, stream: np.random.Generator, config: PQNConfig) -> None:
    """Fill weights as the settings say, each times the gain of its layer, normalizations with 1, and biases with 0.

    Source: vwxyzjn/cleanrl fe8d8a0 cleanrl/pqn_atari_envpool.py:109-136 (orthogonal); mttga/purejaxql 47af6d7
    purejaxql/pqn_atari.py:166-202 with jax.nn.initializers.he_normal, and lecun_normal, the default of flax, for the
    output (normal numbers of at most two deviations).
    """
    gains = config.network
    for layer in network.modules():
        if isinstance(layer, LayerNormalization):
            layer.weight.fill_(1.0)
            layer.bias.zero_()
        elif isinstance(layer, nn.Conv2d | nn.Linear):
            gain = gains.output_gain if layer is network.output else gains.hidden_gain
            filled = orthogonal_matrix if gains.initialisation == "orthogonal" else truncated_normal_matrix
            # In whatever order a patch's inputs stand, the distribution is the same.
            matrix = filled(layer.weight[0].numel(), len(layer.weight), stream)
            layer.weight.copy_(gain * matrix.T.reshape(layer.weight.shape))
            assert layer.bias is not None
            layer.bias.zero_()


def truncated_normal_matrix(inputs: int, outputs: int, stream: np.random.Generator) -> Tensor:
    """Draw a matrix, float64 [inputs, outputs], of variance 1 / inputs, of normal numbers of at most two deviations."""
    drawn = stream.standard_normal((inputs, outputs))
    while (beyond := np.abs(drawn) > 2.0).any():
        drawn[beyond] = stream.standard_normal(int(beyond.sum()))
    return torch.from_numpy(drawn / (TRUNCATED_DEVIATION * np.sqrt(inputs)))


def _sides(convolutions: Convolutions, side: int) -> list[int]:
    """Return the sides of the pixels after each convolution."""
    found: list[int] = []
    for layer, padding in zip(convolutions.layers, convolutions.padding, strict=True):
        assert isinstance(layer, nn.Conv2d)
        side = (side + sum(padding) - layer.kernel_size[0]) // layer.stride[0] + 1
        found.append(side)
    return found


def _shape(layer: nn.Module, side: int, config: LayerNormalizationConfig) -> tuple[int, ...]:
    assert isinstance(layer, nn.Conv2d)
    channels = layer.out_channels
    return (channels,) if config.of_convolutions == "channels" else (side, side, channels)
