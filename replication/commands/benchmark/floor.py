"""The least time that the arithmetic of a network takes on this core: its operations at the core's own rate.

No program's rate is the hardware's: on some processors torch's matrix product (MKL) reaches half of what its
convolutions (oneDNN) do. So the floor is counted from the faster of the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch.nn import functional

MATRIX_SIDE = 2_048
BATCH, CHANNELS_IN, CHANNELS_OUT, KERNEL, STRIDE, SIDE_IN, SIDE_OUT = 32, 32, 64, 4, 2, 20, 9
"""The Nature network's second convolution."""

FLOP = {
    "matrix_product": 2 * MATRIX_SIDE**3,
    "convolution": 2 * BATCH * CHANNELS_OUT * SIDE_OUT**2 * CHANNELS_IN * KERNEL**2,
}
"""Floating-point operations of each of the kernels whose rate is measured; a multiplication and an addition are two."""


def floor_parts() -> dict[str, Callable[[], int]]:
    """Build the two kernels, by name; each call does one, in float32 on as many threads as torch has."""
    one, other = (torch.rand(MATRIX_SIDE, MATRIX_SIDE) for _ in range(2))
    product = torch.empty(MATRIX_SIDE, MATRIX_SIDE)
    pixels = torch.rand(BATCH, CHANNELS_IN, SIDE_IN, SIDE_IN).to(memory_format=torch.channels_last)
    weight = torch.rand(CHANNELS_OUT, CHANNELS_IN, KERNEL, KERNEL).to(memory_format=torch.channels_last)

    def matrix_product() -> int:
        torch.mm(one, other, out=product)
        return 1

    def convolution() -> int:
        functional.conv2d(pixels, weight, stride=STRIDE)
        return 1

    return {"matrix_product": matrix_product, "convolution": convolution}


def floor_seconds(flop: float, kernels: Mapping[str, Sequence[float]]) -> list[float]:
    """Compute the least time, in seconds, that so many operations take in each round.

    Args:
        flop: floating-point operations.
        kernels: for each kernel of FLOP, the seconds that one took, a round each.
    """
    rounds = zip(*(kernels[name] for name in FLOP), strict=True)
    return [min(flop * seconds / FLOP[name] for name, seconds in zip(FLOP, each, strict=True)) for each in rounds]
