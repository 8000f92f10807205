"""The fidelity table in words: at the terminal, and its counts in the documentation."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from itertools import groupby

from replication.specification.fidelity import (
    EXACT,
    NOT_APPLICABLE,
    NOT_COMPARED,
    NOT_STATED,
    UNCONFIRMED,
    JudgedRow,
    count_statuses,
    judge_rows,
)
from replication.specification.loading import known_names, load_preset, load_protocol, load_variant
from replication.specification.originals import load_original
from replication.specification.variants import Preset

_INDENT = " " * 6


def judged(variant: str, protocol: str | None = None, preset: str | None = None) -> list[JudgedRow]:
    """Judge every row for a variant by name, under its own protocol unless another is named.

    Raises:
        ReplicationError: a misspelt name.
    """
    scale: Preset | None = load_preset(preset) if preset else None
    loaded = load_variant(variant, scale)
    return judge_rows(loaded, load_protocol(protocol or loaded.protocol, scale), scale)


def fidelity_text(variant: str, protocol: str | None = None, preset: str | None = None) -> str:
    """Write every row for the terminal: the original, what is in force here, and the judgment; then the counts.

    Raises:
        ReplicationError: a misspelt name.
    """
    rows = judged(variant, protocol, preset)
    loaded = load_variant(variant)
    declared = (*loaded.deviations, *load_protocol(protocol or loaded.protocol).deviations)
    departures = {deviation.id: f"{deviation.what}; expected: {deviation.expected_effect}" for deviation in declared}
    lines = [f"{loaded.title} ({variant}), held against: {load_original(loaded.original).title}"]
    for section, members in groupby(rows, key=lambda found: found.section):
        lines += ["", section]
        for found in members:
            lines += _row_lines(found, departures)
    return "\n".join([*lines, "", f"{len(rows)} rows: {counts_text(rows)}"])


def counts_text(rows: Sequence[JudgedRow]) -> str:
    """Return the counts of a table in words; statuses that no row has are left out."""
    words = {
        EXACT: "exact",
        "deviation": "with a deviation",
        UNCONFIRMED: "unconfirmed",
        NOT_STATED: "not stated by the source",
        NOT_COMPARED: "not compared, since the code is the user's own",
        NOT_APPLICABLE: "not applicable",
    }
    return ", ".join(
        f"{number} {words.get(status, status)}" for status, number in count_statuses(rows).items() if number
    )


def counts_rows() -> list[str]:
    """Return a Markdown table of the counts of every variant, line by line."""
    lines = [
        "| variant | rows | exact | deviation | unconfirmed | not stated | not applicable |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in known_names("algorithms"):
        rows = judged(name)
        counts = count_statuses(rows)
        cells = [counts[status] for status in (EXACT, "deviation", UNCONFIRMED, NOT_STATED, NOT_APPLICABLE)]
        lines.append(f"| `{name}` | {len(rows)} | " + " | ".join(map(str, cells)) + " |")
    return lines


def _row_lines(found: JudgedRow, departures: Mapping[str, str]) -> list[str]:
    row = found.row
    lines = [f"{row.row:<5} {row.behaviour}: {found.status}"]
    if found.status == NOT_APPLICABLE:
        return lines
    confirmed = f"; {row.confirmed_by}" if row.confirmed_by else ""
    texts = [("here", found.in_force), ("original", f"{row.value} [{row.source}{confirmed}]")]
    texts += [("departs", departures[name]) for name in found.status.split(", ") if name in departures]
    width = max(60, shutil.get_terminal_size((110, 24)).columns - 1)
    for name, text in texts:
        start = f"{_INDENT}{name + ':':<10}"
        lines += textwrap.wrap(
            text, width, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False
        )
    return lines
