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


def setup(app: Sphinx) -> None:
    """Have docstrings read as they are written here."""
    app.connect("autodoc-process-docstring", _as_restructured_text)


def _as_restructured_text(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Mark the fields that a docstring describes, and escape signs that are meant as they stand."""
    made: list[str] = []
    in_fields = False
    for line in lines:
        is_field = _FIELD.match(line) is not None
        starts = bool(line.strip()) and not line.startswith(" ")
        if starts and is_field != in_fields and made and made[-1].strip():
            made.append("")
        in_fields = is_field if starts else in_fields
        line = _FIELD.sub(r":\1: ", line, count=1) if is_field else line
        made.append(re.sub(r"(?<![\\*`])([|*])(?=[\w(])|(?<=\w)(\|)", r"\\\1\2", line))
    lines[:] = made
