"""The network of a run as one torch module that takes what an agent sees, for programs that know nothing of this one.

A family provides it as `exported(run, path)` in `training/FAMILY/exported.py`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from replication.foundation.errors import ReplicationError
from replication.specification.run import Run


@dataclass(frozen=True)
class Exported:
    """A network with its inputs and its output."""

    module: nn.Module
    """From the inputs, a batch each, to the output."""
    inputs: tuple[tuple[str, str], ...]
    """Name of each input, and its dtype and shape in words; the first is what the agent sees."""
    output: str
    """The output, its dtype and shape, in words."""
    choice: str
    """How an action follows from it, in words, without exploration."""
    prepared: Callable[[NDArray[Any], np.random.Generator], tuple[Tensor, ...]]
    """From an observation, as a policy of this program sees it, to the inputs, a batch of one; what a network draws is
    drawn from the stream."""
    original: Callable[[NDArray[Any], np.random.Generator], NDArray[np.float32]]
    """From the same to the output as this program computes it, without the batch."""


def exported(run: Run, path: Path) -> Exported:
    """Open the stored network of a run as a module.

    Args:
        run: whose network it is.
        path: file of the network that was evaluated.

    Raises:
        ReplicationError: its family exports none; the file cannot be read or is not the network of such a run.
    """
    name = f"{__package__}.{run.family.name}.exported"
    if importlib.util.find_spec(name) is None:
        raise ReplicationError(f"{run.name}: family {run.family.name} has no network to export; name another run")
    found: Exported = cast(Any, importlib.import_module(name)).exported(run, path)
    found.module.eval().requires_grad_(False)
    return found


def frames_first(stack: NDArray[np.uint8]) -> Tensor:
    """Return a stack of frames, uint8 [84, 84, frames], as a batch of one, uint8 [1, frames, 84, 84]."""
    return torch.from_numpy(np.ascontiguousarray(stack.transpose(2, 0, 1))[np.newaxis])
