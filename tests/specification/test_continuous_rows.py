"""Rows of the fidelity tables of continuous control, each in a test named after it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from replication.algorithms.off_policy_continuous import ddpg, td3
from replication.algorithms.off_policy_continuous.contract import ActionBounds, load_algorithm
from replication.environments.contract import ContinuousActions
from replication.foundation.random_streams import training_streams
from replication.specification.assumed_speed import assumed_speed
from replication.specification.families.off_policy_continuous import STREAMS
from replication.specification.loading import load_protocol, load_variant
from replication.specification.run import resolve_run
from replication.training.off_policy_continuous.learner import Learner, shapes
from replication.training.off_policy_continuous.noise import Noise
from replication.training.replay.vectors import Columns
from tests.support.continuous import opened, small_run

OF_2018, OF_TODAY, TIANSHOU, NNABLA, OF_2015 = "td3_2018", "td3_code", "ddpg_tianshou", "ddpg_nnabla_rl", "ddpg_2015"
BOUNDS = ActionBounds(torch.tensor([-3.0]), torch.tensor([3.0]))


def settings(variant: str) -> Any:
    return load_variant(variant).settings


def learner(variant: str) -> Learner:
    """The networks of a variant on a task of 5 observations and an action within 3."""
    loaded = load_variant(variant)
    actions = ContinuousActions(low=(-3.0,), high=(3.0,))
    return Learner(load_algorithm(loaded.module), loaded.settings, 5, actions, training_streams(1, "hopper", STREAMS))


def minibatch(size: int) -> Columns:
    """Made-up transitions, some of them the last of an episode."""
    stream = np.random.default_rng(3)
    observations, actions, rewards, after = (
        torch.from_numpy(stream.standard_normal(shape).astype(np.float32))
        for shape in ((size, 5), (size, 1), (size,), (size, 5))
    )
    goes_on = torch.from_numpy((stream.random(size) > 0.2).astype(np.float32))
    return Columns(observations, actions, torch.cat([observations, actions], 1), rewards, goes_on, after)


@pytest.mark.parametrize("variant", [OF_2018, TIANSHOU, NNABLA])
def test_ta2_ta3_ti2_ti3_nb2_nb3_transitions_are_stored_as_the_task_gives_them_and_its_cap_ends_nothing(
    variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (trainee,) = opened(small_run(variant))
    lane, stored = trainee.lane, []
    monkeypatch.setattr(lane.replay, "add", lambda *parts, terminated: stored.append((*parts, terminated)))
    for _ in range(45):  # the cap
        lane.play(trainee.learner.act)
    rewards = [reward for _, _, reward, _, _ in stored]
    assert min(rewards) < -1.0 and not any(terminated for *_, terminated in stored)
    assert lane.episodes[0].ending == "truncated" and lane.episodes[0].raw_return == pytest.approx(sum(rewards))
    cosine, sine, speed = stored[-1][0]
    assert cosine**2 + sine**2 == pytest.approx(1.0, abs=1e-5) and abs(speed) <= 8.0


@pytest.mark.parametrize(
    ("variant", "hidden", "critics", "action_layer"),
    [
        (OF_2018, (400, 300), 2, 0),
        (OF_TODAY, (256, 256), 2, 0),
        (TIANSHOU, (256, 256), 1, 0),
        (NNABLA, (400, 300), 1, 0),
        (OF_2015, (400, 300), 1, 1),
    ],
)
def test_ta4_ta5_tc1_ti4_ti5_nb4_nb5_lc2_networks_have_the_layers_of_the_programs(
    variant: str, hidden: tuple[int, int], critics: int, action_layer: int
) -> None:
    first, second = hidden
    actor, critic = shapes(settings(variant), 17, 6)
    assert actor.layers == ((first, 17), (second, first), (6, second))
    inputs = [17, first, second]
    inputs[action_layer] += 6
    assert critic.layers == ((first, inputs[0]), (second, inputs[1]), (1, inputs[2]))
    assert critics == load_algorithm(load_variant(variant).module).NUM_CRITICS
    made = learner(variant)
    assert np.abs([made.act(np.full(5, 1e3, np.float32)), made.act(np.zeros(5, np.float32))]).max() <= 3.0


@pytest.mark.parametrize("variant", [OF_2018, OF_TODAY, TIANSHOU, NNABLA, OF_2015])
def test_ta6_ti6_nb6_lc4_weights_start_within_the_root_of_their_inputs_and_targets_as_copies(variant: str) -> None:
    config, made = settings(variant), learner(variant)
    named = made.tensors()
    for network in ("actor", "critics"):
        assert torch.equal(named[network], named[f"target_{network}"])
    _, (hidden, _), (outputs, biases) = shapes(config, 5, 1)[0].split(named["actor"])
    limit = config.actor.output_limit or 1 / math.sqrt(outputs.shape[1])
    assert limit == (0.003 if variant == OF_2015 else 1 / math.sqrt(config.actor.hidden_units[-1]))
    assert 0.9 * limit < outputs.abs().max() <= limit and biases.abs().max() <= limit
    root = 1 / math.sqrt(config.actor.hidden_units[0])
    assert 0.9 * root < hidden.abs().max() <= root


@pytest.mark.parametrize(
    ("variant", "actor", "critic", "decay"),
    [
        (OF_2018, 1e-3, 1e-3, 0.0),
        (OF_TODAY, 3e-4, 3e-4, 0.0),
        (TIANSHOU, 1e-3, 1e-3, 0.0),
        (NNABLA, 1e-3, 1e-3, 0.0),
        (OF_2015, 1e-4, 1e-3, 0.01),
    ],
)
def test_ta7_tc2_ti7_nb7_lc5_the_first_step_of_adam_is_its_rate(
    variant: str, actor: float, critic: float, decay: float
) -> None:
    config, made = settings(variant), learner(variant)
    before = {name: tensor.clone() for name, tensor in made.tensors().items()}
    while torch.equal(made.tensors()["actor"], before["actor"]):
        made.update(minibatch(config.batch_size))
    steps = {name: (made.tensors()[name] - before[name]).abs().max().item() for name in ("actor", "critics")}
    assert steps["actor"] == pytest.approx(actor, rel=0.01)
    assert critic * 0.99 <= steps["critics"] <= made.updates * critic * 1.01
    assert config.critic.weight_decay == decay


def test_ta8_ta10_ta11_ti8_ti9_nb8_nb9_lc6_targets_and_losses_are_those_of_the_articles() -> None:
    rewards, goes_on = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0])
    next_values = torch.tensor([[10.0, 10.0], [8.0, 30.0]])
    assert td3.targets(rewards, goes_on, next_values, settings(OF_2018)).tolist() == pytest.approx([8.92, 2.0])
    for variant in (TIANSHOU, NNABLA, OF_2015):
        found = ddpg.targets(rewards, goes_on, next_values[:1], settings(variant))
        assert found.tolist() == pytest.approx([10.9, 2.0])
    values, targets = torch.tensor([[1.0, 3.0], [2.0, 2.0]]), torch.tensor([2.0, 5.0])
    assert td3.critic_loss(values, targets, settings(OF_2018)).loss.item() == pytest.approx((1 + 4) / 2 + (0 + 9) / 2)
    assert ddpg.critic_loss(values[:1], targets, settings(TIANSHOU)).loss.item() == pytest.approx(2.5)
    assert ddpg.actor_loss(values[0], settings(NNABLA)).loss.item() == -2.0
    assert td3.actor_loss(values[0], settings(OF_2018)).loss.item() == -2.0


@pytest.mark.parametrize(("variant", "unit"), [(OF_2018, 1.0), (OF_TODAY, 3.0)])
def test_ta9_tc3_noise_on_target_actions_is_clipped_and_the_sum_cut_to_the_bounds(variant: str, unit: float) -> None:
    noise = torch.tensor([[1.0], [10.0], [-10.0], [10.0]])
    actions = torch.tensor([[0.0], [0.0], [0.0], [2.9]])
    found = td3.target_actions(actions, noise, BOUNDS, settings(variant)).ravel().tolist()
    assert found == pytest.approx([0.2 * unit, 0.5 * unit, -0.5 * unit, 3.0])


def test_ta12_tc4_the_actor_learns_in_the_last_of_each_two_updates() -> None:
    for variant in (OF_2018, OF_TODAY):
        assert [td3.updates_actor(update, settings(variant)) for update in range(6)] == [False, True] * 3
    assert ddpg.updates_actor(0, settings(TIANSHOU))


@pytest.mark.parametrize(("variant", "tau"), [(OF_2018, 0.005), (TIANSHOU, 0.005), (NNABLA, 0.005), (OF_2015, 0.001)])
def test_ta13_ti10_nb10_lc7_targets_go_a_share_of_the_way_when_the_actor_learns(variant: str, tau: float) -> None:
    made = learner(variant)
    start = {name: tensor.clone() for name, tensor in made.tensors().items()}
    updates = 2 if variant == OF_2018 else 1
    for number in range(updates):
        assert all(torch.equal(start[name], made.tensors()[name]) for name in ("target_actor", "target_critics")), (
            number
        )
        made.update(minibatch(made.config.batch_size))
    for name in ("actor", "critics"):
        expected = start[f"target_{name}"].lerp(made.tensors()[name], tau)
        assert torch.allclose(made.tensors()[f"target_{name}"], expected, atol=1e-7)


@pytest.mark.parametrize(
    ("variant", "size"), [(OF_2018, 100), (OF_TODAY, 256), (TIANSHOU, 256), (NNABLA, 100), (OF_2015, 64)]
)
def test_ta14_tc5_ti11_nb11_lc8_a_million_steps_are_kept_and_minibatches_have_the_programs_size(
    variant: str, size: int
) -> None:
    assert (settings(variant).replay_capacity_steps, settings(variant).batch_size) == (1_000_000, size)


@pytest.mark.parametrize(
    ("variant", "unit"),
    [(OF_2018, "action"), (OF_TODAY, "largest_action"), (TIANSHOU, "largest_action"), (NNABLA, "action")],
)
def test_ta15_tc6_ti12_nb12_exploration_is_normal_with_a_tenth_for_its_deviation(variant: str, unit: str) -> None:
    config = settings(variant)
    noise = Noise(config.noise, 1, np.random.default_rng(1))
    drawn = np.array([noise.draw()[0] for _ in range(4_000)])
    assert drawn.std() == pytest.approx(0.1, rel=0.05) and abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 0.06
    assert config.noise_unit == unit


def test_lc9_exploration_of_2015_drifts_back_to_zero() -> None:
    config = settings(OF_2015).noise
    assert (config.theta, config.sigma) == (0.15, 0.2)
    noise = Noise(config, 1, np.random.default_rng(1))
    drawn = np.array([noise.draw()[0] for _ in range(4_000)])
    assert np.corrcoef(drawn[1:], drawn[:-1])[0, 1] == pytest.approx(1 - config.theta * config.dt, abs=0.03)


@pytest.mark.parametrize(
    ("variant", "usual", "cheetah"),
    [(OF_2018, 1_000, 10_000), (OF_TODAY, 25_000, 25_000), (TIANSHOU, 25_000, 25_000), (NNABLA, 1_000, 10_000)],
)
def test_ta16_tc7_ti13_nb13_first_actions_are_random_for_as_long_as_in_the_programs(
    variant: str, usual: int, cheetah: int
) -> None:
    config = settings(variant)
    assert (config.random_steps_on("reacher"), config.random_steps_on("half_cheetah")) == (usual, cheetah)


@pytest.mark.parametrize("variant", [OF_2018, OF_TODAY, TIANSHOU, NNABLA])
def test_ta17_tc8_ti14_nb14_updates_fall_on_ends_of_episodes_or_on_steps_that_are_not_random(variant: str) -> None:
    (trainee,) = opened(small_run(variant, random_steps=50))
    lane, owed = trainee.lane, []
    for _ in range(60):
        lane.play(trainee.learner.act)
        owed.append(lane.updates_owed)
        lane.updates_owed = 0
    if variant == OF_2018:
        assert owed == [0] * 44 + [45] + [0] * 15  # an episode has 45 steps here, all of them random
    else:
        assert owed == [0] * 50 + [1] * 10


def test_ta18_ta19_tc9_tc10_ti15_ti16_nb15_nb16_lc11_evaluations_are_those_that_were_published() -> None:
    protocol = load_protocol("mujoco_2018")
    periodic = protocol.periodic_evaluation
    assert periodic is not None and (periodic.period_steps, periodic.num_episodes, periodic.at_start) == (
        5_000,
        10,
        True,
    )
    assert (periodic.epsilon, protocol.published_quantity) == (0.0, "periodic_evaluations")
    for variant in (OF_2018, OF_TODAY, TIANSHOU, NNABLA, OF_2015):
        assert load_variant(variant).protocol == "mujoco_2018"


def test_plans_assume_less_speed_for_larger_networks_and_minibatches_and_less_in_training_than_in_evaluation() -> None:
    found = {
        variant: assumed_speed(resolve_run(variant=variant, task="half_cheetah", seed=1, budget_steps=100_000))
        for variant in (OF_2018, OF_TODAY, OF_2015)
    }
    speeds = [found[variant] for variant in (OF_2015, OF_2018, OF_TODAY)]
    assert all(speed is not None and 20 < speed.training < speed.playing for speed in speeds)
    assert [speed.training for speed in speeds if speed] == sorted((s.training for s in speeds if s), reverse=True)
