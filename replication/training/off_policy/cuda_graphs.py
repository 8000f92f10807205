"""CUDA graphs: work on a CUDA device that is recorded once and replayed, and the tensors that feed it.

An update of small networks is hundreds of short kernels; launching them from Python takes longer than they do. A CUDA
graph launches them together, always on the same memory. On a CPU the same functions run as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch

WARM_UP_CALLS = 3
"""Before recording, so that libraries have their handles and workspaces; torch's notes on graphs advise three."""

Found = TypeVar("Found")


def recorded(function: Callable[[], Found], device: torch.device) -> Callable[[], Found]:
    """Record `function` as a CUDA graph and return its replay; on any other device, return `function` itself.

    Args:
        function: takes its inputs from tensors that stay where they are, never waits for the device, and returns
            tensors, which each later call fills anew. Recording calls it a few times: the caller restores what those
            calls changed.
        device: where its tensors lie.

    Source: PyTorch's notes on CUDA semantics, "CUDA Graphs": warm up on a side stream, record, replay.
    """
    if device.type != "cuda":
        return function
    with torch.cuda.device(device):
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP_CALLS):
                function()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            found = function()

    def replay() -> Found:
        graph.replay()
        return found

    return replay


class Inputs:
    """Tensors of fixed shape that are filled on the host and read on the device, always in the same memory.

    Fill `host`, call `send`, read `device`. On a CPU both are the same tensors. Wait for the device before `host` is
    filled again: a copy may still be reading it.
    """

    def __init__(self, kinds: Mapping[str, tuple[tuple[int, ...], torch.dtype]], device: torch.device) -> None:
        """Make a tensor of zeros for each name, of its shape and type."""
        cuda = device.type == "cuda"
        # Page-locked: copies from other memory do not run beside the processor.
        self.host = {name: torch.zeros(shape, dtype=dtype, pin_memory=cuda) for name, (shape, dtype) in kinds.items()}
        self.device = {name: tensor.to(device) for name, tensor in self.host.items()}

    def send(self) -> None:
        """Begin to copy the host's tensors to the device."""
        for name, tensor in self.device.items():
            if tensor is not self.host[name]:
                tensor.copy_(self.host[name], non_blocking=True)
