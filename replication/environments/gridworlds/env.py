"""A Gymnasium view of gridworlds and worlds of a few states, for trainers that speak Gymnasium."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from replication.environments.gridworlds.gridworld import TabularWorld, transitions_of
from replication.specification.tasks.gridworlds import Gridworld


class GridworldEnv(gymnasium.Env[np.int64, np.int64]):
    """One world; an observation is the number of a cell, line by line from the highest, or of a named state.

    `terminated` is a goal; nothing is truncated. A world that changes does so after so many steps of all episodes.
    Where wind or rewards vary, their draws are those of the environment's own generator, which `reset(seed=...)` starts
    anew. States have as many actions as the one with most: one too high is a state's last.
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 4}  # noqa: RUF012  (Gymnasium's own spelling)

    def __init__(self, world: TabularWorld, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self._world = world
        self._transitions = transitions_of(world)
        self._changes_after_steps = world.changes_after_steps if isinstance(world, Gridworld) else 0
        self._changed = self._transitions
        if isinstance(world, Gridworld) and world.changed_layout:
            self._changed = transitions_of(world.after_change())
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
        tables = self._changed if self._steps >= self._changes_after_steps else self._transitions
        self._steps += 1
        outcomes = tables.next_state.shape[2]
        outcome = int(self.np_random.integers(outcomes)) if outcomes > 1 else 0
        taken = self._state, min(int(action), int(tables.actions[self._state]) - 1), outcome
        reward = float(tables.reward[taken])
        if deviation := float(tables.deviation[taken]):
            reward += deviation * float(self.np_random.standard_normal())
        self._state = int(tables.next_state[taken])
        return np.int64(self._state), reward, bool(tables.terminal[self._state]), False, {}

    def render(self) -> str | None:
        """Return the layout with the agent in it, or the states with brackets around the agent's, as text."""
        if self.render_mode != "ansi":
            return None
        if not isinstance(self._world, Gridworld):
            names = [state.name for state in self._world.states]
            return " ".join(f"[{name}]" if place == self._state else name for place, name in enumerate(names))
        row, column = divmod(self._state, len(self._world.layout[0]))
        changed = self._world.changed_layout and self._steps >= self._world.changes_after_steps
        lines = [list(line) for line in (self._world.changed_layout if changed else self._world.layout)]
        lines[row][column] = "A"
        return "\n".join("".join(line) for line in lines)
