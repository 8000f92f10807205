"""Self-predictive representations (Schwarzer et al. 2021): as rainbow.py, but each state also predicts later states.

A transition model leads from the features of a state, action by action, to those of the states after it. A linear layer
predicts the projection of each from its own. The prediction is compared with the projection of the state that followed,
by the target network. States are shifted and lightened as in drq.py.

| paper                              | here                                                            |
| ---------------------------------- | --------------------------------------------------------------- |
| K, prediction depth                | `jumps`                                                         |
| lambda, weight of the SPR loss     | `prediction_weight`                                             |
| f_o, online encoder                | `Network.features`                                              |
| h, transition model                | `Network.later_features`                                        |
| g_o, projection; q, prediction     | `Network.projection`, `prediction`                              |
| f_m, g_m: tau = 0 with augmentation | the target network, `target_update_period_steps` = 1           |
| augmentation                       | `shift_pixels`, `intensity_scale`                               |
| data-efficient Rainbow's           | `n_step`, `num_atoms`, `sigma_0`, `replay_sampling`, `optimizer` |
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from replication.algorithms.networks import (
    Convolutions,
    Convolving,
    NoisyLinear,
    NoisyOutput,
    Output,
    UninitialisedConv2d,
    count_noise,
    fill_noisy,
    noise_by_layer,
)
from replication.algorithms.off_policy import dqn, drq
from replication.algorithms.off_policy.c51 import action_values, expected_error, projected, support
from replication.algorithms.off_policy.contract import Batch, DrawSpec, Forward, Losses
from replication.algorithms.off_policy.dqn import SCREEN_SIDE_PIXELS, chosen
from replication.algorithms.off_policy.dueling import scaled_gradient
from replication.specification.families.off_policy_modules import SPRConfig

__all__ = ["Config", "acting_draws_spec", "action_values", "draws_spec", "initialise", "loss", "network"]

PAPER = (
    "Schwarzer, Anand, Goel, Hjelm, Courville and Bachman 2021, Data-efficient reinforcement learning with "
    "self-predictive representations, ICLR"
)
Config = SPRConfig

LEAST_NORM = 1e-3
"""Of a projection, before it is divided by its norm. Source: mila-iqia/spr 0b9dd4e src/models.py:288-289."""
LEAST_RANGE = 1e-5
"""Added to what features are divided by.

Source: google/dopamine 5873f54 dopamine/labs/atari_100k/spr_networks.py:239; the article's program adds nothing.
"""
LEAST_VARIANCE = 1e-5
"""Added to a channel's variance: what batch normalisation in the program's library adds unless told otherwise."""
LEAST_KL, MOST_KL = 1e-6, 1e6
"""Between which priorities are cut. Source: mila-iqia/spr 0b9dd4e src/algos.py:26,251-254."""


class Transition(Convolving):
    """Two convolutions of 3x3 that keep the size, of features and a one-hot plane for each action.

    Source: mila-iqia/spr 0b9dd4e src/models.py:908-961 with no residual blocks (scripts/run.py:91).
    """

    def __init__(self, channels: int, num_actions: int) -> None:
        """Lay out the layers, uninitialised."""
        super().__init__()
        self.first = UninitialisedConv2d(channels + num_actions, channels, kernel_size=3)
        self.scale, self.shift = nn.Parameter(torch.empty(channels)), nn.Parameter(torch.empty(channels))
        self.second = UninitialisedConv2d(channels, channels, kernel_size=3)
        self.num_actions = num_actions

    def forward(self, features: Tensor, actions: Tensor) -> Tensor:
        """Compute the features one step later from float32 [batch, channels, side, side] and actions, int64 [batch]."""
        planes = functional.one_hot(actions, self.num_actions).to(features.dtype)[:, :, None, None]
        x = torch.cat([features, planes.expand(-1, -1, *features.shape[2:])], dim=1)
        x = functional.relu(self._convolved(x, self.first))
        # Batch normalisation as in training; the program never evaluates with the model, nor does this.
        x = x - x.mean(dim=(0, 2, 3), keepdim=True)
        x = x * (x.square().mean(dim=(0, 2, 3), keepdim=True) + LEAST_VARIANCE).rsqrt()
        x = x * self.scale[:, None, None] + self.shift[:, None, None]
        return renormalised(functional.relu(self._convolved(x, self.second)))

    def _convolved(self, x: Tensor, layer: nn.Conv2d) -> Tensor:
        assert layer.bias is not None
        return self.convolve(x, layer.weight, layer.bias, 1, (1, 1))


class Network(nn.Module):
    """Convolutions, renormalised, then a noisy hidden layer and output each for the value and the advantages.

    Source: mila-iqia/spr 0b9dd4e src/models.py:113-171,580-660. Its bias of all advantages alike is left out: it
    cancels when their mean is taken off.
    """

    def __init__(self, config: Config, num_actions: int) -> None:
        """Lay out the layers, uninitialised."""
        super().__init__()
        self.num_actions, self.num_atoms = num_actions, config.num_atoms
        self.convolutions = Convolutions(config.network, config.frame_stack, SCREEN_SIDE_PIXELS)
        self.channels = config.network.convolutions[-1].channels
        inputs, units, sigma_0 = self.convolutions.num_features, config.network.hidden_units, config.sigma_0
        self.side = math.isqrt(inputs // self.channels)
        self.value_hidden = NoisyLinear(inputs, units, sigma_0)
        self.value = NoisyOutput(units, self.num_atoms, sigma_0)
        self.advantage_hidden = NoisyLinear(inputs, units, sigma_0)
        self.advantages = NoisyOutput(units, num_actions * self.num_atoms, sigma_0)
        self.transition = Transition(self.channels, num_actions)
        self.prediction = Output(2 * units, 2 * units)

    def forward(self, pixels: Tensor, noise: Tensor | None = None, actions: Tensor | None = None) -> Any:
        """Compute what the arguments beside the pixels, uint8 or float32 [batch, stack, 84, 84], ask for.

        Without them: the projection of the states, float32 [batch, 2 x hidden_units].
        With noise, [noise of all layers]: logits of the atoms' probabilities, float32 [batch, actions, atoms].
        With actions too, int64 [batch, jumps], from the states on: the logits, and the predicted projections of the
        states that the actions lead to, float32 [batch, jumps, 2 x hidden_units].
        """
        features = self.features(pixels)
        if noise is None:
            return self.projection(features)
        logits = self._logits(scaled_gradient(features, 1.0 / math.sqrt(2.0)).flatten(1), noise)
        if actions is None:
            return logits
        later = self.later_features(features, actions)
        return logits, self.prediction(self.projection(later.flatten(0, 1))).unflatten(0, later.shape[:2])

    def features(self, pixels: Tensor) -> Tensor:
        """Compute features on [0, 1], float32 [batch, channels, side, side], scaled in each state, from pixels."""
        return renormalised(self.convolutions(pixels).unflatten(1, (self.channels, self.side, self.side)))

    def later_features(self, features: Tensor, actions: Tensor) -> Tensor:
        """Compute features after each action, [batch, jumps]: [batch, ...] to [batch, jumps, channels, side, side]."""
        later = []
        for k in range(actions.shape[1]):
            features = self.transition(features, actions[:, k])
            later.append(features)
        return torch.stack(later, dim=1)

    def projection(self, features: Tensor) -> Tensor:
        """Compute both hidden layers without noise or ReLU, the value's first: [batch, 2 x hidden_units].

        Source: mila-iqia/spr 0b9dd4e src/models.py:655-687, scripts/run.py:115.
        """
        layers = (self.value_hidden, self.advantage_hidden)
        return torch.cat([functional.linear(features.flatten(1), each.weight, each.bias) for each in layers], dim=1)

    def embed(self, pixels: Tensor) -> Tensor:
        """Compute both hidden layers after ReLU, no noise: [batch, 2 x hidden_units], from pixels as in `forward`."""
        return functional.relu(self.projection(self.features(pixels)))

    def _logits(self, features: Tensor, noise: Tensor) -> Tensor:
        layers = (self.value_hidden, self.value, self.advantage_hidden, self.advantages)
        (of_hidden_v,), (of_value,), (of_hidden_a,), (of_advantages,) = noise_by_layer(layers, (noise,))
        value: Tensor = self.value(functional.relu(self.value_hidden(features, of_hidden_v)), of_value)
        advantages = self.advantages(functional.relu(self.advantage_hidden(features, of_hidden_a)), of_advantages)
        advantages = advantages.unflatten(1, (self.num_actions, self.num_atoms))
        logits: Tensor = value[:, None, :] + advantages - advantages.mean(dim=1, keepdim=True)
        return logits


def renormalised(features: Tensor) -> Tensor:
    """Move and scale features [batch, channels, side, side] to the range from 0 to 1 in each state.

    Source: mila-iqia/spr 0b9dd4e src/models.py:987-995, where features that are all equal give no number.
    """
    least, most = features.amin(dim=(1, 2, 3), keepdim=True), features.amax(dim=(1, 2, 3), keepdim=True)
    return (features - least) / (most - least + LEAST_RANGE)


def network(config: Config, num_actions: int) -> Network:
    """Build the network, uninitialised."""
    return Network(config, num_actions)


def initialise(network: Network, stream: np.random.Generator, config: Config) -> None:
    """Fill every parameter from the stream, or with a number.

    Source: mila-iqia/spr 0b9dd4e src/models.py:717-726 for the deviations of biases.
    """
    dqn.initialise(network, stream, config)
    fill_noisy(network, stream, bias_scale="outputs")
    with torch.no_grad():
        network.transition.scale.fill_(1.0)
        network.transition.shift.fill_(0.0)


def acting_draws_spec(config: Config, num_actions: int, *, evaluating: bool) -> Mapping[str, DrawSpec]:
    """Return the noise of one pass, drawn anew for each action in training, zeros in evaluation.

    Source: mila-iqia/spr 0b9dd4e src/agent.py:53-71.
    """
    shape = (count_noise(network(config, num_actions)),)
    return {"noise": DrawSpec("zeros" if evaluating else "normal", shape, per_transition=False)}


def draws_spec(config: Config, num_actions: int) -> Mapping[str, DrawSpec]:
    """Return the noise of each network, one for the whole batch, and the change of each state that a network is shown.

    Source: mila-iqia/spr 0b9dd4e src/algos.py:266-267, src/models.py:331-332,379-380,473-479: s' for each network, and
    every later state, by itself.
    """
    shape = (count_noise(network(config, num_actions)),)
    noise = DrawSpec("normal", shape, per_transition=False)
    specs = {"noise": noise, "noise_target": noise}
    for name, states in (("tm1", ()), ("t", ()), ("target_t", ()), ("future", (config.jumps,))):
        specs[f"place_{name}"] = DrawSpec("uniform", (*states, 2), per_transition=True)
        specs[f"lightness_{name}"] = DrawSpec("normal", states, per_transition=True)
    return specs


def loss(online: Forward, target: Forward, batch: Batch, draws: Mapping[str, Tensor], config: Config) -> Losses:
    """Compute the cross-entropy to the projected target distribution, plus the weighted loss of the predictions.

    L_theta + lambda L_SPR: section 2.4. `priority` is the KL divergence from the target to the predicted distribution.

    Returns: `per_transition` and `priority`, float32 [batch].
    Source: Schwarzer et al. 2021, section 2.4; mila-iqia/spr 0b9dd4e src/algos.py:211-319.
    """
    assert batch.future is not None

    def changed(pixels: Tensor, name: str) -> Tensor:
        return drq.augmented(pixels, draws[f"place_{name}"], draws[f"lightness_{name}"], config)

    def changed_future(pixels: Tensor) -> Tensor:
        place, lightness = draws["place_future"], draws["lightness_future"]
        return drq.augmented(pixels.flatten(0, 1), place.flatten(0, 1), lightness.flatten(), config)

    actions = torch.cat([batch.a_tm1[:, None], batch.future.actions[:, :-1]], dim=1)
    logits, predicted = online(changed(batch.s_tm1, "tm1"), draws["noise"], actions)
    log_p_a_tm1 = functional.log_softmax(chosen(logits, batch.a_tm1), dim=1)
    with torch.no_grad():
        a_t = action_values(online(changed(batch.s_t, "t"), draws["noise"]), config).argmax(dim=1)
        p_t = chosen(target(changed(batch.s_t, "target_t"), draws["noise_target"]), a_t).softmax(dim=1)
        atoms_t = batch.r_t[:, None] + batch.discount_t[:, None] * support(config, p_t)
        m = projected(p_t, atoms_t, config)
        m_cut = m.clamp(min=LEAST_KL)
        divergence = (m_cut * (m_cut.log() - log_p_a_tm1)).sum(dim=1)
        came = target(changed_future(batch.future.states)).unflatten(0, actions.shape)
    assert m.shape == log_p_a_tm1.shape == (*batch.a_tm1.shape, config.num_atoms)
    per_transition = -(m * log_p_a_tm1).sum(dim=1)
    predictions = prediction_losses(predicted, came) * batch.future.goes_on
    return Losses(
        per_transition + config.prediction_weight * predictions.mean(dim=1),
        divergence.clamp(LEAST_KL, MOST_KL),
        expected_error(log_p_a_tm1, p_t, batch, config),
    )


def prediction_losses(predicted: Tensor, came: Tensor) -> Tensor:
    """Compute the squared distance of directions, 2 less twice their cosine: [batch, jumps, units] to [batch, jumps].

    Source: Schwarzer et al. 2021, equation 4, which is minus the cosine; mila-iqia/spr 0b9dd4e src/models.py:287-292.
    """
    assert predicted.shape == came.shape
    directions = [functional.normalize(each, dim=-1, eps=LEAST_NORM) for each in (predicted, came)]
    return (directions[0] - directions[1]).square().sum(dim=-1)
