"""The networks of a cohort behind one interface: computed one after the other on a CPU, in stacks on a GPU.

On a CPU batching the lanes was measured slower (results/benchmark/README.md). On a GPU a lane alone would leave the
device idle.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from replication.training.off_policy.learner import ActingDraws, Learned, Learner
from replication.training.off_policy.stack import Stack, take_out
from replication.training.replay.transitions import Transitions

Seen = tuple[Learner, NDArray[np.uint8], ActingDraws]
"""A learner, the state whose values are asked for, uint8 [84, 84, stack], and the random arrays its network takes."""

Minibatch = tuple[Learner, Transitions, np.random.Generator]
"""A learner, the transitions it is updated on, and the stream from which its loss draws."""


class Networks(Protocol):
    """The networks of a cohort; a lane's numbers do not depend on the lanes that are computed with it."""

    def keep(self, learners: Sequence[Learner]) -> None:
        """Compute these learners' networks from now on; those of all others stay as they are."""

    def action_values(self, seen: Sequence[Seen]) -> list[NDArray[np.float32]]:
        """Compute Q(s, .) of each online network in its state, float32 [actions]."""

    def update(self, minibatches: Sequence[Minibatch]) -> list[Learned]:
        """Take one optimizer step on each minibatch; a learner whose loss is not finite is not changed."""

    def copy_to_target(self, learners: Sequence[Learner]) -> None:
        """Copy all of each online network to its target network."""


class InTurn:
    """Learners computed one after the other, each by itself."""

    def keep(self, learners: Sequence[Learner]) -> None:
        """Do nothing: learners that are computed alone need no preparation."""

    def action_values(self, seen: Sequence[Seen]) -> list[NDArray[np.float32]]:
        """Run a forward pass for each."""
        return [learner.action_values(state, draws) for learner, state, draws in seen]

    def update(self, minibatches: Sequence[Minibatch]) -> list[Learned]:
        """Update each on its minibatch."""
        found: list[Learned] = []
        for learner, transitions, stream in minibatches:
            try:
                found.append(Learned(None, learner.update(transitions, stream)))
            except FloatingPointError as error:
                found.append(Learned(str(error), None))
        return found

    def copy_to_target(self, learners: Sequence[Learner]) -> None:
        """Copy each by itself."""
        for learner in learners:
            learner.copy_to_target()


IN_TURN = InTurn()


class InStacks:
    """Learners of equal shapes computed in one batched call: lanes whose games have as many actions form a stack."""

    def __init__(self) -> None:
        """Start without a stack: `keep` forms them."""
        self._stacks: dict[int, Stack] = {}
        """By number of actions."""

    def keep(self, learners: Sequence[Learner]) -> None:
        """Form the stacks of these learners; a stack that a learner has joined or left is formed anew."""
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
        """Run a forward pass of each stack that has a learner in `seen`; what its other learners give is dropped."""
        given = {learner: (state, draws) for learner, state, draws in seen}
        # All stacks are begun before the first is waited for: the host fills one while the device computes another.
        begun = [
            (stack, stack.begin_action_values([given.get(learner) for learner in stack.learners]))
            for stack in self._stacks_of(given)
        ]
        values: dict[Learner, NDArray[np.float32]] = {}
        for stack, found in begun:
            values |= zip(stack.learners, found(), strict=True)
        return [values[learner] for learner, _, _ in seen]

    def update(self, minibatches: Sequence[Minibatch]) -> list[Learned]:
        """Update each stack that has a learner with a minibatch; its other learners stay as they are."""
        given = {learner: (transitions, stream) for learner, transitions, stream in minibatches}
        begun = [
            (stack, stack.begin_update([given.get(learner) for learner in stack.learners]))
            for stack in self._stacks_of(given)
        ]
        learned: dict[Learner, Learned] = {}
        for stack, found in begun:
            learned |= zip(stack.learners, found(), strict=True)
        return [learned[learner] for learner, _, _ in minibatches]

    def _stacks_of(self, learners: Collection[Learner]) -> list[Stack]:
        """Select the stacks with any of these learners."""
        return [stack for stack in self._stacks.values() if any(each in learners for each in stack.learners)]

    def copy_to_target(self, learners: Sequence[Learner]) -> None:
        """Copy each by itself: copies are too rare to be worth a batched call."""
        IN_TURN.copy_to_target(learners)
