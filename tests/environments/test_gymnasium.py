"""Tasks of Gymnasium: the simulator against Gymnasium itself, starts and caps."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from replication.environments.gymnasium import simulator as simulator_module
from replication.environments.gymnasium.presentation import STARTS, PresentedGymnasium
from replication.environments.gymnasium.simulator import GymnasiumSimulator, arithmetic_digest
from replication.environments.registry import open_simulator
from replication.foundation.errors import ReplicationError
from replication.specification.protocols import GymnasiumPresentation
from replication.specification.tasks.gymnasium_tasks import GYMNASIUM_TASKS, GymnasiumTask

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
    assert (task.kind, task.published_key) == ("gymnasium", task.environment_id)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_episodes_are_those_of_gymnasium_with_its_own_limit(task: GymnasiumTask) -> None:
    theirs = gymnasium.make(task.environment_id)
    ours, simulator = presented(task, "registered")
    theirs.action_space.seed(0)
    for _ in range(2):
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
        simulator_module._actions(odd, task)
