"""Trust region policy optimization (Schulman et al. 2015), its "single path", with a critic as openai/baselines has it.

| article, program                        | here                                                      |
| --------------------------------------- | --------------------------------------------------------- |
| simulation steps an iteration           | `rollout_steps` x `num_actors`                            |
| stepsize D_KL, max_kl                   | `trust_region.max_kl`                                     |
| share of the data in Fisher products    | one in `trust_region.fisher_every_steps`                  |
| cg_iters, cg_damping                    | `trust_region.conjugate_gradient_steps`, `.damping`       |
| vf_iters, vf_stepsize                   | `epochs`, the optimizer's learning rate: of the critic    |
| lam, entcoeff                           | `gae_lambda`, `entropy_coefficient`                       |
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from replication.algorithms.networks import Convolutions, UninitialisedLinear
from replication.algorithms.on_policy.a2c import act, initialise, state_values, targets
from replication.algorithms.on_policy.contract import Minibatch, Updates
from replication.algorithms.perceptron_policies import AnyOutputs, PerceptronPolicy
from replication.algorithms.policy_networks import (
    SCREEN_SIDE_PIXELS,
    Outputs,
    PolicyNetwork,
    Spaces,
    normalized_by_actor,
)
from replication.algorithms.trust_region import Judgment, trust_region_step
from replication.specification.families.on_policy_modules import TRPOConfig

__all__ = ["PAPER", "Config", "act", "initialise", "loss", "network", "optimized", "state_values", "targets", "update"]

PAPER = "Schulman et al. 2015, Trust region policy optimization, arXiv 1502.05477"
Config = TRPOConfig
STATES_AT_ONCE = 2_048


class NetworksApart(PolicyNetwork):
    """A policy, and a critic with convolutions and a hidden layer of its own, of the same shape.

    Source: openai/baselines ea25b9e baselines/trpo_mpi/trpo_mpi.py (value_network='copy'), common/policies.py.
    """

    def __init__(self, config: TRPOConfig, spaces: Spaces) -> None:
        """Lay out the layers, uninitialised."""
        super().__init__(config, spaces.num_actions, num_values=1)
        seen = config.of_game
        self.critic_convolutions = Convolutions(seen.network, seen.frame_stack, SCREEN_SIDE_PIXELS)
        self.critic_hidden = UninitialisedLinear(self.critic_convolutions.num_features, seen.network.hidden_units)

    def forward(self, pixels: Tensor) -> Outputs:
        """Compute policy and values from uint8 [batch, stack, 84, 84]."""
        return Outputs(self.policy(self.embed(pixels)), self.critic(pixels))

    def policy_alone(self, pixels: Tensor) -> Outputs:
        """Compute the policy, without values."""
        hidden = self.embed(pixels)
        return Outputs(self.policy(hidden), hidden.new_zeros((len(hidden), 0)))

    def critic(self, pixels: Tensor) -> Tensor:
        """Compute the values, float32 [batch, 1]."""
        assert self.values is not None
        found: Tensor = self.values(functional.relu(self.critic_hidden(self.critic_convolutions(pixels))))
        return found


Networks = NetworksApart | PerceptronPolicy
"""Those of games and of vectors; policy and critic share nothing in either."""


def network(config: TRPOConfig, spaces: Spaces) -> Networks:
    """Build the networks, uninitialised: a policy, and the value of the state by one of its own."""
    perceptrons = config.of_vectors
    return NetworksApart(config, spaces) if perceptrons is None else PerceptronPolicy(perceptrons, spaces, num_values=1)


def optimized(network: Networks) -> list[Tensor]:
    """Return the parameters of the critic: the policy takes steps of its own."""
    assert network.values is not None
    if isinstance(network, NetworksApart):
        layers = [network.critic_convolutions, network.critic_hidden, network.values]
    else:
        layers = [network.value_layers, network.values]
    return [parameter for layer in layers for parameter in layer.parameters()]


def parameters_of_policy(network: Networks) -> list[Tensor]:
    """Return the parameters of the policy: those that are not the critic's."""
    others = {id(parameter) for parameter in optimized(network)}
    return [parameter for parameter in network.parameters() if id(parameter) not in others]


def gain(outputs: AnyOutputs, batch: Minibatch, config: TRPOConfig) -> Tensor:
    """Compute the mean of A pi(a|s) / pi_old(a|s) + c_e H(pi(.|s)), which the policy raises.

    Source: Schulman et al. 2015, equation 14 with samples of the old policy; openai/baselines ea25b9e
    baselines/trpo_mpi/trpo_mpi.py (optimgain).
    """
    before = batch.outputs.log_probabilities(batch.actions)
    ratios = torch.exp(outputs.log_probabilities(batch.actions) - before)
    return (ratios * batch.advantages).mean() + config.entropy_coefficient * outputs.entropies().mean()


def critic_loss(values: Tensor, batch: Minibatch, config: TRPOConfig) -> Tensor:
    """Compute the mean of c_v (V(s) - R)^2 from values [batch, 1], which the critic lowers.

    Source: openai/baselines ea25b9e baselines/trpo_mpi/trpo_mpi.py (vferr).
    """
    return config.value_coefficient * (values[:, 0] - batch.returns).square().mean()


def loss(outputs: AnyOutputs, batch: Minibatch, config: TRPOConfig) -> Tensor:
    """Compute the critic's loss less the policy's gain; `update` lowers them one after the other."""
    return critic_loss(outputs.values, batch, config) - gain(outputs, batch, config)


def policy_in(network: Networks, states: Tensor) -> AnyOutputs:
    """Compute the policy in all states of a rollout, [states, ...], in memory that does not grow with them.

    Of more than `STATES_AT_ONCE`, layers are computed again for the gradient, a part of the states at a time.
    """
    policy = network.policy_alone if isinstance(network, NetworksApart) else network
    parts = states.split(STATES_AT_ONCE)
    if len(parts) > 1 and torch.is_grad_enabled():
        found = [checkpoint(policy, part, use_reentrant=False, preserve_rng_state=False) for part in parts]
    else:
        found = [policy(part) for part in parts]
    together: AnyOutputs = type(found[0])(*map(torch.cat, zip(*found, strict=True)))
    return together


def update(network: Networks, states: Tensor, batch: Minibatch, updates: Updates, config: TRPOConfig) -> None:
    """Take a step of the policy within its trust region, then steps of the critic on minibatches.

    Source: openai/baselines ea25b9e baselines/trpo_mpi/trpo_mpi.py; Schulman et al. 2015, section 6.
    """
    batch = replace(batch, advantages=normalized_by_actor(batch.advantages, config.num_actors))
    places = torch.arange(len(batch.actions)).unflatten(0, (-1, config.num_actors))
    sparse = places[:: config.trust_region.fisher_every_steps].flatten()
    sparse_batch = batch.part(sparse)

    def judge() -> Judgment:
        outputs = policy_in(network, states)
        return Judgment(gain(outputs, batch, config), batch.outputs.divergences(outputs).mean())

    def kl_of_fisher() -> Tensor:
        found: Tensor = sparse_batch.outputs.divergences(policy_in(network, states[sparse])).mean()
        return found

    trust_region_step(parameters_of_policy(network), judge, kl_of_fisher, config.trust_region)
    critic = network.critic if isinstance(network, NetworksApart) else lambda states: network(states).values
    for chosen in updates.minibatches():
        updates.step(critic_loss(critic(states[chosen]), batch.part(chosen), config))
