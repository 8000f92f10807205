"""Dyna-Q and Dyna-Q+: the mazes, planned steps, the bonus, and what happens when a maze changes."""

from __future__ import annotations

import json
from dataclasses import replace
from math import sqrt

import numpy as np
import pytest

from replication.algorithms.tabular.dyna_q import planned_reward, td_error
from replication.environments.gridworlds.gridworld import transitions_of
from replication.foundation.errors import ReplicationError
from replication.specification.families.tabular import DynaConfig
from replication.specification.loading import load_protocol, load_variant
from replication.specification.protocols import Protocol
from replication.specification.run import Run, resolve_run
from replication.specification.tasks.gridworlds import BLOCKING_MAZE, DYNA_MAZE, SHORTCUT_MAZE
from replication.training.tabular.family import learn
from replication.training.tabular.planning import PlanningAgent, play


def _run(variant: str = "dyna_q", seed: int = 1, episodes: int = 50) -> Run:
    return resolve_run(variant=variant, task="dyna_maze", seed=seed, budget_episodes=episodes)


def _played(planning_steps: int, bonus: float, steps: int, noted: list, world=DYNA_MAZE, epsilon: float = 0.1):
    """Play without compiling; note state values, action, reward, discount of every update. Return values, lengths."""

    def noting(q_tm1, a_tm1, r_t, discount_t, q_t, a_t, share):
        noted.append((q_tm1.copy(), int(a_tm1), float(r_t), float(discount_t), q_t.copy()))
        return td_error.py_func(q_tm1, a_tm1, r_t, discount_t, q_t, a_t, share)

    before = transitions_of(world)
    after = transitions_of(world.after_change()) if world.changed_layout else before
    change = world.changes_after_steps if world.changed_layout else -1
    values, returns, lengths = np.zeros(before.reward.shape[:2]), np.zeros(steps), np.zeros(steps, np.int64)
    agent, stream = PlanningAgent(0.5, 0.95, epsilon, False, planning_steps, bonus), np.random.default_rng(4)
    functions = noting, planned_reward.py_func
    ended = play.py_func(before, after, change, values, *functions, agent, steps, returns, lengths, stream)
    return values, lengths[:ended]


def test_dy1_the_mazes_are_those_of_the_book() -> None:
    assert DYNA_MAZE.start == (2, 0) and DYNA_MAZE.layout[0][8] == "G"
    walls = {(row, column) for row in range(6) for column in range(9) if DYNA_MAZE.layout[row][column] == "#"}
    assert walls == {(1, 2), (2, 2), (3, 2), (4, 5), (0, 7), (1, 7), (2, 7)}
    for maze, change, before, after in (
        (BLOCKING_MAZE, 1_000, range(8), range(1, 9)),
        (SHORTCUT_MAZE, 3_000, range(1, 9), range(1, 8)),
    ):
        assert maze.start == (5, 3) and maze.changes_after_steps == change
        for layout, walled in ((maze.layout, before), (maze.changed_layout, after)):
            assert [column for column in range(9) if layout[3][column] == "#"] == list(walled)
            assert "".join(layout).count("#") == len(walled)
    tables = transitions_of(DYNA_MAZE)
    assert set(np.unique(tables.reward)) == {0.0, 1.0}
    rewarded = set(np.flatnonzero(tables.reward.max(axis=(1, 2))))
    assert 8 + 9 in rewarded and rewarded <= {7, 8, 8 + 9}  # a wall and the goal itself are never left


def test_dy1_a_maze_changes_at_its_step_within_an_episode() -> None:
    shut = replace(SHORTCUT_MAZE, changes_after_steps=1, changed_layout=BLOCKING_MAZE.layout)
    found = [
        learn(replace(resolve_run(variant="dyna_q", task="shortcut_maze", seed=1, protocol="steps_2018",
                                  budget_steps=2_000), task=world)).score
        for world in (SHORTCUT_MAZE, shut)
    ]  # fmt: skip
    assert found[0] != found[1]
    half = SHORTCUT_MAZE.changes_after_steps // 2
    runs = [
        resolve_run(variant="dyna_q", task="shortcut_maze", seed=1, protocol="steps_2018", budget_steps=steps)
        for steps in (half, 2 * half)
    ]
    unchanged = replace(SHORTCUT_MAZE, changed_layout=())
    assert [learn(replace(run, task=unchanged)).score for run in runs] == [learn(run).score for run in runs]


def test_dy2_dy3_a_planned_step_repeats_what_was_seen() -> None:
    noted: list = []
    _played(3, 0.0, 60, noted)
    assert len(noted) == 60 * 4
    real = {(each[1], each[2], each[3]) for each in noted[::4]}
    planned = [noted[place] for place in range(len(noted)) if place % 4]
    assert {(each[1], each[2], each[3]) for each in planned} <= real
    # Without planning the same updates are Q-learning's.
    alone: list = []
    _played(0, 0.0, 60, alone)
    assert len(alone) == 60


def test_dy3_without_planning_it_learns_what_q_learning_does() -> None:
    config = load_variant("dyna_q+planning_steps=0").config
    q_learning = load_variant("q_learning")
    same = q_learning.model_copy(
        update={"config": {name: config[name] for name in ("step_size", "discount", "epsilon", "ties")}}
    )
    run = _run("dyna_q+planning_steps=0", 3, 20)
    assert learn(run).curve == learn(replace(run, variant=same)).curve


def test_dy4_the_bonus_is_the_root_of_the_steps_since_an_action_was_tried() -> None:
    for function in (planned_reward, planned_reward.py_func):
        assert function(1.0, 16, 0.01) == pytest.approx(1.0 + 0.01 * sqrt(16)) and function(0.5, 99, 0.0) == 0.5
    noted: list = []
    _played(5, 0.25, 40, noted)
    planned = [each[2] for place, each in enumerate(noted) if place % 6]
    steps = (np.array(planned) / 0.25) ** 2  # no goal in 40 steps: all of a planned reward is bonus
    assert np.allclose(steps, np.round(steps)) and steps.min() >= 0 and steps.max() == pytest.approx(40.0)
    real = [each[2] for each in noted[::6]]
    assert set(real) == {0.0}  # it has no part in real steps


def test_dy4_an_action_that_was_never_tried_is_planned_as_staying() -> None:
    noted: list = []
    values, _ = _played(50, 0.25, 1, noted)
    start = transitions_of(DYNA_MAZE).start
    assert (values[start] > 0.0).sum() >= 3 and {each[1] for each in noted} == {0, 1, 2, 3}
    noted.clear()
    _played(50, 0.0, 1, noted)
    assert len({each[1] for each in noted}) == 1  # without a bonus only what was tried


def test_dy5_settings_are_the_book_s() -> None:
    config = DynaConfig(**load_variant("dyna_q").config)
    assert (config.step_size, config.discount, config.epsilon, config.planning_steps) == (0.1, 0.95, 0.1, 5)
    assert load_variant("dyna_q").settings.bonus == 0.0


@pytest.mark.parametrize(
    ("variant", "task", "protocol", "line"),
    [
        ("dyna_q", "dyna_maze", "cliff_walking_2018", "found an evaluation or a cap on episodes, expected neither"),
        ("dyna_q", "windy_varying", "learning_2018", "found wind that varies, expected certain outcomes"),
        ("sarsa", "blocking_maze", "learning_2018", "found a task that changes, which sarsa has no loop for"),
    ],
)
def test_what_a_loop_cannot_play_is_one_line(variant: str, task: str, protocol: str, line: str) -> None:
    with pytest.raises(ReplicationError, match=line) as caught:
        learn(resolve_run(variant=variant, task=task, seed=1, protocol=protocol, budget_episodes=2))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "unit"), [("steps_2018", "episodes"), ("learning_2018", "steps")])
def test_what_is_measured_fits_what_is_counted(name: str, unit: str) -> None:
    content = load_protocol(name).model_dump(mode="json") | {"trains_for": unit}
    with pytest.raises(ValueError, match=f"with trains_for {unit}, expected finished_episodes with steps"):
        Protocol.model_validate_json(json.dumps(content))


def test_planning_shortens_the_first_episodes() -> None:
    """Example 8.1: about 25, 5 and 3 episodes to near-optimal ones with 0, 5 and 50 planned steps."""
    means = {}
    for variant in ("dyna_q+planning_steps=0", "dyna_q", "dyna_q+planning_steps=50"):
        curves = [list(learn(_run(variant, seed, 30)).curve.values()) for seed in range(1, 31)]
        means[variant] = np.mean(curves, axis=0)
    near = [int(np.argmax(mean <= 20.0)) + 1 for mean in means.values()]
    assert near[0] > 15 and 4 <= near[1] <= 10 and 2 <= near[2] <= 4
