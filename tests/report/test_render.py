"""Tables, figures and pages by name: the finished runs are read once for all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from replication.analysis import finished
from replication.analysis.agent_scores import trained_agents
from replication.analysis.finished import load_runs
from replication.report import render
from replication.report.figures.figure import write_figure
from replication.report.tables.table import write_table
from tests.support.finished_runs import finish, made_up_experiment

TABLES, FIGURES = ("scores", "aggregates", "power"), ("aggregate_intervals", "performance_profiles")


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    made_up = made_up_experiment([{"games": ["pong", "breakout"]}], tables=TABLES, figures=FIGURES)
    for run in made_up.runs():
        finish(run, tmp_path)
    monkeypatch.setattr(render, "load_experiment", lambda name: made_up)
    return made_up


def test_every_run_is_read_once_for_all_tables_figures_and_the_page(
    experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    original = finished.records.read_or_none
    monkeypatch.setattr(
        finished.records, "read_or_none", lambda run, results: read.append(run.name) or original(run, results)
    )
    shown = render.Rendering("made_up", tmp_path)
    assert (shown.tables, shown.figures) == (TABLES, FIGURES)
    for name in shown.tables:
        write_table(shown.table(name), tmp_path / "made_up" / "tables")
    for name in shown.figures:
        write_figure(shown.figure(name), tmp_path / "made_up" / "figures")
    assert b"2 of 2 runs" in shown.page()
    assert sorted(read) == sorted(run.name for run in experiment.runs())


def test_one_at_a_time_gives_the_same_as_all_of_the_same_runs(experiment, tmp_path: Path) -> None:
    shown = render.Rendering("made_up", tmp_path)
    for name in (*TABLES, *reversed(TABLES)):
        assert shown.table(name).files() == render.build_table("made_up", name, tmp_path).files()


def test_what_several_builders_need_is_computed_once(experiment, tmp_path: Path) -> None:
    runs = load_runs(experiment, tmp_path)
    assert runs.once(trained_agents) is runs.once(trained_agents)
    assert runs.once(trained_agents) is not load_runs(experiment, tmp_path).once(trained_agents)
