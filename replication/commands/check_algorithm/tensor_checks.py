"""What checks of every family ask of tensors, and of the generators that the whole process shares."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from replication.commands.check_algorithm.subject import CheckFailedError


def require(found: Tensor, shape: tuple[int, ...], what: str) -> None:
    """Require a tensor to be float32, of this shape and finite.

    Raises:
        CheckFailedError: it is not.
    """
    if found.shape != shape or found.dtype != torch.float32:
        kind = str(found.dtype).removeprefix("torch.")
        raise CheckFailedError(f"{what} gives {kind} {list(found.shape)}; return float32 {list(shape)}")
    if not bool(torch.isfinite(found).all()):
        raise CheckFailedError(f"{what} gives numbers that are not finite; look for logarithms, roots and divisions")


@contextmanager
def draws_nothing_global(where: str, remedy: str) -> Iterator[None]:
    """Require a block to draw from no generator that the whole process shares.

    Args:
        where: what the block calls, for the message.
        remedy: what to do instead.

    Raises:
        CheckFailedError: it draws from one.
    """
    before = _global_states()
    yield
    for name, state in _global_states().items():
        if state != before[name]:
            raise CheckFailedError(f"{where} draws from the global generator of {name}; {remedy}")


def _global_states() -> dict[str, object]:
    legacy = np.random.get_state(legacy=False)  # noqa: NPY002 (it is looked at, not drawn from)
    assert isinstance(legacy, dict)
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": (legacy["state"]["key"].tobytes(), legacy["state"]["pos"]),
        "random": random.getstate(),
    }
