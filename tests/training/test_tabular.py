"""Tabular agents, from nothing to what a record keeps: what is learned, how they act, that it can be repeated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from replication.algorithms.tabular.q_learning import td_error
from replication.commands.verify_bundles import check_bundle
from replication.environments.gridworlds.gridworld import transitions_of
from replication.foundation.paths import WORKFLOW
from replication.specification.families.tabular import NUMERICS_VERSION
from replication.specification.run import Run, Seeds, resolve_run
from replication.specification.tasks.gridworlds import CLIFF_WALKING
from replication.training.tabular import family
from replication.training.tabular.family import _choose, _play, learn


def _run(seed: int = 1, episodes: int = 500) -> Run:
    return resolve_run(variant="q_learning", task="cliff_walking", seed=seed, budget_episodes=episodes)


def _with(run: Run, **config: float) -> Run:
    return replace(run, variant=run.variant.model_copy(update={"config": run.variant.config | config}))


def _played(episodes: int, cap: int, step_size: float = 0.5, epsilon: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Return values and returns of training on the cliff."""
    transitions, returns, stream = transitions_of(CLIFF_WALKING), np.zeros(episodes), np.random.default_rng(5)
    values = np.zeros(transitions.reward.shape)
    _play(transitions, values, td_error, step_size, 1.0, epsilon, cap, returns, stream)
    return values, returns


def test_cw7_the_path_along_the_edge_is_learned_and_every_episode_is_on_the_curve() -> None:
    found = [learn(_run(seed)) for seed in range(1, 21)]
    assert sum(each.score == -13.0 for each in found) >= 18
    for each in found:
        assert list(each.curve) == list(range(1, 501)) and max(each.curve.values()) <= -13.0
        assert each.columns["training_return_last_100"] == pytest.approx(np.mean(list(each.curve.values())[-100:]))
    # While it explores it falls: the exact limit of Q-learning's online return is -50.8.
    assert np.mean([each.columns["training_return_last_100"] for each in found]) == pytest.approx(-50.8, abs=6.0)


def test_a_seed_is_learned_again_to_the_same_numbers_and_another_seed_is_another_run() -> None:
    assert learn(_run(3, 50)) == learn(_run(3, 50)) != learn(_run(4, 50))
    # A longer training begins as a shorter one.
    assert dict(list(learn(_run(3, 60)).curve.items())[:50]) == learn(_run(3, 50)).curve


def test_numbers_move_only_with_the_numerics_version() -> None:
    """Committed seeds, learned again; raise NUMERICS_VERSION of the family where this fails, and make them again."""
    run = resolve_run(variant="q_learning", task="cliff_walking", seed=1, seeds=Seeds(1, 100), budget_episodes=500)
    folder = run.results_folder(WORKFLOW.parent / "results")
    assert check_bundle(folder).learned == 10
    assert (NUMERICS_VERSION, folder.name) == (1, "0ff2810da006")


def test_evaluating_moves_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[np.ndarray] = []
    monkeypatch.setattr(family, "_play", lambda *given: kept.append(given[1].copy()) or _play(*given))
    learn(_run(episodes=100))
    after_evaluation = _played(0, -1)[0]
    assert len(kept) == 2 and not kept[0].any() and kept[1].any()  # before training, before evaluation
    assert not after_evaluation.any()
    values = kept[1].copy()
    _play(transitions_of(CLIFF_WALKING), values, td_error, 0.0, 1.0, 0.0, 50, np.zeros(3), np.random.default_rng(1))
    assert np.array_equal(values, kept[1])


def test_cw3_an_epsilon_of_actions_are_random_and_the_rest_are_greedy() -> None:
    stream, values = np.random.default_rng(1), np.array([0.0, 0.0, 1.0, 0.0])
    share = np.mean([_choose(values, 0.1, stream) == 2 for _ in range(20_000)])
    assert share == pytest.approx(0.925, abs=0.008)  # a random action may be the greedy one
    assert {_choose(values, 0.0, stream) for _ in range(200)} == {2}


def test_cw5_values_start_at_zero_and_each_of_the_highest_is_as_likely() -> None:
    stream = np.random.default_rng(2)
    chosen = [_choose(np.array([-1.0, 3.0, -2.0, 3.0]), 0.0, stream) for _ in range(10_000)]
    assert set(chosen) == {1, 3} and np.mean(np.equal(chosen, 1)) == pytest.approx(0.5, abs=0.02)
    untouched, _ = _played(1, 1)
    assert np.count_nonzero(untouched) == 1 and untouched.min() in (-0.5, -50.0)


def test_cw4_a_value_is_moved_by_its_part_of_the_error() -> None:
    for step_size in (0.5, 0.25):
        values, returns = _played(1, 1, step_size)
        assert values.sum() == step_size * returns[0]
    assert _run().variant.config["step_size"] == 0.5
    assert learn(_with(_run(episodes=50), step_size=0.1)).curve != learn(_run(episodes=50)).curve


def test_cw6_an_episode_ends_at_the_goal_or_at_the_cap() -> None:
    run = _run()
    assert run.protocol.training.episode_cap_steps is None
    _, returns = _played(1, 7, step_size=0.0, epsilon=1.0)
    assert returns[0] <= -7.0 and (returns[0] + 7.0) % 99.0 == 0.0
    # With values that lead nowhere, the evaluation ends at its cap.
    final = run.protocol.final_evaluation
    capped = final.model_copy(update={"presentation": final.presentation.model_copy(update={"episode_cap_steps": 5})})
    assert learn(replace(run, protocol=run.protocol.model_copy(update={"final_evaluation": capped}))).score == -5.0
