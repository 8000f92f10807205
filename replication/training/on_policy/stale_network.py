"""A network some updates behind another, with which the simulated thread that is next plays and differentiates."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class StaleNetwork:
    """The parameters that a network had so many updates ago, in a network of their own.

    Before the first updates they are those it started from.

    Args:
        newest: the network, at its start.
        updates_behind: at least 1.
    """

    def __init__(self, newest: nn.Module, updates_behind: int) -> None:
        self._newest = newest
        self.network = copy.deepcopy(newest)
        between = updates_behind - 1
        self._between = [torch.stack([w.detach()] * between) for w in newest.parameters()] if between else []
        """Of each parameter, what it was at the updates between: a ring, [updates behind - 1, ...]."""
        self._updates = torch.zeros((), dtype=torch.int64)

    @torch.no_grad()
    def keep(self) -> None:
        """Move one update on; called before the newest network is updated."""
        for number, (own, now) in enumerate(zip(self.network.parameters(), self._newest.parameters(), strict=True)):
            if not self._between:
                own.copy_(now)
                continue
            ring = self._between[number]
            oldest = ring[int(self._updates) % len(ring)]
            own.copy_(oldest)
            oldest.copy_(now)
        self._updates += 1

    def state(self) -> dict[str, Tensor]:
        """Return its tensors by name, to be stored, and to be filled in place when a run is resumed."""
        own = {f"stale.network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        between = {f"stale.between.{number}": ring for number, ring in enumerate(self._between)}
        return own | between | {"stale.updates": self._updates}
