"""Gridworlds: small tables of cells, as data. A layout is read as it is printed: the first line is the highest row.

| sign | cell |
| --- | --- |
| `.` | a cell to walk on |
| `#` | a wall: a step into it leaves the agent where it is, and so does one over the edge |
| `S` | the start |
| `G` | a goal: the episode ends there |
| `C` | the cliff: costs `cliff_reward` and leads back to the start; the episode goes on |

What is written here is part of what names a run, by its digest: who changes a layout has other runs. The digests of
the worlds as their committed runs played them stand below, and are left out of what names those.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property

from replication.foundation.errors import ReplicationError
from replication.specification.tasks.task import Task, content_digest

SIGNS = ".#SGC"
ACTIONS = {"up": (-1, 0), "right": (0, 1), "down": (1, 0), "left": (0, -1)}
"""The step of each action, in rows and columns; an action's code is its place here."""
KINGS_MOVES = tuple((row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if (row, column) != (0, 0))
"""The steps of a king: to each of the eight neighbors."""
_NOT_CONTENT = frozenset({"name", "title", "published_key", "kind", "source"})


@dataclass(frozen=True)
class Gridworld(Task):
    """One gridworld, with four actions: up, right, down, left.

    Attributes:
        layout: lines of equal length, from `SIGNS`; one start, at least one goal.
        step_reward: of every step but those that fall or reach a goal.
        cliff_reward: of a step onto the cliff.
        source: where layout and rewards are from.
        goal_reward: of a step onto a goal; None: as of any step.
        moves: the step of each action, in rows and columns.
        wind: cells by which a step that begins in each column is blown upwards; none: there is no wind.
        wind_varies: True where the wind of a column that has any is one cell weaker, as given or one stronger, each as
            likely.
        changed_layout: in force from `changes_after_steps` on; none: the world never changes.
        changes_after_steps: of the run; the next step is the first in the changed world.
    """

    layout: tuple[str, ...]
    step_reward: float
    cliff_reward: float
    source: str
    goal_reward: float | None = None
    moves: tuple[tuple[int, int], ...] = tuple(ACTIONS.values())
    wind: tuple[int, ...] = ()
    wind_varies: bool = False
    changed_layout: tuple[str, ...] = ()
    changes_after_steps: int = 0

    def __post_init__(self) -> None:
        """Refuse a layout in which no goal could be reached, or that is none; the changed one as well.

        Raises:
            ReplicationError: names the world, what was found, what is expected and what to do.
        """
        if wrong := self._wrong():
            raise ReplicationError(f"gridworld {self.name}: layout: {wrong}")
        if not self.changed_layout:
            return
        if wrong := self.after_change()._wrong():
            raise ReplicationError(f"gridworld {self.name}: changed_layout: {wrong}")
        if self.changes_after_steps < 1 or not _same_ends(self.layout, self.changed_layout):
            raise ReplicationError(
                f"gridworld {self.name}: changed_layout: found a change after {self.changes_after_steps} steps, or "
                "other places of S and G, expected at least 1 and the same; move only walls"
            )

    def after_change(self) -> Gridworld:
        """Return the world as it is once it has changed."""
        return replace(self, layout=self.changed_layout, changed_layout=(), changes_after_steps=0)

    def _wrong(self) -> str:
        """Say what is wrong with the layout; empty where nothing is."""
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
        elif self.wind and (len(self.wind) not in widths or signs["#"] or signs["C"]):
            wrong = "found wind of other columns, or beside walls or a cliff, expected a number a column and open cells"
        elif not self._reaches_a_goal():
            wrong = "found no way from the start (S) to a goal (G), expected one; open the walls or the cliff"
        return wrong

    @property
    def unknown_content(self) -> str | None:
        """The digest of all that can change a number; None where its committed runs were played like this."""
        return None if KNOWN_CONTENT.get(self.name) == self._content else self._content

    @cached_property  # asked for with every run
    def _content(self) -> str:
        return content_digest(self, _NOT_CONTENT)

    @property
    def start(self) -> tuple[int, int]:
        """Row and column of the start."""
        return next((row, line.index("S")) for row, line in enumerate(self.layout) if "S" in line)

    @property
    def gusts(self) -> tuple[int, ...]:
        """What is added to the wind, each as likely."""
        return (-1, 0, 1) if self.wind_varies else (0,)

    def neighbor(self, row: int, column: int, step: tuple[int, int], gust: int = 0) -> tuple[int, int]:
        """Return the cell in which a step ends, before a cliff leads back: the same where a wall or the edge is.

        Args:
            row: where it begins.
            column: where it begins; the wind is that of this column.
            step: rows and columns.
            gust: added to the wind, where there is any. Step and wind are one movement, which ends at the edge.
        """
        there = row + step[0], column + step[1]
        if self.wind:
            upwards = self.wind[column] + gust if self.wind[column] else 0
            return _within(there[0] - upwards, len(self.layout)), _within(there[1], len(self.layout[0]))
        inside = 0 <= there[0] < len(self.layout) and 0 <= there[1] < len(self.layout[0])
        return there if inside and self.layout[there[0]][there[1]] != "#" else (row, column)

    def _reaches_a_goal(self) -> bool:
        found = [self.start]
        for cell in found:  # grows as it is walked through
            near = (self.neighbor(*cell, step, gust) for step in self.moves for gust in self.gusts)
            found += dict.fromkeys(at for at in near if at not in found and self.layout[at[0]][at[1]] != "C")
        return any(self.layout[row][column] == "G" for row, column in found)


def _same_ends(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Return whether starts and goals lie in the same cells of two layouts of one size."""
    ends = [[sign if sign in "SG" else "." for line in layout for sign in line] for layout in (one, other)]
    return len(one) == len(other) and ends[0] == ends[1]


def _within(place: int, length: int) -> int:
    return min(max(place, 0), length - 1)


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

WINDY = Gridworld(
    name="windy_gridworld",
    title="Windy gridworld",
    published_key="windy_gridworld",
    kind="gridworld",
    layout=(
        "..........",
        "..........",
        "..........",
        "S......G..",
        "..........",
        "..........",
        "..........",
    ),
    step_reward=-1.0,
    cliff_reward=0.0,
    source="Sutton & Barto 2018, second edition, Example 6.5",
    wind=(0, 0, 0, 1, 1, 1, 2, 2, 1, 0),
)
WINDY_KINGS_MOVES = replace(
    WINDY,
    name="windy_kings_moves",
    title="Windy gridworld, king's moves",
    moves=KINGS_MOVES,
    source="Sutton & Barto 2018, second edition, Exercise 6.9",
)
WINDY_KINGS_MOVES_AND_STAY = replace(
    WINDY,
    name="windy_kings_moves_and_stay",
    title="Windy gridworld, king's moves and staying",
    moves=(*KINGS_MOVES, (0, 0)),
    source="Sutton & Barto 2018, second edition, Exercise 6.9",
)
WINDY_VARYING = replace(
    WINDY_KINGS_MOVES,
    name="windy_varying",
    title="Varying wind, king's moves",
    wind_varies=True,
    source="Sutton & Barto 2018, second edition, Exercise 6.10",
)

DYNA_MAZE = Gridworld(
    name="dyna_maze",
    title="Dyna maze",
    published_key="dyna_maze",
    kind="gridworld",
    layout=(
        ".......#G",
        "..#....#.",
        "S.#....#.",
        "..#......",
        ".....#...",
        ".........",
    ),
    step_reward=0.0,
    cliff_reward=0.0,
    source="Sutton & Barto 2018, second edition, Example 8.1",
    goal_reward=1.0,
)
BLOCKING_MAZE = replace(
    DYNA_MAZE,
    name="blocking_maze",
    title="Blocking maze",
    layout=("........G", ".........", ".........", "########.", ".........", "...S....."),
    source="Sutton & Barto 2018, second edition, Example 8.2",
    changed_layout=("........G", ".........", ".........", ".########", ".........", "...S....."),
    changes_after_steps=1_000,
)
SHORTCUT_MAZE = replace(
    DYNA_MAZE,
    name="shortcut_maze",
    title="Shortcut maze",
    layout=("........G", ".........", ".........", ".########", ".........", "...S....."),
    source="Sutton & Barto 2018, second edition, Example 8.3",
    changed_layout=("........G", ".........", ".........", ".#######.", ".........", "...S....."),
    changes_after_steps=3_000,
)

KNOWN_CONTENT = {
    "cliff_walking": "bfaffaef3788efb5",
    "windy_gridworld": "cd859e9f0a4a2838",
    "windy_kings_moves": "2a422f8fc029ce01",
    "windy_kings_moves_and_stay": "9c1ebc3ac31fca0c",
    "windy_varying": "4345fdb4d1697854",
    "dyna_maze": "b29c8217886cd4b1",
    "blocking_maze": "b2e6518a8cc9a7b1",
    "shortcut_maze": "18e3ed8bec0ad4d3",
}
"""The content of each world as its committed runs played it, as a digest; who changes a world leaves it as it is."""

GRIDWORLDS: dict[str, Gridworld] = {
    world.name: world
    for world in (
        CLIFF_WALKING,
        WINDY,
        WINDY_KINGS_MOVES,
        WINDY_KINGS_MOVES_AND_STAY,
        WINDY_VARYING,
        DYNA_MAZE,
        BLOCKING_MAZE,
        SHORTCUT_MAZE,
    )
}
"""Every gridworld, by name."""
