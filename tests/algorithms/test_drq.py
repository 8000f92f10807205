"""DrQ: states shifted and lightened by known draws, the loss on them, and its stacks (Q1 to Q12)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from replication.algorithms.off_policy import drq
from replication.algorithms.off_policy.contract import Batch
from replication.specification.loading import load_variant
from replication.training.off_policy.stack import Stack
from tests.support.stacks import SOUND, apart, kept, learner, loss_stream, minibatch, shown

CONFIG = load_variant("drq_eps").settings
PIXELS = np.random.default_rng(1).integers(0, 256, (8, 4, 84, 84), dtype=np.uint8)


def augmented(places: list[list[float]], lightness: list[float], pixels: np.ndarray = PIXELS) -> np.ndarray:
    given = torch.from_numpy(pixels[: len(places)])
    found = drq.augmented(given, torch.tensor(places), torch.tensor(lightness), CONFIG)
    assert found.dtype == torch.float32
    return found.numpy()


def test_q5_a_screen_is_cut_out_of_the_one_whose_edges_are_repeated() -> None:
    """Eight places along an axis, 0 to 7: the last, 8, is not reached by the program's random number."""
    eighths = [[i / 8, (7 - i) / 8] for i in range(8)]
    found = augmented(eighths, [0.0] * 8)
    for i in range(8):
        larger = np.pad(PIXELS[i], ((0, 0), (4, 4), (4, 4)), mode="edge")
        np.testing.assert_array_equal(found[i], larger[:, i : i + 84, 7 - i : 7 - i + 84])
    last = np.nextafter(np.float32(1), np.float32(0)).item()
    np.testing.assert_array_equal(augmented([[last, 0.5]], [0.0])[0, :, :81, :], PIXELS[0, :, 3:, :])


def test_q5_half_of_the_way_moves_nothing_and_the_first_place_moves_down_and_right_by_four() -> None:
    np.testing.assert_array_equal(augmented([[0.5, 0.5]], [0.0]), PIXELS[:1])
    moved = augmented([[0.0, 0.5]], [0.0])[0]
    np.testing.assert_array_equal(moved[:, 4:], PIXELS[0, :, :80])
    np.testing.assert_array_equal(moved[:, :4], np.repeat(PIXELS[0, :, :1], 4, axis=1))


@pytest.mark.parametrize(("lightness", "factor"), [(1.0, 1.05), (-1.0, 0.95), (3.0, 1.1), (-9.0, 0.9)])
def test_q5_all_pixels_of_a_state_are_multiplied_by_one_number_cut_at_two_deviations(
    lightness: float, factor: float
) -> None:
    found = augmented([[0.5, 0.5], [0.5, 0.5]], [lightness, 0.0])
    np.testing.assert_allclose(found[0], PIXELS[0] * np.float32(factor), rtol=1e-6)
    np.testing.assert_array_equal(found[1], PIXELS[1])


def test_q5_both_states_of_a_transition_draw_for_themselves_and_every_transition_too() -> None:
    specs = drq.draws_spec(CONFIG, 4)
    assert all(spec.per_transition for spec in specs.values())
    assert {name: (spec.distribution, spec.shape) for name, spec in specs.items()} == {
        "place_tm1": ("uniform", (2,)),
        "lightness_tm1": ("normal", ()),
        "place_t": ("uniform", (2,)),
        "lightness_t": ("normal", ()),
    }
    assert drq.acting_draws_spec(CONFIG, 4, evaluating=False) == {}


def test_q3_the_loss_is_double_dqns_on_changed_states_and_both_networks_see_the_next_one_alike() -> None:
    seen: list[tuple[str, Tensor]] = []
    q_online = {1: torch.tensor([[0.0, 2.0, 5.0]]), 2: torch.tensor([[0.3, 0.9, 0.1]])}
    q_target = torch.tensor([[7.0, 0.5, 9.0]])

    def online(pixels: Tensor, *draws: Tensor) -> Tensor:
        seen.append(("online", pixels))
        return q_online[1 if len(seen) == 1 else 2].requires_grad_()

    def target(pixels: Tensor, *draws: Tensor) -> Tensor:
        seen.append(("target", pixels))
        return q_target

    s_tm1, s_t = torch.from_numpy(PIXELS[:1]), torch.from_numpy(PIXELS[1:2])
    batch = Batch(s_tm1, torch.tensor([1]), torch.tensor([1.0]), torch.tensor([0.9]), s_t)
    half = torch.tensor([[0.5, 0.5]])
    draws = {"place_tm1": 0 * half, "lightness_tm1": torch.ones(1), "place_t": half, "lightness_t": -torch.ones(1)}
    losses = drq.loss(online, target, batch, draws, CONFIG)
    # The online network prefers action 1 at s', which the target network values 0.5: 1 + 0.9 * 0.5 - 2 = -0.55.
    assert losses.per_transition.tolist() == pytest.approx([0.55**2 / 2])
    assert losses.priority.tolist() == pytest.approx([0.55])
    np.testing.assert_array_equal(seen[0][1], augmented([[0.0, 0.0]], [1.0]))
    assert [name for name, _ in seen] == ["online", "online", "target"] and torch.equal(seen[1][1], seen[2][1])
    np.testing.assert_allclose(seen[1][1], PIXELS[1:2] * np.float32(0.95), rtol=1e-6)


def test_q2_value_and_advantages_share_a_hidden_layer() -> None:
    network = drq.network(CONFIG, 6)
    drq.initialise(network, np.random.default_rng(2), CONFIG)
    pixels = torch.from_numpy(PIXELS[:2])
    with torch.no_grad():
        hidden, found = network.embed(pixels).numpy(), network(pixels).numpy()
    layers = {
        name: [p.detach().numpy() for p in getattr(network, name).parameters()] for name in ("value", "advantages")
    }
    value, advantages = (hidden @ weight.T + bias for weight, bias in layers.values())
    np.testing.assert_allclose(found, value + advantages - advantages.mean(1, keepdims=True), atol=1e-5)
    np.testing.assert_allclose(found.mean(1), value[:, 0], atol=1e-5)
    assert hidden.shape == (2, 512) and network.convolutions.num_features == 7_744
    assert sum(p.numel() for p in network.parameters()) == 77_984 + 7_744 * 512 + 512 + 7 * 513
    assert not network.value.bias.any() and not network.hidden.bias.any()


def test_q1_q3_q4_q6_q7_q8_q12_settings_are_those_of_the_gin_file() -> None:
    """Written down apart from the YAML, from DrQ_eps.gin; DrQ.gin differs in two values."""
    for variant, end, evaluation in (("drq_eps", 0.01, 0.001), ("drq", 0.1, 0.05)):
        config = load_variant(variant).config
        assert (config["n_step"], config["discount"], config["batch_size"], config["loss_reduction"]) == (
            10,
            0.99,
            32,
            "mean",
        )
        assert config["replay_start"] == {"count": 1_600, "unit": "rows"}
        assert (config["update_period_steps"], config["updates_at_once"], config["target_update_period_steps"]) == (
            1,
            1,
            1,
        )
        assert config["epsilon"] == {"start": 1.0, "end": end, "decay_starts_after_steps": 1_600, "decay_steps": 5_000}
        assert config["evaluation_epsilon"] == evaluation
        assert (config["optimizer"]["learning_rate"], config["optimizer"]["epsilon"]) == (1e-4, 1.5e-4)
        assert config["replay_sampling"] == {"name": "uniform"} and config["replay_capacity_rows"] == 1_000_000
        assert config["frame_pipeline"] == "dopamine" and not config["acts_before_update"]


@pytest.mark.slow
def test_a_stack_is_its_learners_alone() -> None:
    stacked, alone = ([learner("drq_eps", seed, small=True, double=True) for seed in range(3)] for _ in range(2))
    before = kept(alone[0])
    stack = Stack(stacked)
    for update in range(3):
        given, same = (
            [(minibatch(np.random.default_rng([update, k])), loss_stream(10 * update + k)) for k in range(3)]
            for _ in range(2)
        )
        assert stack.update(given) == [SOUND] * 3
        for each, (batch, stream) in zip(alone, same, strict=True):
            each.update(batch, stream)
    for one, other in zip(stacked, alone, strict=True):
        assert max(apart(one.tensors(), other.tensors()).values()) < 1e-12
    assert apart(kept(alone[0]), before)["online"] > 1e-4
    states = np.random.default_rng(3).integers(0, 256, (3, 84, 84, 4), dtype=np.uint8)
    expected = np.stack([each.action_values(state) for each, state in zip(alone, states, strict=True)])
    np.testing.assert_allclose(stack.action_values(shown(states)), expected, rtol=1e-12)
