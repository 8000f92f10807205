"""The final evaluation of an on-policy run, where a protocol has one: played, stored, and played again alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from replication.evidence.activations import read_activations
from replication.evidence.evaluation import EvaluationRequest, evaluate
from replication.evidence.state_files import activations_path, network_path
from replication.foundation.errors import ReplicationError
from replication.specification.loading import load_protocol
from replication.specification.protocols import FinalEvaluation
from replication.specification.run import Run
from replication.training.final_evaluation import PURPOSE
from replication.training.machine.settings import Machine
from replication.training.on_policy.evaluated_network import EvaluatedNetwork
from replication.training.on_policy.family import open_cohort, open_network, player
from replication.training.resumable_play import play_at_once
from tests.support.on_policy import advance, opened, small_run


def evaluated_run(**changes: object) -> Run:
    """A run that is evaluated at its end by two games of the Nature evaluation, cut short."""
    run = small_run(steps=160, **changes)
    final = load_protocol("nature").final_evaluation
    assert final is not None
    shown = final.presentation.model_copy(update={"episode_cap_frames": 400})
    short = {"network": "final", "num_episodes": 2, "epsilon": 0.05, "presentation": shown}
    protocol = run.protocol.model_copy(update={"final_evaluation": FinalEvaluation.model_construct(**short)})
    return replace(run, protocol=protocol)


def machine_of(folder: Path, device: str = "cpu") -> Machine:
    return Machine(folder / "results", folder / "state", device, "lz4", 600.0, None, quiet=True, workers=1)


@pytest.mark.parametrize("acts", ["sampled", "greedy"])
def test_what_is_evaluated_plays_the_same_again_from_its_stored_network(tmp_path: Path, acts: str) -> None:
    run, machine = evaluated_run(evaluation_policy=acts), machine_of(tmp_path)
    with open_cohort([run], machine) as cohort:
        for _ in cohort.train(play_at_once):
            pass
        (outcome,) = cohort.finish(play_at_once)
    assert outcome.evaluation is not None and len(outcome.evaluation.episodes) == 2
    policy, viewing = player(run, network_path(run, machine.state))
    final = run.protocol.final_evaluation
    assert final is not None
    again = evaluate(policy, run, viewing, EvaluationRequest(final.presentation, PURPOSE, num_episodes=2))
    assert again.episodes == outcome.evaluation.episodes
    found = read_activations(activations_path(run, machine.state))
    assert found.hidden.shape == (len(found.values), 32) and np.isfinite(found.values).all()
    network = open_network(run, network_path(run, machine.state))
    probabilities = network.action_values(np.zeros((84, 84, 4), np.uint8), np.random.default_rng(0))
    assert probabilities.shape == (3,) and probabilities.sum() == pytest.approx(1.0, abs=1e-6)


def test_a_greedy_policy_takes_the_likeliest_action_and_a_sampled_one_does_not_always(tmp_path: Path) -> None:
    (trainee,) = opened(evaluated_run())
    advance([trainee])
    network, state = EvaluatedNetwork(trainee.learner), trainee.lane.stacks[0]
    stream = np.random.default_rng(0)
    likeliest = int(network.action_values(state, stream).argmax())
    sampled = [network.policy(0.0)(state, stream) for _ in range(100)]
    trainee.learner.config = trainee.learner.config.model_copy(update={"evaluation_policy": "greedy"})
    assert {network.policy(0.0)(state, stream) for _ in range(10)} == {likeliest}
    assert set(sampled) == {0, 1, 2}
    assert len({network.policy(1.0)(state, stream) for _ in range(100)}) == 3


def test_what_the_family_cannot_do_is_said_in_a_line(tmp_path: Path) -> None:
    run = small_run()
    with (
        pytest.raises(ReplicationError, match=r"--device cuda: .* family on_policy trains on cpu alone"),
        open_cohort([run], machine_of(tmp_path, "cuda")),
    ):
        pass
    periodic = load_protocol("nature").periodic_evaluation
    protocol = run.protocol.model_copy(update={"periodic_evaluation": periodic})
    with (
        pytest.raises(ReplicationError, match="evaluates periodically, family on_policy at the end alone"),
        open_cohort([replace(run, protocol=protocol)], machine_of(tmp_path)),
    ):
        pass
