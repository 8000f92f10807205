"""The TD-error curve is of expected values, clipped, whatever an algorithm minimizes or prioritizes by (row V14)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.stacks import learner, loss_stream, minibatch

CHOOSING = {
    "dqn": lambda online, target: target,
    "double_dqn": lambda online, target: online,
    "c51": lambda online, target: target,
    "qr_dqn": lambda online, target: target,
    "qr_dqn_0": lambda online, target: target,
    "rainbow_no_noisy": lambda online, target: online,
    "otrainbow": lambda online, target: target,
}
"""By variant: whose values choose the next action."""


@pytest.mark.parametrize("variant", CHOOSING)
@pytest.mark.parametrize("scale", [1.0, 0.05])
def test_v14_the_curve_is_the_mean_clipped_error_of_expected_values(variant: str, scale: float) -> None:
    each, batch = learner(variant, 1, small=True, target_starts_as_copy=False), minibatch(np.random.default_rng(3), 40)
    batch = batch._replace(rewards=(batch.rewards * np.float32(scale)).astype(np.float32))

    def values(network: torch.nn.Module, states: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            outputs = network(torch.from_numpy(states).movedim(-1, -3))
            return each.algorithm.action_values(outputs, each.config).double().numpy()

    rows = np.arange(40)
    target_t, online_t = values(each.target, batch.next_states), values(each.online, batch.next_states)
    next_actions = CHOOSING[variant](online_t, target_t).argmax(axis=1)
    y = batch.rewards + batch.discounts * target_t[rows, next_actions]
    errors = np.abs(y - values(each.online, batch.states)[rows, batch.actions])
    _, found = each.held_out_statistics(batch, loss_stream(0))
    assert found == pytest.approx(errors.clip(max=1.0).mean(), rel=1e-4)
    assert found <= 1.0


@pytest.mark.parametrize("variant", ["c51", "qr_dqn", "iqn", "rainbow", "munchausen_iqn", "der_2019", "double_dqn"])
def test_v14_no_error_counts_for_more_than_one(variant: str) -> None:
    each, batch = learner(variant, 1, small=True), minibatch(np.random.default_rng(3), 8)
    far = batch._replace(rewards=np.full(8, 9.0, dtype=np.float32))
    assert each.held_out_statistics(far, loss_stream(0))[1] == 1.0
