"""SPR's network written out, its parameters counted, and how they start."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from replication.algorithms.off_policy import spr
from tests.support.plain_losses import NUM_ACTIONS, config_of, drawn, networks, pixel_batch, small
from tests.support.stacks import learner


def test_sp2_sp5_the_network_written_out() -> None:
    """In numpy and float64, layer by layer; batch normalization and renormalization by their definitions."""
    config = small("spr", num_atoms=3, jumps=2)
    network, _ = networks("spr", config)
    network = network.double()
    with torch.no_grad():
        network.transition.scale.uniform_(0.5, 2.0, generator=torch.Generator().manual_seed(1))
        network.transition.shift.uniform_(-1.0, 1.0, generator=torch.Generator().manual_seed(2))
    batch = pixel_batch(4, 2)
    noise = drawn("spr", config, 4)["noise"].double()
    actions = torch.tensor([[0, 2], [1, 1], [2, 0], [0, 0]])
    p = {name: tensor.detach().numpy() for name, tensor in network.named_parameters()}
    side, channels = network.side, network.channels
    with torch.no_grad():
        logits, predicted = (found.numpy() for found in network(batch.s_tm1, noise, actions))
        convolved = network.convolutions(batch.s_tm1).numpy().reshape(4, channels, side, side)

    def ranged(x: np.ndarray) -> np.ndarray:
        return np.stack([(each - each.min()) / (each.max() - each.min() + 1e-5) for each in x])

    def conv3(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        out = np.zeros((len(x), len(weight), side, side))
        for row in range(side):
            for column in range(side):
                window = padded[:, :, row : row + 3, column : column + 3]
                out[:, :, row, column] = np.tensordot(window, weight, ((1, 2, 3), (1, 2, 3))) + bias
        return out

    def projection(x: np.ndarray) -> np.ndarray:
        flat = x.reshape(len(x), -1)
        return np.concatenate(
            [flat @ p[f"{part}_hidden.weight"].T + p[f"{part}_hidden.bias"] for part in ("value", "advantage")], axis=1
        )

    features = x = ranged(convolved)
    for jump in range(2):
        planes = np.zeros((4, NUM_ACTIONS, side, side))
        for i in range(4):
            planes[i, actions[i, jump]] = 1.0
        weights = [p[f"transition.{part}.{kind}"] for part in ("first", "second") for kind in ("weight", "bias")]
        x = np.maximum(conv3(np.concatenate([x, planes], axis=1), *weights[:2]), 0)
        mean, variance = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
        scale, shift = (p[f"transition.{name}"][:, None, None] for name in ("scale", "shift"))
        x = ranged(np.maximum(conv3((x - mean) / np.sqrt(variance + 1e-5) * scale + shift, *weights[2:]), 0))
        expected = projection(x) @ p["prediction.weight"].T + p["prediction.bias"]
        np.testing.assert_allclose(predicted[:, jump], expected, atol=1e-9)
    f = (noise.sign() * noise.abs().sqrt()).numpy()
    place = 0
    outputs: dict[str, np.ndarray] = {}
    below_of = {
        "value_hidden": None,
        "value": "value_hidden",
        "advantage_hidden": None,
        "advantages": "advantage_hidden",
    }
    for name, given in below_of.items():
        weight, bias = p[f"{name}.weight"], p[f"{name}.bias"]
        inputs, width = f[place : place + weight.shape[1]], f[place + weight.shape[1] : place + sum(weight.shape)]
        place += sum(weight.shape)
        weight = weight + p[f"{name}.weight_deviation"] * np.outer(width, inputs)
        below = features.reshape(4, -1) if given is None else np.maximum(outputs[given], 0)
        outputs[name] = below @ weight.T + bias + p[f"{name}.bias_deviation"] * width
    advantages = outputs["advantages"].reshape(4, NUM_ACTIONS, 3)
    assert place == len(f)
    np.testing.assert_allclose(
        logits, outputs["value"][:, None] + advantages - advantages.mean(1, keepdims=True), atol=1e-9
    )
    with torch.no_grad():
        np.testing.assert_array_equal(network(batch.s_tm1, noise).numpy(), logits)
        np.testing.assert_allclose(network(batch.s_tm1).numpy(), projection(features), atol=1e-12)
        np.testing.assert_allclose(network.embed(batch.s_tm1).numpy(), np.maximum(projection(features), 0), atol=1e-12)


def test_sp2_the_gradient_of_the_values_below_their_layers_is_scaled_and_that_of_the_predictions_is_not() -> None:
    config = small("spr", num_atoms=3, jumps=1)
    network, _ = networks("spr", config)
    batch, noise = pixel_batch(3, 1), drawn("spr", config, 3)["noise"]
    features = network.features(batch.s_tm1).detach().requires_grad_()
    (whole,) = torch.autograd.grad(network._logits(features.flatten(1), noise).square().sum(), features)
    patched: dict[str, Tensor] = {}
    network.features = lambda pixels: patched.setdefault("features", features)  # type: ignore[method-assign]
    logits, predicted = network(batch.s_tm1, noise, torch.zeros((3, 1), dtype=torch.int64))
    (scaled,) = torch.autograd.grad(logits.square().sum(), features, retain_graph=True)
    torch.testing.assert_close(scaled, whole / math.sqrt(2.0))
    later = network.prediction(network.projection(network.transition(features, torch.zeros(3, dtype=torch.int64))))
    for one, other in zip(*(torch.autograd.grad(x.square().sum(), features) for x in (predicted, later)), strict=True):
        torch.testing.assert_close(one, other)


def test_sp2_sp5_parameters_counted_by_hand() -> None:
    for num_actions in (4, 18):
        network = spr.network(config_of("spr"), num_actions)
        convolutions = 32 * (4 * 64 + 1) + 64 * (32 * 16 + 1) + 64 * (64 * 9 + 1)
        heads = 2 * (2 * 256 * (3_136 + 1) + (256 + 1) * 51 * (num_actions + 1))
        model = 64 * ((64 + num_actions) * 9 + 1) + 2 * 64 + 64 * (64 * 9 + 1)
        expected = convolutions + heads + model + 512 * 513
        assert sum(p.numel() for p in network.parameters()) == expected
        assert (network.side, network.channels, network.convolutions.num_features) == (7, 64, 3_136)


def test_sp3_biases_deviate_by_their_outputs_and_the_rest_starts_by_the_inputs() -> None:
    online = learner("spr", 1).online
    hidden = online.value_hidden
    assert set(hidden.bias_deviation.tolist()) == {np.float32(0.5 / 16).item()}
    torch.testing.assert_close(hidden.weight_deviation, torch.full_like(hidden.weight_deviation, 0.5 / 56))
    for weight, inputs in (
        (online.prediction.weight, 512),
        (online.prediction.bias, 512),
        (online.transition.first.weight, 9 * (64 + 3)),  # type: ignore[union-attr]
        (online.transition.second.bias, 9 * 64),  # type: ignore[union-attr]
    ):
        assert 0.8 / math.sqrt(inputs) < weight.abs().max().item() <= 1 / math.sqrt(inputs)  # type: ignore[operator,union-attr]
