"""Losses against those of other packages, where these are installed: the same weights, the same batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from replication.algorithms.networks import NoisyLinear
from replication.algorithms.off_policy import c51, iqn, qr_dqn, rainbow
from replication.algorithms.off_policy.c51 import support
from replication.algorithms.off_policy.contract import Batch
from replication.algorithms.off_policy.dqn import chosen
from tests.support.plain_losses import NO_DRAWS, NUM_ACTIONS, drawn, networks, pixel_batch, small


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


# ---------------------------------------------------------------- Tianshou


class Shown(nn.Module):
    """A network as Tianshou calls its own: with states, and whatever else it passes on; to outputs and no memory."""

    def __init__(self, network: nn.Module, outputs: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.network, self.outputs = network, outputs

    def forward(self, obs: Tensor, **others: Any) -> tuple[Any, None]:
        return self.outputs(obs), None


def tianshou(module: str) -> Any:
    return pytest.importorskip(f"tianshou.{module}")


def their_loss(algorithm: Any, batch: Batch, targets: Callable[[Any], Tensor]) -> Tensor:
    """The loss that Tianshou hands to its optimizer for a minibatch; `targets` makes the returns, which it stores."""
    steps: list[Tensor] = []
    algorithm.optim = SimpleNamespace(step=steps.append)
    algorithm._iter = 1  # it copies into its target network on every so many, the first of them 0
    given = tianshou("data").Batch(obs=batch.s_tm1, act=batch.a_tm1.numpy(), obs_next=batch.s_t, info=[None] * 6)
    with torch.no_grad():
        given.returns = targets(algorithm._target_q(Memory(batch), np.arange(6)))
    algorithm._update_with_batch(given)
    (loss,) = steps
    return loss


class Memory:
    """A replay memory as Tianshou asks it for the states of rows: those of one minibatch."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    def __getitem__(self, rows: NDArray[np.int64]) -> SimpleNamespace:
        return SimpleNamespace(obs_next=self.batch.s_t[rows])


def assert_same(ours: Tensor, theirs: Tensor, network: nn.Module) -> None:
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    parameters = list(network.parameters())
    for one, other in zip(torch.autograd.grad(ours, parameters), torch.autograd.grad(theirs, parameters), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def options() -> dict[str, Any]:
    gymnasium = pytest.importorskip("gymnasium")
    optim = tianshou("algorithm.optim").AdamOptimizerFactory(lr=1e-4)
    return {"optim": optim, "gamma": 0.5, "action_space": gymnasium.spaces.Discrete(NUM_ACTIONS)}


def their_c51(kind: str, model: nn.Module, config: Any, **changes: Any) -> Any:
    given = options()
    policy = tianshou("algorithm.modelfree.c51").C51Policy(
        model=model,
        action_space=given.pop("action_space"),
        num_atoms=config.num_atoms,
        v_min=config.value_min,
        v_max=config.value_max,
    )
    module = {"C51": "c51", "RainbowDQN": "rainbow"}[kind]
    return getattr(tianshou(f"algorithm.modelfree.{module}"), kind)(policy=policy, **given, **changes)


@pytest.mark.filterwarnings("ignore")
def test_c51s_loss_and_gradient_are_those_of_tianshou() -> None:
    """Without a target network, where its choice of action is that of Bellemare et al. 2017."""
    tianshou("algorithm.modelfree.c51")
    config = small("c51")
    online, _ = networks("c51", config)
    batch = pixel_batch()
    ours = c51.loss(online, online, batch, NO_DRAWS, config).per_transition.mean()
    theirs = their_c51("C51", Shown(online, lambda obs: online(obs).softmax(2)), config)
    atoms = support(config, ours)
    returns = batch.r_t[:, None] + batch.discount_t[:, None] * atoms

    def targets(values: Tensor) -> Tensor:
        torch.testing.assert_close(values, atoms.expand(6, -1))
        return returns

    assert_same(ours, their_loss(theirs, batch, targets), online)


@pytest.mark.filterwarnings("ignore")
def test_rainbows_loss_and_gradient_are_those_of_tianshou() -> None:
    """Double, dueling, noisy and distributional; Tianshou draws its noise once an update, so s and s' share it here."""
    tianshou("algorithm.modelfree.rainbow")
    config = small("rainbow")
    online, target = networks("rainbow", config)
    batch, draws = pixel_batch(), drawn("rainbow", config, 6)
    draws["noise_t"] = draws["noise_tm1"]
    ours = rainbow.loss(online, target, batch, draws, config).per_transition.mean()
    shown = Shown(online, lambda obs: online(obs, draws["noise_tm1"]).softmax(2))
    theirs = their_c51("RainbowDQN", shown, config, target_update_freq=1_000)
    theirs.model_old = Shown(target, lambda obs: target(obs, draws["noise_target_t"]).softmax(2))
    returns = batch.r_t[:, None] + batch.discount_t[:, None] * support(config, ours)
    assert_same(ours, their_loss(theirs, batch, lambda values: returns), online)


@pytest.mark.filterwarnings("ignore")
def test_iqns_loss_and_gradient_are_those_of_tianshou() -> None:
    """Without a target network and with as many fractions for targets as for predictions, by which it does not divide.

    It chooses by the fractions of the targets: ours are made the same here.
    """
    module = tianshou("algorithm.modelfree.iqn")
    config = small("iqn", online_samples=7, target_samples=7, policy_samples=7, embedding_size=6)
    online, _ = networks("iqn", config)
    batch, draws = pixel_batch(), drawn("iqn", config, 6)
    draws["tau_policy_t"] = draws["tau_t"]
    ours = iqn.loss(online, online, batch, draws, config).per_transition.mean()
    fractions = in_turn([draws["tau_t"], draws["tau_tm1"]])

    def outputs(obs: Tensor) -> tuple[Tensor, Tensor]:
        tau = next(fractions)
        return online(obs, tau), tau

    given = options()
    sizes = {"sample_size": 7, "online_sample_size": 7, "target_sample_size": 7}
    policy = module.IQNPolicy(model=Shown(online, outputs), action_space=given.pop("action_space"), **sizes)
    theirs = module.IQN(policy=policy, num_quantiles=7, **given)
    loss = their_loss(theirs, batch, lambda values: batch.r_t[:, None] + batch.discount_t[:, None] * values)
    assert_same(ours, loss, online)


def in_turn(arrays: Sequence[Tensor]) -> Iterator[Tensor]:
    yield from arrays


def test_a_noisy_layer_is_that_of_tianshou() -> None:
    peer = tianshou("utils.net.discrete").NoisyLinear(5, 3, noisy_std=0.5)
    ours = NoisyLinear(5, 3, 0.5)
    names = {"mu_W": "weight", "sigma_W": "weight_deviation", "mu_bias": "bias", "sigma_bias": "bias_deviation"}
    with torch.no_grad():
        for theirs, name in names.items():
            getattr(ours, name).copy_(getattr(peer, theirs))
    x = torch.randn((4, 5), generator=torch.Generator().manual_seed(1))
    f = torch.cat([peer.eps_p, peer.eps_q]).detach()
    torch.testing.assert_close(ours(x, f.sign() * f.square()), peer(x))
    torch.testing.assert_close(ours.bias_deviation, torch.full((3,), 0.5 / 5**0.5))
