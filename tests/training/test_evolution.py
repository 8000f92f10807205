"""Searches in the space of weights, from nothing to what a record keeps: they learn, repeat and count as said."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from replication.algorithms.evolution import cem
from replication.evidence.solving import means_of_last
from replication.foundation.errors import ReplicationError
from replication.foundation.files import canonical_json, sha256
from replication.foundation.paths import WORKFLOW
from replication.foundation.random_streams import named_stream
from replication.specification.families.evolution import FACTS, NUMERICS_VERSION
from replication.specification.loading import load_variant
from replication.specification.run import Run, resolve_run
from replication.training.evolution import family
from replication.training.evolution.family import learn, searched

ROOT = WORKFLOW.parent
FINGERPRINTS = {
    "cem": "7fe8d3288e299e58",
    "cem_decreasing_noise": "236290c6ce2ea993",
    "hill_climbing": "ed1e121584674988",
    "hill_climbing+keeps_best=true": "ee1407f2fcb2c71c",
}
"""Digests of what two seeds score, the same on every machine."""


def cem_run(variant: str = "cem", seed: int = 1, iterations: int = 3) -> Run:
    return resolve_run(variant=variant, task="mountain_car_continuous", seed=seed, budget_iterations=iterations)


def climbing_run(variant: str = "hill_climbing", seed: int = 1, episodes: int = 200) -> Run:
    return resolve_run(variant=variant, task="cart_pole", seed=seed, budget_episodes=episodes)


def fingerprint(variant: str) -> str:
    of = cem_run if load_variant(variant).module == "cem" else climbing_run
    length = 4 if of is cem_run else 100
    return sha256(canonical_json([searched(of(variant, seed, length)).tolist() for seed in (1, 2)]))[:16]


@pytest.mark.parametrize("variant", FINGERPRINTS)
def test_numbers_move_only_with_the_numerics_version(variant: str) -> None:
    assert (NUMERICS_VERSION, fingerprint(variant)) == (1, FINGERPRINTS[variant])


def test_every_algorithm_has_a_fingerprint() -> None:
    assert {load_variant(name).module for name in FINGERPRINTS} == set(FACTS.modules)


@pytest.mark.slow
def test_another_processor_gives_the_same_bytes(tmp_path) -> None:
    """Code for a processor with neither wide vectors nor fused operations."""
    command = (
        f"from {__name__} import *; print([fingerprint(name) for name in FINGERPRINTS] == [*FINGERPRINTS.values()])"
    )
    machine = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, env=os.environ | machine, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "True"


def test_r1_a_search_depends_on_its_seed_alone_and_a_longer_one_begins_as_a_shorter_one() -> None:
    assert (searched(cem_run(seed=3)) == searched(cem_run(seed=3))).all()
    assert (searched(cem_run(seed=3)) != searched(cem_run(seed=4))).any()
    assert searched(climbing_run(episodes=60))[:50].tolist() == searched(climbing_run(episodes=50)).tolist()


def test_xe5_xe6_each_candidate_plays_an_episode_and_the_new_mean_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[np.ndarray] = []
    play = family.play
    monkeypatch.setattr(family, "play", lambda *given: played.append(given[4].copy()) or play(*given))
    run = cem_run(iterations=2)
    scored = searched(run)
    assert [len(policies) for policies in played] == [50, 1, 50, 1]
    # By hand: the same draws, the mean of the best ten.
    config, stream = run.settings, named_stream(1, "mountain_car_continuous", "search")
    state = cem.begin(config, 65, stream)
    assert (played[0] == cem.candidates(state, config, stream)).all() and played[1].shape == (1, 65)
    # A car that does not move a thousand steps costs little, one that pushes all the time a tenth a step.
    assert scored.shape == (2,) and (scored >= -99.9).all() and (scored <= 100.0).all()


def test_xe5_hc7_an_episode_is_cut_where_the_protocol_says() -> None:
    assert searched(climbing_run(episodes=400)).max() == 200.0
    longer = replace(
        climbing_run(episodes=400),
        protocol=climbing_run().protocol.model_copy(
            update={"training": climbing_run().protocol.training.model_copy(update={"episode_cap_steps": "registered"})}
        ),
    )
    assert searched(longer).max() == 500.0
    assert cem_run().protocol.training.episode_cap_steps == "registered" and cem_run().task.registered_cap_steps == 999


def test_hc7_xe6_a_row_says_when_the_mean_of_the_last_hundred_is_high_enough() -> None:
    learned = learn(climbing_run(episodes=400))
    means = means_of_last(searched(climbing_run(episodes=400)), 100)
    reached = np.flatnonzero(means >= 195.0)
    assert learned.columns["solved_at"] == (int(reached[0]) + 1 if len(reached) else None)
    assert learned.columns["mean_at_200"] == means[199] and learned.score == max(means[99::25])
    assert list(learned.curve) == list(range(1, 401))


def test_xe8_hc6_a_search_goes_on_after_it_is_solved_to_the_end_of_its_budget() -> None:
    learned = learn(climbing_run(episodes=400))
    assert "mean_at_400" in learned.columns
    assert len(searched(cem_run(iterations=3))) == 3


def test_xe7_policy_and_task_are_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = []
    play = family.play
    monkeypatch.setattr(family, "play", lambda *given: kinds.append(given[4].dtype) or play(*given))
    assert searched(cem_run(iterations=1)).dtype == np.float64 and set(kinds) == {np.dtype(np.float64)}


def test_hill_climbing_learns_to_hold_the_pole() -> None:
    best = [learn(climbing_run(seed=seed, episodes=600)).score for seed in range(1, 11)]
    assert np.median(best) > 150.0  # weights of almost 0 hold it for about ten steps


@pytest.mark.slow
def test_cem_learns_to_drive_up_the_hill() -> None:
    scores = searched(cem_run(seed=13, iterations=150))  # of the 20 seeds of course_evolution the first to learn it
    assert scores[:10].mean() < 20.0 < 80.0 < scores[-20:].mean()


def test_a_task_that_its_policies_cannot_play_is_one_line() -> None:
    run = resolve_run(variant="cem", task="cart_pole", seed=1, budget_iterations=2)
    with pytest.raises(ReplicationError, match=r"found task cart_pole, expected one that cem can play, mountain_car"):
        learn(run)
    run = resolve_run(variant="hill_climbing", task="pendulum", seed=1, budget_episodes=2)
    with pytest.raises(ReplicationError, match="found task pendulum, expected one that hill_climbing can play, cart_"):
        learn(run)
