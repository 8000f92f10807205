"""The fidelity tables of a page: for each agent, every detail of the original beside what is in force here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from replication.analysis.learning_curves import agent_title
from replication.report.fidelity_text import counts_text
from replication.specification.fidelity import JudgedRow, judge_rows
from replication.specification.originals import load_original
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
    judged: list[tuple[Run, list[JudgedRow]]] = []
    for run, *_ in groups:
        rows = judge_rows(run.variant, run.protocol, run.preset, run.training_frames or None)
        if not any(run.variant == other.variant and rows == those for other, those in judged):
            judged.append((run, rows))
    runs = [run for run, _ in judged]  # what they differ in is said of each
    return [
        ShownFidelity(
            f"{agent_title(run, runs)} ({run.variant.variant})",
            load_original(run.variant.original).title,
            counts_text(rows),
            rows,
        )
        for run, rows in judged
    ]
