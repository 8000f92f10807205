"""Templates filled in: the only place where jinja is set up.

A page is a whole HTML file, a fragment is HTML that stands inside a page, and Markdown is what a README shows.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from replication.report.pages.tables import is_number

TEMPLATES = Path(__file__).resolve().parent / "templates"
_SCRIPTS = re.compile(r"<script>(.*?)</script>", re.DOTALL)
"""What runs; data for it stand under a type of their own."""


def fill_page(template: str, /, *fragments: str, **values: object) -> str:
    """Fill in the template of a page.

    The page has the style and the script of every page, and a policy that lets no other script run than that one and
    those of its fragments: nothing that slipped into a text can.

    Args:
        template: a file of `TEMPLATES`.
        fragments: HTML with scripts that the page has, from `fill_fragment`.
        values: what the template names.
    """
    environment = _environment(autoescape=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.tests["number"] = is_number
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    scripts = [script, *(found for fragment in fragments for found in _SCRIPTS.findall(fragment))]
    environment.globals["style"] = Markup((TEMPLATES / "page.css").read_text(encoding="utf-8"))
    environment.globals["script"] = Markup(script)
    environment.globals["script_policy"] = script_policy(*scripts)
    return environment.get_template(template).render(values)


def fill_fragment(template: str, /, **values: object) -> str:
    """Fill in a template of HTML that stands inside a page; arguments as for `fill_page`."""
    return _environment(autoescape=True, lstrip_blocks=True).get_template(template).render(values)


def fill_markdown(template: str, /, **values: object) -> str:
    """Fill in a template of Markdown, where no sign is escaped; arguments as for `fill_page`."""
    environment = _environment(autoescape=False, keep_trailing_newline=True)
    return environment.get_template(template).render(values)


def script_policy(*scripts: str) -> str:
    """Return the sources that a content security policy names for these scripts, each as between its tags."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)


def _environment(*, autoescape: bool, lstrip_blocks: bool = False, keep_trailing_newline: bool = False) -> Environment:
    """Make the environment of one kind of text; a name without a value is an error."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=lstrip_blocks,
        keep_trailing_newline=keep_trailing_newline,
    )
