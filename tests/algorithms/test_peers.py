"""Losses against those of other packages, where these are installed: the same weights, the same batch."""

from __future__ import annotations

import pytest
import torch

from replication.algorithms import qr_dqn
from replication.algorithms.c51 import chosen
from tests.algorithms.plain import NO_DRAWS, networks, pixel_batch, small


@pytest.mark.filterwarnings("ignore")
def test_qr_dqns_loss_and_gradient_are_those_of_sb3_contrib() -> None:
    """Its loss is the mean over the minibatch, and over the targets."""
    peers = pytest.importorskip("sb3_contrib.common.utils")
    config = small("qr_dqn", num_quantiles=20)
    online, target = networks("qr_dqn", config)
    batch = pixel_batch()
    loss = qr_dqn.loss(online, target, batch, NO_DRAWS, config).per_transition.mean()
    with torch.no_grad():
        after = target(batch.s_t)
        best = after.mean(dim=2).argmax(dim=1)
        y = batch.r_t[:, None] + batch.discount_t[:, None] * after[torch.arange(6), best]
    theirs = peers.quantile_huber_loss(chosen(online(batch.s_tm1), batch.a_tm1), y)
    assert loss.item() == pytest.approx(theirs.item(), rel=1e-5)
    parameters = list(online.parameters())
    for ours, other in zip(torch.autograd.grad(loss, parameters), torch.autograd.grad(theirs, parameters), strict=True):
        torch.testing.assert_close(ours, other, rtol=1e-4, atol=1e-6)
