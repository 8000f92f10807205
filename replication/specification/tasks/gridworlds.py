"""Gridworlds: small tables of cells, as data. A layout is read as it is printed: the first line is the highest row.

| sign | cell |
| --- | --- |
| `.` | a cell to walk on |
| `#` | a wall: a step into it leaves the agent where it is, and so does one over the edge |
| `S` | the start |
| `G` | a goal: the episode ends there |
| `C` | the cliff: costs `cliff_reward` and leads back to the start; the episode goes on |
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from replication.foundation.errors import ReplicationError
from replication.specification.tasks.task import Task

SIGNS = ".#SGC"
ACTIONS = {"up": (-1, 0), "right": (0, 1), "down": (1, 0), "left": (0, -1)}
"""The step of each action, in rows and columns; an action's code is its place here."""


@dataclass(frozen=True)
class Gridworld(Task):
    """One gridworld, with four actions: up, right, down, left.

    Attributes:
        layout: lines of equal length, from `SIGNS`; one start, at least one goal.
        step_reward: of every step but those that fall.
        cliff_reward: of a step onto the cliff.
        source: where layout and rewards are from.
    """

    layout: tuple[str, ...]
    step_reward: float
    cliff_reward: float
    source: str

    def __post_init__(self) -> None:
        """Refuse a layout in which no goal could be reached, or that is none."""
        widths, signs = {len(line) for line in self.layout}, Counter("".join(self.layout))
        wrong = ""
        if len(widths) != 1:
            wrong = f"found lines of {' and '.join(map(str, sorted(widths)))} cells, expected equal ones; fill them up"
        elif unknown := "".join(sorted(signs.keys() - set(SIGNS))):
            wrong = f"found {unknown!r}, expected signs of {SIGNS!r}; correct them"
        elif signs["S"] != 1:
            wrong = f"found {signs['S']} starts (S), expected one; mark the cell where episodes start"
        elif not signs["G"]:
            wrong = "found no goal (G), expected at least one; mark the cell where episodes end"
        elif not self._reaches_a_goal():
            wrong = "found no way from the start (S) to a goal (G), expected one; open the walls or the cliff"
        if wrong:
            raise ReplicationError(f"gridworld {self.name}: layout: {wrong}")

    @property
    def start(self) -> tuple[int, int]:
        """Row and column of the start."""
        return next((row, line.index("S")) for row, line in enumerate(self.layout) if "S" in line)

    def neighbour(self, row: int, column: int, step: tuple[int, int]) -> tuple[int, int]:
        """Return the cell in which a step ends, before a cliff leads back: the same where a wall or the edge is."""
        there = row + step[0], column + step[1]
        inside = 0 <= there[0] < len(self.layout) and 0 <= there[1] < len(self.layout[0])
        return there if inside and self.layout[there[0]][there[1]] != "#" else (row, column)

    def _reaches_a_goal(self) -> bool:
        found = [self.start]
        for cell in found:  # grows as it is walked through
            near = (self.neighbour(*cell, step) for step in ACTIONS.values())
            found += dict.fromkeys(at for at in near if at not in found and self.layout[at[0]][at[1]] != "C")
        return any(self.layout[row][column] == "G" for row, column in found)


CLIFF_WALKING = Gridworld(
    name="cliff_walking",
    title="Cliff walking",
    published_key="cliff_walking",
    kind="gridworld",
    layout=(
        "............",
        "............",
        "............",
        "SCCCCCCCCCCG",
    ),
    step_reward=-1.0,
    cliff_reward=-100.0,
    source="Sutton & Barto 2018, Reinforcement Learning: An Introduction, second edition, Example 6.6",
)

GRIDWORLDS: dict[str, Gridworld] = {CLIFF_WALKING.name: CLIFF_WALKING}
"""Every gridworld, by name."""
