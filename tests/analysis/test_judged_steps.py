"""Cells judged run by run at agent steps: counterparts, floors, shares of two outcomes, and what has no reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import pytest

from replication.analysis.finished import load_runs
from replication.analysis.judged_cells import JudgedTable, judged_table
from replication.analysis.step_counterparts import UNTRAINED, find_step_counterpart, reference_score, scaled_score
from replication.analysis.verdict_conventions import Family
from replication.analysis.verdict_rule import Comparison, Runs, judge
from replication.published.curves_by_step import step_point
from replication.specification.experiments import Experiment
from tests.support.control_runs import control_experiment, write_control_run


def judged(
    experiment: Experiment, results: Path, scores: Mapping[str, list[float]], start: float = -1.5
) -> JudgedTable:
    """Judge runs of which each has this score at its end, by task and seed."""
    for run in experiment.runs():
        if run.task.name in scores:
            ends = {0: start, run.training_steps: scores[run.task.name][run.seed - 1]}
            write_control_run(run, results, ends)
    return judged_table(experiment, load_runs(experiment, results))


def test_runs_stand_beside_the_published_runs_at_the_same_step_above_their_untrained_policies(tmp_path: Path) -> None:
    ours = [5_400.0, 5_700.0, 5_300.0, 5_900.0, 5_200.0]
    table = judged(control_experiment([{}]), tmp_path, {"half_cheetah": ours})
    (one,) = table.cells
    published = step_point("sfujim_td3", "HalfCheetah", "TD3", 100_000)
    start = step_point("sfujim_td3", "HalfCheetah", "TD3", 0)
    assert one.counterpart is not None and one.counterpart.scores == published.scores and len(published.scores) == 10
    assert one.floor is not None and one.floor.score == pytest.approx(fmean(start.scores))
    assert one.floor.error == pytest.approx(stdev(start.scores) / 10**0.5)
    expected = Comparison(
        Runs(fmean(ours) - one.floor.score, 5, stdev(ours) ** 2),
        Runs(fmean(published.scores) - one.floor.score, 10, stdev(published.scores) ** 2),
        one.floor.error,
        None,
    )
    assert table.family.comparisons == 1 and one.verdict.word == "replicated"
    assert one.verdict.share == pytest.approx(judge(expected, table.family).share)
    assert one.verdict.share_low == pytest.approx(judge(expected, table.family).share_low)


def test_runs_that_learned_half_differ_and_untrained_ones_are_not_told_from_the_untrained_policy(
    tmp_path: Path,
) -> None:
    (half,) = judged(
        control_experiment([{}]), tmp_path / "half", {"half_cheetah": [2_700.0, 2_800, 2_750, 2_600, 2_900]}
    ).cells
    assert half.verdict.word == "differs" and UNTRAINED not in half.not_ruled_out
    (flat,) = judged(
        control_experiment([{}]), tmp_path / "flat", {"half_cheetah": [-1.0, 400.0, -200.0, 90.0, -300.0]}
    ).cells
    assert flat.verdict.word == "differs" and flat.not_ruled_out == (UNTRAINED,)


@pytest.mark.parametrize(
    ("scores", "word"),
    [([1000.0] * 5, "consistent"), ([1000.0, 1000.0, 1000.0, 1000.0, 40.0], "consistent"), ([30.0] * 5, "differs")],
)
def test_where_all_published_runs_are_equal_shares_of_runs_are_compared(
    tmp_path: Path, scores: list[float], word: str
) -> None:
    experiment = control_experiment([{"tasks": ["inverted_pendulum"], "budget_steps": 50_000}])
    (one,) = judged(experiment, tmp_path, {"inverted_pendulum": scores}, start=10.0).cells
    assert one.counterpart is not None and one.counterpart.variance == 0.0 and one.counterpart.two_points
    assert one.verdict.word == word and "of 10 published ones are above the level" in one.verdict.reason


def test_a_source_without_untrained_policies_is_counted_from_ours_at_step_0(tmp_path: Path) -> None:
    published = {"source": "nnabla_rl_control", "algorithm": "DDPG", "agents": {"td3_2018": "DDPG"}}
    experiment = control_experiment([{}], published=published)
    (waiting,) = judged_table(experiment, load_runs(experiment, tmp_path)).cells
    assert waiting.floor is None and waiting.verdict.word == "not run"
    assert judged_table(experiment, load_runs(experiment, tmp_path)).family.comparisons == 1
    (one,) = judged(experiment, tmp_path, {"half_cheetah": [5_000.0, 5_100, 5_200, 5_300, 5_150]}, start=-2.0).cells
    assert one.floor is not None and (one.floor.score, one.floor.error) == (-2.0, 0.0)
    assert one.floor.name == "our own untrained policies" and one.verdict.word == "replicated"


def test_tianshou_s_steps_are_counted_from_its_first_random_one() -> None:
    point = step_point("tianshou_control", "HalfCheetah", "DDPG", 125_000)
    assert (point.printed_step, point.runs) == (100_000, 10) and point.mean == pytest.approx(6308.5)
    assert step_point("tianshou_control", "HalfCheetah", "DDPG", 0).printed_step == 0


def test_what_is_another_quantity_step_or_agent_is_no_reference() -> None:
    experiment = control_experiment([{}])
    assert experiment.published is not None
    run = experiment.runs()[0]
    smoothed = experiment.published.model_copy(update={"source": "spinningup_control"})
    assert find_step_counterpart(smoothed, run) == (
        "the published curve is smoothed (centred mean of 11 epochs), ours is not"
    )
    other = replace(run, budget=replace(run.budget, steps=102_000))
    found = find_step_counterpart(experiment.published, other)
    assert isinstance(found, str) and "found no point at step 102,000" in found and "100,000 and 105,000" in found
    nobody = experiment.published.model_copy(update={"agents": {}})
    assert find_step_counterpart(nobody, run) == "no published curve is named for this agent"
    assert find_step_counterpart(None, run) == "the experiment names no published source"


def test_a_hundred_is_the_source_s_reference_agent() -> None:
    reference = reference_score("sfujim_td3", "HalfCheetah")
    assert reference == pytest.approx(9567, abs=1) and reference_score("sfujim_td3", "Swimmer") is None
    assert scaled_score(reference, -1.5, reference) == 100.0 and scaled_score(-1.5, -1.5, reference) == 0.0


def test_an_uncertain_floor_is_the_reason_where_no_number_of_seeds_can_decide() -> None:
    published = Runs(14.0, 10, 0.3)
    clear, unclear = (Comparison(Runs(14.0, 5, 0.3), published, error, None) for error in (0.5, 6.2))
    assert judge(clear, Family(10)).word == "replicated"
    verdict = judge(unclear, Family(10))
    assert (verdict.word, verdict.more_seeds_can_decide) == ("inconclusive", False)
    assert verdict.reason == "no number of seeds can: the floor is too uncertain"
    certain = Comparison(Runs(14.0, 10**6, 1e-6), published, 6.2, None)
    assert judge(certain, Family(10)).word == "inconclusive"
