"""Rows of the originals of on-policy agents that no other file tests, each a test named after its row."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch.nn import functional

from replication.algorithms.on_policy.contract import load_algorithm
from replication.algorithms.policy_networks import Spaces
from replication.environments.contract import StepResult
from replication.evidence.scores import last_episodes_rows
from replication.foundation.random_streams import training_streams
from replication.specification.loading import load_protocol, load_variant
from replication.specification.run import resolve_run
from replication.training.on_policy.lane import Lane
from replication.training.on_policy.loop import learned_reward
from replication.training.optimizers import Adam, RMSProp
from tests.support.on_policy import small_run

PAPER = {"a2c", "ppo_2017", "ppo_baselines", "ppo_cleanrl"}


def changes_of(variant: str, gradients: Sequence[float]) -> list[float]:
    """How far each of these gradients moves a single weight, by the optimizer of the variant."""
    settings = load_variant(variant).settings.optimizer
    weight = torch.zeros(1, dtype=torch.float32)
    optimizer = RMSProp([weight], settings) if settings.name == "rmsprop" else Adam([weight], settings)
    found = []
    for gradient in gradients:
        before = weight.item()
        optimizer.step([torch.full((1,), gradient)])
        found.append(weight.item() - before)
    return found


@pytest.mark.parametrize("gradient", [0.5, -0.001])
def test_ac10_rmsprop_has_the_constant_inside_the_root_of_a_mean_square_that_starts_at_one(gradient: float) -> None:
    one = 0.99 + 0.01 * gradient**2
    two = 0.99 * one + 0.01 * gradient**2
    expected = [-7e-4 * gradient / math.sqrt(mean + 1e-5) for mean in (one, two)]
    assert changes_of("a2c", [gradient, gradient]) == pytest.approx(expected, rel=1e-4)


def test_pb12_cp2_the_constant_of_adam_weighs_more_where_it_is_added_before_the_correction() -> None:
    """At the first update sqrt(v) is 0.0316 |g| before the correction and |g| after it."""
    gradient = 1e-4
    before = -2.5e-4 * gradient / (gradient + 1e-5 / math.sqrt(0.001))
    after = -2.5e-4 * gradient / (gradient + 1e-5)
    assert changes_of("ppo_baselines", [gradient]) == pytest.approx([before], rel=1e-4)
    assert changes_of("ppo_cleanrl", [gradient]) == pytest.approx([after], rel=1e-4)
    assert before / after < 0.3


@pytest.mark.parametrize(("reward", "learned"), [(400.0, 1.0), (-3.0, -1.0), (0.0, 0.0)])
def test_w11_the_sign_of_a_steps_summed_reward_is_learned_from(reward: float, learned: float) -> None:
    for variant in PAPER:
        assert learned_reward(StepResult(reward, False, False), load_variant(variant).settings) == learned


def test_w13_a_network_sees_bytes_divided_by_255() -> None:
    run = small_run("a2c")
    algorithm = load_algorithm("a2c")
    network = algorithm.network(run.settings, Spaces(4))
    algorithm.initialise(network, training_streams(1, "catch", run.family.streams)["initialisation"], run.settings)
    pixels = torch.from_numpy(np.random.default_rng(0).integers(256, size=(2, 4, 84, 84), dtype=np.uint8))
    (first,) = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)]
    maps = functional.relu(functional.conv2d(pixels.float() / 255, first.weight, first.bias, stride=first.stride))
    hidden = functional.relu(network.hidden(maps.flatten(1)))
    torch.testing.assert_close(network(pixels).logits, network.policy(hidden), rtol=1e-4, atol=1e-5)


def test_w15_each_actor_has_streams_of_its_own_whatever_their_number() -> None:
    few, many = (Lane(run, run.settings) for run in (small_run(num_actors=2), small_run(num_actors=3)))
    starts = [[stream.random() for stream in actor.streams.values()] for lane in (few, many) for actor in lane.actors]
    assert starts[:2] == starts[2:4], "an actor's streams depend on its number alone"
    assert len({number for start in starts[2:] for number in start}) == 6, "none equals another"
    other = Lane(small_run(num_actors=2, seed=2), small_run(num_actors=2, seed=2).settings)
    assert [stream.random() for stream in other.actors[0].streams.values()] != starts[0]


def test_w17_a_step_of_the_run_is_a_decision_of_one_actor() -> None:
    run = small_run(num_actors=3)
    lane = Lane(run, run.settings)
    results = lane.play(np.zeros(3, dtype=np.int64), lane.next_to_play)
    lane.begin_again([result.ended or result.life_lost for result in results], slice(3))
    assert lane.step == 3
    assert resolve_run(variant="a2c", task="pong", seed=1, budget_frames=40_000_000).training_steps == 10_000_000


def test_w18_the_score_is_the_mean_return_of_the_last_hundred_training_episodes() -> None:
    def score(returns: list[float]) -> float | None:
        rows = [{"episode": i, "end_step": 10 * (i + 1), "raw_return": value} for i, value in enumerate(returns)]
        count = load_protocol("baselines_2017").training_score.episodes
        found = last_episodes_rows(rows, [40_000_000], 4, count)
        return found[0]["mean_return"] if found else None

    assert score([1000.0, *(float(number) for number in range(100))]) == 49.5
    assert score([3.0, 5.0]) == 4.0 and score([]) is None
