"""Data-regularised Q (Yarats et al. 2021): double_dqn.py on states shifted by a few pixels and made lighter or darker.

As Dopamine runs it for Atari 100k: a dueling network with one hidden layer for value and advantages, 10-step targets,
and a target network that is the online network of the update before.

| paper                            | here                                         |
| -------------------------------- | -------------------------------------------- |
| random shifts: pad, then crop    | `shift_pixels`                               |
| intensity                        | `intensity_scale`                            |
| K, M: copies averaged            | one each, as in the program                  |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from replication.algorithms.networks import Convolutions, Output, UninitialisedLinear
from replication.algorithms.off_policy import double_dqn
from replication.algorithms.off_policy.contract import Batch, DrawSpec, Forward, Losses
from replication.algorithms.off_policy.dqn import SCREEN_SIDE_PIXELS, acting_draws_spec, action_values, initialise
from replication.algorithms.off_policy.dueling import dueling_values
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.families.off_policy_modules import DrQConfig

__all__ = ["Config", "acting_draws_spec", "action_values", "draws_spec", "initialise", "loss", "network"]

PAPER = (
    "Yarats, Kostrikov and Fergus 2021, Image augmentation is all you need: regularizing deep reinforcement learning "
    "from pixels, ICLR"
)
Config = DrQConfig

INTENSITY_LIMIT = 2.0
"""Deviations at which the normal number of the intensity is cut.

Source: google/dopamine 5873f54 dopamine/labs/atari_100k/atari_100k_rainbow_agent.py:99-103.
"""


class Network(nn.Module):
    """The network of dqn.py with a value beside the advantages after its one hidden layer.

    Source: google/dopamine 5873f54 dopamine/jax/networks.py:545-607 with DrQ_eps.gin (dueling, 1 atom).
    """

    def __init__(self, config: OffPolicyConfig, num_actions: int) -> None:
        """Lay out the layers, uninitialised."""
        super().__init__()
        self.convolutions = Convolutions(config.network, config.frame_stack, SCREEN_SIDE_PIXELS)
        self.hidden = UninitialisedLinear(self.convolutions.num_features, config.network.hidden_units)
        self.advantages = Output(config.network.hidden_units, num_actions)
        self.value = Output(config.network.hidden_units, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Compute Q(s, .), float32 [batch, actions], from [batch, stack, 84, 84], uint8 or float32 of that range."""
        hidden = self.embed(pixels)
        return dueling_values(self.value(hidden), self.advantages(hidden))

    def embed(self, pixels: Tensor) -> Tensor:
        """Compute the last hidden layer after its ReLU, float32 [batch, hidden_units], from pixels as in `forward`."""
        return functional.relu(self.hidden(self.convolutions(pixels)))


def network(config: Config, num_actions: int) -> Network:
    """Build the network, uninitialised."""
    return Network(config, num_actions)


def draws_spec(config: Config, num_actions: int) -> Mapping[str, DrawSpec]:
    """Return the place of each state's cut, down and right on [0, 1), and its lightness, in deviations."""
    place, lightness = DrawSpec("uniform", (2,), per_transition=True), DrawSpec("normal", (), per_transition=True)
    return {"place_tm1": place, "lightness_tm1": lightness, "place_t": place, "lightness_t": lightness}


def loss(online: Forward, target: Forward, batch: Batch, draws: Mapping[str, Tensor], config: Config) -> Losses:
    """Compute the loss of double_dqn.py on changed states; both networks see s' changed alike.

    Returns: `per_transition` and `priority` (the clipped absolute TD error), float32 [batch].
    Source: google/dopamine 5873f54 dopamine/labs/atari_100k/atari_100k_rainbow_agent.py:107-119,177-209.
    """
    s_tm1 = augmented(batch.s_tm1, draws["place_tm1"], draws["lightness_tm1"], config)
    s_t = augmented(batch.s_t, draws["place_t"], draws["lightness_t"], config)
    return double_dqn.loss(online, target, replace(batch, s_tm1=s_tm1, s_t=s_t), {}, config)


def augmented(pixels: Tensor, place: Tensor, lightness: Tensor, config: Config) -> Tensor:
    """Shift and lighten states, all frames of one state alike: float32 [batch, stack, 84, 84].

    A state shows at (row, column) what it had `shift_pixels` up and left of there, plus whole numbers of pixels from 0
    to 2 shift_pixels - 1: the program's random number stops short of the last place. Outside are the edge's pixels.

    Args:
        pixels: uint8 [batch, stack, 84, 84].
        place: [batch, 2] on [0, 1).
        lightness: [batch], of a standard normal distribution.
        config: by how much.
    """
    side = torch.arange(SCREEN_SIDE_PIXELS, device=pixels.device)
    first = (place * 2 * config.shift_pixels).to(torch.int64) - config.shift_pixels
    rows, columns = ((side + first[:, None, axis, None]).clamp(0, SCREEN_SIDE_PIXELS - 1) for axis in (0, 1))
    # gather, not take_along_dim, which spends most of its time on a search for negative places.
    shifted = pixels.gather(2, rows[..., None].expand(pixels.shape))
    shifted = shifted.gather(3, columns[:, :, None, :].expand(pixels.shape))
    factor = 1.0 + config.intensity_scale * lightness.clamp(-INTENSITY_LIMIT, INTENSITY_LIMIT)
    return shifted * factor[:, None, None, None]
