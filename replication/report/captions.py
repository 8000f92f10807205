"""Captions of tables and figures for Snakemake's own report, which takes reStructuredText."""

from __future__ import annotations

import re
from pathlib import Path

_MARKUP = re.compile(r"([\\*`|_<>\[\]])")


def read_caption(path: Path) -> str:
    """Read the caption of a table (.md) or a figure (.txt), ready for a report; empty where the file is not made."""
    if not path.exists():
        return ""
    # In Markdown the caption stands before the table.
    return rst_text(path.read_text(encoding="utf-8").split("\n|", 1)[0].removeprefix("|"))


def rst_text(text: str) -> str:
    """Return text on one line, with the signs that reStructuredText reads as markup escaped."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))
