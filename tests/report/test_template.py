"""Templates: who may make jinja environments, which scripts a page allows, and what a missing name does."""

from __future__ import annotations

from html import unescape
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from replication.report.pages.template import fill_fragment, fill_markdown, fill_page, script_policy

PACKAGE = Path(__file__).resolve().parents[2] / "replication"


def test_jinja_is_set_up_in_one_module() -> None:
    users = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if "jinja2" in path.read_text("utf-8")]
    assert list(map(str, users)) == ["report/pages/template.py"]


def test_a_page_allows_its_own_script_and_those_of_its_fragments_alone() -> None:
    fragment = '<script type="application/json">{}</script><script>one()</script><script>two()\n</script>'
    alone, page = (unescape(fill_page("agents.html", *more, groups=[], left_out=0)) for more in ((), (fragment,)))
    allowed = script_policy("one()", "two()\n")
    assert allowed in page and allowed not in alone
    assert page.replace(f" {allowed}", "") == alone


def test_a_name_without_a_value_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="groups"):
        fill_page("agents.html")
    with pytest.raises(UndefinedError, match="views"):
        fill_fragment("embedding.html", width=1, height=1)
    with pytest.raises(UndefinedError):
        fill_markdown("results.md")
