"""One-step actor-critic, with a critic of actions or of states: as A2C, but it looks no further than one step."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from replication.algorithms.on_policy.a2c import act, initialise
from replication.algorithms.on_policy.contract import Minibatch, Rollout, Targets
from replication.algorithms.perceptron_policies import AnyPolicyNetwork, policy_network
from replication.algorithms.policy_networks import Outputs, Spaces, of_actions
from replication.specification.families.on_policy_modules import ActorCriticConfig

__all__ = ["PAPER", "Config", "act", "initialise", "loss", "network", "state_values", "targets"]

PAPER = "Sutton et al. 2000, Policy gradient methods for reinforcement learning with function approximation"
Config = ActorCriticConfig


def network(config: ActorCriticConfig, spaces: Spaces) -> AnyPolicyNetwork:
    """Build the network, uninitialised: a policy, and the values of all actions or that of the state."""
    return policy_network(config, spaces, spaces.num_actions if config.critic == "action_values" else 1)


def state_values(outputs: Outputs, config: ActorCriticConfig) -> Tensor:
    """Return V(s), or sum_a pi(a|s) Q(s, a), float32 [batch]."""
    if config.critic == "action_values":
        return (functional.softmax(outputs.logits, dim=-1) * outputs.values).sum(dim=-1)
    return outputs.values[..., 0]


def targets(rollout: Rollout, config: ActorCriticConfig) -> Targets:
    """Compute the return r + gamma V(s') of one step, and what the action earns: that less V(s), or Q(s, a).

    Source: Sutton & Barto 2018, Reinforcement Learning: An Introduction, section 13.5 (the error of the state's value);
    Sutton et al. 2000, theorem 2 (the values of actions).
    """
    returns = rollout.rewards + config.discount * rollout.next_values
    if config.critic == "action_values":
        return Targets(of_actions(rollout.outputs.values, rollout.actions), returns)
    return Targets(returns - rollout.values, returns)


def loss(outputs: Outputs, batch: Minibatch, config: ActorCriticConfig) -> Tensor:
    """Compute the mean of -A log pi(a|s) + c_v (critic - R)^2 - c_e H(pi(.|s)); the critic is V(s) or Q(s, a)."""
    policy_loss = -(batch.advantages * outputs.log_probabilities(batch.actions)).mean()
    of_actions_taken = config.critic == "action_values"
    judged = of_actions(outputs.values, batch.actions) if of_actions_taken else state_values(outputs, config)
    value_loss = (judged - batch.returns).square().mean()
    entropy = outputs.entropies().mean()
    return policy_loss + config.value_coefficient * value_loss - config.entropy_coefficient * entropy
