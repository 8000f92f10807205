"""Judged cells: floors, which comparisons share the error, severity, stand-ins and agents that do not train."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from replication.analysis.finished import load_runs
from replication.analysis.floors import RANDOM_PLAY
from replication.analysis.judged_cells import JudgedTable, judged_table
from replication.analysis.random_tables import all_games_text, table_tests
from replication.analysis.stand_ins import factors_that_keep_the_word
from replication.analysis.verdict_conventions import Family
from replication.analysis.verdict_rule import Runs, judge
from replication.published.curves import training_curve
from replication.specification.experiments import Experiment
from tests.support.finished_runs import finish, made_up_experiment
from tests.support.synthetic import write_finished

DOPAMINE = {"source": "dopamine_curves", "algorithm": "DQN", "agents": {"dqn_dopamine": "DQN"}}
NATURE = {"source": "nature_2015_table2", "algorithm": "dqn", "agents": {"dqn": "dqn", "random_10hz": "random"}}


def of_dopamine(games: list[str], iterations: int, seeds: int = 2) -> Experiment:
    group = {"variants": ["dqn_dopamine"], "games": games, "seeds": list(range(1, seeds + 1)), "budget_frames": None}
    group |= {"budget_iterations": iterations}
    return made_up_experiment([group], figures=[], reference_set="atari57_30min", published=DOPAMINE)


def with_returns(experiment: Experiment, results: Path, returns: dict[str, list[float]]) -> JudgedTable:
    """Finish the runs so that the last iteration of each has the return named for its game and seed."""
    for run in experiment.runs():
        folder = finish(run, results)
        header, *rows = (folder / "iterations.csv").read_text().splitlines()
        last = f"{rows[-1].rpartition(',')[0]},{returns[run.task.name][run.seed - 1]}"
        (folder / "iterations.csv").write_text("\n".join([header, *rows[:-1], last]) + "\n")
    return judged_table(experiment, load_runs(experiment, results))


def test_dopamine_s_floor_is_of_another_protocol_and_says_so(tmp_path: Path) -> None:
    """Its curves have no random agent: the references' one has no-op starts and no sticky actions."""
    experiment = of_dopamine(["pong"], 1)
    (one,) = judged_table(experiment, load_runs(experiment, tmp_path)).cells
    assert one.floor is not None and (one.floor.score, one.floor.error) == (-20.7, 0.0)
    assert one.floor.other_protocol == "of no-op starts and without the sticky actions (0.25) of the run"
    assert one.verdict.word == "not run"


def test_nature_s_floor_is_its_own_random_agent(tmp_path: Path) -> None:
    group = {"games": ["breakout"], "seeds": [1], "budget_frames": 200_000_000}
    experiment = made_up_experiment([group], figures=[], published=NATURE)
    (one,) = judged_table(experiment, load_runs(experiment, tmp_path)).cells
    assert one.floor is not None and (one.floor.score, one.floor.other_protocol) == (1.7, "")


def test_rows_that_can_tell_nothing_share_no_error(tmp_path: Path) -> None:
    """DQN's five runs of Kung-Fu Master part ways in their second million frames; those of Road Runner do not."""
    experiment = of_dopamine(["kung_fu_master", "road_runner"], 2)
    table = with_returns(experiment, tmp_path, {"kung_fu_master": [1_000.0, 1_100.0], "road_runner": [340.0, 350.0]})
    assert table.family.comparisons == 1
    kung_fu, road_runner = table.cells
    assert (kung_fu.verdict.word, road_runner.verdict.word) == ("uninformative", "replicated")


def test_the_published_agents_that_are_not_ruled_out_are_named(tmp_path: Path) -> None:
    """Runs put in the middle of C51's are told from DQN's, and not from C51's."""
    experiment = of_dopamine(["road_runner"], 3)
    curves = {
        agent: training_curve("dopamine_curves", "road_runner", agent).set_index("frames_millions").loc[3]
        for agent in ("DQN", "C51")
    }
    middle = float(curves["C51"]["score_mean"])
    table = with_returns(experiment, tmp_path, {"road_runner": [middle, middle * 1.01]})
    (one,) = table.cells
    assert "C51" in one.not_ruled_out and RANDOM_PLAY not in one.not_ruled_out
    assert "DQN" not in one.not_ruled_out and one.tried == 6  # five other agents and random play
    (poor,) = with_returns(experiment, tmp_path / "poor", {"road_runner": [11.0, 12.5]}).cells
    assert RANDOM_PLAY in poor.not_ruled_out and poor.verdict.word != "replicated"


@pytest.mark.parametrize("spread", [0.0, 4.0])
def test_random_play_in_our_place_is_never_replicated(tmp_path: Path, spread: float) -> None:
    experiment = of_dopamine(["road_runner", "krull", "pong"], 3)
    for one in judged_table(experiment, load_runs(experiment, tmp_path)).cells:
        assert one.comparison is not None
        for ours in (Runs(0.0, 1, None), Runs(0.0, 3, spread)):
            assert judge(replace(one.comparison, ours=ours), Family(1)).word != "replicated"


def test_how_far_a_stand_in_may_be_off_is_where_the_word_changes(tmp_path: Path) -> None:
    group = {"games": ["breakout"], "seeds": [1, 2, 3], "budget_frames": 200_000_000}
    experiment = made_up_experiment([group], figures=[], published=NATURE)
    for run in experiment.runs():
        write_finished(run, tmp_path, [400.0 + run.seed, 402.0 - run.seed])
    table = judged_table(experiment, load_runs(experiment, tmp_path))
    (one,) = table.cells
    assert one.comparison is not None and one.stand_in_factors is not None
    low, high = one.stand_in_factors
    assert low <= 1.0 <= high

    def word(factor: float) -> str:
        assert one.comparison is not None and one.comparison.stand_in_variance is not None
        scaled = replace(one.comparison, stand_in_variance=factor**2 * one.comparison.stand_in_variance)
        return judge(scaled, table.family).word

    step = 10 ** (1 / 12)
    assert word(low) == word(high) == one.verdict.word
    assert low <= 0.101 or word(low / step) != one.verdict.word
    assert high >= 9.9 or word(high * step) != one.verdict.word
    assert factors_that_keep_the_word(one.comparison, table.family) == (low, high)


def test_the_wrong_random_agent_is_tried_in_the_place_of_the_right_one(tmp_path: Path) -> None:
    """Episodes far off the published mean of 1.7 are told apart game by game and in the table of all games."""
    rates = {"variants": ["random_10hz", "random_60hz"], "games": ["breakout", "pong"], "budget_frames": None}
    experiment = made_up_experiment([rates], figures=[], published=NATURE)
    usual = {"breakout": [0.0, 1.0, 2.0, 3.0, 2.0, 1.0] * 10, "pong": [-21.0, -21.0, -20.0, -21.0] * 15}
    for run in experiment.runs():
        fast = run.variant.variant == "random_60hz"
        write_finished(run, tmp_path, [each + 3.0 * fast for each in usual[run.task.name]])
    table = judged_table(experiment, load_runs(experiment, tmp_path))
    named = {(one.cell.run.task.name, one.cell.run.variant.variant): one for one in table.cells}
    right = named["breakout", "random_10hz"]
    assert (right.verdict.word, right.would_have_passed, right.tried) == ("consistent", (), 1)
    assert named["breakout", "random_60hz"].verdict.word == "no reference"
    words = {title: test.word for title, test in table_tests(table).items()}
    assert words == {"Random agent, 10 Hz": "consistent", "Random agent, 60 Hz": "differs"}
    assert "Random agent, 60 Hz differs (S = " in all_games_text(table)
