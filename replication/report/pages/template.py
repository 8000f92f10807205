"""The jinja environment that all pages are made in."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from replication.report.pages.tables import is_number

TEMPLATES = Path(__file__).resolve().parent / "templates"


def page_environment(*more_scripts: str) -> Environment:
    """What templates of pages are filled in with; `style` and `script` are those of every page.

    Args:
        more_scripts: that the page has besides `script`, each as between its tags.

    `script_policy` is what a page's policy says of scripts: only those whose digest it names may run, so that nothing
    that slipped into a text can.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.tests["number"] = is_number
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    environment.globals["style"] = Markup((TEMPLATES / "page.css").read_text(encoding="utf-8"))
    environment.globals["script"] = Markup(script)
    environment.globals["script_policy"] = script_policy(script, *more_scripts)
    return environment


def script_policy(*scripts: str) -> str:
    """The sources a content security policy names for scripts that stand in the page, each as between its tags."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)
