"""Worlds of a few named states, as data: Markov decision processes that a textbook draws as circles and arrows.

They are of the kind of the gridworlds, since both are tables of transitions, which the same agents learn in. What is
written here is part of what names a run, by its digest, as that of a gridworld is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from replication.foundation.errors import ReplicationError
from replication.specification.tasks.task import Task, content_digest

_NOT_CONTENT = frozenset({"name", "title", "published_key", "kind", "source"})


@dataclass(frozen=True)
class Step:
    """What an action does: where it leads, and what it earns there.

    Attributes:
        to: name of the state that is reached.
        reward: mean of the reward.
        deviation: standard deviation of the reward, which is normally distributed; 0: it is certain.
    """

    to: str
    reward: float
    deviation: float = 0.0


@dataclass(frozen=True)
class State:
    """One state.

    Attributes:
        name: unique in its world.
        steps: what each action does, in the order of their codes; none: the episode ends here.
    """

    name: str
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class SmallMdp(Task):
    """A world of a few states.

    Attributes:
        states: in order; episodes start in the first.
        source: where it is from.
    """

    states: tuple[State, ...]
    source: str

    def __post_init__(self) -> None:
        """Refuse a world that is none, or in which no episode could end.

        Raises:
            ReplicationError: names the world, what was found, what is expected and what to do.
        """
        if wrong := self._wrong():
            raise ReplicationError(f"world {self.name}: states: {wrong}")

    @property
    def unknown_content(self) -> str | None:
        """The digest of all that can change a number; None where its committed runs were played like this."""
        return None if KNOWN_CONTENT.get(self.name) == self._content else self._content

    @cached_property  # asked for with every run
    def _content(self) -> str:
        return content_digest(self, _NOT_CONTENT)

    def _wrong(self) -> str:
        """Say what is wrong with the states; empty where nothing is."""
        names = Counter(state.name for state in self.states)
        steps = [step for state in self.states for step in state.steps]
        wrong = ""
        if twice := [name for name, count in names.items() if count > 1]:
            wrong = f"found {twice[0]!r} twice, expected each once; rename one"
        elif unknown := [step.to for step in steps if step.to not in names]:
            wrong = f"found a step to {unknown[0]!r}, expected one of {', '.join(names)}; correct it"
        elif negative := [step.deviation for step in steps if step.deviation < 0.0]:
            wrong = f"found a deviation of {negative[0]:g}, expected at least 0; correct it"
        elif not self._can_end():
            wrong = "found no way from the first state to one without steps, expected one; let a step lead there"
        return wrong

    def _can_end(self) -> bool:
        steps = {state.name: state.steps for state in self.states}
        found = [state.name for state in self.states[:1]]
        for name in found:  # grows as it is walked through
            found += dict.fromkeys(step.to for step in steps[name] if step.to not in found)
        return any(not steps[name] for name in found)


def _maximization_bias(name: str, title: str, actions: int) -> SmallMdp:
    """Make the world of Example 6.7 with so many actions in B, a number that the book does not state."""
    return SmallMdp(
        name=name,
        title=title,
        published_key=name,
        kind="gridworld",
        states=(
            State("A", (Step("B", 0.0), Step("end", 0.0))),  # left, right
            State("B", (Step("end", -0.1, 1.0),) * actions),
            State("end"),
        ),
        source="Sutton & Barto 2018, second edition, Example 6.7",
    )


MAXIMIZATION_BIAS = _maximization_bias("maximization_bias", "Maximization bias, 10 actions in B", 10)
MAXIMIZATION_BIAS_2_ACTIONS = _maximization_bias("maximization_bias_2_actions", "2 actions in B", 2)
MAXIMIZATION_BIAS_5_ACTIONS = _maximization_bias("maximization_bias_5_actions", "5 actions in B", 5)
MAXIMIZATION_BIAS_50_ACTIONS = _maximization_bias("maximization_bias_50_actions", "50 actions in B", 50)

SHORT_CORRIDOR = SmallMdp(
    name="short_corridor",
    title="Short corridor",
    published_key="short_corridor",
    kind="gridworld",
    states=(  # left, right; in the second state they are exchanged
        State("first", (Step("first", -1.0), Step("second", -1.0))),
        State("second", (Step("third", -1.0), Step("first", -1.0))),
        State("third", (Step("second", -1.0), Step("goal", -1.0))),
        State("goal"),
    ),
    source="Sutton & Barto 2018, second edition, Example 13.1",
)

KNOWN_CONTENT = {
    "maximization_bias": "4e1b019d55b966d8",
    "maximization_bias_2_actions": "7069418075475142",
    "maximization_bias_5_actions": "ba9284f6d17a1d9a",
    "maximization_bias_50_actions": "51954718ab275566",
    "short_corridor": "2c86f8ab67479aea",
}
"""The content of each world as its committed runs played it, as a digest; who changes a world leaves it as it is."""

SMALL_MDPS: dict[str, SmallMdp] = {
    world.name: world
    for world in (
        MAXIMIZATION_BIAS,
        MAXIMIZATION_BIAS_2_ACTIONS,
        MAXIMIZATION_BIAS_5_ACTIONS,
        MAXIMIZATION_BIAS_50_ACTIONS,
        SHORT_CORRIDOR,
    )
}
"""Every world of a few named states, by name."""
