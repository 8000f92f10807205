"""A control experiment in words: what the paper says of each detail, what is in force here, and why."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator

from replication.specification.control_experiments import load_control_experiment


def control_description(name: str) -> str:
    """Title, details and variants of workflow/control/NAME.yaml, in lines as wide as the terminal.

    Raises:
        ReplicationError: no such experiment, or a bad one.
    """
    return "\n".join(_lines(name, min(100, shutil.get_terminal_size().columns)))


def _lines(name: str, width: int) -> Iterator[str]:
    experiment = load_control_experiment(name)

    def paragraph(text: str) -> str:
        return textwrap.fill(text, width, initial_indent="  ", subsequent_indent="    ")

    yield experiment.title
    yield paragraph(experiment.paper)
    for detail in experiment.details:
        yield f"\n{detail.detail}: {detail.status}"
        yield paragraph(f"the paper: {detail.paper}")
        yield paragraph(f"here: {detail.here}")
        yield paragraph(f"why: {detail.why}")
        yield paragraph(f"expected effect: {detail.expected_effect}")
    yield "\nVariants"
    for variant, chosen in experiment.variants.items():
        yield paragraph(f"{variant}: {chosen.title}; {chosen.why}")
    yield "\nSources"
    for part, source in experiment.sources.items():
        yield paragraph(f"{part}: {source}")
