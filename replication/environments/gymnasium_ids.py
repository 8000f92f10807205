"""Tasks under the names that Gymnasium makes them by: `Replication/Pong-nature-v0`.

A name is that of the task, each of its words with a capital, and of the protocol that presents it. They are known once
this module is imported: by `replication.register_environments()`, or by Gymnasium itself where the name is written
`replication.environments.gymnasium_ids:Replication/Pong-nature-v0`. It looks for no entry points since its version 1.
"""

from __future__ import annotations

from typing import Any, Literal

from gymnasium.envs.registration import EnvSpec, registry
from gymnasium.wrappers import TimeLimit

from replication.environments.atari.agent_views import view_under
from replication.foundation.errors import ReplicationError
from replication.specification.loading import known_names, load_protocol
from replication.specification.protocols import (
    FramePipelineName,
    GridworldPresentation,
    GymnasiumPresentation,
    HistoryStart,
    of_atari,
)
from replication.specification.run import checked_task
from replication.specification.tasks.atari_games import GAMES
from replication.specification.tasks.gridworlds import GRIDWORLDS, Gridworld
from replication.specification.tasks.gymnasium_tasks import GYMNASIUM_TASKS, GymnasiumTask
from replication.specification.tasks.small_mdps import SMALL_MDPS, SmallMdp

NAMESPACE = "Replication"


def environment_id(task: str, protocol: str) -> str:
    """Return Gymnasium's name of a task under a protocol: `pong` and `nature` are `Replication/Pong-nature-v0`."""
    return f"{NAMESPACE}/{''.join(word.capitalize() for word in task.split('_'))}-{protocol}-v0"


def register() -> None:
    """Make all names known to Gymnasium; again, it changes nothing."""
    tasks = {"atari": [*GAMES], "gridworld": [*GRIDWORLDS, *SMALL_MDPS], "gymnasium": [*GYMNASIUM_TASKS]}
    protocols = {name: load_protocol(name).kind for name in known_names("protocols")}
    for task, protocol in ((task, name) for name, kind in protocols.items() for task in tasks.get(kind, [])):
        name = environment_id(task, protocol)
        # Not by `gymnasium.register`, which compares each with all before it: a second for so many.
        registry[name] = EnvSpec(
            name,
            entry_point=f"{__name__}:make",
            order_enforce=True,
            disable_env_checker=True,
            kwargs={"task": task, "protocol": protocol},
        )


def make(
    task: str,
    protocol: str,
    *,
    part: Literal["training", "evaluation"] = "training",
    render_mode: str | None = None,
    pipeline: FramePipelineName | None = None,
    frame_stack: int = 4,
    history_start: HistoryStart | None = None,
) -> Any:
    """Make a task as a protocol presents it.

    Args:
        task: its name, such as `ms_pacman`, `cliff_walking` or `pendulum`.
        protocol: of its kind.
        part: which of the protocol's presentations: that of training, or that of the evaluation at its end.
        render_mode: `rgb_array` of games, `ansi` of gridworlds; None: no picture.
        pipeline: of games, the way from screens to frames; None: as the protocol's own agents see them.
        frame_stack: of games, the frames of an observation.
        history_start: of games, what stands before the first frame; None: as the protocol's own agents see it.

    Returns: the environment; of a game with observations uint8 [frame_stack, 84, 84], the newest last.
    Raises:
        ReplicationError: no such task or protocol, or not for each other; the protocol has no evaluation.
    """
    loaded = load_protocol(protocol)
    found = checked_task(task, loaded)
    final = loaded.evaluation_at_end
    if part == "evaluation" and final is None:
        raise ReplicationError(f"protocol {protocol} has no evaluation at its end; leave `part` out")
    shown = final.presentation if part == "evaluation" and final is not None else loaded.training
    if loaded.kind == "atari":
        from replication.environments.atari.env import AtariEnv

        view = view_under(protocol)
        start = history_start or view.history_start
        return AtariEnv(task, of_atari(shown), pipeline or view.pipeline, frame_stack, start, render_mode)
    if isinstance(found, GymnasiumTask) and isinstance(shown, GymnasiumPresentation):
        from replication.environments.gymnasium.physics import make_environment

        return _cut(make_environment(found.environment_id), found.cap_steps(shown.episode_cap_steps))
    if isinstance(found, Gridworld | SmallMdp) and isinstance(shown, GridworldPresentation):
        from replication.environments.gridworlds.env import GridworldEnv

        return _cut(GridworldEnv(found, render_mode), shown.episode_cap_steps)
    raise ReplicationError(f"protocol {protocol}: Gymnasium knows no environment of kind {loaded.kind}; name another")


def _cut(environment: Any, cap_steps: int | None) -> Any:
    return environment if cap_steps is None else TimeLimit(environment, cap_steps)


register()
