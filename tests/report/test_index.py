"""The page of all experiments."""

from __future__ import annotations

import re

import pytest

from replication.analysis import cost
from replication.report.pages.index import index_html
from replication.specification.experiments import known_experiments


@pytest.mark.slow
def test_the_index_names_every_experiment_and_links_those_with_a_page(tmp_path):
    folder = tmp_path / "nature_random" / "tables"
    folder.mkdir(parents=True)
    (folder / "scores.csv").write_text("game,verdict\nPong,differs\nBreakout,replicated\nTennis,replicated\n")
    assert "nature_random/index.html" not in index_html(tmp_path)
    (tmp_path / "nature_random" / "index.html").write_text("")
    html = index_html(tmp_path)
    assert html == index_html(tmp_path)
    rows = re.findall(r'<tr><th scope="row">(.*?)</tr>', html)
    assert len(rows) == len(known_experiments())
    first, *others = rows
    assert first.startswith('<a href="nature_random/index.html">') and "0 of 588" in first
    assert re.findall(r">(\d+ \w+)</span>", first) == ["2 replicated", "1 differs"]
    assert all("<a" not in row and "none yet" in row for row in others)
    [figure4] = [row for row in others if row.startswith("nature_figure4")]
    assert "0 of 1<" in figure4 and ">200,000,000<" in figure4  # the article's budget


@pytest.mark.slow
def test_experiments_with_changed_settings_stand_in_it_where_they_have_a_page(tmp_path):
    for name in ("quickstart+discount=0.9", "quickstart+no_such_setting=1", "gone+discount=0.9"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text("")
    (tmp_path / "quickstart+discount=0.5").mkdir()  # no page yet
    changed = re.findall(r'<a href="(.*?)/index.html">(.*?)</a>', index_html(tmp_path))
    assert changed == [("quickstart+discount=0.9", "quickstart+discount=0.9")]


@pytest.mark.slow
def test_what_the_rest_would_cost_says_nothing_of_this_machine(tmp_path, monkeypatch):
    before = index_html(tmp_path)
    monkeypatch.setattr(cost, "this_machine", lambda: {"system": "another", "cores": 1000})
    monkeypatch.setattr(cost.os, "cpu_count", lambda: 1000)
    assert index_html(tmp_path) == before
