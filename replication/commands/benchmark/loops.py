"""The loops that can be measured: which programs train so, on what, at which settings.

Every loop is a list of cases; a case is a task at some settings, and the command of each program that can do it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from replication.commands.benchmark import our_tabular
from replication.commands.benchmark.floor import FLOP
from replication.commands.benchmark.pacing import WARM_UP_STEPS
from replication.commands.benchmark.programs import (
    CLEANRL,
    OURS,
    PFRL,
    RL_BLOX,
    SB3,
    SHANGTONG,
    Command,
    Peer,
    ours,
    package,
    script,
)
from replication.foundation.errors import ReplicationError, unknown_name
from replication.specification.tasks.atari_games import find_game
from replication.specification.tasks.gymnasium_tasks import GymnasiumTask
from replication.specification.tasks.registry import find_task

COHORT_LANES = 4
"""Runs of ours that are measured as the lanes of one process."""
DQN_PARTS = {
    OURS: (
        *FLOP,
        *("emulation", "frames", "play", "act", "sample", "update", "update_bfloat16", "evaluation", "checkpoint"),
    ),
    SB3: ("play", "act", "update", "evaluation"),
}
CONTINUOUS_PARTS = {OURS: ("update", "act"), SB3: ("update", "act")}
_BUILT = "`make benchmark` builds its environment and runs this command with it"
_PPO_WARM_UP_STEPS, _A2C_WARM_UP_STEPS = 2_048, 1_600
"""Whole rollouts of all actors, with what is learned from them."""


@dataclass(frozen=True)
class Plan:
    """What to measure, and for how long."""

    loops: Sequence[str]
    games: Sequence[str]
    tasks: Sequence[str]
    """Of Gymnasium, with continuous actions."""
    rounds: int
    seconds: float
    """Length of each timing of a whole loop."""
    state: Path
    """Folder in which programs write while they are measured: the checkpoints that are timed, their logs."""
    peers: Mapping[str, Peer] = field(default_factory=dict)
    """Other programs, by name; one that is not there is not measured."""


@dataclass(frozen=True)
class Case:
    """A loop on a task at some settings."""

    loop: str
    task: str
    """Its title."""
    settings: str
    unit: str
    """What is counted in a second: `steps/s`, `episodes/s`."""
    commands: Mapping[str, Command]
    """By program, ours first."""
    not_measured: Sequence[str]
    """Programs that could be measured, and were not named."""
    parts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By program, what else is timed of it."""
    cohort: Command | None = None
    """Several runs of ours as the lanes of one process."""


def cases(plan: Plan) -> list[Case]:
    """Return the cases of all loops of the plan, in the order of `LOOPS`.

    Raises:
        ReplicationError: no such loop, game or task; no such python or script.
    """
    for name in plan.loops:
        if name not in LOOPS:
            raise unknown_name("loop", name, LOOPS)
    return [case for name, build in LOOPS.items() if name in plan.loops for case in build(plan)]


def environment_name(game: str) -> str:
    """Return the name of a game among ale-py's Gymnasium environments, without frame skip or stickiness."""
    return "".join(part.capitalize() for part in game.split("_")) + "NoFrameskip-v4"


def _games(plan: Plan) -> list[str]:
    return list(dict.fromkeys(find_game(name).name for name in plan.games))


def _peers(plan: Plan, builders: Mapping[str, Callable[[Peer], Command]]) -> tuple[dict[str, Command], list[str]]:
    """Return the commands of the peers that are named, and the names of the others."""
    found = {name: build(plan.peers[name]) for name, build in builders.items() if name in plan.peers}
    return found, [name for name in builders if name not in found]


def _dqn(plan: Plan) -> list[Case]:
    return [_dqn_case(plan, game) for game in _games(plan)]


def _dqn_case(plan: Plan, game: str) -> Case:
    name = environment_name(game)
    # Each at its own settings but for these; what differs is told in the table.
    of_cleanrl = (
        *("--env-id", name, "--no-cuda", "--buffer-size", 100_000, "--learning-starts", 5_000),
        *("--target-network-frequency", 10_000, "--start-e", 0.1, "--end-e", 0.1),
    )
    of_pfrl = ("--env", name, "--gpu", -1, "--replay-start-size", 5_000)
    stepped = ("gymnasium.vector", "SyncVectorEnv", "step", 1, 4, WARM_UP_STEPS)
    acted = ("pfrl.agents", "DQN", "act", 1, 4, WARM_UP_STEPS)
    train_dqn = "examples/atari/reproduction/dqn/train_dqn.py"
    commands, missing = _peers(
        plan,
        {
            SB3: lambda peer: package(peer, "sb3_dqn", name, mending=_BUILT),
            CLEANRL: lambda peer: script(peer, "cleanrl/dqn_atari.py", "peer_script", stepped, of_cleanrl),
            PFRL: lambda peer: script(peer, train_dqn, "peer_script", acted, of_pfrl),
        },
    )
    return Case(
        loop="dqn",
        task=find_game(game).title,
        settings="minibatch 32, an update every 4 steps, 84x84x4, replay memory of 100,000, epsilon 0.1",
        unit="steps/s",
        commands={OURS: ours("our_dqn", game, 1), **commands},
        not_measured=missing,
        parts=DQN_PARTS,
        cohort=ours("our_dqn", game, COHORT_LANES),
    )


def _a2c(plan: Plan) -> list[Case]:
    return [_a2c_case(plan, game) for game in _games(plan)]


def _a2c_case(plan: Plan, game: str) -> Case:
    name, warm_up = environment_name(game), _A2C_WARM_UP_STEPS
    commands, missing = _peers(
        plan, {SB3: lambda peer: package(peer, "sb3_on_policy", "A2C", name, warm_up, mending=_BUILT)}
    )
    return Case(
        loop="a2c",
        task=find_game(game).title,
        settings="16 actors, rollouts of 5 steps, RMSProp",
        unit="steps/s",
        commands={OURS: ours("our_on_policy", "a2c", game, warm_up), **commands},
        not_measured=missing,
    )


def _ppo(plan: Plan) -> list[Case]:
    return [_ppo_case(plan, game) for game in _games(plan)]


def _ppo_case(plan: Plan, game: str) -> Case:
    name, warm_up = environment_name(game), _PPO_WARM_UP_STEPS
    stepped = ("gymnasium.vector", "SyncVectorEnv", "step", 8, 8 * 128, warm_up)
    commands, missing = _peers(
        plan,
        {
            SB3: lambda peer: package(peer, "sb3_on_policy", "PPO", name, warm_up, mending=_BUILT),
            CLEANRL: lambda peer: script(
                peer, "cleanrl/ppo_atari.py", "peer_script", stepped, ("--env-id", name, "--no-cuda")
            ),
        },
    )
    return Case(
        loop="ppo",
        task=find_game(game).title,
        settings="8 actors, rollouts of 128 steps, 4 epochs of 4 minibatches of 256, Adam",
        unit="steps/s",
        commands={OURS: ours("our_on_policy", "ppo_cleanrl", game, warm_up), **commands},
        not_measured=missing,
    )


def _ddpg(plan: Plan) -> list[Case]:
    return [_continuous_case(plan, "ddpg", "ddpg_tianshou", 0.001, task, 256, (256, 256)) for task in plan.tasks]


def _td3(plan: Plan) -> list[Case]:
    """Return the networks and minibatches of the authors' code, then those of the article."""
    sizes: tuple[tuple[int, tuple[int, ...]], ...] = ((256, (256, 256)), (100, (400, 300)))
    return [
        _continuous_case(plan, "td3", "td3_code", 0.0003, task, batch, units)
        for task in plan.tasks
        for batch, units in sizes
    ]


def _continuous_case(
    plan: Plan, loop: str, variant: str, learning_rate: float, name: str, batch_size: int, hidden_units: tuple[int, ...]
) -> Case:
    task = find_task(name)
    if not isinstance(task, GymnasiumTask):
        raise ReplicationError(f"--tasks: {name} is no task of Gymnasium; expected one such as half_cheetah")
    given = (learning_rate, task.environment_id, batch_size, *hidden_units)
    commands, missing = _peers(
        plan, {SB3: lambda peer: package(peer, "sb3_continuous", loop.upper(), *given, mending=_BUILT)}
    )
    return Case(
        loop=loop,
        task=task.title,
        settings=f"networks {'-'.join(map(str, hidden_units))}, minibatch {batch_size}, an update every step, Adam",
        unit="steps/s",
        commands={OURS: ours("our_continuous", variant, task.name, batch_size, *hidden_units), **commands},
        not_measured=missing,
        parts=CONTINUOUS_PARTS,
    )


def _tabular(plan: Plan) -> list[Case]:
    episodes = our_tabular.EPISODES_A_SEED
    commands, missing = _peers(
        plan,
        {
            SHANGTONG: lambda peer: script(peer, "chapter06/cliff_walking.py", "cliff_script", (), (episodes,)),
            RL_BLOX: lambda peer: package(
                peer, "rl_blox_tabular", episodes, mending="--rl-blox needs a python with rl-blox"
            ),
        },
    )
    return [
        Case(
            loop="tabular",
            task="Cliff walking",
            settings=f"Example 6.6: {episodes} episodes of Sarsa and as many of Q-learning, epsilon 0.1, step size 0.5",
            unit="episodes/s",
            commands={OURS: ours("our_tabular"), **commands},
            not_measured=missing,
        )
    ]


LOOPS: dict[str, Callable[[Plan], list[Case]]] = {
    "dqn": _dqn,
    "a2c": _a2c,
    "ppo": _ppo,
    "ddpg": _ddpg,
    "td3": _td3,
    "tabular": _tabular,
}
"""The loops, by the names that `--loops` takes."""
