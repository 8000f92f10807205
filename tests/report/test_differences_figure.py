"""The figure of differences: every judged row, in the order of its difference, in the color of its verdict."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.colors import to_hex

from replication.analysis.finished import load_runs
from replication.report.figures import differences
from replication.report.figures.differences import COLUMNS, OURS, _draw
from replication.report.figures.figure import VERDICT_COLORS
from replication.report.tables import scores
from tests.support.finished_runs import made_up_experiment
from tests.support.synthetic import write_finished


def _row(task: str, verdict: str, value: float, **others: object) -> dict[str, object]:
    bounds = {"low": value - 0.5, "high": value + 0.5, "low_wide": value - 0.7, "high_wide": value + 0.7}
    row = {"task": task, "agent": "DQN", "series": OURS, "verdict": verdict, "difference": value, "margin": 1.0}
    return row | {"in_margins": value} | bounds | others


def _words(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_rows_are_coloured_by_verdict_and_what_is_far_off_is_an_arrow_with_its_number():
    data = pd.DataFrame(
        [
            _row("Pong", "differs", -20.0),
            _row("Alien", "replicated", 0.1),
            {"task": "Alien", "agent": "DQN", "series": "C51", "difference": 1.5, "margin": 1.0, "in_margins": 1.5},
            _row("Venture", "uninformative", float("nan")),
        ],
        columns=COLUMNS,
    )
    figure = _draw(data)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Pong", "Alien", "Venture"]
    assert _words(axes) == ["−20.0", "uninformative"]
    markers = {
        line.get_marker(): to_hex(line.get_color()).upper() for line in axes.lines if line.get_marker() != "None"
    }
    assert markers["<"] == VERDICT_COLORS["differs"].upper() and markers["o"] == VERDICT_COLORS["replicated"].upper()
    assert markers["|"] == "#8C8C8C"
    assert axes.get_xlim() == (-6.0, 6.0)
    (legend,) = figure.legends
    said = [text.get_text() for text in legend.get_texts()]
    assert said[:3] == ["replicated (1)", "differs (1)", "uninformative (1)"] and said[-1] == "other agents"


@pytest.mark.parametrize("finished", [False, True])
def test_the_rows_are_those_of_the_score_table(tmp_path, finished):
    experiment = made_up_experiment(
        [{"variants": ["random_10hz"], "games": ["pong", "breakout", "alien"], "budget_frames": None}],
        published={"source": "nature_2015_table2", "algorithm": "random", "agents": {"random_10hz": "random"}},
    )
    for place, run in enumerate(experiment.runs() if finished else ()):
        write_finished(run, tmp_path, [float(100 * place + number % 4) for number in range(60)])
    runs = load_runs(experiment, tmp_path)
    result = differences.build(experiment, runs)
    table = scores.build(experiment, runs).frame
    judged = table[table["verdict"].isin(["consistent", "differs"])]
    assert sorted(result.data["task"]) == sorted(judged["game"]) and result.data["in_margins"].is_monotonic_increasing
    assert len(judged) == (3 if finished else 0)
    assert ("Nothing is judged yet" in result.caption) is not finished
    by_game = judged.set_index("game")
    for row in result.data.to_dict("records"):
        assert row["difference"] == pytest.approx(by_game.loc[row["task"], "difference"])
        assert row["verdict"] == by_game.loc[row["task"], "verdict"]
        assert row["in_margins"] == pytest.approx(row["difference"] / by_game.loc[row["task"], "margin"])
