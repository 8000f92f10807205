"""Perceptrons of an observation that give a policy and values, and the building of what network settings ask for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from replication.algorithms.gaussian_policies import GaussianOutputs
from replication.algorithms.networks import Output, UninitialisedLinear
from replication.algorithms.policy_networks import (
    Outputs,
    PolicyNetwork,
    Spaces,
    fill_orthogonal,
    fill_with_columns,
    orthogonal_matrix,
)
from replication.specification.families.on_policy import OnPolicyConfig, PolicyNetworkConfig
from replication.specification.families.vector_policies import PerceptronPolicyConfig

AnyOutputs = Outputs | GaussianOutputs
"""What a network says of states: of actions that are numbers of a list, or vectors."""
_ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu}


class PerceptronPolicy(nn.Module):
    """Two perceptrons that share nothing: one gives the policy, the other the values.

    The policy is categorical, or normal with standard deviations that are parameters of their own.

    Source: openai/baselines ea25b9e baselines/common/policies.py:121-179 (`value_network='copy'`) with models.py:29-52.
    """

    def __init__(self, config: PerceptronPolicyConfig, spaces: Spaces, num_values: int) -> None:
        """Lay out the layers, uninitialised."""
        super().__init__()
        assert spaces.observation_size is not None, "perceptrons see vectors of numbers"
        self._activation = _ACTIVATIONS[config.activation]
        sizes, last = (spaces.observation_size, *config.hidden_units), config.hidden_units[-1]
        self.policy_layers = _layers(sizes)
        self.policy = Output(last, spaces.num_actions)
        self.value_layers = _layers(sizes) if num_values else nn.ModuleList()
        self.values = Output(last, num_values) if num_values else None
        gaussian = config.log_deviation_start is not None
        self.log_deviations = nn.Parameter(torch.empty(spaces.num_actions)) if gaussian else None

    def forward(self, observations: Tensor) -> AnyOutputs:
        """Compute policy and values from float32 [batch, numbers]."""
        policy = self.policy(self.embed(observations))
        if self.values is None:
            values = policy.new_zeros((len(policy), 0))
        else:
            values = self.values(self._passed(self.value_layers, observations))
        if self.log_deviations is None:
            return Outputs(policy, values)
        # A sum, since a view of a parameter would ask for a gradient in acting too.
        return GaussianOutputs(policy, self.log_deviations + torch.zeros_like(policy), values)

    def embed(self, observations: Tensor) -> Tensor:
        """Compute the last hidden layer of the policy, float32 [batch, units], from observations as in `forward`."""
        return self._passed(self.policy_layers, observations)

    def _passed(self, layers: nn.ModuleList, given: Tensor) -> Tensor:
        for layer in layers:
            given = self._activation(layer(given))
        return given


def _layers(sizes: Sequence[int]) -> nn.ModuleList:
    return nn.ModuleList([UninitialisedLinear(inputs, outputs) for inputs, outputs in pairwise(sizes)])


@torch.no_grad()
def fill_perceptrons(network: PerceptronPolicy, stream: np.random.Generator, config: PerceptronPolicyConfig) -> None:
    """Fill weights and biases as `initialisation` says, each layer with its gain; deviations start where settings say.

    Source: thu-ml/tianshou 47c77899 examples/mujoco/mujoco_reinforce.py:81-93 (orthogonal; the output of the policy is
    scaled); pytorch/pytorch torch/nn/modules/linear.py (uniform within 1 / sqrt(inputs)).
    """
    of_outputs: dict[nn.Module | None, float] = {network.policy: config.policy_gain, network.values: config.value_gain}
    for layer in network.modules():
        if not isinstance(layer, nn.Linear):
            continue
        outputs, inputs = layer.weight.shape
        gain = of_outputs.get(layer, config.hidden_gain)
        if config.initialisation == "orthogonal":
            layer.weight.copy_(gain * orthogonal_matrix(inputs, outputs, stream).T)
            layer.bias.zero_()
        else:
            limit = 1.0 / math.sqrt(inputs)
            for part in (layer.weight, layer.bias):
                part.copy_(gain * torch.from_numpy(stream.uniform(-limit, limit, tuple(part.shape))))
    if network.log_deviations is not None:
        assert config.log_deviation_start is not None
        network.log_deviations.fill_(config.log_deviation_start)


AnyPolicyNetwork = PolicyNetwork | PerceptronPolicy


def policy_network(config: OnPolicyConfig, spaces: Spaces, num_values: int) -> AnyPolicyNetwork:
    """Build the network that settings ask for, uninitialised: of the pixels of a game, or of vectors.

    Args:
        config: of the run.
        spaces: what the policy sees and does.
        num_values: outputs beside the policy.
    """
    perceptrons = config.of_vectors
    if perceptrons is None:
        return PolicyNetwork(config, spaces.num_actions, num_values)
    return PerceptronPolicy(perceptrons, spaces, num_values)


def fill_policy_network(network: AnyPolicyNetwork, stream: np.random.Generator, config: OnPolicyConfig) -> None:
    """Fill every parameter of such a network from the stream."""
    if isinstance(network, PolicyNetwork):
        settings = config.of_game.network
        columns = isinstance(settings, PolicyNetworkConfig) and settings.initialisation == "normalized_columns"
        (fill_with_columns if columns else fill_orthogonal)(network, stream, config)
    else:
        assert config.of_vectors is not None
        fill_perceptrons(network, stream, config.of_vectors)
