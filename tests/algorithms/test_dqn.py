"""The loss and the network of DQN against numbers worked by hand or written out (fidelity rows N1, N4, O1, O2, O6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from replication.algorithms.off_policy import dqn
from replication.algorithms.off_policy.contract import Batch, load_algorithm
from replication.foundation.errors import ReplicationError
from replication.foundation.random_streams import training_streams
from replication.specification.families.off_policy import STREAMS
from replication.specification.loading import load_variant
from replication.training.off_policy.learner import Learner
from replication.training.replay.transitions import Transitions

CONFIG = load_variant("dqn").settings
NO_DRAWS: Mapping[str, Tensor] = {}


def _batch(rewards: list[float], discounts: list[float], actions: list[int]) -> Batch:
    states = torch.zeros((len(rewards), 1), dtype=torch.uint8)
    return Batch(states, torch.tensor(actions), torch.tensor(rewards), torch.tensor(discounts), states)


@pytest.mark.parametrize(
    ("td_error", "gradient", "loss"), [(0.5, -0.5, 0.125), (3.0, -1.0, 2.5), (-3.0, 1.0, 2.5), (1.0, -1.0, 0.5)]
)
def test_o1_d13_gradient_is_the_td_error_clipped_to_one(td_error: float, gradient: float, loss: float) -> None:
    q_tm1 = torch.tensor([[7.0, 0.0]], requires_grad=True)
    found = dqn.loss(lambda s: q_tm1, lambda s: torch.zeros(1, 2), _batch([td_error], [0.99], [1]), NO_DRAWS, CONFIG)
    assert found.per_transition.item() == pytest.approx(loss)
    assert found.priority.item() == pytest.approx(min(abs(td_error), 1.0))
    found.per_transition.sum().backward()
    assert q_tm1.grad is not None
    assert q_tm1.grad.tolist() == [[0.0, gradient]]


def test_o1_d14_target_is_reward_plus_discounted_best_value_and_has_no_gradient() -> None:
    q_tm1 = torch.tensor([[1.0, 2.0], [1.0, 2.0]], requires_grad=True)
    q_target_t = torch.tensor([[0.1, 0.3], [0.5, -5.0]], requires_grad=True)
    batch = _batch([1.0, -1.0], [0.99, 0.0], [0, 1])
    found = dqn.loss(lambda s: q_tm1, lambda s: q_target_t, batch, NO_DRAWS, CONFIG)
    # 1 + 0.99 * 0.3 - 1 = 0.297: half its square. -1 - 2 = -3, past the clip: 3 - 0.5.
    assert found.per_transition.tolist() == pytest.approx([0.297**2 / 2, 2.5])
    found.per_transition.sum().backward()
    assert q_target_t.grad is None


class NotedGradients:
    """Stands in for an optimizer: notes what the learner hands it."""

    def __init__(self, parameters: list[Tensor]) -> None:
        self.parameters = parameters
        self.gradients: list[Tensor] = []

    def step(self, gradients: Sequence[Tensor]) -> None:
        self.gradients = list(gradients)


def _learner_gradients(config: dqn.Config, size: int) -> tuple[Learner, list[Tensor], Transitions]:
    """What one update of the learner hands to its optimizer, on `size` equal transitions."""
    learner = Learner(load_algorithm("dqn"), config, 6, training_streams(1, "pong", STREAMS), "cpu")
    learner.optimizer = noted = NotedGradients(learner.optimizer.parameters)  # type: ignore[assignment]
    pixels = np.random.default_rng(0).integers(0, 256, (2, 1, 84, 84, 4), dtype=np.uint8)
    states, next_states = np.repeat(pixels, size, axis=1)
    ones, zeros = np.ones(size, dtype=np.float32), np.zeros(size, dtype=np.int64)
    transitions = Transitions(states, zeros, ones, 0 * ones, next_states, zeros, ones)
    learner.update(transitions, np.random.default_rng(0))
    return learner, noted.gradients, transitions


@pytest.mark.parametrize(("reduction", "factor"), [("sum", 32), ("mean", 1)])
def test_o2_the_learners_gradient_over_32_equal_transitions_is_32_times_that_of_one(
    reduction: str, factor: int
) -> None:
    config = CONFIG.model_copy(update={"loss_reduction": reduction})
    (_, one, _), (_, many, _) = (_learner_gradients(config, size) for size in (1, 32))
    for single, whole in zip(one, many, strict=True):
        torch.testing.assert_close(whole, factor * single, rtol=1e-3, atol=1e-5)
    assert CONFIG.loss_reduction == "sum"


@pytest.mark.slow
def test_o6_the_optimiser_gets_the_gradient_as_it_is_however_long() -> None:
    """Stable-Baselines3 clips the norm at 10; this gradient is longer."""
    learner, gradients, seen = _learner_gradients(CONFIG, 512)
    online = [parameter.detach().clone().requires_grad_() for parameter in learner.optimizer.parameters]
    names = [name for name, _ in learner.online.named_parameters()]
    with torch.enable_grad():
        pixels = torch.from_numpy(seen.states).permute(0, 3, 1, 2)
        q = torch.func.functional_call(learner.online, dict(zip(names, online, strict=True)), (pixels,))
        error = torch.from_numpy(seen.rewards) - q[:, 0]
        reference = torch.autograd.grad(-(error.detach().clamp(-1, 1) * q[:, 0]).sum(), online)
    assert torch.cat([gradient.flatten() for gradient in gradients]).norm() > 20
    for gradient, whole in zip(gradients, reference, strict=True):
        torch.testing.assert_close(gradient, whole, rtol=1e-3, atol=1e-4)


def test_n1_n4_values_are_those_of_the_layers_written_out_with_relu_after_all_but_the_last() -> None:
    """In float64, without torch's layers: a missing ReLU or half precision is far outside the tolerance."""
    network = dqn.network(CONFIG, 6)
    dqn.initialise(network, np.random.default_rng(3), CONFIG)
    pixels = np.random.default_rng(4).integers(0, 256, (3, 4, 84, 84), dtype=np.uint8)
    x = pixels / 255.0
    for layer, stride in zip(network.convolutions.layers, (4, 2, 1), strict=True):
        weight, bias = (w.detach().double().numpy() for w in (layer.weight, layer.bias))
        size = weight.shape[-1]
        windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(2, 3))[:, :, ::stride, ::stride]
        x = np.maximum(np.einsum("bcyxij,ocij->boyx", windows, weight) + bias[:, None, None], 0)
    assert x.shape == (3, 64, 7, 7)
    hidden, values = (
        [w.detach().double().numpy() for w in layer.parameters()] for layer in (network.hidden, network.values)
    )
    before = x.reshape(3, -1) @ hidden[0].T + hidden[1]
    assert (before < 0).any()  # so that the ReLU has something to do
    embedded = np.maximum(before, 0)
    expected = embedded @ values[0].T + values[1]
    assert (expected < 0).any()
    found = network(torch.from_numpy(pixels))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(network.embed(torch.from_numpy(pixels)).detach().numpy(), embedded, atol=2e-6)
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=2e-6)


def test_gradient_of_a_real_batch_equals_a_float64_reference() -> None:
    generator = np.random.default_rng(0)
    networks = []
    for seed in (1, 2):
        network = dqn.network(CONFIG, 6)
        dqn.initialise(network, np.random.default_rng(seed), CONFIG)
        networks.append(network)
    online, target = networks
    states = torch.from_numpy(generator.integers(0, 256, (2, 8, 4, 84, 84), dtype=np.uint8))
    rewards = torch.from_numpy(generator.choice([-1.0, 0.0, 1.0], 8).astype(np.float32))
    actions = torch.from_numpy(generator.integers(0, 6, 8))
    discounts = torch.tensor([0.99] * 6 + [0.0] * 2)
    batch = Batch(states[0], actions, rewards, discounts, states[1])
    total = dqn.loss(online, target, batch, NO_DRAWS, CONFIG).per_transition.sum()
    gradients = torch.autograd.grad(total, list(online.parameters()))

    # The same in float64, written out: clipped TD error times the gradient of Q(s, a).
    online, target = online.double(), target.double()
    _in_float64(online), _in_float64(target)
    q = online(states[0]).gather(1, actions[:, None]).squeeze(1)
    with torch.no_grad():
        delta = rewards + discounts * target(states[1]).max(1).values - q
    reference = torch.autograd.grad(-(delta.clamp(-1, 1) * q).sum(), list(online.parameters()))
    for gradient, exact in zip(gradients, reference, strict=True):
        torch.testing.assert_close(gradient.double(), exact, rtol=1e-3, atol=1e-5)


def test_an_unknown_algorithm_is_one_line() -> None:
    with pytest.raises(ReplicationError, match="did you mean 'dqn'"):
        load_algorithm("dqnn")


def _in_float64(network: torch.nn.Module) -> None:
    """Let the network take its pixels in float64 too."""
    network.convolutions.forward = _float64_convolutions.__get__(network.convolutions)  # type: ignore[union-attr]


def _float64_convolutions(self: torch.nn.Module, pixels: Tensor) -> Tensor:
    x = pixels.double() / 255
    for layer in self.layers:  # type: ignore[union-attr]
        x = torch.relu(layer(x))
    return x.flatten(1)


@pytest.mark.parametrize("rest", [(), (51,)])
def test_what_an_action_was_given_is_taken_to_the_bit_and_its_gradient_too(rest: tuple[int, ...]) -> None:
    """As `gather` does on a CPU, whose gradient a GPU in deterministic mode makes by sorting."""
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn((32, 18, *rest), generator=generator, requires_grad=True)
    outputs.data[0, 1:] = torch.inf  # of actions that were not taken nothing counts, whatever it is
    actions = torch.randint(18, (32,), generator=generator)
    actions[0] = 0
    index = actions.reshape(-1, *(1 for _ in range(len(rest) + 1))).expand(-1, 1, *rest)
    gathered, taken = outputs.gather(1, index).squeeze(1), dqn.chosen(outputs, actions)
    assert torch.equal(gathered, taken)
    above = torch.randn(taken.shape, generator=generator)
    gradients = [torch.autograd.grad((above * found).sum(), outputs)[0] for found in (gathered, taken)]
    assert torch.equal(*gradients)
    assert gradients[0].count_nonzero() == taken.numel()
