"""CUDA graphs: work on a CUDA device that is recorded once and replayed, and the tensors that feed it.

An update of small networks is hundreds of short kernels; launching them from Python takes longer than they do. A CUDA
graph launches them together, always on the same memory. On a CPU the same functions run as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

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

    Fill `host`, or call `fill`, then call `send` and read `device`. On a CPU both are the same tensors. Wait for the
    device before anything is filled again: a copy may still be reading it.
    """

    def __init__(self, kinds: Mapping[str, tuple[tuple[int, ...], torch.dtype]], device: torch.device) -> None:
        """Make a tensor of zeros for each name, of its shape and type."""
        cuda = device.type == "cuda"
        # Page-locked: copies from other memory do not run beside the processor.
        self.host = {name: torch.zeros(shape, dtype=dtype, pin_memory=cuda) for name, (shape, dtype) in kinds.items()}
        self.device = {name: tensor.to(device) for name, tensor in self.host.items()}
        self._sent: set[str] = set()
        """Names of those that were filled on the device itself since the last `send`."""

    def fill(self, name: str, blocks: Sequence[tuple[int, Tensor]]) -> None:
        """Fill parts of a tensor from memory of others; from page-locked memory begin to copy to the device at once.

        Args:
            name: of the tensor.
            blocks: the place along its first dimension where each begins, and the block, which stays as it is until the
                device was waited for.
        """
        is_direct = self.device[name] is not self.host[name] and all(block.is_pinned() for _, block in blocks)
        filled = self.device[name] if is_direct else self.host[name]
        for place, block in blocks:
            filled[place : place + len(block)].copy_(block, non_blocking=is_direct)
        if is_direct:
            self._sent.add(name)

    def send(self) -> None:
        """Begin to copy to the device what of the host's tensors is not under way."""
        for name, tensor in self.device.items():
            if tensor is not self.host[name] and name not in self._sent:
                tensor.copy_(self.host[name], non_blocking=True)
        self._sent.clear()
