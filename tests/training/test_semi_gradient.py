"""SARSA with tile coding on the mountain car: the car, the tiles, the update, beside programs that share no code."""

from __future__ import annotations

from math import floor

import gymnasium
import numpy as np
import pytest

from replication.algorithms.tabular.sarsa_tiles import n_step_return, tile, value
from replication.environments.gymnasium.mountain_car import POSITIONS, VELOCITIES, start_position, step_car
from replication.foundation.errors import ReplicationError
from replication.specification.run import resolve_run
from replication.training.tabular.family import learn
from replication.training.tabular.semi_gradient import TilesAgent, play


def test_mc1_the_car_is_gymnasium_s_to_the_last_digit() -> None:
    env, stream = gymnasium.make("MountainCar-v0").unwrapped, np.random.default_rng(1)
    for _ in range(40):
        env.reset(seed=int(stream.integers(1_000)))
        position, velocity = start_position(stream), 0.0
        env.state = (position, velocity)
        push = 2 if stream.random() < 0.5 else 0
        for step in range(150):
            action = int(stream.integers(3)) if stream.random() < 0.3 else push if step % 50 < 25 else 2 - push
            position, velocity = step_car(position, velocity, action)
            _, reward, ended, _, _ = env.step(action)
            assert reward == -1.0 and ended == (position == POSITIONS[1])
            if ended:
                break
            assert (position, velocity) == env.state
    starts = [start_position(stream) for _ in range(2_000)]
    assert -0.6 <= min(starts) < -0.598 and -0.402 < max(starts) <= -0.4


def test_mc2_tiles_are_those_of_a_table_of_coordinates() -> None:
    """As the book's own program numbers tiles: rounded down, each tiling shifted by 1 and 3 parts of a tile more."""
    stream, mine, other = np.random.default_rng(2), set(), set()
    pairs = set()
    for _ in range(20_000):
        x, v = stream.uniform(*POSITIONS), stream.uniform(*VELOCITIES)
        for tiling in range(8):
            here = (
                tiling,
                tile(x, *POSITIONS, 8, 8, tiling),
                tile(v, *VELOCITIES, 8, 8, 3 * tiling),
            )
            scaled = [floor(8 * (8 * x / 1.7)), floor(8 * (8 * v / 0.14))]
            there = (tiling, (scaled[0] + tiling) // 8, (scaled[1] + 3 * tiling) // 8)
            assert 0 <= here[1] <= 8 and 0 <= here[2] <= 8
            mine.add(here)
            other.add(there)
            pairs.add((here, there))
    assert len(mine) == len(other) == len(pairs) <= 8 * 9 * 9


def test_mc3_a_return_of_n_steps_by_hand() -> None:
    rewards = np.array([-1.0, -2.0, -4.0])  # a ring: step 3 stands in the first place
    for function in (n_step_return, n_step_return.py_func):
        assert function(rewards, 1, 2, 0.5, 10.0) == pytest.approx(-2.0 + 0.5 * -4.0 + 0.25 * 10.0)
        assert function(rewards, 2, 2, 0.5, 0.0) == pytest.approx(-4.0 + 0.5 * -1.0)
    assert value(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([0, 2]), 1) == 8.0


def plain(n: int, alpha: float, discount: float, episodes: int, seed: int) -> list[int]:
    """Learn as the box of section 10.2 says, with whole lists and a dictionary of tiles: steps of each episode."""
    stream, weights, found = np.random.default_rng(seed), {}, []

    def tiles(x: float, v: float, a: int) -> list[tuple[int, ...]]:
        scaled = [floor(64 * x / 1.7), floor(64 * v / 0.14)]
        return [(k, (scaled[0] + k) // 8, (scaled[1] + 3 * k) // 8, a) for k in range(8)]

    def q(x: float, v: float, a: int) -> float:
        return sum(weights.get(each, 0.0) for each in tiles(x, v, a))

    def choose(x: float, v: float) -> int:
        stream.random()  # whether to explore
        values = [q(x, v, a) for a in range(3)]
        best = [a for a in range(3) if values[a] == max(values)]
        return best[int(stream.random() * len(best))]

    for _ in range(episodes):
        states = [(-0.6 + (-0.4 + 0.6) * stream.random(), 0.0)]
        actions, rewards = [choose(*states[0])], [0.0]
        end, t = None, 0
        while True:
            if end is None:
                states.append(step_car.py_func(*states[t], actions[t]))
                rewards.append(-1.0)
                if states[-1][0] == 0.5:
                    end = t + 1
                else:
                    actions.append(choose(*states[-1]))
            tau = t - n + 1
            if tau >= 0:
                last = tau + n if end is None else min(tau + n, end)
                g = sum(discount ** (i - tau - 1) * rewards[i] for i in range(tau + 1, last + 1))
                if end is None or tau + n < end:
                    g += discount**n * q(*states[tau + n], actions[tau + n])
                error = g - q(*states[tau], actions[tau])
                for each in tiles(*states[tau], actions[tau]):
                    weights[each] = weights.get(each, 0.0) + alpha * error
            if end is not None and tau == end - 1:
                break
            t += 1
        found.append(end)
    return found


@pytest.mark.parametrize(("n", "discount"), [(1, 1.0), (1, 0.9), (4, 1.0), (8, 0.95)])
def test_mc3_episodes_are_those_of_a_plain_program(n: int, discount: float) -> None:
    """The same draws: the same actions, as long as sums of weights are the same to the last digits that decide."""
    weights, lengths, returns = np.zeros((8 * 81, 3)), np.zeros(4, np.int64), np.zeros(4)
    agent, stream = TilesAgent(0.5 / 8, discount, 0.0, False, n, 8, 8), np.random.default_rng(3)
    play(weights, tile, value, n_step_return, agent, -1, returns, lengths, stream)
    assert lengths.tolist() == plain(n, 0.5 / 8, discount, 4, 3)
    assert (returns == -lengths).all()


def test_mc4_an_episode_is_cut_and_counted() -> None:
    run = resolve_run(variant="sarsa_tiles+n_steps=16+step_size=1.6", task="mountain_car", seed=1, budget_episodes=50)
    found = learn(run)
    assert found.columns["cut_episodes"] > 0 and min(found.curve.values()) == -10_000.0
    sound = learn(resolve_run(variant="sarsa_tiles", task="mountain_car", seed=1, budget_episodes=50))
    assert sound.columns["cut_episodes"] == 0 and -330.0 < sound.score < -190.0


def test_mc5_it_does_not_explore_unless_asked_to() -> None:
    """With weights that say full throttle forward everywhere, an agent without exploration never gets out."""
    weights, lengths = np.zeros((8 * 81, 3)), np.zeros(1, np.int64)
    weights[:, 2] = 1.0
    agent, stream = TilesAgent(0.0, 1.0, 0.0, False, 1, 8, 8), np.random.default_rng(1)
    play(weights, tile, value, n_step_return, agent, 2_000, np.zeros(1), lengths, stream)
    assert lengths[0] == 2_000
    play(weights, tile, value, n_step_return, agent._replace(epsilon=1.0), 100_000, np.zeros(1), lengths, stream)
    assert lengths[0] < 100_000
    assert resolve_run(variant="sarsa_tiles", task="mountain_car", seed=1, budget_episodes=1).settings.epsilon == 0.0


def test_another_task_is_one_line() -> None:
    other = resolve_run(variant="sarsa_tiles", task="cart_pole", seed=1, budget_episodes=1)
    with pytest.raises(ReplicationError, match="found task cart_pole, expected mountain_car, the one with tiles"):
        learn(other)
