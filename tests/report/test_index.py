"""The front page: what is known, what there is, and what is not run."""

from __future__ import annotations

import re
import subprocess

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from replication.analysis import cost
from replication.foundation.paths import WORKFLOW
from replication.report.figures import all_verdicts
from replication.report.pages import known
from replication.report.pages.index import index_html
from replication.report.pages.known import JudgedRow
from replication.report.pages.summary import MADE_BY_EVERY_CLONE, Left
from replication.specification.experiments import known_experiments, load_experiment
from replication.specification.variants import FAMILIES
from tests.support.synthetic import write_finished


@pytest.mark.slow
def test_the_front_page_says_what_is_known_links_what_there_is_and_prices_the_rest(tmp_path):
    folder = tmp_path / "nature_random" / "tables"
    folder.mkdir(parents=True)
    (folder / "scores.csv").write_text(
        "game,agent,verdict,difference,margin\nPong,Random,differs,4.0,2.0\nBreakout,Random,replicated,0.5,2.0\n"
        "Tennis,Random,replicated,,\nAlien,Random,not run,,\n"
    )
    assert "nature_random/index.html" not in index_html(tmp_path)
    (tmp_path / "nature_random" / "index.html").write_text("")
    html = index_html(tmp_path)
    assert html == index_html(tmp_path)
    experiments, to_run = (re.findall(r'<tr><th scope="row">(.*?)</tr>', part) for part in html.split('id="not-run"'))
    [first] = experiments
    assert first.startswith('<a href="nature_random/index.html">') and "0 of 588" in first
    assert re.findall(r">(\d+ [a-z ]+)</span>", first) == ["2 replicated", "1 differs", "1 not run"]
    counted = len(known_experiments()) - len(MADE_BY_EVERY_CLONE)
    assert len(to_run) == counted and "quickstart" not in "".join(to_run)
    assert f"<p>1 of {counted} experiments have results here, and 3 rows of their tables are judged" in html
    assert "<p>1 differs: Nature, Extended Data Table 2: the random agents (1).</p>" in html
    assert all(f'id="word-{word}"' in html for word in ("frame", "step", "margin", "verdict", "severity"))
    [figure4] = [row for row in to_run if row.startswith("nature_figure4")]
    assert "1 of 1<" in figure4 and ">200,000,000 frames<" in figure4  # the article's budget


@pytest.mark.slow
def test_a_quickstart_leaves_the_front_page_as_it_is(tmp_path):
    experiment = load_experiment("quickstart")
    # Its random agents are runs of other experiments too, and committed with them.
    own = [run for run in experiment.runs() if run.family.trains]
    for run in experiment.runs():
        if run not in own:
            write_finished(run, tmp_path, [1.0, 2.0])
    before = index_html(tmp_path)
    for run in own:
        write_finished(run, tmp_path, [1.0, 2.0])
    (tmp_path / "quickstart" / "tables").mkdir(parents=True)
    (tmp_path / "quickstart" / "index.html").write_text("")
    (tmp_path / "quickstart" / "tables" / "scores.csv").write_text("game,agent,verdict\nPong,DQN,replicated\n")
    assert index_html(tmp_path) == before
    committed = subprocess.run(["git", "check-ignore", "results/index.html"], cwd=WORKFLOW.parent, check=False)
    assert committed.returncode == 1, "git must not ignore the front page"


def test_points_stand_where_they_were_judged(tmp_path):
    rows = [
        {"game": "Pong", "difference": "3.0", "margin": "2.0"},
        {"step_size": "0.1", "ours": "-14.0", "exact": "-13.0", "nearest_rival_value": "-17.0"},
        {"statement": "One thing is so."},
        {"game": "Tennis", "difference": "0.0", "margin": "0.0"},
    ]
    assert [known._in_margins(row) for row in rows] == [1.5, -0.25, None, 0.0]
    assert [known._name(row) for row in rows] == ["Pong", "0.1 step size", "One thing is so.", "Tennis"]


def test_every_judged_row_is_a_point_of_its_color():
    rows = [
        JudgedRow("A", "off policy", "Pong", "differs", -20.0),
        JudgedRow("A", "off policy", "Krull", "replicated", 0.01),
        JudgedRow("A", "off policy", "Alien", "replicated", 0.02),
        JudgedRow("B", "tabular", "It is so.", "replicated", None),
    ]
    figure = all_verdicts.draw(rows)
    placed, beside = figure.axes
    points = [line for axes in (placed, beside) for line in axes.lines if line.get_marker() in ("o", "<", ">")]
    assert len(points) == len(rows) and [line.get_marker() for line in points].count("<") == 1
    heights = sorted(line.get_ydata()[0] for line in placed.lines if line.get_marker() == "o")
    assert heights[1] - heights[0] == 1, "points of one place stand above one another"
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["replicated (3)", "differs (1)"]
    assert [label.get_text() for label in placed.get_yticklabels()] == ["off policy", "tabular"]


def test_the_name_of_every_family_fits_beside_its_points():
    names = [name.replace("_", " ") for name in FAMILIES]
    figure = all_verdicts.draw([JudgedRow("e", name, "x", "replicated", 0.0) for name in names])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for label in figure.axes[0].get_yticklabels():
        assert label.get_window_extent().x0 >= 0, label.get_text()


def test_the_sentences_are_five_whatever_is_known():
    said = known.sentences([], 0, [Left(3, 3, 100, 3600.0, 0)], 0)
    assert len(said) == 5 and said[2] == "None differs." and "3 runs are missing" in said[4]


@pytest.mark.slow
def test_experiments_with_changed_settings_stand_in_it_where_they_have_a_page(tmp_path):
    for name in ("quickstart+discount=0.9", "quickstart+no_such_setting=1", "gone+discount=0.9"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text("")
    (tmp_path / "quickstart+discount=0.5").mkdir()  # no page yet
    html = index_html(tmp_path)
    assert 'href="quickstart+discount=0.9/index.html"' in html
    assert "no_such_setting" not in html and "gone" not in html and "discount=0.5" not in html


@pytest.mark.slow
def test_what_the_rest_would_cost_says_nothing_of_this_machine(tmp_path, monkeypatch):
    before = index_html(tmp_path)
    monkeypatch.setattr(cost, "this_machine", lambda: {"system": "another", "cores": 1000})
    monkeypatch.setattr(cost.os, "cpu_count", lambda: 1000)
    assert index_html(tmp_path) == before
