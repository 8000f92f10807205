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

from dataclasses import dataclass

from replication.specification.tasks.task import Task

SIGNS = ".#SGC"


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
