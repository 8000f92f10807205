"""Whole updates against the formulas of CleanRL's PPO, written out here: the same weights, the same rollout.

Source: vwxyzjn/cleanrl fe8d8a0 cleanrl/ppo_atari.py:204-207, 235-248, 259-307 (ONPOLICY P4 to P13).
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from replication.algorithms.on_policy.contract import load_algorithm
from replication.algorithms.policy_networks import Spaces
from replication.specification.families.on_policy import OnPolicyConfig, RolloutFrames
from replication.specification.loading import load_variant
from replication.training.off_policy.learner import prepare_torch
from replication.training.on_policy.learner import Learner, pixels_of
from replication.training.on_policy.rollout import RolloutStore

ACTORS, STEPS, ACTIONS, EPOCHS, PARTS = 4, 5, 6, 2, 2
STREAMS = ("initialisation", "exploration", "minibatches")
DISCOUNT, LAMBDA, CLIP, RATE = 0.99, 0.95, 0.1, 2.5e-4


def learner() -> Learner:
    variant = load_variant("ppo_cleanrl")
    settings = variant.settings
    assert isinstance(settings, OnPolicyConfig)
    small = settings.network.model_copy(update={"hidden_units": 32})
    config = {"num_actors": ACTORS, "rollout_steps": STEPS, "epochs": EPOCHS, "minibatches": PARTS, "network": small}
    streams = {name: np.random.default_rng([7, place]) for place, name in enumerate(STREAMS)}
    return Learner(load_algorithm(variant.module), settings.model_copy(update=config), Spaces(ACTIONS), streams)


def test_updates_of_ppo_are_those_of_cleanrls_formulas() -> None:
    prepare_torch()
    ours, stream = learner(), np.random.default_rng(3)
    network = copy.deepcopy(ours.network)
    stacks = stream.integers(256, size=(STEPS + 1, ACTORS, 84, 84, 4), dtype=np.uint8)
    rewards = stream.choice([-1.0, 0.0, 1.0], size=(STEPS, ACTORS)).astype(np.float32)
    done_after = stream.random((STEPS, ACTORS)) < 0.2
    assert done_after[:-1].any()
    store, actions = RolloutStore(STEPS, stacks[0]), []
    for step in range(STEPS):
        outputs, values, chosen = ours.act(stacks[step])
        store.begin_step(stacks[step], outputs, values, chosen)
        store.end_step(rewards[step].tolist(), done_after[step].tolist(), np.zeros(ACTORS, dtype=np.float32))
        actions.append(chosen)
    ours.update(store.states, store.rollout(ours.state_values(stacks[STEPS])), RolloutFrames(0, 0))
    cleanrl(network, torch.from_numpy(stacks), torch.stack(actions), torch.from_numpy(rewards), done_after)
    for found, expected in zip(ours.network.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


def cleanrl(network: Any, stacks: Tensor, actions: Tensor, rewards: Tensor, done_after: np.ndarray) -> None:
    """Update a network in place, as that program does at the start of its schedule."""
    pixels = pixels_of(stacks)
    with torch.no_grad():
        told = [network(pixels[step]) for step in range(STEPS + 1)]
    values = torch.stack([each.values[:, 0] for each in told])
    logs = torch.stack([log_probability(told[step].logits, actions[step]) for step in range(STEPS)])
    advantages, last = torch.zeros(STEPS, ACTORS), torch.zeros(ACTORS)
    for step in range(STEPS - 1, -1, -1):
        goes_on = torch.from_numpy(1.0 - done_after[step].astype(np.float32))
        surprise = rewards[step] + DISCOUNT * goes_on * values[step + 1] - values[step]
        last = surprise + DISCOUNT * LAMBDA * goes_on * last
        advantages[step] = last
    seen, taken, before = pixels[:STEPS].flatten(0, 1), actions.flatten(), logs.flatten()
    judged, wide = values[:STEPS].flatten(), advantages.flatten()
    returns = wide + judged
    optimizer, orders = torch.optim.Adam(network.parameters(), lr=RATE, eps=1e-5), np.random.default_rng([7, 2])
    for _ in range(EPOCHS):
        for part in torch.from_numpy(orders.permutation(STEPS * ACTORS)).tensor_split(PARTS):
            outputs = network(seen[part])
            ratio = (log_probability(outputs.logits, taken[part]) - before[part]).exp()
            scaled = (wide[part] - wide[part].mean()) / (wide[part].std() + 1e-8)
            policy = torch.max(-scaled * ratio, -scaled * ratio.clamp(1 - CLIP, 1 + CLIP)).mean()
            value, was = outputs.values[:, 0], judged[part]
            moved = was + (value - was).clamp(-CLIP, CLIP)
            critic = 0.5 * torch.max((value - returns[part]) ** 2, (moved - returns[part]) ** 2).mean()
            entropy = torch.distributions.Categorical(logits=outputs.logits).entropy().mean()
            optimizer.zero_grad()
            (policy - 0.01 * entropy + 0.5 * critic).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 0.5)
            optimizer.step()


def log_probability(logits: Tensor, actions: Tensor) -> Tensor:
    return torch.distributions.Categorical(logits=logits).log_prob(actions)  # type: ignore[no-any-return]
