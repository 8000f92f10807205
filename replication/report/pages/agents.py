"""The page results/agents.html: agents of every family side by side, wherever two were asked the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from replication.analysis.agent_comparison import Difference, difference
from replication.analysis.intervals import LEVEL, estimate, interval
from replication.analysis.side_by_side import AgentRuns, Group, agents_side_by_side
from replication.foundation.files import write_atomically
from replication.report.pages.template import fill_page


@dataclass(frozen=True)
class ShownAgent:
    """A row: an agent on a task.

    Attributes:
        task, agent, family: their names; the agent's is that of its variant, which `compare` takes.
        runs: how many are finished.
        score, scores: their mean and its interval, in words; no interval of one run.
        behind: its difference from the agent of the highest mean, with an interval, in words; of that one itself "".
        word: the verdict on the two.
    """

    task: str
    agent: str
    family: str
    runs: int
    score: str
    scores: str
    behind: str
    word: str


@dataclass(frozen=True)
class ShownGroup:
    """A table: what all of its rows were asked."""

    title: str
    rows: list[ShownAgent]


def write_agents(results: Path) -> Path:
    """Write results/agents.html.

    Returns: the file.
    Raises:
        ReplicationError: a damaged record.
    """
    path = results / "agents.html"
    write_atomically(path, agents_html(results).encode())
    return path


def agents_html(results: Path) -> str:
    """Return the text of the page.

    Raises:
        ReplicationError: a damaged record.
    """
    found = agents_side_by_side(results)
    asked = sorted(found.groups, key=_asked)
    groups = [
        ShownGroup(_title(same[0]), [row for group in same for row in _rows(group)])
        for same in (list(group) for _, group in groupby(asked, key=_asked))
    ]
    return fill_page("agents.html", groups=groups, left_out=len(found.left_out))


def _asked(group: Group) -> tuple[str, str, str]:
    return group.protocol, group.preset, group.length


def _title(group: Group) -> str:
    protocol = next(iter(group.agents.values())).run.protocol.title
    return ", ".join(filter(None, (protocol, group.preset and f"preset {group.preset}", group.length)))


def _rows(group: Group) -> Iterator[ShownAgent]:
    """Yield the agents of a task, the highest mean first."""
    ranked = sorted(group.agents.items(), key=lambda item: -_mean(item[1]))
    best = ranked[0][1]
    for name, agent in ranked:
        found = None if agent is best else difference(agent.scores, best.scores, len(ranked) - 1)
        own = estimate(list(agent.scores.values()))
        low, high = interval(own, LEVEL) if own else (0.0, 0.0)
        yield ShownAgent(
            task=agent.run.task.title,
            agent=name,
            family=agent.run.family.name.replace("_", " "),
            runs=len(agent.scores),
            score=_number(_mean(agent)),
            scores=f"{_number(low)} to {_number(high)}" if own else "",
            behind=_behind(found) if found else "",
            word=found.word if found else "highest",
        )


def _behind(found: Difference) -> str:
    if found.word == "too few runs":
        return _number(found.mean)
    return f"{_number(found.mean)} ({_number(found.low)} to {_number(found.high)})"


def _number(value: float) -> str:
    """Write a number with two places where it is small, and one else."""
    return f"{value:z,.2f}" if abs(value) < 100 else f"{value:,.1f}"


def _mean(agent: AgentRuns) -> float:
    return sum(agent.scores.values()) / len(agent.scores)
