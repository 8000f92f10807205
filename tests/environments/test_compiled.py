"""Compiled tasks do what Gymnasium's do, step by step, and begin where theirs begin."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from replication.environments.gymnasium.compiled import COMPILED_TASKS
from replication.specification.tasks.gymnasium_tasks import GYMNASIUM_TASKS

ROUNDED = {"mountain_car_continuous": 2e-7, "cart_pole": 1e-10}
"""Gymnasium rounds the state of the continuous car to float32."""


@pytest.mark.parametrize("name", COMPILED_TASKS)
def test_a_step_is_gymnasiums(name: str) -> None:
    task, environment = COMPILED_TASKS[name], gymnasium.make(GYMNASIUM_TASKS[name].environment_id).unwrapped
    stream, ended_once = np.random.default_rng(1), 0
    for seed in range(30):
        environment.reset(seed=seed)
        state = np.array(environment.state, np.float64)
        for _ in range(200):
            action = float(stream.integers(2)) if task.discrete_actions else float(stream.uniform(-1.0, 1.0))
            if name == "mountain_car_continuous" and seed % 2:
                action = 1.0 if state[1] >= 0.0 else -1.0  # swings up to the goal
            given = int(action) if task.discrete_actions else np.array([action])
            _, reward, terminated, _, _ = environment.step(given)
            found, ended = task.advance(state, action)
            assert found == pytest.approx(float(reward), abs=1e-9) and ended == terminated
            assert np.allclose(state, environment.state, atol=ROUNDED[name], rtol=0.0)
            state[:] = environment.state
            if terminated:
                ended_once += 1
                break
    assert ended_once >= 10


@pytest.mark.parametrize(("name", "low", "high"), [("mountain_car_continuous", -0.6, -0.4), ("cart_pole", -0.05, 0.05)])
def test_episodes_begin_as_gymnasiums(name: str, low: float, high: float) -> None:
    task, stream, starts = COMPILED_TASKS[name], np.random.default_rng(2), []
    for _ in range(2_000):
        state = np.full(task.numbers, 9.0)
        task.begin(state, stream)
        starts.append(state)
    drawn = np.array(starts)[:, :1] if name == "mountain_car_continuous" else np.array(starts)
    assert low <= drawn.min() < low + 0.01 and high - 0.01 < drawn.max() <= high
    assert np.allclose(drawn.mean(axis=0), (low + high) / 2, atol=0.01)
    assert name == "cart_pole" or (np.array(starts)[:, 1] == 0.0).all()


def test_every_compiled_task_is_a_task_of_its_name_with_its_actions() -> None:
    for name, task in COMPILED_TASKS.items():
        space = gymnasium.make(GYMNASIUM_TASKS[name].environment_id).action_space
        assert task.discrete_actions == (int(space.n) if isinstance(space, gymnasium.spaces.Discrete) else 0)
