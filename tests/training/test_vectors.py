"""DQN on vectors: the rows of its originals, its updates against plain torch, exact continuation, numbers that stay."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from replication.algorithms.off_policy import dqn as of_screens
from replication.algorithms.off_policy_vectors import dqn
from replication.environments.contract import StepResult
from replication.foundation.errors import ReplicationError
from replication.specification.families.off_policy_vectors import NUMERICS_VERSION
from replication.specification.loading import load_variant
from replication.specification.run import resolve_run
from replication.specification.variants import FAMILIES
from replication.training.checkpoints import restore_newest, save_checkpoint
from replication.training.off_policy_continuous.trainee import Trainee
from replication.training.off_policy_vectors import family
from replication.training.replay.vectors import Columns
from tests.support.continuous import advance, whole_state
from tests.support.fingerprints import machine_kind
from tests.support.vector_runs import opened, small_run

ZOO = ("dqn_zoo3_lunar_lander", "dqn_zoo3_cart_pole")
VARIANTS = ("dqn_course", *ZOO)
QUICK_ZOO = {"update_period_steps": 8, "updates_at_once": 4, "learning_starts_steps": 20, "random_steps": 20}
FINGERPRINTS = json.loads((Path(__file__).parents[1] / "golden" / "numerics_off_policy_vectors.json").read_bytes())


def trained(variant: str = "dqn_course", steps: int = 200, **changes: object) -> Trainee:
    (trainee,) = opened(small_run(variant, steps=steps, **({} if variant == "dqn_course" else QUICK_ZOO), **changes))
    advance([trainee])
    return trainee


def minibatch(size: int = 8, seed: int = 1) -> Columns:
    stream = np.random.default_rng(seed)
    observations, following = (torch.from_numpy(stream.standard_normal((size, 4), np.float32)) for _ in range(2))
    actions = torch.from_numpy(stream.integers(2, size=(size, 1)).astype(np.float32))
    rewards = torch.from_numpy(3.0 * stream.standard_normal(size, np.float32))
    goes_on = torch.from_numpy((stream.random(size) < 0.8).astype(np.float32))
    return Columns(observations, actions, torch.cat([observations, actions], 1), rewards, goes_on, following)


def plain_network(flat: torch.Tensor) -> nn.Sequential:
    network = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 2))
    place = 0
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(flat[place : place + parameter.numel()].reshape(parameter.shape))
            place += parameter.numel()
    return network


@pytest.mark.parametrize("variant", ["dqn_course", "dqn_zoo3_lunar_lander"])
def test_qv5_qv6_zl4_zp4_updates_are_those_of_plain_torch(variant: str) -> None:
    (trainee,) = opened(small_run(variant))
    learner, config = trainee.learner, trainee.lane.config
    online, target = (plain_network(learner.tensors()["online"]) for _ in range(2))
    optimizer = torch.optim.Adam(online.parameters(), lr=config.optimizer.learning_rate)
    for number in range(30):
        batch = minibatch(seed=number)
        learner.update(batch)
        with torch.no_grad():
            best = target(batch.next_observations).max(1).values
            wanted = batch.rewards + config.discount * batch.goes_on * best
        found = online(batch.observations).gather(1, batch.actions.long())[:, 0]
        loss = functional.mse_loss if variant == "dqn_course" else functional.smooth_l1_loss
        optimizer.zero_grad()
        loss(found, wanted).backward()
        if config.gradient_norm_clip:
            nn.utils.clip_grad_norm_(online.parameters(), config.gradient_norm_clip)
        optimizer.step()
        if config.target_period_steps is None:
            with torch.no_grad():
                for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
                    slow.lerp_(fast, config.tau)
    ours = learner.tensors()["online"]
    theirs = torch.cat([parameter.detach().ravel() for parameter in online.parameters()])
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert torch.allclose(
        learner.tensors()["target"], torch.cat([each.detach().ravel() for each in target.parameters()]), atol=1e-6
    )


def test_a_large_gradient_is_cut_to_its_norm() -> None:
    (cut,), (whole,) = opened(small_run(gradient_norm_clip=0.01)), opened(small_run(gradient_norm_clip=None))
    for trainee in (cut, whole):
        trainee.learner.update(minibatch())
    norms = [float(each.learner._gradient.norm()) for each in (cut, whole)]
    assert norms[0] == pytest.approx(0.01, rel=1e-3) and norms[1] > 0.1


def test_there_is_no_second_dqn() -> None:
    assert dqn.loss is of_screens.loss


def test_qv1_rewards_are_stored_as_they_are_and_the_task_is_the_lander() -> None:
    run = resolve_run(variant="dqn_course", task="lunar_lander", seed=1, budget_episodes=3)
    assert run.task.environment_id == "LunarLander-v3" and run.task.registered_cap_steps == 1_000
    trainee = trained(steps=40)
    assert trainee.lane.replay.content()[:, 5].tolist() == [1.0] * 40


@pytest.mark.parametrize("variant", VARIANTS)
def test_qv2_zl1_zp1_the_target_begins_as_a_copy_of_uniform_weights(variant: str) -> None:
    run = replace(small_run(variant), variant=load_variant(variant))
    (trainee,) = opened(run)
    tensors = trainee.learner.tensors()
    assert torch.equal(tensors["online"], tensors["target"])
    units = run.settings.hidden_units
    assert units == ((64, 64) if variant == "dqn_course" else (256, 256))
    assert tensors["online"].numel() == 5 * units[0] + (units[0] + 1) * units[1] + (units[1] + 1) * 2
    first = tensors["online"][: 5 * units[0]]
    assert 0.45 < float(first.max()) <= 0.5 and -0.5 <= float(first.min()) < -0.45


def test_qv3_zl2_zp2_memory_and_minibatches_have_the_sizes_of_their_rows() -> None:
    sizes = {name: load_variant(name).settings for name in VARIANTS}
    assert [(each.replay_capacity_steps, each.batch_size) for each in sizes.values()] == [
        (100_000, 64),
        (50_000, 128),
        (100_000, 64),
    ]
    assert len(trained(steps=60, replay_capacity_steps=50).lane.replay) == 50


def test_qv4_it_learns_every_fourth_step_once_more_are_stored_than_a_minibatch_has() -> None:
    (trainee,) = opened(small_run(steps=100))
    lane, at = trainee.lane, []
    for _ in range(100):
        lane.play(trainee.learner.act)
        at += [lane.step] * lane.updates_owed
        lane.updates_owed = 0
    assert at == list(range(68, 101, 4))


def test_zl3_zp3_it_learns_in_rounds_after_random_steps() -> None:
    (trainee,) = opened(small_run("dqn_zoo3_cart_pole", steps=2_000))
    lane, owed = trainee.lane, Counter[int]()
    for _ in range(1_600):
        assert (lane.epsilon == 1.0) == (lane.step < 1_000 or lane.step == 0)
        lane.play(trainee.learner.act)
        owed[lane.step] += lane.updates_owed
        lane.updates_owed = 0
    assert +owed == {1_024: 128, 1_280: 128, 1_536: 128}
    lander = load_variant("dqn_zoo3_lunar_lander").settings
    assert (lander.updates_at_once, lander.update_period_steps, lander.learning_starts_steps) == (4, 4, 0)


def test_qv6_zl5_zp5_the_target_follows_each_update_or_becomes_a_copy_at_its_steps() -> None:
    soft, (copied,) = trained(), opened(small_run(ZOO[0], steps=60, **QUICK_ZOO, target_period_steps=25))
    assert not torch.equal(soft.learner.tensors()["target"], soft.learner.tensors()["online"])
    first = copied.learner.tensors()["target"].clone()
    changes = []
    for _ in range(60):
        before = copied.learner.tensors()["target"].clone()
        copied.lane.play(copied.learner.act)
        copied.learner.end_step(copied.lane.step)
        while copied.lane.updates_owed:
            copied.learner.update(copied.lane.replay.sample(copied.lane.streams["replay"]))
            copied.lane.updates_owed -= 1
        if not torch.equal(before, copied.learner.tensors()["target"]):
            changes.append(copied.lane.step)
    assert changes == [25, 50] and not torch.equal(first, copied.learner.tensors()["target"])
    assert [load_variant(name).settings.target_period_steps for name in VARIANTS] == [None, 250, 10]


def test_qv7_epsilon_falls_by_the_episode_and_equal_values_give_the_first_action() -> None:
    (trainee,) = opened(small_run(steps=100))
    lane = trainee.lane
    assert lane.epsilon == 1.0
    while len(lane.episodes) < 2:
        lane.play(trainee.learner.act)
    assert lane.epsilon == pytest.approx(0.995**2) and lane.config.epsilon.at(0, 5_000) == 0.01
    trainee.learner.tensors()["online"].zero_()
    assert trainee.learner.act(np.ones(4, np.float32)) == 0


def test_zl6_zp6_epsilon_falls_by_the_step() -> None:
    for name, end, steps in ((ZOO[0], 0.1, 12_000), (ZOO[1], 0.04, 8_000)):
        epsilon = load_variant(name).settings.epsilon
        assert [epsilon.at(step, 9) for step in (0, steps // 2, steps, 2 * steps)] == pytest.approx(
            [1.0, (1.0 + end) / 2, end, end]
        )


@pytest.mark.parametrize(("variant", "goes_on"), [("dqn_course", 0.0), (ZOO[0], 1.0)])
def test_qv8_zl7_zp7_an_episode_that_is_cut_ends_or_goes_on(
    variant: str, goes_on: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    (trainee,) = opened(small_run(variant))
    lane = trainee.lane
    lane.play(trainee.learner.act)
    monkeypatch.setattr(lane._task, "step", lambda action: StepResult(1.0, False, True))
    lane.play(trainee.learner.act)
    assert lane.replay.content()[:, 6].tolist() == [1.0, goes_on]
    monkeypatch.setattr(lane._task, "step", lambda action: StepResult(1.0, True, False))
    lane.play(trainee.learner.act)
    assert float(lane.replay.content()[2, 6]) == 0.0


def test_qv9_zl8_zp8_a_budget_of_episodes_ends_after_them_and_one_of_steps_after_those() -> None:
    run = small_run()
    episodes = replace(run, budget=replace(run.budget, steps=0, episodes=6))
    (trainee,) = opened(episodes)
    advance([trainee])
    assert len(trainee.lane.episodes) == 6 == trainee.progress == trainee.progress_end
    assert trained(steps=90).lane.step == 90
    zoo = resolve_run(variant=ZOO[1], task="cart_pole", seed=1, budget_steps=50_000)
    assert (zoo.protocol.final_evaluation.num_episodes, zoo.protocol.final_evaluation.epsilon) == (100, 0.0)


@pytest.mark.parametrize("stopped_at", [30, 101])
def test_a_run_that_is_stopped_and_continued_is_the_same_to_the_bit(stopped_at: int, tmp_path: Path) -> None:
    (stopped, resumed) = opened(small_run(), small_run())
    while stopped.step < stopped_at:
        advance([stopped], turns=1)
    save_checkpoint(stopped, tmp_path)
    restore_newest(resumed, tmp_path)
    advance([resumed])
    assert whole_state(resumed) == whole_state(trained())


def test_a_run_beside_others_is_the_same_as_alone() -> None:
    together = opened(small_run(), small_run(seed=2))
    advance(together)
    assert whole_state(together[0]) == whole_state(trained()) != whole_state(together[1])


def fingerprint(variant: str) -> dict[str, object]:
    tensors, digest = trained(variant).learner.tensors(), hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return {
        "exact": {machine_kind(): digest.hexdigest()[:16]},
        "magnitudes": {name: float(tensor.double().abs().mean()) for name, tensor in tensors.items()},
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_numbers_move_only_with_the_numerics_version(variant: str) -> None:
    """Raise NUMERICS_VERSION of the family where this fails, and write numerics_off_policy_vectors.json anew."""
    stored, found = FINGERPRINTS[variant], fingerprint(variant)
    assert FINGERPRINTS["numerics_version"] == NUMERICS_VERSION
    assert found["magnitudes"] == pytest.approx(stored["magnitudes"], rel=1e-3, abs=1e-6)
    kind = machine_kind()
    assert found["exact"][kind] == stored["exact"].get(kind, found["exact"][kind]), f"bytes moved on {kind}"


def test_every_module_has_a_fingerprint() -> None:
    assert {load_variant(name).module for name in VARIANTS} == set(FAMILIES["off_policy_vectors"].modules)


def test_a_task_of_continuous_actions_is_one_line() -> None:
    run = resolve_run(variant="dqn_course", task="pendulum", seed=1, budget_episodes=2)
    with pytest.raises(ReplicationError, match="has actions of kind continuous, family off_policy_vectors expects dis"):
        family.new_trainee(run)


@pytest.mark.long
def test_it_learns_to_hold_the_pole() -> None:
    (trainee,) = opened(
        replace(small_run(ZOO[1], steps=20_000), variant=load_variant(ZOO[1]), protocol=load_protocol_of_pole())
    )
    advance([trainee])
    returns = [episode.raw_return for episode in trainee.lane.episodes]
    assert np.mean(returns[:20]) < 40.0 and np.mean(returns[-20:]) > 100.0


def load_protocol_of_pole():
    return resolve_run(variant=ZOO[1], task="cart_pole", seed=1, budget_steps=100).protocol
