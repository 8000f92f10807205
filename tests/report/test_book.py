"""The page of the book, and the formulas that it and the pages of its figures show."""

from __future__ import annotations

import re
from pathlib import Path

from replication.foundation.paths import WORKFLOW
from replication.report.pages.book import book_html, write_book
from replication.report.pages.updates import shown_updates
from replication.specification.experiments import known_experiments, load_experiment

RESULTS = WORKFLOW.parent / "results"
BOOK = [name for name in known_experiments() if name.startswith("sutton_")]


def test_every_figure_of_the_book_shows_the_update_of_each_of_its_agents() -> None:
    for name in BOOK:
        experiment = load_experiment(name)
        shown, titles = shown_updates(experiment), {run.variant.title.split(",")[0] for run in experiment.runs()}
        assert titles == {title for update in shown for title in update.agents.split(" and ")}, name
        assert all("←" in update.formula or "κ" in update.formula for update in shown)
        assert all(update.source.startswith("Sutton & Barto 2018") for update in shown)


def test_an_update_is_that_of_the_algorithm_and_not_of_the_one_it_replaces() -> None:
    found = {update.agents: update.formula for update in shown_updates(load_experiment("sutton_example_6_6"))}
    assert "maxₐ Q(Sₜ₊₁, a)" in found["Q-learning"] and "Q(Sₜ₊₁, Aₜ₊₁)" in found["SARSA"]
    assert "Σₐ π(a | Sₜ₊₁)" in found["Expected SARSA"] and len(found) == 3
    assert shown_updates(load_experiment("nature_short")) == []


def test_the_page_leads_to_every_figure_that_has_a_page(tmp_path: Path) -> None:
    assert "<h2" not in book_html(tmp_path)
    html = book_html(RESULTS)
    linked = re.findall(r'<a href="(sutton_\w+)/index.html">', html)
    assert sorted(linked) == sorted(name for name in BOOK if (RESULTS / name / "index.html").exists())
    places = [tuple(map(int, re.findall(r"\d+", name))) for name in linked]
    assert places == sorted(places) and "replicated</span>" in html


def test_the_committed_page_is_the_one_that_is_rendered(tmp_path: Path) -> None:
    committed = RESULTS / "sutton.html"
    before = committed.read_bytes()
    assert book_html(RESULTS).encode() == before
    assert write_book(tmp_path) == tmp_path / "sutton.html"
