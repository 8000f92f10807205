"""README.md and docs/: short, current, with commands that exist and links that lead somewhere."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from replication.commands.cli import COMMANDS
from replication.commands.parser import build_parser
from replication.foundation.errors import ReplicationError
from replication.report.pages.documents import DOCS, README, between_marks, rendered_documents
from replication.specification.experiments import known_experiments
from replication.specification.loading import known_names

PAGES = [README, *sorted(DOCS.glob("*.md"))]
MADE_UP = {"my_td3", "mine", "my_task", "NAME", "EXPERIMENT"}
"""Names that a page asks its reader to replace."""


@cache
def parser() -> argparse.ArgumentParser:
    return build_parser(COMMANDS)


def commands(path: Path) -> list[str]:
    """The command lines of this program in the blocks of a page, without comments, continued lines joined."""
    blocks = re.findall(r"^ *```[a-z]*\n(.*?)^ *```", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line.removeprefix("python -m replication ") for line in lines if line.startswith("python -m replication ")]


def test_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 180


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_of_a_page_is_one(path: Path) -> None:
    said = io.StringIO()
    for line in commands(path):
        try:
            with contextlib.redirect_stderr(said):
                options = parser().parse_args(shlex.split(line, comments=True))
        except SystemExit:
            pytest.fail(f"{path.name}: {line}: {said.getvalue()}")
        named = getattr(options, "experiment", None)
        assert named is None or named in {*known_experiments(), *MADE_UP}, line
        variant = getattr(options, "variant", None)
        assert variant is None or variant in {*known_names("algorithms"), *MADE_UP}, line


def test_the_pages_have_commands() -> None:
    assert sum(len(commands(path)) for path in PAGES) > 40


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_of_a_page_leads_to_a_file(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if ":" not in link and not (path.parent / link).exists()] == []


def test_the_rendered_lists_are_current() -> None:
    for path, text in rendered_documents().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: python -m replication render readme"


def test_a_page_without_its_marks_is_said() -> None:
    text = "<!-- things: python -m replication render readme -->\nold\n<!-- end of things -->\nrest"
    made = between_marks(text, "things", ["new"], DOCS / "x.md")
    assert made == text.replace("old", "new") and between_marks(made, "things", ["new"], DOCS / "x.md") == made
    with pytest.raises(ReplicationError, match=r"x\.md: expected a line .* end of others"):
        between_marks(text, "others", [], DOCS / "x.md")


def test_every_page_is_in_the_contents() -> None:
    listed = set(re.findall(r"^[a-z_]+$", (DOCS / "index.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert {path.stem for path in DOCS.glob("*.md")} == {"index"} | listed
