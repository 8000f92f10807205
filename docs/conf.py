"""Settings of the documentation: Sphinx, Markdown by MyST, the reference of the API from docstrings."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

project = "Replication suite"
author = "The replication authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
# A block without a language is a command line or a path: nothing is to be colored.
highlight_language = "none"
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "model_config"}
# What is documented needs no torch to be imported, and building takes seconds without it.
autodoc_mock_imports = ["torch"]
napoleon_numpy_docstring = False
html_theme = "furo"
html_title = "Replication suite"
# Nothing is fetched: the theme brings its style, fonts are the system's.
html_show_sphinx = False
html_copy_source = False
html_show_copyright = False
# Docstrings are plain text with code between single backticks.
default_role = "code"

_FIELD = re.compile(r"([a-z_]+): (?=\S)")
"""A line such as `rewards: float32`, which describes a field of a class."""
_SECTION = re.compile(r"(Args|Returns|Raises|Source): (?=\S)")
"""A section whose text begins on its own line, which napoleon leaves as it is."""
_NAMED = re.compile(r"[a-z_]+(, [a-z_]+)*[:;] ?")
"""A line of such a section that describes something by name."""
_SIGN = re.compile(r"(?<![\\*`])([|*])(?=[\w(])|(?<=\w)(\|)")


def setup(app: Sphinx) -> None:
    """Have docstrings read as they are written here."""
    app.connect("autodoc-process-docstring", _as_restructured_text)


def _as_restructured_text(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Mark sections and the fields that a docstring describes, and escape signs that are meant as they stand."""
    made: list[str] = []
    before = ""
    for line in (_SIGN.sub(r"\\\1\2", each) for each in lines):
        kind = _kind(line) or before
        if kind != before and made and made[-1].strip():
            made.append("")
        before = kind
        if kind == "section":
            made += _section_lines(line, made)
        else:
            made.append(_FIELD.sub(r":\1: ", line, count=1) if _kind(line) == "field" else line)
    lines[:] = made


def _kind(line: str) -> str:
    """Tell what begins with a line; empty where the line goes on with what stands above it."""
    if not line.strip() or line.startswith(" "):
        return ""
    return "section" if _SECTION.match(line) else "field" if _FIELD.match(line) else "text"


def _section_lines(line: str, made: list[str]) -> list[str]:
    """Return the line of a section as a paragraph's, or as that of a list of what it describes by name."""
    if not line.startswith(" "):
        return [_SECTION.sub(r"**\1**: ", line, count=1)]
    inner = line[4:]
    if inner.startswith(" "):
        return [f"  {inner.strip()}"]
    if _NAMED.match(inner):
        return ["", f"* {inner}"]
    in_list = bool(made) and made[-1].startswith(("* ", "  "))
    return ["", inner] if in_list else [inner]
