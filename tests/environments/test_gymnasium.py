"""Tasks of Gymnasium: the simulator against Gymnasium itself, starts and caps."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from replication.environments.contract import DiscreteActions
from replication.environments.gymnasium import simulator as simulator_module
from replication.environments.gymnasium.presentation import STARTS, PresentedGymnasium
from replication.environments.gymnasium.simulator import GymnasiumSimulator, arithmetic_digest
from replication.environments.registry import open_simulator
from replication.foundation.errors import ReplicationError
from replication.specification.protocols import GymnasiumPresentation
from replication.specification.tasks.gymnasium_tasks import GYMNASIUM_TASKS, GymnasiumTask
from tests.support.pinball import message

TASKS = list(GYMNASIUM_TASKS.values())
MOUNTAIN_CAR = GYMNASIUM_TASKS["mountain_car"]
COAST = 1
"""Neither left nor right: the car never leaves its valley."""


def presented(task: GymnasiumTask, cap, seed: int = 0) -> tuple[PresentedGymnasium, GymnasiumSimulator]:
    simulator = GymnasiumSimulator(task)
    shown = GymnasiumPresentation(kind="gymnasium", episode_cap_steps=cap)
    return PresentedGymnasium(task, simulator, shown, np.random.default_rng(seed)), simulator


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_task_is_what_gymnasium_registers(task: GymnasiumTask) -> None:
    assert gymnasium.spec(task.environment_id).max_episode_steps == task.registered_cap_steps
    name, _, version = task.environment_id.rpartition("-")
    assert task.kind == "gymnasium" and task.published_key in (task.environment_id, name)
    assert task.name.endswith("_v5") == (task.published_key == name and version == "v5")


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_episodes_are_those_of_gymnasium_with_its_own_limit(task: GymnasiumTask) -> None:
    ours, simulator = presented(task, "registered")
    for _ in range(2):
        with warnings.catch_warnings(action="ignore"):  # of versions older than the newest
            theirs = gymnasium.make(task.environment_id)
        theirs.action_space.seed(0)
        ours.begin_episode()
        seen, _ = theirs.reset(seed=simulator.start)
        ended = False
        while not ended:
            assert np.array_equal(ours.observation, np.asarray(seen, np.float32))
            action = theirs.action_space.sample()
            result = ours.step(action)
            seen, reward, terminated, truncated, _ = theirs.step(action)
            ended = result.ended
            assert (result.reward, result.terminated, result.truncated) == (reward, terminated, truncated)
            assert not result.life_lost


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_what_was_saved_goes_on_to_the_last_bit_in_another_simulator(task: GymnasiumTask) -> None:
    one, other = GymnasiumSimulator(task), GymnasiumSimulator(task)
    one.reset(7)
    choose = actions_of(one)
    while len(one.given) < 60 and not one.terminated:
        one.act(choose())
    other.restore(one.save())
    assert other.state_digest() == one.state_digest()
    for _ in range(0 if one.terminated else 20):
        action = choose()
        assert one.act(action) == other.act(action)
    assert other.state_digest() == one.state_digest()
    other.reset(8)
    assert other.state_digest() != one.state_digest()


def actions_of(simulator: GymnasiumSimulator) -> Callable[[], Any]:
    """Draw uniform actions."""
    stream, actions = np.random.default_rng(0), simulator.actions
    if isinstance(actions, DiscreteActions):
        return lambda: int(stream.integers(len(actions.codes)))
    return lambda: stream.uniform(actions.low, actions.high).astype(np.float32)


def test_the_digest_of_mujoco_sees_what_no_observation_shows() -> None:
    one, other = (GymnasiumSimulator(GYMNASIUM_TASKS["half_cheetah"]) for _ in range(2))
    other._environment.data.qpos[0] += 1e-9  # how far it has run, which is not observed
    assert np.array_equal(one.observation, other.observation)
    assert one.state_digest() != other.state_digest()
    other.reset()
    assert one.state_digest() == other.state_digest()
    other._environment.data.qacc_warmstart[3] += 1e-9  # where the solver starts
    assert one.state_digest() != other.state_digest()


def test_what_cannot_be_looked_into_is_told_by_the_whole_episode() -> None:
    one, other = (GymnasiumSimulator(GYMNASIUM_TASKS["lunar_lander"]) for _ in range(2))
    for simulator, first in ((one, 0), (other, 2)):
        simulator.act(first)
        simulator.observation = np.zeros(8, np.float32)
    assert one.state_digest() != other.state_digest()


def test_an_episode_does_not_depend_on_those_before_it() -> None:
    """A world of Box2D that is reset goes on otherwise than a new one, in some steps."""
    task, ends = GYMNASIUM_TASKS["bipedal_walker"], []
    for episodes in ([5], [1, 2, 5]):
        simulator = GymnasiumSimulator(task)
        for start in episodes:
            simulator.reset(start)
            choose = actions_of(simulator)
            while len(simulator.given) < 300 and not simulator.terminated:
                simulator.act(choose())
        ends.append(simulator.state_digest())
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("task", "package"), [("half_cheetah", "mujoco"), ("lunar_lander", "box2d"), ("cart_pole", None)]
)
def test_the_fingerprint_names_what_integrates_it(task: str, package: str | None) -> None:
    named = GymnasiumSimulator(GYMNASIUM_TASKS[task]).fingerprint
    assert {name for name in named if name.endswith("_version")} == {
        *({f"{package}_version"} if package else ()),
        "gymnasium_version",
        "numpy_version",
    }
    models = {GymnasiumSimulator(GYMNASIUM_TASKS[name]).fingerprint.get("model") for name in ("hopper", "hopper_v5")}
    assert len(models) == 1 and None not in models
    assert ("model" in named) == (package == "mujoco")


def test_older_versions_make_no_noise_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings(action="error"):
        simulator = GymnasiumSimulator(GYMNASIUM_TASKS["hopper"])
    assert capfd.readouterr() == ("", "")
    simulator._environment.data.qpos[:] = np.nan
    simulator.act(np.zeros(3, np.float32))
    assert "MuJoCo: Nan, Inf or huge value" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["NoSuchTask-v0", "nosuchmodule:Task", "math:NoSuchClass"])
def test_an_environment_that_cannot_be_made_is_one_line(name: str) -> None:
    task = GymnasiumTask("odd", "Odd", "odd", "gymnasium", name, 9)
    assert message(GymnasiumSimulator, task).startswith(f"environment {name}: cannot be made (")


def test_the_simulator_itself_has_no_limit() -> None:
    simulator = open_simulator(MOUNTAIN_CAR)
    simulator.reset()
    for _ in range(2 * MOUNTAIN_CAR.registered_cap_steps):
        simulator.act(COAST)
    assert not simulator.terminated


@pytest.mark.parametrize(("cap", "steps"), [(7, 7), ("registered", 200), (None, 400)])
def test_an_episode_is_truncated_at_the_cap(cap, steps: int) -> None:
    task, _ = presented(MOUNTAIN_CAR, cap)
    task.begin_episode()
    results = [task.step(COAST) for _ in range(steps)]
    assert [result.truncated for result in results] == [False] * (steps - 1) + [cap is not None]
    assert task.episode_return == -steps
    task.begin_episode()
    assert (task.episode_return, task.episode_steps) == (0.0, 0)


def test_a_task_that_ends_at_the_cap_has_ended_and_is_not_truncated() -> None:
    cart_pole, _ = presented(GYMNASIUM_TASKS["cart_pole"], None)
    cart_pole.begin_episode()
    steps = 1
    while not cart_pole.step(0).terminated:
        steps += 1
    capped, _ = presented(GYMNASIUM_TASKS["cart_pole"], steps)
    capped.begin_episode()
    last = [capped.step(0) for _ in range(steps)][-1]
    assert (last.terminated, last.truncated) == (True, False)


def test_starts_are_drawn_from_the_callers_stream_and_from_nothing_else() -> None:
    task, simulator = presented(GYMNASIUM_TASKS["pendulum"], 5, seed=3)
    expected, found, seen = np.random.default_rng(3), [], []
    for _ in range(3):
        task.begin_episode()
        found.append(simulator.start)
        seen.append(task.observation.tolist())
        task.step(np.zeros(1, np.float32))
    assert found == [int(expected.integers(STARTS)) for _ in range(3)]
    assert len(set(map(tuple, seen))) == 3


def test_what_the_caller_does_with_an_action_afterwards_changes_nothing() -> None:
    simulator, action = open_simulator(GYMNASIUM_TASKS["pendulum"]), np.ones(1, np.float32)
    simulator.act(action)
    state = simulator.save()
    action[:] = 0.0
    assert simulator.save() == state


def test_a_machine_of_other_sines_has_another_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    here = arithmetic_digest()
    monkeypatch.setattr(simulator_module.np, "sin", lambda x: np.nextafter(np.cos(x - np.pi / 2), 2.0))
    arithmetic_digest.cache_clear()
    try:
        assert arithmetic_digest() != here
    finally:
        arithmetic_digest.cache_clear()


def test_actions_that_no_trace_can_keep_are_one_line() -> None:
    task = GymnasiumTask("odd", "Odd", "odd", "gymnasium", "CliffWalking-v1", 9)
    odd = gymnasium.spaces.Discrete(3, start=1)
    with pytest.raises(ReplicationError, match=r"^task odd: actions: found Discrete\(3, start=1\), expected numbers"):
        simulator_module.actions_of_space(odd, task)
