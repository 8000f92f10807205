"""The fidelity tables of a page: for each agent, every detail of the original beside what is in force here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from replication.report.fidelity_text import counts_text
from replication.specification.fidelity import JudgedRow, judge_rows, load_original
from replication.specification.run import Run


@dataclass(frozen=True)
class ShownFidelity:
    """The rows of one agent as the page shows them."""

    agent: str
    original: str
    counts: str
    rows: list[JudgedRow]


def shown_fidelity(groups: Sequence[Sequence[Run]]) -> list[ShownFidelity]:
    """Return the tables of groups of runs that share variant, protocol, preset and budget; equal ones once."""
    shown: list[ShownFidelity] = []
    for run, *_ in groups:
        frames = run.budget.steps * run.protocol.training.frame_skip or None
        rows = judge_rows(run.variant, run.protocol, run.preset, frames)
        agent = f"{run.variant.title} ({run.variant.variant})"
        found = ShownFidelity(agent, load_original(run.variant.original).title, counts_text(rows), rows)
        if found not in shown:  # a budget in iterations departs from nothing
            shown.append(found)
    return shown
