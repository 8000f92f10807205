"""The replay memory of vectors and the noise of exploration."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from replication.specification.families.off_policy_continuous import GaussianNoise, OrnsteinUhlenbeckNoise
from replication.training.off_policy_continuous.noise import Noise
from replication.training.replay.vectors import VectorReplay


def filled(transitions: int, capacity: int = 5, batch_size: int = 4) -> VectorReplay:
    replay = VectorReplay(capacity, observation_size=2, action_size=1, batch_size=batch_size)
    for number in range(transitions):
        seen, after = np.full(2, number, np.float32), np.full(2, number + 0.5, np.float32)
        replay.add(seen, np.full(1, -number, np.float32), 10.0 * number, after, terminated=number % 3 == 2)
    return replay


def test_a_minibatch_has_whole_transitions_each_of_them_as_likely() -> None:
    replay, stream = filled(4, capacity=10, batch_size=4_000), np.random.default_rng(0)
    batch = replay.sample(stream)
    numbers = batch.observations[:, 0]
    assert torch.equal(batch.observations[:, 1], numbers) and torch.equal(batch.next_observations[:, 0], numbers + 0.5)
    assert torch.equal(batch.actions[:, 0], -numbers) and torch.equal(batch.rewards, 10.0 * numbers)
    assert torch.equal(batch.goes_on, (numbers != 2.0).float())
    assert torch.equal(batch.observations_and_actions, torch.cat([batch.observations, batch.actions], dim=1))
    shares = torch.bincount(numbers.long()) / len(numbers)
    assert shares.numpy() == pytest.approx([0.25] * 4, abs=0.04)


def test_the_oldest_makes_room_for_the_newest() -> None:
    replay = filled(7)
    assert len(replay) == 5 and replay.added == 7
    assert sorted(replay.content()[:, 0].tolist()) == [2.0, 3.0, 4.0, 5.0, 6.0]
    again = VectorReplay(5, observation_size=2, action_size=1, batch_size=4)
    again.restore(replay.content().clone(), replay.added)
    for each in (replay, again):
        each.add(np.full(2, 9, np.float32), np.zeros(1), 0.0, np.zeros(2), terminated=False)
    assert torch.equal(again.content(), replay.content())


def test_normal_noise_has_no_memory_and_ornstein_uhlenbeck_noise_drifts_back() -> None:
    normal = Noise(GaussianNoise(kind="gaussian", deviation=0.1), 3, np.random.default_rng(0))
    drawn = np.array([normal.draw() for _ in range(4_000)])
    assert drawn.std() == pytest.approx(0.1, rel=0.05) and not normal.state.any()
    settings = OrnsteinUhlenbeckNoise(kind="ornstein_uhlenbeck", theta=0.15, sigma=0.2, dt=1.0)
    noise = Noise(settings, 2, np.random.default_rng(0))
    walked = np.array([noise.draw() for _ in range(20_000)])
    # An autoregression with the coefficient 1 - theta dt: its deviation follows.
    assert walked.std() == pytest.approx(0.2 / np.sqrt(1.0 - 0.85**2), rel=0.05)
    assert np.corrcoef(walked[1:, 0], walked[:-1, 0])[0, 1] == pytest.approx(0.85, abs=0.02)
    noise.begin_episode()
    assert not noise.state.any()
