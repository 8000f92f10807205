"""Networks with a policy and a value, and the initialisation that they start from."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from replication.algorithms.networks import Convolutions, Output, UninitialisedLinear
from replication.specification.families.on_policy import OnPolicyConfig, PolicyNetworkConfig

SCREEN_SIDE_PIXELS = 84


class Spaces(NamedTuple):
    """The sizes of what a policy sees and does."""

    num_actions: int
    """Actions there are; where actions are vectors, their dimensions."""
    observation_size: int | None = None
    """Numbers of an observation; None: the pixels of a game are seen."""


class Outputs(NamedTuple):
    """What a network says of states: float32 each.

    logits: [..., actions], the logarithms of the probabilities of the actions, up to a constant.
    values: [..., values]: one of the state, or one of each action; none where no value is learned.
    """

    logits: Tensor
    values: Tensor

    def log_probabilities(self, actions: Tensor) -> Tensor:
        """Compute log pi(a|s), float32 [...], of the actions taken, int64 [...]."""
        return log_probabilities(self.logits, actions)

    def entropies(self) -> Tensor:
        """Compute the entropies of the policy, float32 [batch]."""
        return entropies(self.logits)

    def sampled(self, draws: Tensor) -> Tensor:
        """Choose actions with the policy's probabilities, int64 [batch].

        Args: `draws` are uniform on [0, 1), [batch, actions]; where they are equal, the likeliest action is chosen.
        """
        return sampled(self.logits, draws)

    def divergences(self, later: Outputs) -> Tensor:
        """Compute KL(self || later) in each state, float32 [...]: sum_a pi(a|s) (log pi(a|s) - log pi'(a|s))."""
        logs = functional.log_softmax(self.logits, dim=-1)
        return (logs.exp() * (logs - functional.log_softmax(later.logits, dim=-1))).sum(dim=-1)


class PolicyNetwork(nn.Module):
    """Convolutions and a hidden layer with ReLU, shared by a policy and by values, which are a linear layer each.

    Source: openai/baselines ea25b9e baselines/common/models.py:15-26, common/policies.py:49-64.
    """

    def __init__(self, config: OnPolicyConfig, num_actions: int, num_values: int) -> None:
        """Lay out the layers, uninitialised."""
        super().__init__()
        seen = config.of_game
        self.convolutions = Convolutions(seen.network, seen.frame_stack, SCREEN_SIDE_PIXELS)
        self.hidden = UninitialisedLinear(self.convolutions.num_features, seen.network.hidden_units)
        self.policy = Output(seen.network.hidden_units, num_actions)
        self.values = Output(seen.network.hidden_units, num_values) if num_values else None

    def forward(self, pixels: Tensor) -> Outputs:
        """Compute policy and values from uint8 [batch, stack, 84, 84]."""
        hidden = self.embed(pixels)
        values = hidden.new_zeros((len(hidden), 0)) if self.values is None else self.values(hidden)
        return Outputs(self.policy(hidden), values)

    def embed(self, pixels: Tensor) -> Tensor:
        """Compute the last hidden layer after its ReLU, float32 [batch, hidden_units], from pixels as in `forward`."""
        return functional.relu(self.hidden(self.convolutions(pixels)))


def fill_orthogonal(network: PolicyNetwork, stream: np.random.Generator, config: OnPolicyConfig) -> None:
    """Fill weights with orthogonal matrices, each times the gain of its layer, and biases with 0.

    Source: openai/baselines ea25b9e baselines/a2c/utils.py:20-35 (the matrix is the one of the singular vectors of a
    normal matrix [inputs, outputs] that has its shape).
    """
    gains, hidden_gain = _gains(network, config)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            gain = gains.get(layer, hidden_gain)
            outputs = layer.weight.shape[0]
            orthogonal = orthogonal_matrix(layer.weight.numel() // outputs, outputs, stream)
            assert layer.bias is not None
            with torch.no_grad():
                # In whatever order a patch's inputs stand, the distribution is the same.
                layer.weight.copy_(gain * orthogonal.T.reshape(layer.weight.shape))
                layer.bias.zero_()


def fill_with_columns(network: PolicyNetwork, stream: np.random.Generator, config: OnPolicyConfig) -> None:
    """Fill convolutions by Glorot's uniform law, dense layers with normal columns of the length of their gain.

    The column of a unit holds the weights of its inputs. Biases are 0.

    Source: openai/baselines d9f194f baselines/common/tf_util.py (normc_initializer, conv2d), ppo1/cnn_policy.py.
    """
    gains, hidden_gain = _gains(network, config)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            shape = tuple(layer.weight.shape)
            if isinstance(layer, nn.Conv2d):
                bound = math.sqrt(6.0 / (math.prod(shape[2:]) * (shape[0] + shape[1])))
                weights = torch.from_numpy(stream.uniform(-bound, bound, shape))
            else:
                normal = torch.from_numpy(stream.standard_normal(shape))
                lengths = torch.linalg.vector_norm(normal, dim=1, keepdim=True)
                weights = gains.get(layer, hidden_gain) * normal / lengths
            assert layer.bias is not None
            with torch.no_grad():
                layer.weight.copy_(weights)
                layer.bias.zero_()


def _gains(network: PolicyNetwork, config: OnPolicyConfig) -> tuple[dict[nn.Module | None, float], float]:
    """Return the gains of the two outputs, and that of every other layer."""
    gains = config.of_game.network
    assert isinstance(gains, PolicyNetworkConfig), "an algorithm whose network has other settings fills it itself"
    return {network.policy: gains.policy_gain, network.values: gains.value_gain}, gains.hidden_gain


def orthogonal_matrix(inputs: int, outputs: int, stream: np.random.Generator) -> Tensor:
    """Draw a matrix whose rows or columns, whichever are fewer, are orthogonal and of length 1: float64 [in, out].

    Source: Saxe et al. 2014, Exact solutions to the nonlinear dynamics of learning in deep linear neural networks;
    as openai/baselines has it, see `fill_orthogonal`.
    """
    normal = torch.from_numpy(stream.standard_normal((inputs, outputs)))
    left, _, right = torch.linalg.svd(normal, full_matrices=False)
    found: Tensor = left if left.shape == normal.shape else right
    return found


def log_probabilities(logits: Tensor, actions: Tensor) -> Tensor:
    """Compute log pi(a|s), float32 [batch], from logits [batch, actions] and the actions taken, int64 [batch]."""
    return of_actions(functional.log_softmax(logits, dim=-1), actions)


def of_actions(numbers: Tensor, actions: Tensor) -> Tensor:
    """Select the number of one action in each row: [..., actions] and int64 [...] to [...]."""
    return numbers.gather(-1, actions[..., None])[..., 0]


def entropies(logits: Tensor) -> Tensor:
    """Compute -sum_a pi(a|s) log pi(a|s), float32 [batch], from logits [batch, actions]."""
    logs = functional.log_softmax(logits, dim=1)
    return -(logs.exp() * logs).sum(dim=1)


def normalized_by_actor(advantages: Tensor, num_actors: int) -> Tensor:
    """Scale the advantages of a whole rollout to mean 0 and deviation 1 over the steps of each actor apart.

    Args:
        advantages: float32 [steps * actors], step by step.
        num_actors: of the rollout.

    Source: openai/baselines ea25b9e baselines/trpo_mpi/trpo_mpi.py, ppo1/pposgd_simple.py: each process scales what it
    has played itself, by the deviation without a constant. Where all are equal there is nothing to learn: 0, not a
    division by 0 as there.
    """
    of_actors = advantages.unflatten(0, (-1, num_actors))
    centered = of_actors - of_actors.mean(dim=0)
    deviations = of_actors.std(dim=0, correction=0)
    return torch.where(deviations > 0, centered / deviations, 0.0).flatten()


def sampled(logits: Tensor, uniforms: Tensor) -> Tensor:
    """Choose actions with the policy's probabilities: int64 [batch].

    Args:
        logits: float32 [batch, actions].
        uniforms: as many numbers, uniform on [0, 1); where they are equal, the likeliest action is chosen.

    Source: openai/baselines ea25b9e baselines/a2c/utils.py:6-8 (the maximum of the logits with Gumbel noise).
    """
    return (logits - torch.log(-torch.log(uniforms))).argmax(dim=1)
