"""What a device takes for the copies, products and convolutions of stacked lanes: `... device_kernels DEVICE LANES`."""

from __future__ import annotations

import mmap
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

from replication.algorithms.networks import convolve, convolve_by_product
from replication.commands.benchmark.pacing import Pace
from replication.training.off_policy.learner import prepare_torch

BATCH = 32
STATE_BYTES = 84 * 84 * 4
LAYERS = ((4, 84, 32, 8, 4), (32, 20, 64, 4, 2), (64, 9, 64, 3, 1))
"""The Nature network's convolutions: inputs, side, outputs, kernel, stride."""
FORMS = {"patches and one product": convolve_by_product, "grouped convolution": convolve}
HIDDEN_INPUTS, HIDDEN_UNITS = 3_136, 512
REPEATS = 20
LARGE_BYTES = 2**30


@dataclass(frozen=True)
class Kernel:
    """One figure."""

    what: str
    value: float
    unit: str


def measure_kernels(device: str, lanes: int, repeats: int = REPEATS) -> list[Kernel]:
    """Measure at the shapes of a stack of so many lanes, 32 transitions each, in float32.

    Args:
        device: `cpu` or as torch names it.
        lanes: of the stack.
        repeats: of each call after three to warm up; the median counts.
    """
    torch.set_deterministic_debug_mode("default")  # grouped convolutions may have no deterministic form
    clock = _events_clock if device != "cpu" else _wall_clock

    def seconds(call: Callable[[], object]) -> float:
        for _ in range(3):
            call()
        return median(clock(call) for _ in range(repeats))

    copies = _copies(device, lanes * BATCH * STATE_BYTES, seconds)
    layers = [each for layer in LAYERS for each in _convolution(device, lanes, layer, seconds)]
    return [*copies, *layers, *(_hidden(device, lanes, batch, seconds) for batch in (1, BATCH))]


def _copies(device: str, size: int, seconds: Callable[[Callable[[], object]], float]) -> list[Kernel]:
    """Measure copies of a stack's states: from page-locked memory, and from memory that workers share."""
    there = torch.empty(size, dtype=torch.uint8, device=device)
    locked = torch.empty(size, dtype=torch.uint8, pin_memory=device != "cpu")
    shared = torch.frombuffer(_shared(size), dtype=torch.uint8)

    def copied(host: Tensor, name: str) -> Kernel:
        spent = seconds(lambda: there.copy_(host, non_blocking=True))
        return Kernel(f"copy of a stack's states, {name}", size / spent / 1e9, "GB/s")

    found = [copied(locked, "page-locked"), copied(shared, "memory that workers share, as it is")]
    if device != "cpu":
        code = int(torch.cuda.cudart().cudaHostRegister(shared.data_ptr(), size, 0))
        found.append(copied(shared, f"memory that workers share, registered (code {code})"))
        large = torch.empty(LARGE_BYTES, dtype=torch.uint8, device=device)
        found.append(
            Kernel("device to device, read and written", 2 * LARGE_BYTES / seconds(large.clone) / 1e12, "TB/s")
        )
    return found


def _convolution(
    device: str, lanes: int, layer: tuple[int, int, int, int, int], seconds: Callable[[Callable[[], object]], float]
) -> list[Kernel]:
    inputs, side, outputs, kernel, stride = layer
    first = inputs == LAYERS[0][0]  # no gradient is wanted of the pixels
    x = torch.randn(lanes, BATCH, inputs, side, side, device=device, requires_grad=not first)
    weight = torch.randn(lanes, outputs, inputs, kernel, kernel, device=device, requires_grad=True)
    bias = torch.randn(lanes, outputs, device=device)
    found = []
    for name, form in FORMS.items():

        def of_lanes(form: Any = form) -> Tensor:
            one_lane = torch.vmap(lambda x, weight, bias: form(x, weight, bias, stride, (0, 0)))
            result: Tensor = one_lane(x, weight, bias)
            return result

        def forward(of_lanes: Callable[[], Tensor] = of_lanes) -> Tensor:
            with torch.no_grad():
                return of_lanes()

        def with_backward(of_lanes: Callable[[], Tensor] = of_lanes) -> object:
            return torch.autograd.grad(of_lanes().sum(), [weight] if first else [x, weight])

        label = f"convolution {inputs} to {outputs}, kernel {kernel}, stride {stride}, {name}"
        found.append(Kernel(f"{label}: forward", 1e3 * seconds(forward), "ms"))
        found.append(Kernel(f"{label}: with backward", 1e3 * seconds(with_backward), "ms"))
    return found


def _hidden(device: str, lanes: int, batch: int, seconds: Callable[[Callable[[], object]], float]) -> Kernel:
    x = torch.randn(lanes, batch, HIDDEN_INPUTS, device=device)
    weight = torch.randn(lanes, HIDDEN_INPUTS, HIDDEN_UNITS, device=device)
    return Kernel(f"hidden layer, states a lane: {batch}", 1e3 * seconds(lambda: torch.bmm(x, weight)), "ms")


def _shared(size: int) -> mmap.mmap:
    descriptor = os.memfd_create("benchmark")
    try:
        os.ftruncate(descriptor, size)
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)


def _wall_clock(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _events_clock(call: Callable[[], object]) -> float:
    """Time one call on the device: copies and kernels are only queued when it returns."""
    began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    began.record()
    call()
    ended.record()
    torch.cuda.synchronize()
    return float(began.elapsed_time(ended)) / 1e3


def main(device: str, lanes: int) -> None:
    """Measure once, and tell it as the facts of a program that is warm."""
    prepare_torch()
    found = measure_kernels(device, lanes)
    Pace(lambda: {"kernels": [asdict(each) for each in found]}, dict, period_steps=1, warm_up_steps=0).step()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
