"""Looks: at how many seeds a cell is judged, and that a plan of them is paid for."""

from __future__ import annotations

from pathlib import Path

import pytest

from replication.analysis.finished import load_runs
from replication.analysis.judged_cells import JudgedCell, judged_table
from replication.analysis.looks import looks_text
from replication.specification.experiments import Experiment
from tests.support.finished_runs import made_up_experiment
from tests.support.synthetic import write_finished

NATURE = {"source": "nature_2015_table2", "algorithm": "dqn", "agents": {"dqn": "dqn"}}
SCORES = [400.0, 402.0, 390.0, 410.0]


def experiment_of(**changes: object) -> Experiment:
    group = {"games": ["breakout"], "seeds": [1, 2, 3, 4], "budget_frames": 200_000_000}
    return made_up_experiment([group], figures=[], published=NATURE, **changes)


def judged(experiment: Experiment, results: Path, seeds: int) -> JudgedCell:
    for run, score in zip(experiment.runs()[:seeds], SCORES, strict=False):
        write_finished(run, results, [score, score])
    (one,) = judged_table(experiment, load_runs(experiment, results)).cells
    return one


@pytest.mark.parametrize(
    ("finished", "seeds", "words"), [(1, 1, "1 of 3"), (2, 1, "1 of 3"), (3, 3, "2 of 3"), (4, 4, "3 of 3")]
)
def test_a_cell_is_judged_at_the_newest_planned_look(tmp_path: Path, finished: int, seeds: int, words: str) -> None:
    one = judged(experiment_of(looks=[1, 3, 4]), tmp_path, finished)
    assert (one.look.seeds, one.look.in_words) == (seeds, words)
    assert one.comparison is not None and one.comparison.ours.count == seeds
    assert one.comparison.ours.mean == pytest.approx(sum(SCORES[:seeds]) / seeds - 1.7)
    assert bool(one.look.waits) == (finished != seeds)


def test_before_the_first_look_nothing_is_judged(tmp_path: Path) -> None:
    one = judged(experiment_of(looks=[2, 4]), tmp_path, 1)
    assert (one.verdict.word, one.verdict.reason) == ("not run", "the first look is at 2 seeds, 1 finished")


def test_looks_share_the_error(tmp_path: Path) -> None:
    """The interval of the third look of 1, 2, 3 is that of two comparisons."""
    plain, planned = experiment_of(), experiment_of(looks=[1, 2, 3])
    judged(plain, tmp_path, 4)
    families = [judged_table(each, load_runs(each, tmp_path)).family for each in (plain, planned)]
    assert [family.comparisons for family in families] == [1, 1]
    assert [family.size for family in families] == [1.0, 2.0]


def test_seeds_that_no_plan_pays_for_are_said_to_cost_the_promise(tmp_path: Path) -> None:
    plain, planned = experiment_of(), experiment_of(looks=[2, 4])
    for finished, said in ((3, "not all seeds are finished: a verdict given now and again"), (4, "adding seeds after")):
        one = judged(plain, tmp_path, finished)
        text = looks_text(plain, [one.cell])
        assert said in text and "cost" in text
    assert looks_text(planned, []).startswith("Looks are planned at 2 and 4 seeds of a cell")


@pytest.mark.parametrize(
    ("looks", "expected"), [([2, 1], "ascending"), ([1, 1], "ascending"), ([1, 5], "at most 4, the seeds of a group")]
)
def test_a_plan_of_looks_that_cannot_be_is_refused(looks: list[int], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        experiment_of(looks=looks)
