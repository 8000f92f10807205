"""A Gymnasium view of the gridworlds, for trainers that speak Gymnasium."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from replication.environments.gridworlds.gridworld import transitions_of
from replication.specification.tasks.gridworlds import Gridworld


class GridworldEnv(gymnasium.Env[np.int64, np.int64]):
    """One gridworld; an observation is the number of a cell, line by line from the highest.

    `terminated` is a goal; nothing is truncated. A world that changes does so after so many steps of all episodes.
    Where wind varies, its draws are those of the environment's own generator, which `reset(seed=...)` starts anew.
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 4}  # noqa: RUF012  (Gymnasium's own spelling)

    def __init__(self, world: Gridworld, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self._world = world
        self._transitions = transitions_of(world)
        self._changed = transitions_of(world.after_change()) if world.changed_layout else self._transitions
        self._steps = 0
        states, actions, _ = self._transitions.next_state.shape
        self.observation_space = gymnasium.spaces.Discrete(states)
        self.action_space = gymnasium.spaces.Discrete(actions)
        self._state = self._transitions.start

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.int64, dict[str, Any]]:
        """Begin an episode at the start."""
        super().reset(seed=seed)
        self._state = self._transitions.start
        return np.int64(self._state), {}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """Take one step."""
        tables = self._changed if self._steps >= self._world.changes_after_steps else self._transitions
        self._steps += 1
        outcomes = tables.next_state.shape[2]
        outcome = int(self.np_random.integers(outcomes)) if outcomes > 1 else 0
        reward = float(tables.reward[self._state, action, outcome])
        self._state = int(tables.next_state[self._state, action, outcome])
        return np.int64(self._state), reward, bool(tables.terminal[self._state]), False, {}

    def render(self) -> str | None:
        """Return the layout with the agent in it, as text."""
        if self.render_mode != "ansi":
            return None
        row, column = divmod(self._state, len(self._world.layout[0]))
        changed = self._world.changed_layout and self._steps >= self._world.changes_after_steps
        lines = [list(line) for line in (self._world.changed_layout if changed else self._world.layout)]
        lines[row][column] = "A"
        return "\n".join("".join(line) for line in lines)
