"""Evaluation by the protocol (fidelity rows V3 to V6, V8, V9, V11), and its traces."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from replication.environments.atari.emulator import open_emulator
from replication.environments.contract import Viewing
from replication.evidence.evaluation import (
    EvaluationRequest,
    begin_evaluation,
    evaluate,
    exploration_stream,
    play_side_by_side,
)
from replication.evidence.scores import score
from replication.evidence.trace_replay import re_emulate, verify_trace
from replication.specification.run import resolve_run
from replication.training.off_policy.batching import IN_TURN
from replication.training.off_policy.periodic_evaluation import evaluate_periodically
from tests.support.lanes import RecordingLearner, build, smoke_run

SEEN = Viewing("nature", 4, 4)


def _uniform(stack: np.ndarray, stream: np.random.Generator) -> int:
    return int(stream.integers(3))


def _final(run=None):
    found = (run or smoke_run()).protocol.final_evaluation
    assert found is not None
    return found.presentation


def test_v9_thirty_episodes_of_at_most_five_minutes_count_raw_rewards() -> None:
    run = smoke_run(preset=None, budget_frames=400)
    trace = evaluate(_uniform, run, SEEN, EvaluationRequest(_final(run), "final_evaluation", num_episodes=30))
    assert len(trace.episodes) == 30
    assert all(episode.scored_frames <= 18_000 for episode in trace.episodes)
    assert all(1 <= episode.noop_frames <= 30 for episode in trace.episodes)
    assert score(trace) == pytest.approx(np.mean([episode.raw_return for episode in trace.episodes]))


def test_v9_the_cap_counts_frames_after_the_no_ops_and_truncates() -> None:
    presentation = _final().model_copy(update={"episode_cap_frames": 40})
    trace = evaluate(_uniform, smoke_run(), SEEN, EvaluationRequest(presentation, "final_evaluation", num_episodes=3))
    assert [episode.ending for episode in trace.episodes] == ["truncated"] * 3
    assert [episode.scored_frames for episode in trace.episodes] == [40] * 3


def test_v4_the_unfinished_episode_is_dropped_and_none_completed_is_no_score() -> None:
    whole = evaluate(_uniform, smoke_run(), SEEN, EvaluationRequest(_final(), "periodic_evaluation", num_steps=400))
    assert [episode.ending for episode in whole.episodes][-1] == "unfinished"
    done = [episode.raw_return for episode in whole.episodes[:-1]]
    assert len(done) >= 2
    assert score(whole) == np.mean(done)
    short = evaluate(_uniform, smoke_run(), SEEN, EvaluationRequest(_final(), "periodic_evaluation", num_steps=5))
    assert math.isnan(score(short))


def test_returns_recomputed_from_a_trace_equal_the_recorded_ones() -> None:
    trace = evaluate(_uniform, smoke_run(), SEEN, EvaluationRequest(_final(), "final_evaluation", num_episodes=4))
    again = list(re_emulate(trace, open_emulator("catch")))
    assert [check.raw_return for check in again] == [episode.raw_return for episode in trace.episodes]
    verify_trace(trace, open_emulator("catch"), Path("evaluation.trace"))
    assert sum(episode.raw_return for episode in trace.episodes) > 0


def test_evaluations_are_equal_by_index_and_differ_across_indices() -> None:
    def played(index: int) -> list[bytes]:
        trace = evaluate(
            _uniform, smoke_run(), SEEN, EvaluationRequest(_final(), "periodic_evaluation", index=index, num_episodes=2)
        )
        return [episode.codes.tobytes() for episode in trace.episodes]

    assert played(1) == played(1)
    assert played(1) != played(2)


def test_evaluations_side_by_side_are_what_each_is_alone() -> None:
    """Of different games and lengths: one ends while the other goes on."""
    runs = [smoke_run("dqn", "pong"), smoke_run("dqn", "catch", seed=2)]
    alone = [
        evaluate(_uniform, run, SEEN, EvaluationRequest(_final(run), "periodic_evaluation", num_steps=300))
        for run in runs[:1]
    ]
    alone.append(
        evaluate(_uniform, runs[1], SEEN, EvaluationRequest(_final(runs[1]), "periodic_evaluation", num_episodes=2))
    )
    streams = [exploration_stream(run, "periodic_evaluation", 0) for run in runs]
    lengths = [{"num_steps": 300}, {"num_episodes": 2}]
    begun = [
        begin_evaluation(run, SEEN, EvaluationRequest(_final(run), "periodic_evaluation", **length))
        for run, length in zip(runs, lengths, strict=True)
    ]
    asked: list[int] = []

    def choose(stacks):
        asked.append(len(stacks))
        return {place: _uniform(stack, streams[place]) for place, stack in stacks.items()}

    assert play_side_by_side(begun, choose) == alone
    assert asked[0] == 2 and asked[-1] == 1


def test_v5_lost_lives_do_not_end_an_evaluation_episode() -> None:
    trace = evaluate(
        lambda stack, stream: 0, smoke_run(), SEEN, EvaluationRequest(_final(), "final_evaluation", num_episodes=1)
    )
    fresh = open_emulator("catch")
    fresh.reset()
    assert fresh.lives > 1
    assert trace.episodes[0].ending == "terminated"


def test_v8_only_a_strictly_higher_score_replaces_the_best_network(monkeypatch: pytest.MonkeyPatch) -> None:
    from replication.training.off_policy import periodic_evaluation

    trainee = build(smoke_run())
    RecordingLearner(trainee)
    scores = iter([math.nan, 3.0, 3.0, 2.0, 5.0])
    monkeypatch.setattr(periodic_evaluation, "score", lambda trace: next(scores))
    for step in (200, 400, 600, 800, 1000):
        trainee.lane.step = step
        evaluate_periodically([trainee], trainee.lane.config, IN_TURN)
    assert [point.is_best for point in trainee.curve] == [False, True, False, False, True]
    assert trainee.curve[0].score is None


@pytest.mark.parametrize(("variant", "period"), [("random_10hz", 6), ("random_60hz", 1)])
def test_v11_the_random_agent_draws_an_action_every_6th_frame_and_holds_it(variant: str, period: int) -> None:
    from replication.training.untrained.family import player

    run = resolve_run(variant=variant, task="catch", seed=1)
    policy, viewing = player(run, None)
    assert viewing.frame_skip == period
    trace = evaluate(policy, run, viewing, EvaluationRequest(_final(run), "final_evaluation", num_episodes=3))
    for episode in trace.episodes:
        frames = np.repeat(episode.codes, episode.lengths)[episode.noop_frames :]
        changes = np.flatnonzero(np.diff(frames)) + 1
        assert len(changes) > 3
        assert set(changes % period) == {0}


def test_a_trace_with_a_changed_return_does_not_verify() -> None:
    from replication.foundation.errors import ReplicationError

    trace = evaluate(_uniform, smoke_run(), SEEN, EvaluationRequest(_final(), "final_evaluation", num_episodes=2))
    first = replace(trace.episodes[0], raw_return=trace.episodes[0].raw_return + 1)
    changed = replace(trace, episodes=(first, *trace.episodes[1:]))
    with pytest.raises(ReplicationError, match="episode 0"):
        verify_trace(changed, open_emulator("catch"), Path("evaluation.trace"))
