"""What is rendered in README.md and docs/: lists that would fall behind if they were typed, each between two marks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from replication.foundation.errors import ReplicationError
from replication.foundation.paths import PROJECT
from replication.foundation.validation import read_yaml
from replication.report.fidelity_text import counts_rows
from replication.specification.experiments import experiment_path, known_experiments
from replication.specification.loading import known_names, load_protocol, load_variant

README = PROJECT / "README.md"
DOCS = PROJECT / "docs"


def rendered_documents() -> dict[Path, str]:
    """Return the pages of docs/ that hold rendered lists, as they should be now.

    Raises:
        ReplicationError: a page is not there, as where the program is installed, or lacks a mark; a bad YAML.
    """
    found: dict[Path, str] = {}
    for name, kinds in _LISTS.items():
        path = DOCS / f"{name}.md"
        if not path.exists():
            raise ReplicationError(f"{path}: not there; it belongs to a checkout: call the program from one")
        text = path.read_text(encoding="utf-8")
        for kind, lines in kinds.items():
            text = between_marks(text, kind, lines(), path)
        found[path] = text
    return found


def between_marks(text: str, kind: str, lines: Sequence[str], path: Path) -> str:
    """Return a text with these lines between two of its own, which say what they are and how they are made.

    Args:
        text: of the file.
        kind: of the lines, as the marks name it.
        lines: what stands between the marks now.
        path: of the file, for messages.

    Raises:
        ReplicationError: the marks are not there.
    """
    begin, end = f"<!-- {kind}: python -m replication render readme -->", f"<!-- end of {kind} -->"
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ReplicationError(f"{path}: expected a line {begin!r} and, below it, {end!r}")
    return "\n".join([before + begin, *lines, end + after])


def _experiments() -> list[str]:
    titles = {name: read_yaml(experiment_path(name))["title"] for name in known_experiments()}
    return ["| experiment | what it is |", "| --- | --- |", *(f"| `{name}` | {it} |" for name, it in titles.items())]


def _variants() -> list[str]:
    rows = [(name, load_variant(name)) for name in known_names("algorithms")]
    lines = [f"| `{name}` | {one.title} | `{one.family}` | `{one.protocol}` |" for name, one in rows]
    return ["| variant | title | family | its protocol |", "| --- | --- | --- | --- |", *lines]


def _protocols() -> list[str]:
    lines = [f"| `{name}` | {load_protocol(name).title} |" for name in known_names("protocols")]
    return ["| protocol | title |", "| --- | --- |", *lines]


_LISTS: dict[str, dict[str, Callable[[], list[str]]]] = {
    "experiments": {"experiments": _experiments},
    "fidelity": {"fidelity counts": counts_rows},
    "variants": {"variants": _variants, "protocols": _protocols},
}
"""Pages of docs/, and the lists that each holds."""
