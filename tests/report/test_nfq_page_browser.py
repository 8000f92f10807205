"""The page of an experiment without games in a real browser: nothing complains, nothing is too wide."""

from __future__ import annotations

from pathlib import Path

import pytest

from replication.report.render import render_figure, render_page, render_table
from tests.support.browser import started_browser

pytestmark = pytest.mark.slow
PHONE, DESKTOP = 400, 1280


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("results")
    for table in ("nfq_table1", "nfq_variants"):
        render_table("nfq_2005", table, results)
    render_figure("nfq_2005", "successful_trials", results)
    render_page("nfq_2005", results)
    return results / "nfq_2005" / "index.html"


def test_nothing_complains_and_nothing_is_too_wide(page):
    with started_browser() as browser:
        for width in (PHONE, DESKTOP):
            browser.open(page, width)
            assert browser.run("document.documentElement.scrollWidth") <= width
            assert (
                browser.run("Promise.all([...document.images].map(i => i.decode())).then(() => 'loaded')") == "loaded"
            )
            assert browser.run("document.querySelectorAll('#table-nfq_table1-rows tbody tr').length") == 6
            assert browser.complaints() == []
