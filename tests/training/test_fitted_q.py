"""The fitted Q family: transitions, the main loop, trials, and runs that depend on their seed alone."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from replication.algorithms.fitted_q import nfq
from replication.environments.pole.plant import advance, plant_constants
from replication.foundation.paths import WORKFLOW
from replication.foundation.random_streams import named_stream
from replication.specification.families.fitted_q import NUMERICS_VERSION
from replication.specification.originals import load_original
from replication.specification.run import Run
from replication.training.fitted_q.family import evaluate, learn
from replication.training.fitted_q.transitions import random_transitions
from replication.training.fitted_q.trial import balanced_cycles
from tests.support.pole_runs import TEST_CYCLES, TEST_EPISODES, config_of, quick_run, shown

ROOT = WORKFLOW.parent


def transitions(run: Run, episodes: int, stream: np.random.Generator) -> nfq.Transitions:
    return random_transitions(shown(run), config_of(run), episodes, stream)


@pytest.mark.parametrize(("variant", "cycles"), [("nfq", 8.9), ("nfq_short_pole", 6.1)])
def test_fq2_a_random_episode_is_as_long_as_its_row_says(variant, cycles):
    data = transitions(quick_run(variant), 4_000, np.random.default_rng(1))
    assert data.failed.sum() == 4_000
    assert data.failed.size / 4_000 == pytest.approx(cycles, abs=0.15)
    [row] = [row for row in load_original("nfq").rows if row.row == "FQ2"]
    length = shown(quick_run(variant)).plant.equation_length_m
    assert f"{cycles}" in row.in_force and f"{length} m" in row.in_force


def test_fq4_fq5_transitions_are_what_the_plant_does():
    run = quick_run()
    plant = shown(run).plant
    data = transitions(run, 3, np.random.default_rng(2))
    assert data.inputs.shape == (3, data.failed.size) and data.next_inputs.shape == (3, 3, data.failed.size)
    assert (data.inputs[:2, :3] == 0).all()  # upright
    assert set(data.inputs[2]) <= {-1.0, 0.0, 1.0}
    assert (data.next_inputs[:, 2, 0] == [-1.0, 0.0, 1.0]).all()
    for episode in range(3):
        speeds = []
        for noise in (10.0, -10.0):
            theta, speed = np.zeros(1), np.zeros(1)
            force = np.array([50 * data.inputs[2, episode] + noise])
            advance(theta, speed, force, plant_constants(plant), plant.substeps)
            speeds.append(float(speed[0]))
        assert speeds[0] <= data.next_inputs[0, 1, episode] <= speeds[1]
    assert ((np.abs(data.next_inputs[0, 0]) > math.pi / 2) == data.failed).all()


def test_fq10_fq11_fq12_the_main_loop_learns_targets_of_the_network_before():
    """Fig. 1: the weights of an iteration are where the next one starts, and its targets are theirs."""
    data = transitions(quick_run(), 20, np.random.default_rng(3))
    config = config_of(quick_run(iterations=3))
    first = nfq.initial_weights(np.random.default_rng(4), config)
    found = nfq.fitted_q_iteration(data, first, config, np.random.default_rng(5))
    weights = first
    for _ in range(3):
        q_next = np.stack([nfq.q_values(weights, inputs) for inputs in data.next_inputs])
        target = np.where(data.failed, 1.0, 0.95 * q_next.min(axis=0))
        weights = nfq.rprop_training(weights, data.inputs, target, config)
    assert (found == weights).all()
    for changed in ({"starts_anew": True}, {"epochs_per_iteration": 31}, {"iterations": 4}):
        other = config_of(quick_run(**({"iterations": 3} | changed)))
        assert (nfq.fitted_q_iteration(data, first, other, np.random.default_rng(5)) != found).any()


def test_r1_a_run_depends_on_its_seed_alone():
    one, other, again = (learn(quick_run(seed=seed)) for seed in (1, 2, 1))
    assert one.policy.tobytes() == again.policy.tobytes() and one.row(1) == again.row(1)
    assert one.policy.tobytes() != other.policy.tobytes()


def test_fq15_what_is_tested_is_the_network_of_the_last_iteration():
    """A stored policy gives the row again, without learning."""
    run = quick_run(seed=2)
    learned = learn(run)
    assert evaluate(run, learned.policy).row(2) == learned.row(2)
    data = transitions(run, 50, named_stream(2, "pole", "transitions", 50))
    stream = named_stream(2, "pole", "initialisation", 50)
    last = nfq.fitted_q_iteration(data, nfq.initial_weights(stream, config_of(run)), config_of(run), stream)
    assert learned.policy.tobytes() == last.tobytes() and learned.columns["transitions"] == data.failed.size


FINGERPRINT = "ddcedde79c7b62e8"
"""Of a run's weights and balanced cycles; the same on every machine."""


def fingerprint() -> str:
    run = quick_run(seed=3, episodes=60)
    weights = learn(run).policy
    return hashlib.sha256(weights.tobytes() + balanced_of(run, weights).tobytes()).hexdigest()[:16]


def balanced_of(run: Run, weights: np.ndarray) -> np.ndarray:
    final = run.protocol.final_evaluation
    stream = named_stream(run.seed, "pole", "test", run.budget.episodes)
    return balanced_cycles(weights, final.presentation, config_of(run), final.num_episodes, stream)


def test_numbers_do_not_move_without_a_new_version():
    """Where a change is meant, raise NUMERICS_VERSION and take the new digest."""
    assert (NUMERICS_VERSION, fingerprint()) == (1, FINGERPRINT)


@pytest.mark.slow
def test_another_processor_gives_the_same_bytes(tmp_path):
    """Code for a processor with neither wide vectors nor fused operations."""
    command = f"from {__name__} import fingerprint; print(fingerprint())"
    machine = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, env=os.environ | machine, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == FINGERPRINT


def test_fq14_tests_do_not_depend_on_what_was_learned():
    """Starts and noise are those of the seed: a controller that is worse does not shift them."""
    start = 0.2 * (2 * named_stream(1, "pole", "test", 50).random(TEST_EPISODES) - 1)
    constant = np.zeros(56)  # every value is 0.5, so the first action is taken until the pole falls
    for side in (-1.0, 1.0):
        run = quick_run()
        final = run.protocol.final_evaluation
        plant = final.presentation.plant.model_copy(update={"forces_n": (side * 50.0, 0.0, -side * 50.0)})
        pushed = final.model_copy(update={"presentation": final.presentation.model_copy(update={"plant": plant})})
        balanced = balanced_of(
            replace(run, protocol=run.protocol.model_copy(update={"final_evaluation": pushed})), constant
        )
        assert balanced.shape == (TEST_EPISODES,) and balanced.min() >= 1 and balanced.max() < 20
        # a push to the side it leans to keeps a pole up a little longer
        assert balanced[side * start > 0].mean() > balanced[side * start < 0].mean()


def test_fq14_a_trial_is_successful_where_every_test_episode_is_balanced_to_its_end():
    run = quick_run(seed=1, episodes=100)
    learned = learn(run)
    assert learned.score == 1.0
    assert learned.columns["test_episodes_balanced"] == TEST_EPISODES
    assert learned.columns["least_balanced_cycles"] == learned.columns["mean_balanced_cycles"] == TEST_CYCLES
    failed = evaluate(run, np.zeros(56))
    assert (failed.score, failed.columns["test_episodes_balanced"]) == (0.0, 0)
    assert failed.columns["transitions"] == learned.columns["transitions"]


def successes(variant: str = "nfq") -> float:
    return sum(learn(quick_run(variant, seed=seed, episodes=100)).score for seed in range(1, 5))


def test_it_learns_to_balance():
    assert successes() == 4


@pytest.mark.parametrize("fault", ["sign", "no bootstrapping", "fallen costs nothing"])
def test_a_broken_target_does_not_learn(monkeypatch, fault):
    broken = {
        "sign": lambda failed, q_next, discount: np.where(failed, -1.0, discount * q_next.min(axis=0)),
        "no bootstrapping": lambda failed, q_next, discount: np.where(failed, 1.0, 0.0),
        "fallen costs nothing": lambda failed, q_next, discount: discount * q_next.min(axis=0),
    }
    monkeypatch.setattr(nfq, "targets", broken[fault])
    assert successes() <= 1
