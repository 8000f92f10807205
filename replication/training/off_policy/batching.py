"""How the networks of a cohort are computed: in turn on a CPU, in stacks on a GPU, behind one interface.

On a CPU batching the lanes was measured slower (results/benchmark/README.md); on a GPU a lane alone would leave the
device idle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from replication.training.off_policy.learner import ActingDraws, Learned, Learner
from replication.training.off_policy.stack import Stack, take_out
from replication.training.replay.transitions import Transitions

Seen = tuple[Learner, NDArray[np.uint8], ActingDraws]
"""Whose values are wanted, of which state, uint8 [84, 84, stack]; and the random arrays its network takes."""

Studied = tuple[Learner, Transitions, np.random.Generator]
"""Who learns from which minibatch; the stream feeds what its loss draws."""


class Networks(Protocol):
    """The networks of a cohort; a lane's numbers do not depend on who is asked beside it."""

    def keep(self, learners: Sequence[Learner]) -> None:
        """Only these go on; the others stay as they are."""

    def action_values(self, seen: Sequence[Seen]) -> list[NDArray[np.float32]]:
        """Q(s, .) of each online network in its state, float32 [actions]."""

    def update(self, studied: Sequence[Studied]) -> list[Learned]:
        """One optimiser step each. One that fails is changed no further."""

    def copy_to_target(self, learners: Sequence[Learner]) -> None:
        """Target networks become full copies of the online networks."""


class InTurn:
    """One learner after the other, each by itself."""

    def keep(self, learners: Sequence[Learner]) -> None:
        """Nothing binds them together."""

    def action_values(self, seen: Sequence[Seen]) -> list[NDArray[np.float32]]:
        """A forward pass each."""
        return [learner.action_values(state, draws) for learner, state, draws in seen]

    def update(self, studied: Sequence[Studied]) -> list[Learned]:
        """An update each."""
        found: list[Learned] = []
        for learner, transitions, stream in studied:
            try:
                found.append(Learned(None, learner.update(transitions, stream)))
            except FloatingPointError as error:
                found.append(Learned(str(error), None))
        return found

    def copy_to_target(self, learners: Sequence[Learner]) -> None:
        """A copy each."""
        for learner in learners:
            learner.copy_to_target()


IN_TURN = InTurn()


class InStacks:
    """Learners with equal shapes in one batched call: the lanes whose games have as many actions form a stack."""

    def __init__(self) -> None:
        """No stack yet: `keep` forms them."""
        self._stacks: dict[int, Stack] = {}
        """By number of actions."""

    def keep(self, learners: Sequence[Learner]) -> None:
        """Form the stacks of these learners, anew where one has joined or left."""
        members: dict[int, list[Learner]] = {}
        for learner in learners:
            members.setdefault(learner.num_actions, []).append(learner)
        for num_actions in self._stacks.keys() | members.keys():
            now, stack = members.get(num_actions, []), self._stacks.get(num_actions)
            before = [] if stack is None else stack.learners
            if now == before:
                continue
            for learner in before:
                if learner not in now:
                    take_out(learner)
            self._stacks.pop(num_actions, None)
            if now:
                self._stacks[num_actions] = Stack(now)

    def action_values(self, seen: Sequence[Seen]) -> list[NDArray[np.float32]]:
        """A forward pass of each stack in which a lane is asked; the others of it are shown blank states."""
        given = {learner: (state, draws) for learner, state, draws in seen}
        values: dict[Learner, NDArray[np.float32]] = {}
        for stack in self._stacks.values():
            if any(learner in given for learner in stack.learners):
                shown = [given.get(learner) for learner in stack.learners]
                values |= zip(stack.learners, stack.action_values(shown), strict=True)
        return [values[learner] for learner, _, _ in seen]

    def update(self, studied: Sequence[Studied]) -> list[Learned]:
        """An update of each stack in which a lane learns; the others of it stay as they are."""
        given = {learner: (transitions, stream) for learner, transitions, stream in studied}
        learned: dict[Learner, Learned] = {}
        for stack in self._stacks.values():
            if any(learner in given for learner in stack.learners):
                found = stack.update([given.get(learner) for learner in stack.learners])
                learned |= zip(stack.learners, found, strict=True)
        return [learned[learner] for learner, _, _ in studied]

    def copy_to_target(self, learners: Sequence[Learner]) -> None:
        """A copy each: not often enough to be worth one call."""
        IN_TURN.copy_to_target(learners)
