"""The rows of the course's DDPG that the engine has settings for: first weights, noise that drifts, bounded actions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from replication.algorithms.perceptrons import Shape, fill_uniform
from replication.environments.contract import ContinuousActions, StepResult
from replication.specification.families.off_policy_continuous import OrnsteinUhlenbeckNoise
from replication.specification.loading import load_variant
from replication.training.off_policy_continuous.lane import limited
from replication.training.off_policy_continuous.noise import Noise
from replication.training.off_policy_continuous.trainee import Trainee
from tests.support.continuous import advance, opened, small_run


def course(**changes: object) -> Trainee:
    changes = {"random_steps": 0, "learning_starts_steps": 8} | changes
    (trainee,) = opened(small_run("ddpg_course", **changes))
    return trainee


def test_dv1_hidden_weights_lie_within_the_root_of_their_outputs_and_biases_as_ever() -> None:
    shape = Shape((3, 400, 300, 1))
    flat = torch.empty(shape.parameter_count)
    fill_uniform(shape, flat, np.random.default_rng(1), 0.003, "outputs")
    limits = [(float(weights.abs().max()), float(biases.abs().max())) for weights, biases in shape.split(flat)]
    wanted = [(400**-0.5, 3**-0.5), (300**-0.5, 400**-0.5), (0.003, 0.003)]
    for found, limit in zip(sum(limits, ()), sum(wanted, ()), strict=True):
        assert 0.9 * limit < found <= limit or found < limit == 0.003
    config = load_variant("ddpg_course").settings
    assert (config.actor.hidden_limit, config.critic.action_layer) == ("outputs", 1)
    assert load_variant("ddpg_2015").settings.actor.hidden_limit == "inputs"
    first = course().learner.tensors()["actor"][: 3 * 12]  # of 12 units in the first layer
    assert float(first.abs().max()) <= 12**-0.5


def test_dv2_it_learns_after_every_step_once_more_are_stored_than_a_minibatch_has() -> None:
    trainee = course()
    lane, owed = trainee.lane, []
    for _ in range(12):
        lane.play(trainee.learner.act)
        owed.append(lane.updates_owed)
        lane.updates_owed = 0
    assert owed == [0] * 8 + [1] * 4
    config = load_variant("ddpg_course").settings
    assert (config.batch_size, config.learning_starts_steps, config.update_period_steps) == (128, 128, 1)


def test_dv3_both_targets_follow_each_update() -> None:
    trainee = course()
    advance([trainee])
    tensors = trainee.learner.tensors()
    for name in ("actor", "critics"):
        assert not torch.equal(tensors[name], tensors[f"target_{name}"])
    assert load_variant("ddpg_course").settings.tau == 0.001


def test_dv4_noise_of_uniform_numbers_drifts_upwards() -> None:
    config = OrnsteinUhlenbeckNoise.model_validate(load_variant("ddpg_course").config["noise"])
    noise, stream = Noise(config, 1, np.random.default_rng(2)), np.random.default_rng(2)
    expected = 0.0
    for _ in range(50):
        expected += -0.15 * expected + 0.2 * stream.random()
        assert float(noise.draw()[0]) == pytest.approx(expected)
    mean = np.mean([float(noise.draw()[0]) for _ in range(20_000)])
    assert mean == pytest.approx(0.1 / 0.15, abs=0.02)  # of 0.2 u, divided by theta
    noise.begin_episode()
    assert noise.state.tolist() == [0.0]
    assert OrnsteinUhlenbeckNoise(kind="ornstein_uhlenbeck", theta=0.1, sigma=0.1, dt=1.0).draws == "normal"


@pytest.mark.parametrize(("bootstraps", "goes_on"), [(False, 0.0), (True, 1.0)])
def test_dv5_actions_reach_1_and_an_episode_that_is_cut_counts_as_ended(
    bootstraps: bool, goes_on: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainee = course(truncation_bootstraps=bootstraps)
    lane = trainee.lane
    assert lane.actions.high == (2.0,) and trainee.learner.bounds.high.tolist() == [1.0]
    for _ in range(60):
        lane.play(lambda observation: np.array([1.7], np.float32))
    assert lane.replay.content()[:, 3].max() == 1.0
    trainee.learner.tensors()["actor"].fill_(9.0)
    assert trainee.learner.act(np.ones(3, np.float32)).tolist() == [1.0]
    monkeypatch.setattr(lane._task, "step", lambda action: StepResult(-1.0, False, True))
    lane.play(trainee.learner.act)
    assert float(lane.replay.content()[60, 5]) == goes_on


def test_a_limit_leaves_bounds_that_are_narrower() -> None:
    actions = ContinuousActions(low=(-2.0, -0.5), high=(2.0, 3.0))
    assert limited(actions, 1.0) == ContinuousActions(low=(-1.0, -0.5), high=(1.0, 1.0))
    assert limited(actions, None) is actions


def test_dv6_the_settings_added_for_it_are_no_part_of_others() -> None:
    config = small_run("ddpg_2015").identity()["config"]
    assert not {"action_limit", "truncation_bootstraps"} & config.keys() and "draws" not in config["noise"]
    named = small_run("ddpg_course").identity()["config"]
    assert named["action_limit"] == 1.0 and named["noise"]["draws"] == "uniform"
    assert load_variant("ddpg_course").protocol == "course_pendulum"
