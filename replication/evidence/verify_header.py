"""The check that a trace belongs to the run beside whose record it lies, and is whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from replication.evidence.step_trace import StepTrace
from replication.evidence.trace_container import RunFields
from replication.evidence.trace_file import Trace
from replication.evidence.traces import AnyTrace, episodes_of
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


def check_step_header(trace: StepTrace, record: Mapping[str, Any], purpose: str, path: Path) -> None:
    """Check the header of a trace of another task against its run's record.

    Raises:
        ReplicationError: the first field that differs.
    """
    expected = {
        "variant": record["variant"],
        "protocol": record["protocol"],
        "environment": record["environment"],
        "task": record["task"],
        "seed": record["seed"],
        "result_digest": record["result_digest"],
        "fingerprint": record["provenance"]["simulator"],
        "purpose": purpose,
    }
    compare_header(trace.header, expected, path)


def check_episodes(trace: AnyTrace, num_episodes: int, path: Path) -> None:
    """Check that a trace has so many episodes, all of them whole.

    Raises:
        ReplicationError: it has not.
    """
    if len(trace.episodes) != num_episodes:
        raise ReplicationError(f"{path}: found {len(trace.episodes)} episodes, expected {num_episodes}")
    for number, episode in enumerate(episodes_of(trace)):
        if episode.ending == "unfinished":
            raise ReplicationError(f"{path}: episode {number} (the first is 0): unfinished, expected a whole episode")


def compare_header(header: RunFields, expected: Mapping[str, Any], path: Path) -> None:
    """Compare fields of a header with what run.json gives.

    Raises:
        ReplicationError: the first that differs.
    """
    for name, value in expected.items():
        found = getattr(header, name)
        if found != value:
            raise ReplicationError(f"{path}: {name}: found {found}, run.json gives {value}")
