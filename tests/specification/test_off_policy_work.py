"""The arithmetic that plans count without torch is what torch counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from replication.algorithms.on_policy.contract import load_algorithm
from replication.algorithms.policy_networks import Spaces
from replication.specification.assumed_speed import assumed_speed
from replication.specification.families.facts import Work
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.families.off_policy_work import off_policy_work
from replication.specification.families.on_policy import RolloutFrames
from replication.specification.families.on_policy_modules import on_policy_work
from replication.specification.loading import load_variant
from replication.specification.run import resolve_run
from replication.training.on_policy.learner import Learner as OnPolicyLearner
from replication.training.on_policy.rollout import RolloutStore
from tests.support.stacks import NUM_ACTIONS, learner, minibatch

GFLOP_AN_UPDATE = {
    "c51": 2.2,
    "der_2019": 0.5,
    "der_dopamine": 4.9,
    "double_dqn": 2.8,
    "dqn": 2.2,
    "dqn_dopamine": 3.9,
    "drq": 4.9,
    "dueling_double_dqn": 3.3,
    "iqn": 34.3,
    "iqn_dopamine": 83.1,
    "linear_2015": 0.03,
    "munchausen_dqn": 4.9,
    "munchausen_iqn": 93.0,
    "noisy_dqn": 2.2,
    "qr_dqn": 2.3,
    "rainbow": 3.4,
    "rainbow_dopamine": 3.9,
    "rainbow_no_distributional": 3.3,
    "rainbow_no_double": 2.6,
    "rainbow_no_dueling": 2.8,
    "rainbow_no_noisy": 3.4,
    "spr": 11.2,
}
"""In a game of six actions; every module is here, and every setting that changes the count."""


def counted(variant: str) -> Work:
    loaded = load_variant(variant)
    return off_policy_work(loaded.module, loaded.settings, 6)


def test_the_gflop_of_an_update() -> None:
    found = {variant: 2 * counted(variant).update / 1e9 for variant in GFLOP_AN_UPDATE}
    assert found == pytest.approx(GFLOP_AN_UPDATE, abs=0.06)


@pytest.mark.parametrize("variant", GFLOP_AN_UPDATE)
def test_an_update_is_counted_as_torch_counts_it(variant: str) -> None:
    loaded = load_variant(variant)
    config = loaded.settings.model_copy(update={"batch_size": 2})
    assert isinstance(config, OffPolicyConfig)
    built = learner(variant, seed=1, batch_size=2)
    transitions = minibatch(np.random.default_rng(0), 2, config.future_steps)
    with FlopCounterMode(display=False) as counter:
        built.update(transitions, np.random.default_rng(0))
    assert counter.get_total_flops() == 2 * off_policy_work(loaded.module, config, NUM_ACTIONS).update


def test_how_many_updates_a_step_has() -> None:
    assert counted("dqn").updates_a_step == 0.25
    assert counted("spr").updates_a_step == 2.0  # two in every step


def test_acting_with_samples_takes_a_head_for_each() -> None:
    assert counted("dqn").act == 9_346_048
    head = 3136 * 64 + 3136 * 512 + 512 * 6
    assert counted("iqn").act == counted("dqn").act - (3136 * 512 + 512 * 6) + 32 * head


def test_a_users_own_module_is_counted_by_its_settings() -> None:
    settings = load_variant("iqn").settings
    assert off_policy_work("mine", settings, 6) == off_policy_work("iqn", settings, 6)
    settings = load_variant("dqn").settings
    assert off_policy_work("mine", settings, 6) == off_policy_work("dqn", settings, 6)


def test_a_step_in_a_trust_region_is_counted_with_the_updates_of_the_critic() -> None:
    """Within a sixth of what torch counts: how many lengths of a step are tried is not known beforehand."""
    config = load_variant("trpo_baselines").settings.model_copy(update={"num_actors": 2, "rollout_steps": 10})
    config = config.model_copy(update={"epochs": 1, "minibatches": 2})
    streams = {name: np.random.default_rng([1, i]) for i, name in enumerate(("initialisation", "minibatches"))}
    built = OnPolicyLearner(load_algorithm("trpo"), config, Spaces(6), streams)
    states = np.random.default_rng(2).integers(256, size=(20, 84, 84, 1), dtype=np.uint8)
    outputs = built.outputs(states)
    store = RolloutStore(10, states[:2])
    for step in range(10):
        seen = states[2 * step : 2 * step + 2]
        values = outputs.values[2 * step : 2 * step + 2, 0]
        part = type(outputs)(*(one[2 * step : 2 * step + 2] for one in outputs))
        store.begin_step(seen, part, values, torch.zeros(2, dtype=torch.int64))
        store.end_step([1.0, float(step)], [False, False], np.zeros(2, dtype=np.float32))
    with FlopCounterMode(display=False) as counter:
        built.update(store.states, store.rollout(torch.zeros(2)), RolloutFrames(0, 76))
    work = on_policy_work("trpo", config, 6)
    assert counter.get_total_flops() == pytest.approx(2 * 2 * work.update, rel=1 / 6)


def test_an_on_policy_update_is_of_a_minibatch_and_comes_once_a_rollout() -> None:
    """A2C of 16 actors and 5 steps: one update of 80 states in 80 steps. About 490 steps a second were measured."""
    run = resolve_run(variant="a2c", task="pong", seed=1, budget_frames=40_000_000)
    work = run.family.work(run.variant.module, run.settings, 6)
    assert work.updates_a_step == 1 / 80 and work.update % 80 == 0
    assert 2.0 < work.update / 80 / 9_346_048 < 3.0  # forward, weights, and inputs but for the pixels: 2.65 forwards
    ppo = resolve_run(variant="ppo_baselines", task="pong", seed=1, budget_frames=4_000_000)
    assert ppo.family.work(ppo.variant.module, ppo.settings, 6).updates_a_step == 4 * 4 / 1024
    assert assumed_speed(run).training > 1.5 * assumed_speed(ppo).training
