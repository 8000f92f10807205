"""Finished runs of every experiment and family, grouped by what was asked of them: task, protocol, length of training.

Agents of one group can be set beside each other, whichever family they are of. An agent that does not train stands in
every group of its task and protocol. What measures the steps of episodes is left out: of it a higher number is not the
better one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from replication.analysis.learning_curves import budget_text
from replication.evidence import records
from replication.foundation.errors import ReplicationError
from replication.specification.run import Run


@dataclass
class AgentRuns:
    """The runs of one agent in a group.

    Attributes:
        run: one of them.
        scores: of each run, by seed; of a bundle those of the seeds whose scores its record holds.
    """

    run: Run
    scores: dict[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """Agents that were asked the same, by name of variant.

    Attributes:
        task, protocol, preset: their names; of no preset "".
        length: of training, in words.
        agents: at least two.
    """

    task: str
    protocol: str
    preset: str
    length: str
    agents: dict[str, AgentRuns]

    @property
    def title(self) -> str:
        """The whole of what was asked, in words."""
        task = next(iter(self.agents.values())).run.task.title
        return ", ".join(filter(None, (task, self.protocol, self.preset and f"preset {self.preset}", self.length)))


@dataclass(frozen=True)
class SideBySide:
    """Every group that has two agents or more, by task, protocol and length.

    left_out: folders of runs whose settings are no longer in workflow/: nothing says what they were asked.
    """

    groups: tuple[Group, ...]
    left_out: tuple[Path, ...]

    def of_pair(self, one: str, other: str) -> list[Group]:
        """List the groups that have both variants."""
        return [group for group in self.groups if one != other and {one, other} <= set(group.agents)]

    def beside(self, name: str) -> list[str]:
        """List the variants that share a group with this one."""
        shared = {other for group in self.groups if name in group.agents for other in group.agents}
        return sorted(shared - {name})


def agents_side_by_side(results: Path) -> SideBySide:
    """Read every finished run of a results folder and group it.

    Raises:
        ReplicationError: a damaged record.
    """
    trained: dict[tuple[str, str, str, str], dict[str, AgentRuns]] = {}
    untrained: dict[tuple[str, str, str], dict[str, AgentRuns]] = {}
    left_out = []
    for folder in records.finished_folders(sorted((results / "runs").glob("*/*/*/*"))):
        try:
            run = records.run_of_folder(folder)
        except ReplicationError:
            records.read(folder)  # a damaged record is no record of other settings
            left_out.append(folder)
            continue
        if getattr(run.protocol.training, "measured", "") == "episode_steps":
            continue
        preset = run.preset.preset if run.preset else ""
        asked = (run.task.name, run.protocol.protocol, preset)
        group = (
            trained.setdefault((*asked, budget_text(run)), {}) if run.family.trains else untrained.setdefault(asked, {})
        )
        group.setdefault(run.variant.variant, AgentRuns(run)).scores.update(_scores(run, folder))
    for asked, agents in untrained.items():
        same = [group for key, group in trained.items() if key[:3] == asked]
        for group in same or [trained.setdefault((*asked, "no training"), {})]:
            for name, agent in agents.items():
                group[name] = replace(agent, scores=dict(agent.scores))
    groups = (Group(*key, agents) for key, agents in sorted(trained.items()) if len(agents) > 1)
    return SideBySide(tuple(groups), tuple(left_out))


def _scores(run: Run, folder: Path) -> Iterator[tuple[int, float]]:
    """Yield seed and score of a run, or of each run of a bundle; of iterations it is the last one's mean return."""
    if run.family.bundles:
        for row in _rows(folder / "scores.csv"):
            yield int(row["seed"]), float(row["score"])
    elif run.budget.iterations:
        yield run.seed, float(_rows(folder / "iterations.csv")[-1]["mean_return"])
    else:
        yield run.seed, float(records.read_unchecked(folder)["score"])


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
