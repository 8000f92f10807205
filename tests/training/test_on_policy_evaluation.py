"""The final evaluation of an on-policy run, where a protocol has one: played, stored, and played again alike."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from replication.analysis.cells import Cell
from replication.analysis.finished import FinishedRun
from replication.environments.atari.frames import frame_pipeline
from replication.evidence import records
from replication.evidence.activations import moments_of_steps, read_activations
from replication.evidence.evaluation import EvaluationRequest, evaluate
from replication.evidence.run_files import write_results
from replication.evidence.state_files import activations_path, network_path
from replication.evidence.traces import of_game
from replication.evidence.verify_run import check_run
from replication.foundation.errors import ReplicationError
from replication.report.figures.embedding import Panel, caption
from replication.report.pages.runs import beside_scores
from replication.report.views.evaluation_views import view
from replication.specification.loading import load_protocol
from replication.specification.protocols import Protocol, of_atari
from replication.specification.run import Run
from replication.training.final_evaluation import PURPOSE
from replication.training.machine.settings import Machine
from replication.training.on_policy.evaluated_network import EvaluatedNetwork
from replication.training.on_policy.family import open_cohort, open_network, player, viewing
from replication.training.resumable_play import play_at_once
from tests.support.on_policy import advance, opened, small_run


def evaluated_run(steps: int = 160, epsilon: float | None = 0.05, **changes: Any) -> Run:
    """A run that is evaluated at its end as its protocol says, but by two games, cut short."""
    run = small_run(steps=steps, **changes)
    beside = run.protocol.evaluation_beside_score
    assert beside is not None
    shown = of_atari(beside.presentation).model_copy(update={"episode_cap_frames": 400})
    short = beside.model_copy(update={"num_episodes": 2, "epsilon": epsilon, "presentation": shown})
    return replace(run, protocol=run.protocol.model_copy(update={"evaluation_beside_score": short}))


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
    policy, view_of = player(run, network_path(run, machine.state))
    final = run.protocol.evaluation_at_end
    assert final is not None
    again = evaluate(policy, run, view_of, EvaluationRequest(final.presentation, PURPOSE, num_episodes=2))
    assert again.episodes == outcome.evaluation.episodes
    found = read_activations(activations_path(run, machine.state))
    assert found.hidden.shape == (len(found.values), 32) and np.isfinite(found.values).all()
    network = open_network(run, network_path(run, machine.state))
    probabilities = network.action_values(np.zeros((84, 84, 4), np.uint8), np.random.default_rng(0))
    assert probabilities.shape == (3,) and probabilities.sum() == pytest.approx(1.0, abs=1e-6)


def test_a_greedy_policy_takes_the_likeliest_action_and_a_sampled_one_does_not_always(tmp_path: Path) -> None:
    (trainee,) = opened(evaluated_run())
    advance([trainee])
    network, state = EvaluatedNetwork(trainee.learner, trainee.lane.actions), trainee.lane.stacks[0]
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


def trained_record(run: Run, folder: Path) -> Path:
    """Train, evaluate and write a run; return the folder of its record."""
    with open_cohort([run], machine_of(folder)) as cohort:
        for _ in cohort.train(play_at_once):
            pass
        (outcome,) = cohort.finish(play_at_once)
    return write_results(outcome, folder / "results")


def test_an_evaluation_beside_the_score_is_verified_moves_no_score_and_is_no_part_of_the_identity(
    tmp_path: Path,
) -> None:
    run = evaluated_run(steps=960)
    without = replace(run, protocol=run.protocol.model_copy(update={"evaluation_beside_score": None}))
    assert (run.training_digest, run.result_digest) == (without.training_digest, without.result_digest)
    folder = trained_record(run, tmp_path)
    assert records.read(folder)["score"] == pd.read_csv(folder / "training_curve.csv")["mean_return"].iloc[-1]
    assert check_run(folder).episodes == len(pd.read_csv(folder / "training.csv")) + 2
    record = {name: value for name, value in records.read(folder).items() if name not in ("files", "seal")}
    kept = {file.name: file.read_bytes() for file in folder.iterdir() if file.name != "run.json"}
    first, *others = kept["scores.csv"].splitlines(keepends=True)
    records.write(folder, record, kept | {"scores.csv": b"".join([first, *others, others[-1]])})
    with pytest.raises(ReplicationError, match=r"scores\.csv"):
        check_run(folder)


def test_lives_of_an_evaluation_begin_as_in_training_and_are_seen_again_alike(tmp_path: Path) -> None:
    run = evaluated_run(epsilon=0.0)
    final = run.protocol.evaluation_at_end
    assert final is not None
    seen: list[np.ndarray] = []

    def never_moves(stack: np.ndarray, stream: np.random.Generator) -> int:
        seen.append(stack.copy())
        return 0

    shown = of_atari(final.presentation)
    request = EvaluationRequest(shown, PURPOSE, num_episodes=1)
    trace = of_game(evaluate(never_moves, run, viewing(run, shown), request))
    (episode,) = trace.episodes
    begun = [step for step, stack in enumerate(seen) if not stack[..., :-1].any()]
    # A miss is a life; after each but the last a step of the no-op is played, which is not scored.
    assert episode.raw_return == 0.0 and episode.ending == "terminated" and len(begun) == 3
    assert len(episode.spans) == 6 and episode.spans[2:5:2] == (4, 4)
    frames = np.array([4 * step for step in range(len(seen))])
    assert moments_of_steps(trace, np.arange(len(seen)))[1].tolist() == frames.tolist()
    pipeline = frame_pipeline(viewing(run, shown).frame_pipeline, shown.frame_skip)
    moments = [(0, int(frame)) for frame in frames]
    _, stretch = view(trace, shown, tmp_path / "evaluation.trace", moments, pipeline, viewing(run, shown))
    first = int(stretch.frames[0]) // 4
    assert np.array_equal(stretch.stacks, np.stack(seen[first : first + len(stretch.stacks)]))


def test_lives_that_an_evaluation_cannot_have_are_refused() -> None:
    protocol = load_protocol("baselines").model_dump()
    for setting, value in (
        ("life_loss_stops_repeat", True),
        ("between_lives_counts", True),
        ("noops_after_life_loss_frames", [2, 31]),
    ):
        content = copy.deepcopy(protocol)
        shown = content["evaluation_beside_score"]["presentation"]
        shown |= {"noop_step_after_life_loss": False, setting: value}
        with pytest.raises(ValidationError, match=f"evaluation_beside_score.presentation.{setting}: found"):
            Protocol.model_validate_json(json.dumps(content))
    scored_otherwise = {"training_score": None, "published_quantity": "training_iterations"}
    for change in (scored_otherwise, {"final_evaluation": protocol["evaluation_beside_score"]}):
        with pytest.raises(ValidationError, match="evaluation_beside_score: expected training_score beside it, and no"):
            Protocol.model_validate_json(json.dumps(protocol | change))


def test_an_evaluation_beside_the_score_is_shown_and_is_no_interval_of_it() -> None:
    run, returns = evaluated_run(), pd.DataFrame({"return": [1.0, 3.0]})
    found = FinishedRun(run, Path(), {"score": 5.3}, returns, None, None, None, None, None)
    assert Cell((run,), (found,), run.budget).episode_returns == []
    (row,) = beside_scores([found])
    assert row.pop("run") == "a2c catch seed 1"
    assert row == {"score": "5.3", "mean": "2.0", "deviation": "1.4", "episodes": "2", "policy": "sampled"}
    words = caption([Panel(run, 640, pd.DataFrame({"x": [0.0]}), {})], 1, 1, "")
    assert "the value the network predicts (the value of the state, in" in words
