"""Each algorithm in a stack of lanes learns and acts as its learners do alone, in float64 to the last digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from replication.training.off_policy.stack import Stack
from tests.support.plain_losses import small
from tests.support.stacks import apart, learner, loss_stream, minibatch

VARIANTS = ("double_dqn_tuned", "dueling_double_dqn", "c51", "qr_dqn", "iqn", "munchausen_dqn", "munchausen_iqn")
UPDATES = 3
EXACT = 1e-11
"""Relative by norm; 1e-14 was found."""


def built(variant: str, seed: int, **changes):
    """A learner of a small network, in float64."""
    if variant == "linear_2015":
        return learner(variant, seed, double=True, batch_size=2)
    return learner(variant, seed, double=True, batch_size=2, network=small(variant).network, **changes)


@pytest.mark.parametrize("variant", [*VARIANTS, "linear_2015"])
def test_lanes_of_a_stack_learn_and_act_as_they_do_alone(variant: str) -> None:
    stacked, alone = ([built(variant, seed) for seed in (0, 1)] for _ in range(2))
    before = [tensor.clone() for tensor in alone[0].tensors().values()]
    stack = Stack(stacked)
    for update in range(UPDATES):
        given = [[(minibatch(np.random.default_rng([update, k])), loss_stream(k)) for k in (0, 1)] for _ in range(2)]
        for each, (batch, stream) in zip(alone, given[0], strict=True):
            each.update(batch, stream)
        assert not any(learned.failure for learned in stack.update(given[1]))
    for one, other in zip(stacked, alone, strict=True):
        assert max(apart(one.tensors(), other.tensors()).values()) < EXACT
    moved = zip(before, alone[0].tensors().values(), strict=True)
    assert any(not torch.equal(one, other) for one, other in moved)
    states = [minibatch(np.random.default_rng(k)).states[0] for k in (7, 8)]
    draws = [each.acting_draws(np.random.default_rng(k), evaluating=False) for k, each in enumerate(alone)]
    found = stack.action_values(list(zip(states, draws, strict=True)))
    for k, each in enumerate(alone):
        np.testing.assert_allclose(found[k], each.action_values(states[k], draws[k]), rtol=1e-9)
        assert found[k].shape == (3,)


@pytest.mark.parametrize("variant", [*VARIANTS, "linear_2015"])
def test_held_out_values_and_activations_are_finite_numbers_of_the_right_shapes(variant: str) -> None:
    learned, stream = built(variant, 3), np.random.default_rng(0)
    transitions = minibatch(stream, 4)
    value, error = learned.held_out_statistics(transitions, stream)
    assert np.isfinite([value, error]).all() and error >= 0
    hidden, values = learned.activations(transitions.states, stream)
    assert hidden.shape[0] == 4 and hidden.ndim == 2 and values.shape == (4,) and np.isfinite(hidden).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_updates_in_bfloat16_are_near(variant: str) -> None:
    """The arithmetic of the layers alone is rounded: losses and what is drawn are not."""
    found = []
    for precision in ("float32", "bfloat16"):
        config = {"precision": precision, "network": small(variant).network, "batch_size": 2}
        each = learner(variant, 0, **config)
        start = {name: tensor.clone() for name, tensor in each.online.named_parameters()}
        each.update(minibatch(np.random.default_rng(0)), loss_stream(0))
        found.append(torch.cat([(p - start[n]).detach().flatten() for n, p in each.online.named_parameters()]))
    assert found[0].abs().max() > 0 and not torch.equal(*found)
    assert torch.nn.functional.cosine_similarity(*found, dim=0) > 0.7
