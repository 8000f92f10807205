"""The linear function approximator of Mnih et al. 2015, Extended Data Table 4: dqn.py with a single linear layer."""

from __future__ import annotations

from torch import Tensor, nn

from replication.algorithms.networks import Output
from replication.algorithms.off_policy.dqn import (
    PAPER,
    SCREEN_SIDE_PIXELS,
    Config,
    acting_draws_spec,
    action_values,
    draws_spec,
    initialise,
    loss,
)

__all__ = ["PAPER", "Config", "acting_draws_spec", "action_values", "draws_spec", "initialise", "loss", "network"]


class Network(nn.Module):
    """Q(s, a) is a weighted sum of all pixels of the stack, and a bias.

    Source: Mnih et al. 2015, Extended Data Table 4: "a single linear layer was used instead of the convolutional
    network, in combination with replay and separate target network".
    """

    def __init__(self, config: Config, num_actions: int) -> None:
        """Lay out the layer, uninitialised."""
        super().__init__()
        self.values = Output(config.frame_stack * SCREEN_SIDE_PIXELS**2, num_actions)

    def forward(self, pixels: Tensor) -> Tensor:
        """Compute Q(s, .), float32 [batch, actions], from uint8 [batch, stack, 84, 84]."""
        values: Tensor = self.values(pixels.to(self.values.weight.dtype).flatten(1) / 255.0)
        return values

    def embed(self, pixels: Tensor) -> Tensor:
        """Return the values, float32 [batch, actions]: there is no hidden layer."""
        return self.forward(pixels)


def network(config: Config, num_actions: int) -> Network:
    """Build the network, uninitialised.

    Raises:
        ValueError: the settings ask for layers that it does not have.
    """
    if config.network.convolutions or config.network.hidden_units:
        raise ValueError("network: a linear function approximator has no convolutions and 0 hidden units")
    return Network(config, num_actions)
