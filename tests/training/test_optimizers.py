"""The optimizers against numbers worked by hand (fidelity rows O3, O4, O5) and an independent Adam."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from replication.specification.families.off_policy import AdamConfig, CenteredRMSPropConfig
from replication.specification.loading import load_variant
from replication.training.optimizers import Adam, CenteredRMSProp, RMSProp, build_optimizer

NATURE = CenteredRMSPropConfig(
    name="centered_rmsprop", learning_rate=0.00025, decay=0.95, epsilon=0.01, mean_square_start=0.0
)


def _change_after_one_step(gradient: float, config: CenteredRMSPropConfig) -> float:
    weight = torch.zeros(1)
    CenteredRMSProp([weight], config).step([torch.full((1,), gradient)])
    return -weight.item()


def test_o3_first_step_has_the_constant_inside_the_root() -> None:
    # g = 1: v - m^2 + 0.01 = 0.05 - 0.0025 + 0.01 = 0.0575; 0.00025 / sqrt(0.0575) = 0.00104257.
    assert _change_after_one_step(1.0, NATURE) == pytest.approx(0.00104257, rel=1e-5)
    # g = 0.01: 0.05e-4 - 0.0025e-4 + 0.01; outside the root the step would be 2.0526e-4, eight times larger.
    assert _change_after_one_step(0.01, NATURE) == pytest.approx(2.49941e-5, rel=1e-5)


def test_o3_o4_numerator_is_the_gradient_and_there_is_no_momentum() -> None:
    weight = torch.zeros(1)
    optimizer = CenteredRMSProp([weight], NATURE)
    optimizer.step([torch.ones(1)])
    after_one = weight.item()
    optimizer.step([torch.zeros(1)])
    assert weight.item() == after_one
    assert set(optimizer.state()) == {"mean_gradient.0", "mean_square.0"}


def test_o3_o5_constant_gradient_leaves_only_the_constant_under_the_root() -> None:
    weight = torch.zeros(1)
    optimizer = CenteredRMSProp([weight], NATURE)
    for _ in range(600):
        before = weight.item()
        optimizer.step([torch.ones(1)])
    # v - m^2 goes to 0, so the denominator goes to sqrt(0.01) = 0.1 and the step to 0.0025.
    assert before - weight.item() == pytest.approx(0.0025, rel=1e-3)


def test_d17_d18_dopamine_mean_square_starts_at_one() -> None:
    config = NATURE.model_copy(update={"epsilon": 0.00001, "mean_square_start": 1.0})
    # g = 1: v = 0.95 + 0.05 = 1, m = 0.05: 1 - 0.0025 + 0.00001.
    expected = 0.00025 / math.sqrt(0.99751)
    assert _change_after_one_step(1.0, config) == pytest.approx(expected, rel=1e-5)


def test_d17_dopamines_constant_is_inside_the_root() -> None:
    config = load_variant("dqn_dopamine").settings.optimizer
    weight, decayed = torch.zeros(1), 500
    optimizer = build_optimizer([weight], config)
    for _ in range(decayed):  # while the mean square is near 1 no constant shows
        optimizer.step([torch.zeros(1)])
    assert weight.item() == 0.0
    optimizer.step([torch.full((1,), 0.001)])
    v = 0.95 ** (decayed + 1) + 0.05 * 0.001**2
    m = 0.05 * 0.001
    # Outside the root the step would be 14 times larger.
    assert -weight.item() == pytest.approx(0.00025 * 0.001 / math.sqrt(v - m**2 + 0.00001), rel=1e-5)


def test_adam_equals_torch_optim() -> None:
    config = AdamConfig(name="adam", learning_rate=0.0001, beta1=0.9, beta2=0.999, epsilon=0.00015)
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(50, generator=generator)
    theirs = ours.clone().requires_grad_()
    optimizer = Adam([ours], config)
    reference = torch.optim.Adam([theirs], lr=0.0001, betas=(0.9, 0.999), eps=0.00015)
    for _ in range(20):
        gradient = torch.randn(50, generator=generator)
        optimizer.step([gradient])
        theirs.grad = gradient.clone()
        reference.step()
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-6, atol=1e-7)


RAINBOW_ADAM = AdamConfig(
    name="adam", learning_rate=6.25e-5, beta1=0.9, beta2=0.999, epsilon=1.5e-4, epsilon_before_correction=True
)


def tensorflow_adam(gradients: Sequence[float], config: AdamConfig) -> list[float]:
    """Each change of a weight, by the formula of tensorflow/python/training/adam.py in double precision."""
    m = v = 0.0
    changes = []
    for t, g in enumerate(gradients, start=1):
        rate = config.learning_rate * math.sqrt(1.0 - config.beta2**t) / (1.0 - config.beta1**t)
        m, v = config.beta1 * m + (1.0 - config.beta1) * g, config.beta2 * v + (1.0 - config.beta2) * g * g
        changes.append(rate * m / (math.sqrt(v) + config.epsilon))
    return changes


@pytest.mark.parametrize("by_operations", [False, True])
@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-5])
def test_b7_mu2_the_constant_can_be_added_before_the_correction(size: float, by_operations: bool) -> None:
    stream = np.random.default_rng(0)
    gradients = size * stream.standard_normal((3, 200))  # of two lanes of a stack and of a parameter alone
    lanes, alone = torch.zeros((2, 1)), torch.zeros(1)
    stacked, single = Adam([lanes], RAINBOW_ADAM), Adam([alone], RAINBOW_ADAM)
    stacked.keep_in(stacked.state() | {"updates": torch.zeros(2, dtype=torch.float64)})
    expected = np.array([tensorflow_adam(lane, RAINBOW_ADAM) for lane in gradients])
    for optimizer in (stacked, single):
        if by_operations:
            optimizer._step_compiled = optimizer._step_by_operations  # type: ignore[method-assign]
    for t in range(200):
        now = torch.tensor(gradients[:, t], dtype=torch.float32)
        stacked.step([now[:2, None]])
        single.step([now[2:]])
        found = torch.cat([lanes[:, 0], alone]).double().numpy()
        np.testing.assert_allclose(found, -expected[:, : t + 1].sum(axis=1), rtol=1e-4, atol=1e-9)


def test_b7_mu2_the_two_places_of_the_constant_differ_by_known_ratios_of_steps() -> None:
    """Of gradients of one size, 0.001: a step with the constant after the correction over one with it before."""
    ratios = {}
    weights = [torch.zeros(1) for _ in range(2)]
    after = RAINBOW_ADAM.model_copy(update={"epsilon_before_correction": False})
    optimizers = [Adam([w], c) for w, c in zip(weights, (after, RAINBOW_ADAM), strict=True)]
    for t in range(1, 1_001):
        for optimizer, weight in zip(optimizers, weights, strict=True):
            weight.zero_()
            optimizer.step([torch.full((1,), 1e-3)])
        ratios[t] = (weights[0] / weights[1]).item()
    # (g + e / c) / (g + e) with c the root of 1 - 0.999^t.
    assert [ratios[t] for t in (1, 10, 100, 1_000)] == pytest.approx([4.994, 2.177, 1.2923, 1.0336], rel=1e-3)


def test_a_stored_optimizer_continues_exactly() -> None:
    for build in (
        lambda w: CenteredRMSProp([w], NATURE),
        lambda w: Adam([w], AdamConfig(name="adam", learning_rate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8)),
    ):
        weight = torch.ones(3)
        optimizer = build(weight)
        optimizer.step([torch.tensor([1.0, -2.0, 0.5])])
        stored = {name: tensor.clone() for name, tensor in optimizer.state().items()}
        again = weight.clone()
        resumed = build(again)
        for name, tensor in resumed.state().items():
            tensor.copy_(stored[name])
        for optimiser_ in (optimizer, resumed):
            optimiser_.step([torch.tensor([0.1, 0.2, -0.3])])
        assert torch.equal(weight, again)


@pytest.mark.parametrize("variant", ["dqn", "dqn_quickstart"])
@pytest.mark.parametrize("contiguous_gradient", [True, False])
def test_the_compiled_pass_is_the_equation_whatever_the_memory_format(variant: str, contiguous_gradient: bool) -> None:
    """A convolution's weights lie channels-last; their gradient may lie otherwise."""
    config = load_variant(variant).settings.optimizer
    stream = torch.Generator().manual_seed(0)
    w = torch.randn((32, 4, 8, 8), generator=stream).to(memory_format=torch.channels_last)
    optimizer = build_optimizer([w], config)
    expected, m, v = w.double(), torch.zeros_like(w).double(), torch.zeros_like(w).double()
    for t in range(1, 4):
        g = torch.randn((32, 4, 8, 8), generator=stream)
        optimizer.step([g if contiguous_gradient else g.to(memory_format=torch.channels_last)])
        g = g.double()
        if isinstance(config, CenteredRMSPropConfig):
            m, v = config.decay * m + (1 - config.decay) * g, config.decay * v + (1 - config.decay) * g**2
            expected = expected - config.learning_rate * g / (v - m**2 + config.epsilon).sqrt()
        else:
            m, v = config.beta1 * m + (1 - config.beta1) * g, config.beta2 * v + (1 - config.beta2) * g**2
            root = (v / (1 - config.beta2**t)).sqrt() + config.epsilon
            expected = expected - config.learning_rate * m / (1 - config.beta1**t) / root
    torch.testing.assert_close(w.double(), expected, rtol=1e-6, atol=1e-6)
    assert w.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("variant", ["dqn", "dqn_dopamine", "dqn_quickstart"])
def test_a_devices_operations_are_the_compiled_pass(variant: str) -> None:
    """The equation is written twice: as one pass for a CPU, and as torch's operations for other devices."""
    config = load_variant(variant).settings.optimizer
    stream = torch.Generator().manual_seed(0)
    weights = torch.randn((5, 7), generator=stream)
    one, other = (build_optimizer([weights.clone()], config) for _ in range(2))
    other._step_compiled = other._step_by_operations  # type: ignore[method-assign]
    for _ in range(20):
        gradient = [torch.randn((5, 7), generator=stream)]
        one.step(gradient)
        other.step(gradient)
    torch.testing.assert_close(one.parameters[0], other.parameters[0], rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(one.state(), other.state(), rtol=1e-6, atol=1e-7)
    assert not torch.equal(one.parameters[0], weights)


@pytest.mark.parametrize("by_operations", [False, True])
def test_adam_on_stacked_lanes_counts_each_by_itself(by_operations: bool) -> None:
    config = load_variant("dqn_quickstart").settings.optimizer
    stream = torch.Generator().manual_seed(0)
    alone = [build_optimizer([torch.zeros((4, 3))], config) for _ in range(2)]
    stacked = build_optimizer([torch.zeros((2, 4, 3))], config)
    stacked.keep_in(stacked.state() | {"updates": torch.zeros(2, dtype=torch.float64)})
    stacked.state()["updates"][1] = alone[1].state()["updates"].fill_(40.0).item()
    if by_operations:
        stacked._step_compiled = stacked._step_by_operations  # type: ignore[method-assign, union-attr]
    for _ in range(3):
        gradients = torch.randn((2, 4, 3), generator=stream)
        stacked.step([gradients])
        for optimizer, gradient in zip(alone, gradients, strict=True):
            optimizer.step([gradient])
    assert stacked.state()["updates"].tolist() == [3.0, 43.0]
    for k, optimizer in enumerate(alone):
        torch.testing.assert_close(stacked.parameters[0][k], optimizer.parameters[0], rtol=1e-6, atol=1e-9)


def test_ac10_plain_rmsprop_has_the_constant_inside_the_root_and_starts_at_one() -> None:
    config = load_variant("a2c").settings.optimizer
    assert (config.learning_rate, config.decay, config.epsilon, config.mean_square_start) == (7e-4, 0.99, 1e-5, 1.0)
    weight = torch.zeros(2, dtype=torch.float32)
    optimizer = RMSProp([weight], config)
    optimizer.step([torch.tensor([0.5, 0.001])])
    first = [7e-4 * g / math.sqrt(0.99 + 0.01 * g**2 + 1e-5) for g in (0.5, 0.001)]
    assert (-weight).tolist() == pytest.approx(first, rel=1e-5)
    optimizer.step([torch.tensor([2.0, 0.0])], factor=0.25)
    mean_square = 0.99 * (0.99 + 0.01 * 0.25) + 0.01 * 4.0
    assert -weight[0].item() == pytest.approx(first[0] + 0.25 * 7e-4 * 2.0 / math.sqrt(mean_square + 1e-5), rel=1e-5)
    assert set(optimizer.state()) == {"mean_square.0"}


@pytest.mark.parametrize("variant", ["ppo_baselines", "ppo_cleanrl"])
def test_pb12_cp2_a_factor_of_the_rate_scales_a_step_of_adam(variant: str) -> None:
    config = load_variant(variant).settings.optimizer
    assert config.epsilon_before_correction == (variant == "ppo_baselines")
    whole, half = torch.zeros(3), torch.zeros(3)
    gradient = torch.tensor([1.0, 1e-4, -1e-6])
    Adam([whole], config).step([gradient])
    Adam([half], config).step([gradient], factor=0.5)
    torch.testing.assert_close(half, whole / 2, rtol=1e-6, atol=0.0)
    # The constant weighs 1 / sqrt(1 - 0.999) = 32 times as much where it is added before the correction.
    epsilon = 1e-5 / math.sqrt(0.001) if variant == "ppo_baselines" else 1e-5
    assert whole[1].item() == pytest.approx(-2.5e-4 * 1e-4 / (1e-4 + epsilon), rel=1e-4)
