"""What agents see of a game under each protocol: those whose own protocol it is."""

from __future__ import annotations

from typing import NamedTuple

from replication.specification.protocols import FramePipelineName, HistoryStart


class AgentView(NamedTuple):
    """The frames and the history that agents of a protocol see."""

    pipeline: FramePipelineName
    """The way from screens to frames of 84x84 bytes."""
    history_start: HistoryStart = "zeros"
    """What stands before the first frame of a trajectory."""


VIEWS = {
    "atari100k": AgentView("dopamine"),
    "atari100k_drq": AgentView("dopamine"),
    "atari100k_spr": AgentView("dopamine"),
    "baselines": AgentView("baselines"),
    "baselines_2017": AgentView("baselines_2017"),
    "cleanrl": AgentView("cleanrl", "first_frame"),
    "envpool": AgentView("dopamine", "first_frame"),
    "nature": AgentView("nature"),
    "nature_ablation": AgentView("nature"),
    "noop_30min": AgentView("nature"),
    "pfrl": AgentView("baselines", "first_frame"),
    "sticky": AgentView("dopamine"),
}
"""By the name of a protocol; a test holds it against the settings of the variants."""


def view_under(protocol: str) -> AgentView:
    """Return what agents of a protocol of games see; of a user's own protocol what those of `nature` do."""
    return VIEWS.get(protocol, VIEWS["nature"])
