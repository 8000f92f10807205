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

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from replication.algorithms.networks import Convolutions, UninitialisedLinear
from replication.algorithms.on_policy.a2c import act, initialise, state_values, targets
from replication.algorithms.on_policy.contract import Minibatch, Updates
from replication.algorithms.policy_networks import (
    SCREEN_SIDE_PIXELS,
    Outputs,
    PolicyNetwork,
    divergences,
    entropies,
    log_probabilities,
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

    def __init__(self, config: TRPOConfig, num_actions: int) -> None:
        """Lay out the layers, uninitialised."""
        super().__init__(config, num_actions, num_values=1)
        self.critic_convolutions = Convolutions(config.network, config.frame_stack, SCREEN_SIDE_PIXELS)
        self.critic_hidden = UninitialisedLinear(self.critic_convolutions.num_features, config.network.hidden_units)

    def forward(self, pixels: Tensor) -> Outputs:
        """Compute policy and values from uint8 [batch, stack, 84, 84]."""
        return Outputs(self.logits(pixels), self.critic(pixels))

    def logits(self, pixels: Tensor) -> Tensor:
        """Compute the policy alone, float32 [batch, actions]."""
        found: Tensor = self.policy(self.embed(pixels))
        return found

    def critic(self, pixels: Tensor) -> Tensor:
        """Compute the values alone, float32 [batch, 1]."""
        assert self.values is not None
        found: Tensor = self.values(functional.relu(self.critic_hidden(self.critic_convolutions(pixels))))
        return found

    def parameters_of_policy(self) -> list[Tensor]:
        """List the parameters that the policy depends on."""
        return list(chain.from_iterable(part.parameters() for part in (self.convolutions, self.hidden, self.policy)))

    def parameters_of_critic(self) -> list[Tensor]:
        """List the parameters that the values depend on."""
        assert self.values is not None
        parts = (self.critic_convolutions, self.critic_hidden, self.values)
        return list(chain.from_iterable(part.parameters() for part in parts))


def network(config: TRPOConfig, num_actions: int) -> NetworksApart:
    """Build the networks, uninitialised: a policy, and the value of the state by one of its own."""
    return NetworksApart(config, num_actions)


def optimized(network: NetworksApart) -> Sequence[Tensor]:
    """Return the parameters of the critic: the policy takes steps of its own."""
    return network.parameters_of_critic()


def gain(logits: Tensor, batch: Minibatch, config: TRPOConfig) -> Tensor:
    """Compute the mean of A pi(a|s) / pi_old(a|s) + c_e H(pi(.|s)), which the policy raises.

    Source: Schulman et al. 2015, equation 14 with samples of the old policy; openai/baselines ea25b9e
    baselines/trpo_mpi/trpo_mpi.py (optimgain).
    """
    before = log_probabilities(batch.outputs.logits, batch.actions)
    ratios = torch.exp(log_probabilities(logits, batch.actions) - before)
    return (ratios * batch.advantages).mean() + config.entropy_coefficient * entropies(logits).mean()


def critic_loss(values: Tensor, batch: Minibatch, config: TRPOConfig) -> Tensor:
    """Compute the mean of c_v (V(s) - R)^2 from values [batch, 1], which the critic lowers.

    Source: openai/baselines ea25b9e baselines/trpo_mpi/trpo_mpi.py (vferr).
    """
    return config.value_coefficient * (values[:, 0] - batch.returns).square().mean()


def loss(outputs: Outputs, batch: Minibatch, config: TRPOConfig) -> Tensor:
    """Compute the critic's loss less the policy's gain; `update` lowers them one after the other."""
    return critic_loss(outputs.values, batch, config) - gain(outputs.logits, batch, config)


def logits_of(network: NetworksApart, pixels: Tensor) -> Tensor:
    """Compute the policy in all states of a rollout, float32 [states, actions], in memory that does not grow with them.

    Of more than `STATES_AT_ONCE`, layers are computed again for the gradient, a part of the states at a time.
    """
    parts = pixels.split(STATES_AT_ONCE)
    if len(parts) == 1 or not torch.is_grad_enabled():
        return torch.cat([network.logits(part) for part in parts])
    again = {"use_reentrant": False, "preserve_rng_state": False}
    return torch.cat([checkpoint(network.logits, part, **again) for part in parts])


def update(network: NetworksApart, pixels: Tensor, batch: Minibatch, updates: Updates, config: TRPOConfig) -> None:
    """Take a step of the policy within its trust region, then steps of the critic on minibatches.

    Source: openai/baselines ea25b9e baselines/trpo_mpi/trpo_mpi.py; Schulman et al. 2015, section 6.
    """
    batch = replace(batch, advantages=normalized_by_actor(batch.advantages, config.num_actors))
    before = batch.outputs.logits
    every = torch.arange(len(before)).unflatten(0, (-1, config.num_actors))
    sparse = every[:: config.trust_region.fisher_every_steps].flatten()

    def judge() -> Judgment:
        logits = logits_of(network, pixels)
        return Judgment(gain(logits, batch, config), divergences(before, logits).mean())

    def kl_of_fisher() -> Tensor:
        return divergences(before[sparse], logits_of(network, pixels[sparse])).mean()

    trust_region_step(network.parameters_of_policy(), judge, kl_of_fisher, config.trust_region)
    for chosen in updates.minibatches():
        updates.step(critic_loss(network.critic(pixels[chosen]), batch.part(chosen), config))
