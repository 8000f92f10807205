"""Captions of tables and figures for Snakemake's own report, which takes reStructuredText."""

from __future__ import annotations

import re
from pathlib import Path

_MARKUP = re.compile(r"([\\*`|_<>\[\]])")


def read_caption(path: Path) -> str:
    """The caption of a table (.md) or a figure (.txt) that is made, ready for a report; empty where it is not."""
    if not path.exists():
        return ""
    # In Markdown the caption stands before the table.
    return rst_text(path.read_text(encoding="utf-8").split("\n|", 1)[0].removeprefix("|"))


def rst_text(text: str) -> str:
    """Text on one line as reStructuredText that says just that."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
