"""Written gradients against torch's own in float64, wherever a second input enters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from replication.algorithms.perceptrons import Pass, Shape, fill_uniform, outputs_of_one

ROWS = 7
SHAPES = [Shape((5, 9, 8, 3)), Shape((5, 9, 1)), *(Shape((5, 9, 8, 1), 2, layer) for layer in range(3))]


def plain_forward(shape: Shape, layers: list[tuple[Tensor, Tensor]], inputs: Tensor, extra: Tensor) -> Tensor:
    given = inputs
    for layer, (weights, biases) in enumerate(layers):
        if shape.extra and layer == shape.extra_layer:
            given = torch.cat([given, extra], dim=1)
        given = functional.linear(given, weights, biases)
        if layer < len(layers) - 1:
            given = functional.relu(given)
    return given


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_outputs_and_every_gradient_are_torch_s_own(shape: Shape, dtype: torch.dtype, close: float) -> None:
    stream = np.random.default_rng(1)
    flat = torch.empty(shape.parameter_count, dtype=torch.float64)
    fill_uniform(shape, flat, stream, None)
    inputs, extra = (torch.from_numpy(stream.standard_normal((ROWS, size))) for size in (5, 2))
    weighting = torch.from_numpy(stream.standard_normal((ROWS, shape.sizes[-1])))
    parameters, seconds = flat.clone().requires_grad_(), extra.clone().requires_grad_()
    outputs = plain_forward(shape, shape.split(parameters), inputs, seconds)
    expected = torch.autograd.grad((outputs * weighting).sum(), [parameters, seconds], allow_unused=True)
    ours, layers = Pass(shape, ROWS, dtype), shape.split(flat.to(dtype))
    second = extra.to(dtype) if shape.extra else None
    torch.testing.assert_close(
        ours.forward(layers, inputs.to(dtype), second).double(), outputs.detach(), rtol=close, atol=close
    )
    gradient = torch.empty(shape.parameter_count, dtype=dtype)
    ours.backward(layers, weighting.to(dtype), shape.split(gradient))
    torch.testing.assert_close(gradient.double(), expected[0], rtol=close, atol=close)
    if shape.extra:
        to_extra = ours.backward_to_extra(layers, weighting.to(dtype))
        torch.testing.assert_close(to_extra.double(), expected[1], rtol=close, atol=close)
    one = [(weights.float().numpy(), biases.float().numpy()) for weights, biases in layers]
    if not shape.extra:
        found = outputs_of_one(one, inputs[0].float().numpy())
        assert found == pytest.approx(outputs[0].detach().numpy(), rel=1e-5, abs=1e-6)


def test_weights_start_within_the_root_of_their_inputs_and_outputs_within_their_limit() -> None:
    shape = Shape((100, 400, 4))
    flat = torch.empty(shape.parameter_count)
    fill_uniform(shape, flat, np.random.default_rng(0), 0.003)
    (first, first_biases), (last, last_biases) = shape.split(flat)
    assert first.abs().max() == pytest.approx(0.1, rel=1e-3) and first_biases.abs().max() <= 0.1
    assert last.abs().max() == pytest.approx(0.003, rel=1e-2) and last_biases.abs().max() <= 0.003
    fill_uniform(shape, flat, np.random.default_rng(0), None)
    assert shape.split(flat)[1][0].abs().max() == pytest.approx(0.05, rel=1e-2)
