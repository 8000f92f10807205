"""The check that a trace belongs to the run beside whose record it lies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from replication.evidence.trace_container import RunFields
from replication.evidence.trace_file import Trace
from replication.foundation.errors import ReplicationError
from replication.specification.protocols import Presentation
from replication.specification.variants import FAMILIES


def check_header(trace: Trace, record: Mapping[str, Any], purpose: str, presentation: Presentation, path: Path) -> None:
    """Check the header of a game's trace against its run's record.

    Raises:
        ReplicationError: the first field that differs.
    """
    header = trace.header
    facts = FAMILIES.get(record["family"])  # none: played by another program
    untrained = record["config"].get("action_period_frames") if facts is not None and not facts.trains else None
    expected = {
        "variant": record["variant"],
        "protocol": record["protocol"],
        "game": record["game"],
        "seed": record["seed"],
        "result_digest": record["result_digest"],
        "rom_md5": record["provenance"]["rom_md5"],
        "ale_py_version": record["provenance"]["packages"]["ale-py"],
        "purpose": purpose,
        "sticky_probability": presentation.sticky_probability,
        "frame_skip": untrained or presentation.frame_skip,
    }
    compare_header(header, expected, path)


def compare_header(header: RunFields, expected: Mapping[str, Any], path: Path) -> None:
    """Compare fields of a header with what run.json gives.

    Raises:
        ReplicationError: the first that differs.
    """
    for name, value in expected.items():
        found = getattr(header, name)
        if found != value:
            raise ReplicationError(f"{path}: {name}: found {found}, run.json gives {value}")
