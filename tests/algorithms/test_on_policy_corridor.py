"""Every on-policy algorithm solves a pixel problem in seconds, and does not where a part of it is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from replication.algorithms.on_policy.contract import Minibatch, Rollout, Targets, load_algorithm
from replication.algorithms.policy_networks import log_probabilities
from replication.specification.loading import load_variant
from replication.training.on_policy.learner import Learner
from replication.training.on_policy.loop import learn, play_rollout
from replication.training.on_policy.rollout import RolloutStore
from tests.support.on_policy_corridor import BEST, DISCOUNT, NAMES, VALUES, Corridors, screens

TOLERANCE = 0.06
"""Of each value: about half of what the least of the mistakes below moves one by."""
LESSONS = ((300, 0.003), (200, 0.0003))
"""Updates and their learning rate: first to come near, then to average over which room the door led to."""


EXPLORATION = {"start": 1.0, "end": 0.02, "to_end_at_frames": 20_000, "read_at": "step"}
"""Of an agent that acts by values: at random at first, for about a fifth of its updates."""


def taught(variant: str, seed: int = 1, changed: Callable[[Any], dict[str, Any]] = lambda algorithm: {}) -> Any:
    """A learner that has played the corridors; `changed` replaces members of the algorithm."""
    loaded = load_variant(variant)
    algorithm = load_algorithm(loaded.module)
    algorithm = SimpleNamespace(**vars(algorithm) | changed(algorithm))
    own = loaded.settings
    network = (
        own.network.model_dump()
        | {
            "convolutions": [{"channels": 4, "kernel": 12, "stride": 12}],
            "hidden_units": 32,
        }
        | ({"policy_gain": 0.01} if hasattr(own.network, "policy_gain") else {})
    )
    trajectories = own.rollout_episodes is not None
    small = {
        "frame_stack": 1,
        "reward": "raw",
        "discount": DISCOUNT,
        "num_actors": 1 if trajectories else 16,
        "rollout_steps": None if trajectories else 3,
        "rollout_episodes": 16 if trajectories else None,
        "bootstrap_at_truncation": True,
        "network": network,
        "optimizer": {"name": "adam", "learning_rate": 1.0, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-5},
        "learning_rate_schedule": {"kind": "constant"},
    }
    if hasattr(own, "entropy_coefficient"):
        small["entropy_coefficient"] = 0.001
    if own.exploration is not None:
        small |= {"epochs": 1, "minibatches": 1, "exploration": EXPLORATION}
    if hasattr(own, "clip_range"):
        small |= {"clip_range": 0.2, "clip_range_schedule": {"kind": "constant"}}
    if hasattr(own, "trust_region"):
        small |= {"trust_region": own.trust_region.model_dump() | {"max_kl": 0.02}}
    if own.epochs > 1:
        small |= {"epochs": 2, "minibatches": 2}
    config = type(own).model_validate_json(json.dumps(own.model_dump(mode="json") | small))
    # Without a value of the state where it is cut, a trajectory has no return.
    lane: Any = Corridors(config, seed, cut_probability=0.3 if getattr(own, "baseline", True) else 0.0)
    lane.run = SimpleNamespace(protocol=SimpleNamespace(training=SimpleNamespace(frame_skip=4)))
    learner = Learner(algorithm, config, lane.spaces, {name: lane.streams[name] for name in NAMES})
    store = RolloutStore(config.rollout_steps, lane.stacks)
    trainee: Any = SimpleNamespace(lane=lane, learner=learner, store=store, failure=None)
    for updates, rate in LESSONS:
        learner.optimizer.config = learner.optimizer.config.model_copy(update={"learning_rate": rate})
        for _ in range(updates // (config.epochs * config.minibatches)):
            play_rollout(trainee)
            learn(trainee)
    assert trainee.failure is None
    return learner


def judged(learner: Any) -> tuple[np.ndarray, list[int]]:
    """The values of the four states, and the likeliest action in each."""
    outputs = learner.outputs(screens())
    preferred = outputs.action_values if hasattr(outputs, "action_values") else outputs.logits
    return learner.state_values(screens()).numpy(), preferred.argmax(dim=1).tolist()


def solved(learner: Any) -> bool:
    values, actions = judged(learner)
    learns_values = getattr(learner.config, "baseline", True)
    return actions == BEST and (not learns_values or bool(np.abs(values - VALUES).max() < TOLERANCE))


@pytest.mark.slow
@pytest.mark.parametrize(
    "variant",
    [
        "a2c",
        "reinforce",
        "actor_critic_q",
        "pqn_cleanrl",
        "trpo_baselines",
        *(
            pytest.param(name, marks=pytest.mark.long)
            for name in (
                "ppo_baselines",
                "ppo_2017",
                "ppo_cleanrl",
                "pqn",
                "reinforce_baseline",
                "actor_critic_td",
                "ppo1",
                "ppo_penalty",
            )
        ),
    ],
)
def test_an_algorithm_learns_the_best_actions_and_their_values(variant: str) -> None:
    learner = taught(variant)
    assert solved(learner), judged(learner)


def with_targets(change: Callable[[Rollout], Rollout]) -> Callable[[Any], dict[str, Any]]:
    """Replace the targets by those of a rollout that was changed."""
    return lambda algorithm: {"targets": lambda rollout, config: algorithm.targets(change(rollout), config)}


def of_wrong_sign(algorithm: Any) -> dict[str, Any]:
    def targets(rollout: Rollout, config: Any) -> Targets:
        advantages, returns = algorithm.targets(rollout, config)
        return Targets(-advantages, returns)

    return {"targets": targets}


def without_stopping_the_gradient(algorithm: Any) -> dict[str, Any]:
    """The advantage in the policy's loss is computed from the values that are being learned."""

    def loss(outputs: Any, batch: Minibatch, config: Any) -> torch.Tensor:
        live = batch.returns - algorithm.state_values(outputs, config)
        moved = ((batch.advantages - live) * log_probabilities(outputs.logits, batch.actions)).mean()
        return algorithm.loss(outputs, batch, config) + moved

    return {"loss": loss}


def nothing_after_the_rollout(rollout: Rollout) -> Rollout:
    nexts = rollout.next_values.clone()
    nexts[-1] = 0.0
    return replace(rollout, next_values=nexts)


def a_cut_is_an_end(rollout: Rollout) -> Rollout:
    return replace(rollout, next_values=torch.where(rollout.cut, 0.0, rollout.next_values))


def an_end_is_none(rollout: Rollout) -> Rollout:
    """What begins after an end is taken for what it led to."""
    following = torch.cat([rollout.values[1:], rollout.next_values[-1:]])
    return replace(rollout, next_values=following, cut=torch.zeros_like(rollout.cut))


MISTAKES = {
    "wrong sign": of_wrong_sign,
    "gradient not stopped": without_stopping_the_gradient,
    "no value at the end of a rollout": with_targets(nothing_after_the_rollout),
    "a cut taken for an end": with_targets(a_cut_is_an_end),
    "an end taken for none": with_targets(an_end_is_none),
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_an_algorithm_with_a_mistake_does_not(mistake: str) -> None:
    learner = taught("a2c", changed=MISTAKES[mistake])
    assert not solved(learner), judged(learner)
