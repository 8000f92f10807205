"""The YAMLs of workflow/ that are in force in a run: others there may be changed, or be new, without touching it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from replication.foundation import paths
from replication.foundation.validation import read_yaml
from replication.specification.loading import variant_path
from replication.specification.originals import originals_of
from replication.specification.run import Run
from replication.specification.tasks.own_tasks import OwnTask


def settings_files(run: Run) -> frozenset[str]:
    """Return the YAMLs that say what a run is and what it departs from, relative to workflow/.

    They are those of its variant and of what that is like, of its protocol and its preset, of the originals that it is
    judged by, and of its task, where that is a user's own. They are looked up once a process: what happens to them
    while a run trains is no concern of it.

    Raises:
        ReplicationError: one of them is bad.
    """
    preset = run.preset.preset if run.preset else None
    files = _files(paths.WORKFLOW, run.variant.variant, run.protocol.protocol, preset, run.variant.original)
    return files | {f"tasks/{run.task.name}.yaml"} if isinstance(run.task, OwnTask) else files


@cache
def _files(workflow: Path, variant: str, protocol: str, preset: str | None, original: str) -> frozenset[str]:
    kinds = {
        "algorithms": _variants(variant),
        "protocols": [protocol],
        "presets": [preset] if preset else [],
        "originals": originals_of(original),
    }
    return frozenset(f"{kind}/{name}.yaml" for kind, names in kinds.items() for name in names)


def _variants(variant: str) -> Iterator[str]:
    """Yield the name of the variant's YAML, and of those it takes from; none for one whose YAML lies elsewhere."""
    name: str | None = variant
    while name is not None and (path := variant_path(name)).is_file():
        yield path.stem
        name = read_yaml(path).get("like")
