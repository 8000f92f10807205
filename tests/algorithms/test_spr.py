"""SPR: the loss by hand and by loops, the network written out, what is drawn, and how gradients are bounded."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from replication.algorithms.off_policy import drq, spr
from replication.algorithms.off_policy.contract import Batch, Future
from replication.specification.loading import load_protocol, load_variant
from replication.training.exploration import greedy
from replication.training.off_policy.learner import clipped
from replication.training.off_policy.stack import Stack
from tests.support.plain_losses import assert_gradient_is_that_of_loops, config_of, drawn, networks, pixel_batch, small
from tests.support.stacks import apart, learner, loss_stream, minibatch

LEAST = 1e-6
"""Of a target's probabilities where priorities are found."""


def tiny(goes_on: list[list[float]], **changes: Any) -> tuple[spr.Config, Batch, dict[str, Tensor]]:
    """Two transitions of three atoms -1, 0 and 1 and two jumps, whose states are told apart by their only pixel."""
    config = config_of("spr", num_atoms=3, value_min=-1.0, value_max=1.0, jumps=2, **changes)
    before = torch.zeros((2, 1, 84, 84), dtype=torch.uint8)
    future = Future(
        (before + 2)[:, None].expand(2, 2, 1, 84, 84), torch.tensor([[1, 0], [0, 0]]), torch.tensor(goes_on)
    )
    batch = Batch(before, torch.tensor([0, 1]), torch.tensor([0.5, 9.0]), torch.tensor([0.5, 0.0]), before + 1, future)
    draws = {"noise": torch.tensor([1.0]), "noise_target": torch.tensor([2.0])}
    for name, steps in (("tm1", ()), ("t", ()), ("target_t", ()), ("future", (2,))):
        draws[f"place_{name}"] = torch.full((2, *steps, 2), 0.5)
        draws[f"lightness_{name}"] = torch.zeros((2, *steps))
    return config, batch, draws


UNIFORM = math.log(3.0)


def test_sp4_sp5_the_loss_of_two_transitions_by_hand() -> None:
    """The target prefers action 1, the online network action 0, of which the target says: all mass at 1, or at -1.

    First: 0.5 + 0.5 * 1 = 1. Second: 9, cut to 1. Predictions: at right angles to what came, opposite, alike.
    """
    config, batch, draws = tiny([[1.0, 1.0], [1.0, 0.0]])
    sure = 200.0
    online_t = torch.tensor([[[0, 0, sure], [sure, 0, 0]]] * 2)
    target_t = torch.tensor([[[0, 0, sure], [0, 0, 2 * sure]], [[sure, 0, 0], [0, 0, sure]]])
    logits = torch.zeros((2, 2, 3), requires_grad=True)
    predicted = torch.tensor([[[2.0, 0.0], [0.0, 0.5]], [[3.0, 3.0], [7.0, 1.0]]], requires_grad=True)
    came = torch.tensor([[0.0, 4.0], [0.0, -1.0], [0.1, 0.1], [0.0, 1.0]])
    seen: list[tuple[Any, ...]] = []

    def online(pixels: Tensor, noise: Tensor, actions: Tensor | None = None) -> Any:
        seen.append(("online", int(pixels.max()), noise.item(), None if actions is None else actions.tolist()))
        return online_t if actions is None else (logits, predicted)

    def target(pixels: Tensor, noise: Tensor | None = None) -> Tensor:
        seen.append(("target", int(pixels.max()), None if noise is None else noise.item(), len(pixels)))
        return came if noise is None else target_t

    found = spr.loss(online, target, batch, draws, config)
    # Right angles: 2; opposite: 4. Alike: 0; the last is masked, whatever it is.
    predictions = [(2 + 4) / 2, (0 + 0) / 2]
    assert found.per_transition.tolist() == pytest.approx([UNIFORM + 5 * each for each in predictions], rel=1e-5)
    divergence = UNIFORM + 2 * LEAST * (math.log(LEAST) + UNIFORM)
    assert found.priority.tolist() == pytest.approx([divergence] * 2, rel=1e-5) and not found.priority.requires_grad
    assert sorted(seen, key=str) == [
        ("online", 0, 1.0, [[0, 1], [1, 0]]),
        ("online", 1, 1.0, None),
        ("target", 1, 2.0, 2),
        ("target", 2, None, 4),
    ]
    found.per_transition.sum().backward()
    # Of a cross-entropy by its logits: predicted less target, for the action taken alone.
    third = torch.tensor([1.0, 1.0, 1.0]) / 3 - torch.tensor([0.0, 0.0, 1.0])
    expected = torch.stack([torch.stack([third, 0 * third]), torch.stack([0 * third, third])])
    torch.testing.assert_close(logits.grad, expected)
    # Of 2 - 2 cos by the first prediction, (2, 0), what came being (0, 4): -2 (0, 1) / 2, times 5 / 2 jumps.
    assert predicted.grad is not None
    torch.testing.assert_close(predicted.grad[0, 0], torch.tensor([0.0, -2.5]))
    assert not predicted.grad[1, 1].any()


def test_sp8_priorities_are_cut_at_both_ends() -> None:
    """A prediction that is the target itself; and one that gives most of the target's mass no chance."""
    config, batch, draws = tiny([[0.0, 0.0], [0.0, 0.0]])
    batch = replace(batch, r_t=torch.zeros(2), discount_t=torch.ones(2))
    even, wrong = torch.zeros((2, 2, 3)), torch.tensor([[[1e12, 0.0, 0.0]] * 2] * 2)

    def target(pixels: Tensor, noise: Tensor | None = None) -> Tensor:
        return torch.zeros((4, 2)) if noise is None else even

    for logits, expected in ((even, 1e-6), (wrong, 1e6)):

        def online(pixels: Tensor, noise: Tensor, actions: Tensor | None = None, logits: Tensor = logits) -> Any:
            return even if actions is None else (logits, torch.zeros((2, 2, 2)))

        assert spr.loss(online, target, batch, draws, config).priority.tolist() == pytest.approx([expected] * 2)


def reference(online: nn.Module, target: nn.Module, batch: Batch, draws: Any, config: spr.Config) -> Tensor:
    """Loss of the values and of the predictions, one number after the other; the networks do one state at a time."""
    assert batch.future is not None
    spacing = (config.value_max - config.value_min) / (config.num_atoms - 1)
    atoms = [config.value_min + i * spacing for i in range(config.num_atoms)]
    total = torch.zeros((), dtype=torch.float64)

    def changed(pixels: Tensor, name: str, *index: int) -> Tensor:
        place, lightness = draws[f"place_{name}"][index][None], draws[f"lightness_{name}"][index].view(1)
        return drq.augmented(pixels[index][None], place, lightness, config)

    # Batch normalization joins the states of a minibatch: their first features go together through the model.
    first = torch.cat([changed(batch.s_tm1, "tm1", i) for i in range(len(batch.a_tm1))])
    features = online.features(first)
    predicted = []
    for k in range(config.jumps):
        taken = batch.a_tm1 if k == 0 else batch.future.actions[:, k - 1]
        features = online.transition(features, taken)
        predicted.append(online.prediction(online.projection(features)))
    for i, action in enumerate(batch.a_tm1.tolist()):
        p_tm1 = online(first[i : i + 1], draws["noise"])[0, action].softmax(0)
        values = online(changed(batch.s_t, "t", i), draws["noise"])[0].softmax(1) @ torch.tensor(atoms).double()
        p_t = target(changed(batch.s_t, "target_t", i), draws["noise_target"])[0, int(values.argmax())].softmax(0)
        for z, p in zip(atoms, p_t.tolist(), strict=True):
            moved = min(max(float(batch.r_t[i]) + float(batch.discount_t[i]) * z, atoms[0]), atoms[-1])
            for j, atom in enumerate(atoms):
                total = total - p * max(0.0, 1.0 - abs(moved - atom) / spacing) * p_tm1[j].log()
        for k in range(config.jumps):
            if batch.future.goes_on[i, k]:
                came = target(changed(batch.future.states, "future", i, k))[0].detach()
                cosine = predicted[k][i] @ came / (predicted[k][i].norm() * came.norm())
                total = total + config.prediction_weight / config.jumps * (2.0 - 2.0 * cosine)
    return total


def test_gradient_of_a_batch_is_that_of_plain_loops() -> None:
    assert_gradient_is_that_of_loops("spr", small("spr", num_atoms=5, jumps=3), reference)


def test_sp6_sp9_each_state_is_changed_for_each_network_by_itself_and_noise_is_held_over_the_minibatch() -> None:
    config = config_of("spr")
    specs = spr.draws_spec(config, 6)
    noise = 2 * (3_136 + 256) + (256 + 51) + (256 + 6 * 51)
    assert {name: (spec.distribution, spec.shape, spec.per_transition) for name, spec in specs.items()} == {
        "noise": ("normal", (noise,), False),
        "noise_target": ("normal", (noise,), False),
        **{f"place_{name}": ("uniform", (2,), True) for name in ("tm1", "t", "target_t")},
        **{f"lightness_{name}": ("normal", (), True) for name in ("tm1", "t", "target_t")},
        "place_future": ("uniform", (5, 2), True),
        "lightness_future": ("normal", (5,), True),
    }
    for evaluating, distribution in ((False, "normal"), (True, "zeros")):
        (spec,) = spr.acting_draws_spec(config, 6, evaluating=evaluating).values()
        assert (spec.distribution, spec.shape) == (distribution, (noise,))
    shown: dict[str, Tensor] = {}
    small_config = small("spr", jumps=2)
    online, target = networks("spr", small_config)
    batch, draws = pixel_batch(3, 2), drawn("spr", small_config, 3)

    def watched(name: str, network: nn.Module) -> Any:
        def forward(pixels: Tensor, *given: Tensor) -> Any:
            shown[f"{name}{len(given)}"] = pixels
            return network(pixels, *given)

        return forward

    spr.loss(watched("online", online), watched("target", target), batch, draws, small_config)
    assert batch.future is not None
    later = batch.future.states.flatten(0, 1)
    told = {"online2": (batch.s_tm1, "tm1"), "online1": (batch.s_t, "t"), "target1": (batch.s_t, "target_t")}
    for key, (pixels, name) in told.items():
        expected = drq.augmented(pixels, draws[f"place_{name}"], draws[f"lightness_{name}"], small_config)
        torch.testing.assert_close(shown[key], expected, rtol=0, atol=0)
    places, lightness = draws["place_future"].flatten(0, 1), draws["lightness_future"].flatten()
    torch.testing.assert_close(shown["target0"], drq.augmented(later, places, lightness, small_config), rtol=0, atol=0)


def test_sp10_the_norms_of_the_network_that_acts_and_of_the_transition_model_are_bounded_apart() -> None:
    built = learner("spr", 1, small=True)
    names = [name for name, _ in built.online.named_parameters()]
    groups = [{names[place].partition(".")[0] for place in group} for group in built.clipped_groups]
    acting = {"convolutions", "value_hidden", "value", "advantage_hidden", "advantages"}
    assert groups == [acting, {"transition"}]
    assert {name.partition(".")[0] for name in names} == acting | {"transition", "prediction"}
    found = clipped(
        [torch.full((4,), 3.0), torch.tensor([8.0]), torch.tensor([100.0]), torch.tensor([50.0])], 5.0, [[0, 1], [3]]
    )
    # Norm of the first two: sqrt(4 * 9 + 64) = 10, so halved; the third is in no group, the last by itself.
    expected = [torch.full((4,), 1.5), torch.tensor([4.0]), torch.tensor([100.0]), torch.tensor([5.0])]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_a_stack_is_its_learners_alone() -> None:
    stacked, alone = ([learner("spr", seed, small=True, double=True) for seed in range(2)] for _ in range(2))
    stack = Stack(stacked)
    for update in range(2):
        given = [
            [(minibatch(np.random.default_rng([update, k]), 2, 5), loss_stream(k)) for k in range(2)] for _ in "ab"
        ]
        for found, other, (batch, stream) in zip(stack.update(given[0]), alone, given[1], strict=True):
            expected = other.update(batch, stream)
            assert found.failure is None and found.priorities is not None and expected is not None
            np.testing.assert_allclose(found.priorities, expected, rtol=1e-9)
    for one, other in zip(stacked, alone, strict=True):
        assert max(apart(one.tensors(), other.tensors()).values()) < 1e-11


def test_updates_in_bfloat16_are_near() -> None:
    found = []
    for precision in ("float32", "bfloat16"):
        each = learner("spr", 0, precision=precision, network=small("spr").network, batch_size=2)
        start = {name: tensor.clone() for name, tensor in each.online.named_parameters()}
        each.update(minibatch(np.random.default_rng(0), 2, 5), loss_stream(0))
        found.append(torch.cat([(p - start[n]).detach().flatten() for n, p in each.online.named_parameters()]))
    assert found[0].abs().max() > 0 and not torch.equal(*found)
    assert torch.nn.functional.cosine_similarity(*found, dim=0) > 0.7


def test_sp1_sp7_sp11_sp12_sp14_settings_are_those_of_the_program() -> None:
    """Written down apart from the YAML, from scripts/run.py and src/utils.py."""
    config = config_of("spr")
    assert (config.n_step, config.batch_size, config.discount, config.updates_at_once) == (10, 32, 0.99, 2)
    assert config.replay_start.count == 2_000 and config.replay_start.unit == "steps" and not config.acts_before_update
    assert config.epsilon.model_dump() == {
        "start": 1.0,
        "end": 0.0,
        "decay_starts_after_steps": 2_001,
        "decay_steps": 1,
    }
    assert config.replay_start.count + config.replay_sampling.importance_steps == 100_000
    assert (config.target_update_period_steps, config.target_starts_as_copy) == (1, True)
    assert (config.replay_padding_rows, config.stores_end_frame, config.truncation_bootstraps) == (0, False, False)
    assert (config.jumps, config.prediction_weight, config.shift_pixels, config.intensity_scale) == (5, 5.0, 4, 0.05)
    assert (config.optimizer.learning_rate, config.optimizer.epsilon, config.gradient_norm_clip) == (1e-4, 1.5e-4, 10.0)
    assert config.frame_pipeline == "dopamine" and config.reward_clip == 1.0 and config.future_steps == 5


def test_sp13_sp15_sp16_the_final_network_plays_100_games() -> None:
    final = load_protocol(load_variant("spr").protocol).final_evaluation
    assert final is not None and (final.network, final.num_episodes, final.epsilon) == ("final", 100, 0.001)
    assert final.presentation.noops_after_game_over_frames == (2, 31)
    assert final.presentation.episode_cap_frames == 4 * 27_001 and not final.presentation.life_loss_ends_trajectory
    stream = np.random.default_rng(0)
    assert {greedy(np.array([1.0, 2.0, 2.0], dtype=np.float32), stream) for _ in range(50)} == {1, 2}
