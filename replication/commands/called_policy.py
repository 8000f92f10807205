"""Policies to be judged that are functions of this process: what they are asked, and those of other libraries.

A function takes an observation, uint8 [4, 84, 84], the newest frame last, and returns the index of an action in the
game's minimal set. It is asked at every step, where the protocol plays a random action too.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.foundation.errors import ReplicationError

PolicyFunction = Callable[[NDArray[np.uint8]], Any]


@dataclass(frozen=True)
class CalledPolicy:
    """A function that is asked for actions."""

    function: PolicyFunction
    num_actions: int

    def choose(self, frames: NDArray[np.uint8], *, begins_episode: bool) -> int:
        """Ask for an action.

        Args:
            frames: uint8 [stack, 84, 84], oldest first.
            begins_episode: unused: a function sees no episodes.

        Raises:
            ReplicationError: the answer is no index of an action.
        """
        answer = np.asarray(self.function(frames))
        whole = answer.size == 1 and np.issubdtype(answer.dtype, np.integer)
        if not whole or not 0 <= int(answer.reshape(-1)[0]) < self.num_actions:
            found = " ".join(str(answer).split())[:60]
            raise ReplicationError(
                f"policy {name_of_function(self.function)}: answered {found}, expected one whole number from 0 to "
                f"{self.num_actions - 1}"
            )
        return int(answer.reshape(-1)[0])


def opened(function: PolicyFunction, num_actions: int) -> AbstractContextManager[CalledPolicy]:
    """Return a policy to be asked within a block, as a process of its own is."""
    return nullcontext(CalledPolicy(function, num_actions))


def name_of_function(function: PolicyFunction) -> str:
    """Return what a function is called, its module first, as the record of what was judged has it."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{getattr(named, '__module__', '?')}.{getattr(named, '__qualname__', '?')}"


def stable_baselines3_policy(model: Any) -> PolicyFunction:
    """Return the greedy policy of a model of Stable-Baselines3, one of games by a stack of four frames."""
    return lambda frames: model.predict(frames, deterministic=True)[0]


def cleanrl_policy(network: Any) -> PolicyFunction:
    """Return the greedy policy of a network of CleanRL: a Q-network, or an agent of its PPO.

    Args:
        network: a torch module: called with float32 [1, 4, 84, 84] of 0 to 255 it gives values; an agent has `network`
            and `actor`, which take 0 to 1.
    """
    import torch

    def choose(frames: NDArray[np.uint8]) -> int:
        seen = torch.as_tensor(frames[np.newaxis], dtype=torch.float32)
        with torch.no_grad():
            is_agent = hasattr(network, "actor")
            outputs = network.actor(network.network(seen / 255.0)) if is_agent else network(seen)
        return int(outputs.argmax(dim=1)[0])

    return choose
