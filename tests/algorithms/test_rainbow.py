"""Rainbow and the agents made of its parts: the loss against a plain reference, the network by hand, its stacks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from replication.algorithms.off_policy import rainbow
from replication.algorithms.off_policy.contract import Batch
from replication.specification.loading import load_protocol, load_variant
from replication.training.exploration import greedy
from replication.training.off_policy.stack import Stack
from tests.support.plain_losses import Array, linear
from tests.support.stacks import NUM_ACTIONS, apart, kept, learner, loss_stream, minibatch

VARIANTS = ("rainbow", "rainbow_dopamine", "der_2019", "der_dopamine", "otrainbow")
STATE = np.random.default_rng(9).integers(0, 256, (84, 84, 4), dtype=np.uint8)


def config_of(variant: str, **changes: Any) -> rainbow.Config:
    return load_variant(variant).settings.model_copy(update=changes)


def softmax(x: Array) -> Array:
    return np.exp(x) / np.exp(x).sum()


def reference(
    logits_tm1: Array, logits_t: Array, logits_target_t: Array, actions: list[int], rewards: list[float],
    discounts: list[float], *, double: bool, num_atoms: int, limit: float,
) -> tuple[list[float], Array]:  # fmt: skip
    """Loss of each transition and its gradient by logits_tm1, one number after the other, in float64.

    Mass is put on the atoms below and above by floor and ceiling, as Algorithm 1 of Bellemare et al. 2017 has it.
    """
    spacing = 2 * limit / (num_atoms - 1)
    atoms = [-limit + i * spacing for i in range(num_atoms)]
    losses, gradient = [], np.zeros_like(logits_tm1)
    for k, (action, reward, discount) in enumerate(zip(actions, rewards, discounts, strict=True)):
        choosing = logits_t[k] if double else logits_target_t[k]
        best = max(range(len(choosing)), key=lambda a: float(np.dot(softmax(choosing[a]), atoms)))
        mass = [0.0] * num_atoms
        for z, p in zip(atoms, softmax(logits_target_t[k][best]), strict=True):
            place = (min(max(reward + discount * z, -limit), limit) + limit) / spacing
            below, above = math.floor(place + 1e-9), math.ceil(place - 1e-9)
            if below == above:
                mass[below] += p
            else:
                mass[below] += p * (above - place)
                mass[above] += p * (place - below)
        predicted = softmax(logits_tm1[k][action])
        losses.append(-sum(m * math.log(p) for m, p in zip(mass, predicted, strict=True)))
        gradient[k][action] = predicted - np.array(mass)  # of a cross-entropy by its logits
    return losses, gradient


REWARDS, DISCOUNTS = [0.3, -1.0, 1.0, 2.9701, 0.0], [0.970299, 0.970299, 0.0, 0.970299, 0.0]
"""Inside the support and past either end; terminal, between two atoms and at one."""


@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("scale", [0.1, 4.0])
def test_h3_h5_a4_b4_t3_p3_the_loss_against_a_reference_in_float64(double: bool, scale: float) -> None:
    config = config_of("rainbow", double=double)
    stream = np.random.default_rng(7)
    tm1, at_t, target_t = (scale * stream.standard_normal((5, 4, 51)) for _ in range(3))
    actions = [0, 3, 1, 2, 2]
    logits_tm1 = torch.tensor(tm1, requires_grad=True)
    given = {
        1.0: logits_tm1,
        2.0: torch.tensor(at_t, requires_grad=True),
        3.0: torch.tensor(target_t, requires_grad=True),
    }
    states = torch.zeros((5, 1), dtype=torch.uint8)
    rewards, discounts = (torch.tensor(numbers, dtype=torch.float64) for numbers in (REWARDS, DISCOUNTS))
    batch = Batch(states, torch.tensor(actions), rewards, discounts, states)
    draws = {"noise_tm1": torch.ones(1), "noise_t": 2 * torch.ones(1), "noise_target_t": 3 * torch.ones(1)}

    def forward(pixels: Tensor, *noise: Tensor) -> Tensor:
        (each,) = noise
        return given[each.item()]

    found = rainbow.loss(forward, forward, batch, draws, config)
    losses, gradient = reference(
        tm1, at_t, target_t, actions, REWARDS, DISCOUNTS, double=double, num_atoms=51, limit=10.0
    )
    assert found.per_transition.tolist() == pytest.approx(losses, rel=1e-10)
    assert found.priority.tolist() == pytest.approx(losses, rel=1e-10) and not found.priority.requires_grad
    found.per_transition.sum().backward()
    assert logits_tm1.grad is not None and given[2.0].grad is given[3.0].grad is None
    np.testing.assert_allclose(logits_tm1.grad.numpy(), gradient, atol=1e-12)


def test_the_reference_tells_double_from_single() -> None:
    stream = np.random.default_rng(7)
    tm1, at_t, target_t = (4.0 * stream.standard_normal((5, 4, 51)) for _ in range(3))
    both = [
        reference(tm1, at_t, target_t, [0] * 5, REWARDS, DISCOUNTS, double=double, num_atoms=51, limit=10.0)[0]
        for double in (True, False)
    ]
    assert np.abs(np.subtract(*both)).max() > 0.1


def test_h4_a6_p5_each_pass_has_noise_of_its_own_held_over_the_minibatch() -> None:
    config = config_of("der_2019")
    specs = rainbow.draws_spec(config, 6)
    assert list(specs) == ["noise_tm1", "noise_t", "noise_target_t"]
    # Inputs and outputs of: the advantages' hidden layer and outputs, the value's output, its hidden layer.
    count = (576 + 256) + (256 + 6 * 51) + (256 + 51) + (576 + 256)
    assert all(spec.shape == (count,) and spec.distribution == "normal" for spec in specs.values())
    assert not any(spec.per_transition for spec in specs.values())
    passes: list[tuple[str, float]] = []

    def recording(name: str):
        def forward(pixels: Tensor, *noise: Tensor) -> Tensor:
            (each,) = noise
            passes.append((name, each.item()))
            return torch.zeros(1, 6, 51)

        return forward

    states = torch.zeros((1, 1), dtype=torch.uint8)
    batch = Batch(states, torch.tensor([0]), torch.tensor([0.0]), torch.tensor([0.9]), states)
    draws = {name: torch.tensor([float(i)]) for i, name in enumerate(specs)}
    rainbow.loss(recording("online"), recording("target"), batch, draws, config)
    assert sorted(passes) == [("online", 0.0), ("online", 1.0), ("target", 2.0)]
    assert rainbow.draws_spec(config_of("otrainbow"), 6) == {}
    assert rainbow.acting_draws_spec(config_of("otrainbow"), 6, evaluating=False) == {}


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("dueling", ["none", "own_hidden_layers", "one_hidden_layer"])
def test_h1_a2_b2_t2_p2_the_head_written_out(dueling: str, noisy: bool) -> None:
    config = config_of("der_2019", dueling=dueling, sigma_0=0.5 if noisy else None)
    network = rainbow.network(config, 4)
    rainbow.initialise(network, np.random.default_rng(1), config)
    stream = np.random.default_rng(2)
    pixels = torch.from_numpy(stream.integers(0, 256, (3, 4, 84, 84), dtype=np.uint8))
    widths = {
        "advantage_hidden": 576 + 256,
        "advantages": 256 + 4 * 51,
        "value": 256 + 51,
        "value_hidden": 576 + 256,
    }
    there = [name for name in widths if getattr(network, name) is not None]
    assert len(there) == {"none": 2, "one_hidden_layer": 3, "own_hidden_layers": 4}[dueling]
    noise = stream.standard_normal(sum(widths[name] for name in there)).astype(np.float32)
    parts = dict(
        zip(there, np.split(noise.astype(np.float64), np.cumsum([widths[n] for n in there])[:-1]), strict=True)
    )
    with torch.no_grad():
        found = network(pixels, *([torch.from_numpy(noise)] if noisy else [])).double().numpy()
        features = network.convolutions(pixels).double().numpy()

    def apply(name: str, x: Array) -> Array:
        return linear(network, name, x, parts[name] if noisy else None)

    hidden = np.maximum(apply("advantage_hidden", features), 0)
    expected = apply("advantages", hidden).reshape(3, 4, 51)
    if dueling != "none":
        if dueling == "own_hidden_layers":
            hidden = np.maximum(apply("value_hidden", features), 0)
        value = apply("value", hidden)
        expected = value[:, None, :] + expected - expected.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(found.mean(axis=1), value, atol=1e-5)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert network.embed(pixels).shape == (3, 512 if dueling == "own_hidden_layers" else 256)


def test_values_are_the_means_of_the_distributions() -> None:
    config = config_of("rainbow")
    logits = torch.full((1, 2, 51), -100.0)
    logits[0, 0, 50] = logits[0, 1, 0] = logits[0, 1, 30] = 100.0  # all at 10; half at -10, half at 2
    assert rainbow.action_values(logits, config).tolist() == [pytest.approx([10.0, -4.0])]


@pytest.mark.parametrize(
    ("variant", "features", "counts"),
    [
        ("rainbow", 3_136, {4: 6_764_190, 18: 7_496_754}),
        ("rainbow_dopamine", 7_744, {4: 4_148_076, 18: 4_514_358}),
        ("der_2019", 576, {4: 776_414, 18: 1_143_410}),
        ("der_dopamine", 7_744, {4: 8_270_494, 18: 9_003_058}),
        ("otrainbow", 7_744, {4: 4_148_076, 18: 4_514_358}),
    ],
)
def test_h1_a2_b2_t2_p2_parameters_counted_by_hand(variant: str, features: int, counts: dict[int, int]) -> None:
    """84 pixels with 5x5 filters of stride 5 and no padding: 16, then 3; 64 maps of 3x3 are 576 features."""
    config = config_of(variant)
    convolutions = 32 * (4 * 25 + 1) + 64 * (32 * 25 + 1) if variant == "der_2019" else 77_984
    units, twice = config.network.hidden_units, 2 if config.sigma_0 else 1
    hidden_layers = 2 if config.dueling == "own_hidden_layers" else 1
    for num_actions, expected in counts.items():
        network = rainbow.network(config, num_actions)
        outputs = 51 * (num_actions + (config.dueling != "none"))
        by_hand = convolutions + twice * (hidden_layers * units * (features + 1) + (units + 1) * outputs)
        assert sum(p.numel() for p in network.parameters()) == by_hand == expected
        assert network.convolutions.num_features == features


@pytest.mark.parametrize(
    ("variant", "sigma_0", "biases_by"),
    [("rainbow", 0.5, "inputs"), ("der_2019", 0.1, "outputs"), ("der_dopamine", 0.1, "inputs")],
)
def test_h2_a3_p5_noisy_layers_start_by_their_own_rule_and_convolutions_by_the_variants(
    variant: str, sigma_0: float, biases_by: str
) -> None:
    """Of der_2019 a hidden bias starts at 0.1 / sqrt(256) and one of the value at 0.1 / sqrt(51)."""
    built = learner(variant, 1)
    features = built.online.convolutions.num_features  # type: ignore[union-attr]
    hidden, value = built.online.advantage_hidden, built.online.value
    for layer, inputs, outputs in ((hidden, features, len(hidden.bias)), (value, value.weight.shape[1], 51)):  # type: ignore[arg-type,union-attr]
        scale = (inputs if biases_by == "inputs" else outputs) ** -0.5
        torch.testing.assert_close(layer.bias_deviation, torch.full_like(layer.bias_deviation, sigma_0 * scale))  # type: ignore[union-attr,arg-type]
        weights = torch.full_like(layer.weight_deviation, sigma_0 * inputs**-0.5)  # type: ignore[union-attr,arg-type]
        torch.testing.assert_close(layer.weight_deviation, weights)  # type: ignore[union-attr]
    assert 0.95 / features**0.5 < hidden.weight.abs().max().item() <= 1 / features**0.5
    biases = [layer.bias.any().item() for layer in built.online.convolutions.layers]  # type: ignore[union-attr]
    assert set(biases) == {built.config.network.initialisation == "torch7_uniform"}


def test_b3_dopamines_rainbow_starts_uniform_by_its_inputs() -> None:
    network = learner("rainbow_dopamine", 1).online
    for layer, inputs in ((network.convolutions.layers[0], 256), (network.advantages, 512)):  # type: ignore[index,union-attr]
        limit = math.sqrt(3 * (1 / math.sqrt(3)) / inputs)
        assert 0.95 * limit < layer.weight.abs().max().item() <= limit and not layer.bias.any()


@pytest.mark.parametrize("variant", ["rainbow", "der_2019", "der_dopamine"])
def test_h10_a6_p5_noise_moves_the_values_in_training_and_is_off_in_evaluation(variant: str) -> None:
    built = learner(variant, 1, small=True)
    one, two = (built.acting_draws(np.random.default_rng(seed), evaluating=False) for seed in (1, 2))
    values = [built.action_values(STATE, draws) for draws in (one, two, one)]
    assert not np.allclose(values[0], values[1], atol=1e-4)
    np.testing.assert_array_equal(values[0], values[2])
    still = [built.acting_draws(np.random.default_rng(seed), evaluating=True) for seed in (1, 2)]
    np.testing.assert_array_equal(*(built.action_values(STATE, draws) for draws in still))
    zeros = [np.zeros_like(array) for array in one]
    np.testing.assert_array_equal(built.action_values(STATE, still[0]), built.action_values(STATE, zeros))


def given_to(lanes: int, update: int) -> list[Any]:
    return [(minibatch(np.random.default_rng([update, k])), loss_stream(10 * update + k)) for k in range(lanes)]


@pytest.mark.parametrize(
    "variant", ["der_2019", *(pytest.param(name, marks=pytest.mark.slow) for name in VARIANTS if name != "der_2019")]
)
def test_a_stack_is_its_learners_alone(variant: str) -> None:
    stacked, alone = ([learner(variant, seed, small=True, double=True) for seed in range(3)] for _ in range(2))
    before = kept(alone[0])
    stack = Stack(stacked)
    for update in range(3):
        learned = stack.update(given_to(3, update))
        for each, other, (batch, stream) in zip(learned, alone, given_to(3, update), strict=True):
            expected = other.update(batch, stream)
            assert each.failure is None and each.priorities is not None and expected is not None
            np.testing.assert_allclose(each.priorities, expected, rtol=1e-10)
    for one, other in zip(stacked, alone, strict=True):
        assert max(apart(one.tensors(), other.tensors()).values()) < 1e-12
    assert apart(kept(alone[0]), before)["online"] > 1e-5
    draws = [each.acting_draws(np.random.default_rng(k), evaluating=False) for k, each in enumerate(alone)]
    expected_values = np.stack([each.action_values(STATE, drawn) for each, drawn in zip(alone, draws, strict=True)])
    found = stack.action_values([(STATE, drawn) for drawn in draws])
    assert found.shape == (3, NUM_ACTIONS)
    np.testing.assert_allclose(found, expected_values, rtol=1e-10, atol=1e-12)
    assert np.abs(found[0] - found[1]).max() > 1e-4


SETTINGS: dict[str, tuple[Any, ...]] = {
    # n, double, start, unit, update period, updates, target, learning rate, epsilon's end, importance, acts first
    "rainbow": (3, True, 20_000, "steps", 4, 1, 8_000, 6.25e-5, 0.0, (0.4, 1.0), True),
    "rainbow_dopamine": (3, False, 20_000, "rows", 4, 1, 8_000, 6.25e-5, 0.01, (0.5, 0.5), False),
    "der_2019": (20, True, 1_599, "steps", 1, 1, 2_000, 1e-4, 0.0, (0.4, 1.0), False),
    "der_dopamine": (10, True, 1_600, "rows", 1, 1, 2_000, 1e-4, 0.01, (0.5, 0.5), False),
    "otrainbow": (3, False, 20_000, "rows", 1, 8, 500, 6.25e-5, 0.01, (0.5, 0.5), False),
}
"""Written down apart from the YAML files, from the articles' tables and the programs' gin files."""


@pytest.mark.parametrize("variant", VARIANTS)
def test_h6_h7_h8_h9_a1_a5_a7_a8_a12_a13_b1_b5_b6_b7_b11_b12_t1_t4_t5_t6_t9_t10_p1_p4_p6_p7_p8_settings(
    variant: str,
) -> None:
    config = config_of(variant)
    sampling = config.replay_sampling
    assert sampling.name == "proportional" and sampling.exponent == 0.5
    importance = (sampling.importance_exponent_start, sampling.importance_exponent_end)
    start, optimizer = config.replay_start, config.optimizer
    found: Sequence[Any] = (
        *(config.n_step, config.double, start.count, start.unit, config.update_period_steps, config.updates_at_once),
        *(config.target_update_period_steps, optimizer.learning_rate, config.epsilon.end, importance),
        config.acts_before_update,
    )
    assert tuple(found) == SETTINGS[variant]
    assert optimizer.epsilon_before_correction == (variant == "rainbow_dopamine")
    assert (optimizer.name, optimizer.epsilon, config.discount, config.batch_size) == ("adam", 1.5e-4, 0.99, 32)
    assert (config.num_atoms, config.value_min, config.value_max, config.reward_clip) == (51, -10.0, 10.0, 1.0)
    assert config.epsilon.start == (1.0 if config.sigma_0 is None else config.epsilon.end)
    assert config.life_loss_clears_frames == (variant not in ("der_dopamine", "otrainbow"))
    assert config.replay_capacity_rows == 1_000_000
    assert config.stores_end_frame == config.truncation_bootstraps == (variant == "rainbow")
    assert config.frame_pipeline == ("nature" if variant == "rainbow" else "dopamine")


def test_h6_p4_importance_exponents_reach_one_with_the_last_step_of_training() -> None:
    """200 million frames and 400,000 frames, of 4 a step."""
    for variant, first, steps in (("rainbow", 20_000, 50_000_000), ("der_2019", 1_600, 100_000)):
        assert first + config_of(variant).replay_sampling.importance_steps == steps


@pytest.mark.parametrize("variant", ["der_2019", "der_dopamine", "otrainbow", "drq", "drq_eps"])
def test_a9_a11_p10_p11_p18_q9_q11_t7_t11_games_begin_at_once_and_the_final_network_plays_100_of_them(
    variant: str,
) -> None:
    protocol = load_protocol(load_variant(variant).protocol)
    final = protocol.final_evaluation
    epsilon = None if variant == "drq" else 0.001  # the first DrQ brings its own, 0.05
    assert final is not None and (final.network, final.num_episodes, final.epsilon) == ("final", 100, epsilon)
    for presentation in (protocol.training, final.presentation):
        assert presentation.noops_after_game_over_frames is None and presentation.sticky_probability == 0.0
        assert presentation.episode_cap_frames == 4 * 27_000
    assert protocol.training.life_loss_ends_trajectory and not final.presentation.life_loss_ends_trajectory


def test_h11_the_best_network_plays_for_thirty_minutes() -> None:
    final = load_protocol(load_variant("rainbow").protocol).final_evaluation
    assert final is not None and final.network == "best" and final.presentation.episode_cap_frames == 30 * 60 * 60
    assert final.presentation.noops_after_game_over_frames == (1, 30)


def test_a10_b8_p15_q10_t8_of_equal_values_each_is_chosen() -> None:
    stream = np.random.default_rng(0)
    chosen = {greedy(np.array([1.0, 2.0, 2.0], dtype=np.float32), stream) for _ in range(50)}
    assert chosen == {1, 2}
