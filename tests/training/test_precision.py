"""Updates in bfloat16: how far they are from float32, and that an agent learns with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from replication.algorithms.networks import in_precision
from replication.algorithms.off_policy import dqn
from tests.support.lanes import advance, build, smoke_run

TD_ERRORS, GRADIENT, ONE_GRADIENT = 0.01, 0.10, 0.25
"""Tolerances, relative to float32 and by norm: of a batch's TD errors, the whole gradient, and one parameter's.

Rounding to 8 bits is off by 0.4 % at most; over eight batches of four games 0.02, 1 to 6 and 0 to 13 % were found:
a gradient is a sum whose terms cancel.
"""


@pytest.mark.parametrize("game", ["catch", pytest.param("breakout", marks=pytest.mark.slow)])
def test_n4_loss_and_gradients_in_bfloat16_are_near_those_in_float32(game: str) -> None:
    """From the same networks and batch, as they are after some training."""
    trainee = build(smoke_run("dqn", game))
    advance([trainee], 400)
    learner = trainee.learner
    batch = learner._batch(trainee.lane.memory.sample(np.random.default_rng(1), 32))
    parameters = list(learner.online.parameters())
    found = {}
    for precision in ("float32", "bfloat16"):
        online, target = (in_precision(network, precision) for network in (learner.online, learner.target))
        losses = dqn.loss(online, target, batch, {}, learner.config)
        assert losses.per_transition.dtype == losses.priority.dtype == torch.float32
        found[precision] = losses.priority, torch.autograd.grad(losses.per_transition.sum(), parameters)
    (errors, exact), (rounded_errors, rounded) = found["float32"], found["bfloat16"]
    assert 0 < relative(rounded_errors, errors) < TD_ERRORS
    for approximate, gradient in zip(rounded, exact, strict=True):
        assert approximate.dtype == torch.float32
        assert 0 < relative(approximate, gradient) < ONE_GRADIENT
    whole = [torch.cat([gradient.flatten() for gradient in found[name][1]]) for name in ("bfloat16", "float32")]
    assert relative(*whole) < GRADIENT


def relative(found: torch.Tensor, exact: torch.Tensor) -> float:
    return float((found - exact).norm() / exact.norm())


def test_values_are_not_rounded_to_eight_bits() -> None:
    """The last layer stays float32: near 10, bfloat16 cannot tell values 0.03 apart."""
    network = build(smoke_run("dqn")).learner.online
    with torch.no_grad():
        network.values.bias.fill_(10.0)  # type: ignore[union-attr]
    pixels = torch.randint(0, 256, (64, 4, 84, 84), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    values = in_precision(network, "bfloat16")(pixels)
    assert not torch.equal(values, values.bfloat16().float())
    assert torch.allclose(values, network(pixels), atol=0.01)


@pytest.mark.slow
def test_acting_is_float32_whatever_the_precision() -> None:
    """The variant differs from dqn in its updates alone: until the first one, both choose the same actions."""
    exact, rounded = build(smoke_run("dqn")), build(smoke_run("dqn_bfloat16"))
    advance([exact, rounded], 300)
    assert exact.learner.action_values(exact.lane.stack).dtype == np.float32
    rounded.learner.online.load_state_dict(exact.learner.online.state_dict())
    found = [t.learner.action_values(exact.lane.stack) for t in (exact, rounded)]
    assert np.array_equal(*found)
