"""A3C, its threads simulated by a fixed schedule: against A2C, and a serial program (rows PF1 to PF3, AY1 to AY12)."""

from __future__ import annotations

import copy
import json
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from replication.algorithms.on_policy import a2c, a3c
from replication.algorithms.policy_networks import Outputs, Spaces
from replication.environments.atari.env import AtariEnv
from replication.foundation.random_streams import training_streams
from replication.specification.families.on_policy import RolloutFrames
from replication.specification.loading import load_protocol, load_variant
from replication.specification.protocols import of_atari
from replication.training.on_policy.lane import Lane
from replication.training.on_policy.learner import Learner, pixels_of
from replication.training.on_policy.stale_network import StaleNetwork
from replication.training.on_policy.updates import clipped_to_norm
from replication.training.optimizers import RMSProp
from tests.algorithms.test_on_policy_losses import STEPS, Case, rollout
from tests.support.on_policy import advance, opened, small_run, whole_state

CONFIG: Any = load_variant("a3c_pfrl").settings
TRAINING = of_atari(load_protocol("pfrl").training)


def test_ay3_ay4_one_actor_without_staleness_is_a2c_of_one_actor_with_summed_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    same = {"num_actors": 1, "staleness_updates": 0}
    threads, actors = (
        opened(small_run("a3c_pfrl", steps=100, actors=who, **same))[0] for who in ("in_turn", "together")
    )
    own = {"initialise": a3c.initialise}
    actors.learner.algorithm = SimpleNamespace(**vars(a2c) | own)  # type: ignore[assignment]
    advance([threads])
    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "mean", torch.Tensor.sum)  # A2C's own loss, but summed
        advance([actors])
    assert threads.step == 100
    found, expected = whole_state(threads), whole_state(actors)
    traces = found.pop("training").episodes, expected.pop("training").episodes  # their headers name the settings
    assert found == expected and traces[0] == traces[1]


def test_a_rollout_of_a2c_differs_from_one_of_a3c() -> None:
    """The comparison above is one: with means in the place of sums it fails."""
    same = {"num_actors": 1, "staleness_updates": 0, "actors": "together"}
    sums, means = (opened(small_run("a3c_pfrl", steps=10, **same))[0] for _ in range(2))
    means.learner.algorithm = SimpleNamespace(  # type: ignore[assignment]
        **vars(a2c) | {"initialise": a3c.initialise}
    )
    advance([sums, means])
    assert whole_state(sums)["tensors"] != whole_state(means)["tensors"]


def serial(run: Any, turns: int) -> nn.Module:
    """What so many turns make of the network, with every version of the parameters kept: no code of the learner's."""
    config = run.settings
    lane, streams = Lane(run, config), training_streams(run.seed, run.task.name, run.family.streams)
    newest = a3c.network(config, lane.spaces)
    a3c.initialise(newest, streams["initialisation"], config)
    newest.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = RMSProp(list(newest.parameters()), config.optimizer)
    versions = [copy.deepcopy(newest)]
    for turn in range(turns):
        number = turn % config.num_actors
        actor, seen = lane.actors[number], lane.stacks[number : number + 1]
        worker = versions[max(0, turn - config.staleness_updates)]
        states, actions, rewards, ended = [], [], [], []
        for _ in range(config.rollout_steps):
            with torch.no_grad():
                logits = worker(pixels_of(torch.from_numpy(seen))).logits
            uniforms = torch.from_numpy(streams["exploration"].random((1, lane.num_actions), dtype=np.float32))
            states.append(seen.copy())
            actions.append(int((logits - torch.log(-torch.log(uniforms))).argmax()))
            result = actor.play(actions[-1])
            rewards.append(float(np.sign(result.reward)))
            ended.append(result.ended or result.life_lost)
            assert not result.truncated
            if ended[-1]:
                actor.begin_again(0)
        with torch.no_grad():
            beyond = worker(pixels_of(torch.from_numpy(seen))).values[0, 0]
            values = [worker(pixels_of(torch.from_numpy(state))).values[0, 0] for state in states]
        targets, later = [], torch.zeros(())
        for step in reversed(range(config.rollout_steps)):
            following = torch.zeros(()) if ended[step] else ([*values, beyond])[step + 1]
            delta = rewards[step] + config.discount * following - values[step]
            later = delta + config.discount * (torch.zeros(()) if ended[step] else later)
            targets.insert(0, later)
        advantages = torch.stack(targets)
        returns = advantages + torch.stack(values)
        outputs = worker(pixels_of(torch.from_numpy(np.concatenate(states))))
        logs = torch.log_softmax(outputs.logits, dim=1)
        gains = (advantages * logs[range(len(actions)), actions]).sum()
        errors = (outputs.values[:, 0] - returns).square().sum()
        entropy = -(logs.exp() * logs).sum()
        loss = -gains + config.value_coefficient * errors - config.entropy_coefficient * entropy
        gradients = torch.autograd.grad(loss, list(worker.parameters()))
        factor = 1.0 - 4 * (5 * (turn + 1) - 1) / config.learning_rate_schedule.to_zero_at_frames
        optimizer.step(clipped_to_norm(gradients, config.max_gradient_norm), factor)
        versions.append(copy.deepcopy(newest))
    return newest


@pytest.mark.parametrize(("actors", "staleness"), [(3, 2), (2, 0), (2, 5)])
def test_ay3_ay4_actors_in_turn_are_the_serial_program(actors: int, staleness: int) -> None:
    run = small_run("a3c_pfrl", steps=12 * 5, num_actors=actors, staleness_updates=staleness)
    (trainee,) = opened(run)
    advance([trainee])
    found, expected = (dict(net.named_parameters()) for net in (trainee.learner.network, serial(run, 12)))
    for name, parameter in expected.items():
        # Values of a batch of five and of one state may differ in their last digits.
        torch.testing.assert_close(found[name], parameter, rtol=1e-4, atol=1e-6, msg=name)
    assert trainee.learner.tensors().keys() >= ({"stale.updates"} if staleness else set())


def test_ay4_the_acting_parameters_are_those_of_so_many_updates_before() -> None:
    newest = nn.Linear(1, 1, bias=False)
    for staleness in (1, 2, 4):
        newest.weight.data.fill_(0.0)
        stale = StaleNetwork(newest, staleness)
        for update in range(1, 12):
            stale.keep()
            newest.weight.data.fill_(float(update))
            assert stale.network.weight.item() == max(0, update - staleness)


def test_ay3_a_turn_is_five_steps_of_one_actor_and_the_next_ones_turn_follows() -> None:
    run = small_run("a3c_pfrl", num_actors=3, staleness_updates=2)
    (trainee,) = opened(run)
    frames: list[RolloutFrames] = []
    shapes: list[tuple[int, ...]] = []

    def update(states: Any, rollout: Any, at: RolloutFrames, revalued: Any) -> None:
        frames.append(at)
        shapes.append(tuple(states.shape[:2]))

    trainee.learner.update = update  # type: ignore[method-assign]
    turns = []
    for _ in range(4):
        before = trainee.lane.stacks.copy()
        turns.append(trainee.lane.next_to_play.start)
        advance([trainee], 1)
        moved = [not np.array_equal(*pair) for pair in zip(before, trainee.lane.stacks, strict=True)]
        assert moved == [number == turns[-1] for number in range(3)]
    assert turns == [0, 1, 2, 0] and shapes == [(5, 1)] * 4
    assert frames == [RolloutFrames(4 * first, 4 * (first + 4)) for first in (0, 5, 10, 15)]
    assert (CONFIG.num_actors, CONFIG.actors, CONFIG.rollout_steps) == (16, "in_turn", 5)


def test_settings_that_contradict_each_other_are_refused() -> None:
    plain = CONFIG.model_dump(mode="json")
    for changes, message in (
        ({"epochs": 2}, "staleness_updates: found 15 beside 2 epochs of 1 minibatches"),
        (
            {"rollout_steps": None, "rollout_episodes": 1, "num_actors": 1},
            "actors: found in_turn, expected rollout_steps",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            type(CONFIG).model_validate_json(json.dumps(plain | changes))


def test_ay1_ay2_the_small_network_starts_within_one_over_the_root_of_its_inputs() -> None:
    network = a3c.network(CONFIG, Spaces(6))
    a3c.initialise(network, np.random.default_rng(1), CONFIG)
    named = dict(network.named_parameters())
    weights = {name: list(tensor.shape) for name, tensor in named.items() if tensor.ndim > 1}
    assert list(weights.values()) == [[16, 4, 8, 8], [32, 16, 4, 4], [256, 2592], [6, 256], [1, 256]]
    for name, shape in weights.items():
        bound = 1.0 / math.sqrt(math.prod(shape[1:]))
        for tensor in (named[name], named[name.replace("weight", "bias")]):
            assert float(tensor.detach().abs().max()) <= bound
        assert float(named[name].detach().std()) == pytest.approx(bound / math.sqrt(3.0), rel=0.1)


def test_ay5_ay10_returns_and_acting_are_those_of_a2c() -> None:
    assert (a3c.targets, a3c.act, a3c.state_values) == (a2c.targets, a2c.act, a2c.state_values)
    found = a3c.targets(rollout(**STEPS), CONFIG.model_copy(update={"discount": 0.5}))
    np.testing.assert_allclose(found.returns[:, 0], [2.0, 2.0, 1.25, 2.5, 3.5])


def test_ay6_the_loss_is_a_sum_of_three_parts() -> None:
    case = Case()
    found = a3c.loss(case.outputs, case.batch(), CONFIG).item()
    mean = case.plain(case.advantages, case.values[:, 0], CONFIG)
    assert found == pytest.approx(len(case.advantages) * mean)
    assert isinstance(case.outputs, Outputs)


def test_ay7_ay8_ay9_the_update_is_rmsprop_with_its_large_constant_inside_the_root() -> None:
    weight = torch.zeros(1)
    optimizer = RMSProp([weight], CONFIG.optimizer)
    changes = []
    for gradient in (0.5, -2.0):
        before = weight.item()
        optimizer.step([torch.full((1,), gradient)])
        changes.append(weight.item() - before)
    first = 0.01 * 0.25
    expected = [-7e-4 * 0.5 / math.sqrt(first + 0.1), 7e-4 * 2.0 / math.sqrt(0.99 * first + 0.01 * 4.0 + 0.1)]
    assert changes == pytest.approx(expected, rel=1e-5)
    (clipped,) = clipped_to_norm((torch.tensor([30.0, 40.0]),), CONFIG.max_gradient_norm)
    assert clipped.tolist() == pytest.approx([24.0, 32.0])
    rate = CONFIG.learning_rate_schedule
    assert [rate.factor(RolloutFrames(0, frames)) for frames in (0, 160_000_000, 320_000_000)] == [1.0, 0.5, 0.0]


def test_ay12_what_pfrl_publishes_is_declared_as_not_measured() -> None:
    (declared,) = [known for known in load_protocol("pfrl").deviations if "AY12" in known.rows]
    assert declared.id == "pfrl-score" and load_protocol("pfrl").published_quantity == "training_episodes"


def test_pf1_pf2_pf3_games_of_pfrl_have_no_fire_and_a_time_limit_that_is_no_end() -> None:
    assert TRAINING.episode_cap_frames == 108_000 and CONFIG.bootstrap_at_truncation
    assert not TRAINING.fire_on_reset and not TRAINING.fire_frame_on_reset
    environment = AtariEnv("catch", TRAINING, CONFIG.frame_pipeline, history_start=CONFIG.history_start)
    shown, _ = environment.reset(seed=1)
    assert shown.any() and (shown == shown[-1]).all()


def test_the_network_that_is_evaluated_is_the_newest() -> None:
    (trainee,) = opened(small_run("a3c_pfrl", steps=100, num_actors=2, staleness_updates=3))
    advance([trainee])
    learner: Learner = trainee.learner
    stacks = trainee.lane.stacks
    newest, older = learner.outputs(stacks).values, learner.state_values(stacks)
    assert not torch.equal(newest[:, 0], older)
    with torch.no_grad():
        assert torch.equal(newest, learner.network(pixels_of(torch.from_numpy(stacks))).values)
