"""How the networks of a cohort are computed: in turn on a CPU, in stacks on a GPU, behind one interface.

On a CPU batching the lanes was measured slower (0.57 times as many updates a second), on a GPU a lane alone would
leave the device idle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from replication.engine.learner import Learner
from replication.replay import Transitions

Seen = tuple[Learner, NDArray[np.uint8]]
"""Whose values are wanted, of which state: uint8 [84, 84, stack]."""

Studied = tuple[Learner, Transitions, np.random.Generator]
"""Who learns from which minibatch; the stream feeds what its loss draws."""


class Networks(Protocol):
    """The networks of a cohort; a lane's numbers do not depend on who is asked beside it."""

    def keep(self, learners: Sequence[Learner]) -> None:
        """Only these go on; the others stay as they are."""

    def action_values(self, seen: Sequence[Seen]) -> list[NDArray[np.float32]]:
        """Q(s, .) of each online network in its state, float32 [actions]."""

    def update(self, studied: Sequence[Studied]) -> list[str | None]:
        """One optimiser step each; why one failed, or None. A failed one is changed no further."""

    def copy_to_target(self, learners: Sequence[Learner]) -> None:
        """Target networks become full copies of the online networks."""


class InTurn:
    """One learner after the other, each by itself."""

    def keep(self, learners: Sequence[Learner]) -> None:
        """Nothing binds them together."""

    def action_values(self, seen: Sequence[Seen]) -> list[NDArray[np.float32]]:
        """A forward pass each."""
        return [learner.action_values(state) for learner, state in seen]

    def update(self, studied: Sequence[Studied]) -> list[str | None]:
        """An update each."""
        failures: list[str | None] = []
        for learner, transitions, stream in studied:
            try:
                learner.update(transitions, stream)
                failures.append(None)
            except FloatingPointError as error:
                failures.append(str(error))
        return failures

    def copy_to_target(self, learners: Sequence[Learner]) -> None:
        """A copy each."""
        for learner in learners:
            learner.copy_to_target()


IN_TURN = InTurn()
