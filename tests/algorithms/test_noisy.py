"""Noisy layers and NoisyNet-DQN: noise worked by hand, drawn when it should be, and off in evaluation (F1 to F8)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from replication.algorithms.networks import (
    NoisyLinear,
    NoisyOutput,
    count_noise,
    fill_noisy,
    in_precision,
    noise_by_layer,
)
from replication.algorithms.off_policy import dqn, noisy_dqn
from replication.algorithms.off_policy.contract import Batch
from replication.specification.loading import load_variant
from replication.training.off_policy.acting import act
from replication.training.off_policy.batching import IN_TURN
from replication.training.off_policy.learner import Learned
from replication.training.off_policy.stack import Stack
from tests.support.stacks import apart, kept, learner, loss_stream, minibatch

CONFIG = load_variant("noisy_dqn").settings
STATE = np.random.default_rng(9).integers(0, 256, (84, 84, 4), dtype=np.uint8)


def filled_layer(inputs: int, outputs: int, sigma_0: float = 0.5, kind: type[NoisyLinear] = NoisyLinear) -> NoisyLinear:
    layer = kind(inputs, outputs, sigma_0)
    fill_noisy(layer, np.random.default_rng(5))
    return layer


def test_f2_the_layer_by_hand() -> None:
    layer = NoisyLinear(2, 2, 0.5)
    numbers = {
        "weight": [[1.0, 2.0], [3.0, 4.0]],
        "weight_deviation": [[0.1, 0.2], [0.3, 0.4]],
        "bias": [5.0, 6.0],
        "bias_deviation": [0.5, 0.6],
    }
    layer.load_state_dict({name: torch.tensor(values) for name, values in numbers.items()})
    # f(4) = 2 and f(-9) = -3 for the inputs, f(0.25) = 0.5 and f(-1) = -1 for the outputs.
    found = layer(torch.tensor([[1.0, 10.0]]), torch.tensor([4.0, -9.0, 0.25, -1.0]))
    first = (1.0 + 0.1 * 0.5 * 2) * 1 + (2.0 + 0.2 * 0.5 * -3) * 10 + 5.0 + 0.5 * 0.5
    second = (3.0 + 0.3 * -1 * 2) * 1 + (4.0 + 0.4 * -1 * -3) * 10 + 6.0 + 0.6 * -1
    assert found.tolist() == [pytest.approx([first, second])]


def test_f2_noise_on_the_weights_is_an_outer_product_of_roots_of_normal_numbers() -> None:
    """Its variance is E|x| E|y| = 2 / pi; that of the biases sqrt(2 / pi). Independent noise would have full rank."""
    layer = filled_layer(200, 300)
    noise = torch.from_numpy(np.random.default_rng(1).standard_normal(500, dtype=np.float32))
    with torch.no_grad():
        bias = layer(torch.zeros(1, 200), noise)[0]
        weight = (layer(torch.eye(200), noise) - bias).T
        epsilon = ((weight - layer.weight) / layer.weight_deviation).double()
        epsilon_bias = (bias - layer.bias) / layer.bias_deviation
    singular = torch.linalg.svdvals(epsilon)
    assert singular[1] < 1e-3 * singular[0]
    assert epsilon.var().item() == pytest.approx(2 / math.pi, rel=0.2)
    assert epsilon_bias.var().item() == pytest.approx(math.sqrt(2 / math.pi), rel=0.2)
    assert abs(epsilon_bias.mean().item()) < 4 * math.sqrt(0.8 / 300)
    roots = noise[200:].sign() * noise[200:].abs().sqrt()
    torch.testing.assert_close(epsilon_bias, roots, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", [NoisyLinear, NoisyOutput])
def test_f2_zero_noise_leaves_the_means(kind: type[NoisyLinear]) -> None:
    layer = filled_layer(7, 3, kind=kind)
    x = torch.from_numpy(np.random.default_rng(2).standard_normal((4, 7), dtype=np.float32))
    means = functional.linear(x, layer.weight, layer.bias)
    assert torch.equal(layer(x, torch.zeros(10)), means)
    assert not torch.allclose(layer(x, torch.ones(10)), means)


def test_f3_means_are_uniform_and_deviations_constant_by_the_root_of_the_inputs() -> None:
    layer = filled_layer(400, 50, sigma_0=0.5)
    for means in (layer.weight, layer.bias):
        assert 0.85 / 20 < means.abs().max().item() <= 1 / 20
        assert abs(means.mean().item()) < 4 / 20 / math.sqrt(3 * means.numel())
    for deviations in (layer.weight_deviation, layer.bias_deviation):
        torch.testing.assert_close(deviations, torch.full_like(deviations, 0.5 / 20))
    assert CONFIG.sigma_0 == 0.5


def test_noise_is_shared_out_to_the_layers_in_order_and_counted() -> None:
    layers = [NoisyLinear(2, 3, 0.5), NoisyLinear(3, 1, 0.5)]
    assert count_noise(torch.nn.Sequential(*layers)) == 9
    assert [part.tolist() for (part,) in noise_by_layer(layers, (torch.arange(9),))] == [[0, 1, 2, 3, 4], [5, 6, 7, 8]]
    assert noise_by_layer(layers, ()) == [(), ()]


def test_the_last_noisy_layer_is_float32_in_every_precision() -> None:
    x, noise = torch.rand(2, 4, generator=torch.Generator().manual_seed(0)), torch.ones(7)
    last, inner = (filled_layer(4, 3, kind=kind) for kind in (NoisyOutput, NoisyLinear))
    exact = last(x, noise)
    assert torch.equal(in_precision(last, "bfloat16")(x, noise), exact)
    assert not torch.equal(in_precision(inner, "bfloat16")(x, noise), exact)


def test_f1_both_linear_layers_are_noisy_and_the_others_are_those_of_dqn() -> None:
    network, plain = noisy_dqn.network(CONFIG, 6), dqn.network(CONFIG, 6)
    named = {name: type(layer) for name, layer in network.named_children()}
    assert named == {"convolutions": type(plain.convolutions), "hidden": NoisyLinear, "values": NoisyOutput}
    linear = (3136 + 1) * 512 + (512 + 1) * 6
    assert sum(p.numel() for p in network.parameters()) == 1_687_206 + linear
    assert noisy_dqn.draws_spec(CONFIG, 6)["noise_tm1"].shape == (3136 + 512 + 512 + 6,)


def test_f4_noise_is_drawn_anew_for_every_action_and_moves_the_values() -> None:
    built, stream = learner("noisy_dqn", 1), np.random.default_rng(3)
    one, two = (built.acting_draws(stream, evaluating=False) for _ in range(2))
    values = [built.action_values(STATE, draws) for draws in (one, two, one)]
    assert not np.array_equal(one[0], two[0])
    assert np.abs(values[0] - values[1]).max() > 1e-3
    np.testing.assert_array_equal(values[0], values[2])


def test_f4_the_engine_draws_for_each_action_from_the_exploration_stream() -> None:
    built, stream, same = learner("noisy_dqn", 1), np.random.default_rng(3), np.random.default_rng(3)
    actions = [act({0: (built, STATE)}, {0: 0.0}, {0: stream}, IN_TURN, evaluating=False)[0] for _ in range(40)]
    assert len(set(actions)) > 1  # one state, no epsilon: only the noise differs
    means = [act({0: (built, STATE)}, {0: 0.0}, {0: same}, IN_TURN, evaluating=True)[0] for _ in range(40)]
    assert len(set(means)) == 1


def test_f4_one_draw_serves_a_minibatch_and_each_network_has_its_own() -> None:
    specs = noisy_dqn.draws_spec(CONFIG, 3)
    assert all(spec.distribution == "normal" and not spec.per_transition for spec in specs.values())
    seen: dict[str, Tensor] = {}

    def recording(name: str):
        def forward(pixels: Tensor, *draws: Tensor) -> Tensor:
            (seen[name],) = draws
            return torch.zeros(1, 3, requires_grad=True) + 0.0

        return forward

    states = torch.zeros((1, 1), dtype=torch.uint8)
    batch = Batch(states, torch.tensor([0]), torch.tensor([1.0]), torch.tensor([0.99]), states)
    draws = {"noise_tm1": torch.tensor([1.0]), "noise_target_t": torch.tensor([2.0])}
    noisy_dqn.loss(recording("online"), recording("target"), batch, draws, CONFIG)
    assert (seen["online"].item(), seen["target"].item()) == (1.0, 2.0)


def test_f5_there_are_no_random_actions() -> None:
    assert CONFIG.epsilon.start == CONFIG.epsilon.end == CONFIG.evaluation_epsilon == 0.0


def test_f6_evaluation_plays_the_means_whatever_the_stream() -> None:
    built = learner("noisy_dqn", 1)
    draws = [built.acting_draws(np.random.default_rng(seed), evaluating=True) for seed in (1, 2)]
    assert all(not array.any() for (array,) in draws)
    found = built.action_values(STATE, draws[0])
    pixels = torch.from_numpy(STATE[None]).permute(0, 3, 1, 2)
    with torch.no_grad():
        values = built.online.values
        expected = functional.linear(built.online.embed(pixels), values.weight, values.bias)[0]  # type: ignore[operator]
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)


def test_f7_the_other_settings_are_those_of_dqn() -> None:
    ours, plain = load_variant("noisy_dqn").config, load_variant("dqn").config
    moved = {key for key in ours if ours[key] != plain.get(key)}
    assert moved == {"sigma_0", "epsilon", "evaluation_epsilon"}
    assert plain.keys() - ours.keys() == {"error_loss"}  # its errors are clipped, as DQN's are by default


def test_f8_the_loss_is_that_of_dqn_and_teaches_the_deviations() -> None:
    built = learner("noisy_dqn", 1, small=True)
    batch = built._batch(minibatch(np.random.default_rng(4)))
    draws = built._draws(np.random.default_rng(5), 2)
    losses = noisy_dqn.loss(built.online, built.target, batch, draws, built.config)
    with torch.no_grad():
        q_tm1, q_t = built.online(batch.s_tm1, draws["noise_tm1"]), built.target(batch.s_t, draws["noise_target_t"])
    error = batch.r_t + batch.discount_t * q_t.max(1).values - q_tm1[torch.arange(2), batch.a_tm1]
    expected = torch.where(error.abs() <= 1, error.square() / 2, error.abs() - 0.5)
    torch.testing.assert_close(losses.per_transition.detach(), expected)
    gradients = torch.autograd.grad(losses.per_transition.sum(), list(built.online.parameters()))
    assert all(gradient.abs().max() > 0 for gradient in gradients)


def test_a_stack_is_its_learners_alone() -> None:
    stacked, alone = ([learner("noisy_dqn", seed, small=True, double=True) for seed in range(3)] for _ in range(2))
    before = kept(alone[0])
    stack = Stack(stacked)
    for update in range(4):
        given, same = (
            [(minibatch(np.random.default_rng([update, k])), loss_stream(10 * update + k)) for k in range(3)]
            for _ in range(2)
        )
        assert stack.update(given) == [Learned(None, None)] * 3
        for each, (batch, stream) in zip(alone, same, strict=True):
            each.update(batch, stream)
    for one, other in zip(stacked, alone, strict=True):
        assert max(apart(one.tensors(), other.tensors()).values()) < 1e-12
    assert apart(kept(alone[0]), before)["online"] > 1e-4
    draws = [each.acting_draws(np.random.default_rng(k), evaluating=False) for k, each in enumerate(alone)]
    expected = np.stack([each.action_values(STATE, drawn) for each, drawn in zip(alone, draws, strict=True)])
    np.testing.assert_allclose(stack.action_values([(STATE, drawn) for drawn in draws]), expected, rtol=1e-12)
    with pytest.raises(AssertionError):  # every lane has its own noise
        np.testing.assert_allclose(stack.action_values([(STATE, draws[0])] * 3), expected, rtol=1e-12)
