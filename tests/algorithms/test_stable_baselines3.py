"""Whole updates against Stable-Baselines3's A2C and PPO, where it is installed: the same weights, the same rollout."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from replication.algorithms.on_policy.contract import load_algorithm
from replication.algorithms.policy_networks import Spaces, log_probabilities
from replication.specification.families.on_policy import RolloutFrames
from replication.specification.loading import load_variant
from replication.training.on_policy.learner import Learner
from replication.training.on_policy.rollout import RolloutStore

ACTORS, STEPS, ACTIONS = 4, 5, 6
NAMES = {
    "convolutions.layers.0": "features_extractor.cnn.0",
    "convolutions.layers.1": "features_extractor.cnn.2",
    "convolutions.layers.2": "features_extractor.cnn.4",
    "hidden": "features_extractor.linear.0",
    "policy": "action_net",
    "values": "value_net",
}
"""Our layers, and what they are called there."""


class Screens(gymnasium.Env):
    """Gives a program the shapes of what is seen and done; it is not played."""

    observation_space = gymnasium.spaces.Box(0, 255, (4, 84, 84), np.uint8)
    action_space = gymnasium.spaces.Discrete(ACTIONS)

    def reset(self, **options: Any) -> Any:
        return np.zeros((4, 84, 84), np.uint8), {}


def learner(variant: str, **changes: Any) -> Learner:
    config = load_variant(variant).settings.model_copy(update={"num_actors": ACTORS, "rollout_steps": STEPS} | changes)
    streams = {name: np.random.default_rng([7, i]) for i, name in enumerate(("initialisation", "exploration"))}
    return Learner(load_algorithm(load_variant(variant).module), config, Spaces(ACTIONS), streams)


def played_alike(ours: Learner, theirs: Any) -> tuple[Any, Any]:
    """States and a rollout, with an end inside, which is put into their buffer too."""
    stream = np.random.default_rng(3)
    with torch.no_grad():
        for own, other in NAMES.items():
            for kind in ("weight", "bias"):
                theirs.policy.get_parameter(f"{other}.{kind}").copy_(ours.network.get_parameter(f"{own}.{kind}"))
    stacks = stream.integers(256, size=(STEPS + 1, ACTORS, 84, 84, 4), dtype=np.uint8)
    rewards = stream.choice([-1.0, 0.0, 1.0], size=(STEPS, ACTORS)).astype(np.float32)
    ended = stream.random((STEPS, ACTORS)) < 0.2
    assert ended.any()
    store, starts = RolloutStore(STEPS, stacks[0]), np.ones(ACTORS)
    theirs.rollout_buffer.reset()
    for step in range(STEPS):
        outputs, values, actions = ours.act(stacks[step])
        store.begin_step(stacks[step], outputs, values, actions)
        store.end_step(rewards[step].tolist(), ended[step].tolist(), np.zeros(ACTORS, dtype=np.float32))
        logs = log_probabilities(outputs.logits, actions)
        seen = stacks[step].transpose(0, 3, 1, 2)
        theirs.rollout_buffer.add(seen, actions.numpy()[:, None], rewards[step], starts, values[:, None], logs)
        starts = ended[step].astype(np.float32)
    last = ours.state_values(stacks[STEPS])
    theirs.rollout_buffer.compute_returns_and_advantage(last_values=last[:, None], dones=ended[-1])
    return store.states, store.rollout(last)


def compare(ours: Learner, theirs: Any) -> None:
    states, rollout = played_alike(ours, theirs)
    before = {name: tensor.clone() for name, tensor in ours.network.named_parameters()}
    ours.update(states, rollout, RolloutFrames(0, 0))
    theirs.train()
    for own, other in NAMES.items():
        for kind in ("weight", "bias"):
            found = ours.network.get_parameter(f"{own}.{kind}")
            expected = theirs.policy.get_parameter(f"{other}.{kind}")
            assert not torch.equal(found, before[f"{own}.{kind}"])
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


def their_class(name: str) -> Any:
    return getattr(pytest.importorskip("stable_baselines3"), name)


@pytest.mark.filterwarnings("ignore")
def test_an_update_of_a2c_is_that_of_stable_baselines3() -> None:
    program = their_class("A2C")
    vector = pytest.importorskip("stable_baselines3.common.vec_env").DummyVecEnv([Screens] * ACTORS)
    as_tensorflow = pytest.importorskip("stable_baselines3.common.sb2_compat.rmsprop_tf_like").RMSpropTFLike
    optimizer = {"optimizer_class": as_tensorflow, "optimizer_kwargs": {"alpha": 0.99, "eps": 1e-5}}
    theirs = program(
        "CnnPolicy",
        vector,
        n_steps=STEPS,
        learning_rate=7e-4,
        ent_coef=0.01,
        vf_coef=0.25,
        policy_kwargs=optimizer,
        device="cpu",
    )
    theirs._logger = pytest.importorskip("stable_baselines3.common.logger").configure(None, [])
    compare(learner("a2c", learning_rate_schedule=load_variant("ppo_baselines").settings.clip_range_schedule), theirs)


@pytest.mark.filterwarnings("ignore")
def test_two_epochs_of_ppo_are_those_of_stable_baselines3() -> None:
    """Its clipped values have another loss (the clipped one alone), so the values are not clipped here."""
    program = their_class("PPO")
    vector = pytest.importorskip("stable_baselines3.common.vec_env").DummyVecEnv([Screens] * ACTORS)
    theirs = program(
        "CnnPolicy",
        vector,
        n_steps=STEPS,
        batch_size=STEPS * ACTORS,
        n_epochs=2,
        learning_rate=2.5e-4,
        clip_range=0.1,
        ent_coef=0.01,
        vf_coef=0.25,
        device="cpu",
    )
    theirs._logger = pytest.importorskip("stable_baselines3.common.logger").configure(None, [])
    compare(learner("ppo_cleanrl", epochs=2, minibatches=1, clip_value_loss=False), theirs)
