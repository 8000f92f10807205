"""Algorithms that lie outside this package: a user's Python file, with the YAML of its variant beside it.

An environment variable names them, so that the processes which a command starts (workers, the jobs of Snakemake) know
them too. A variant is named after its file.
"""

from __future__ import annotations

import os
from pathlib import Path

from replication.foundation import paths
from replication.foundation.errors import ReplicationError
from replication.foundation.files import listed
from replication.specification.variants import FAMILIES

VARIABLE = "REPLICATION_ALGORITHMS"
"""Names the Python files, with what separates folders in PATH between them."""


def own_algorithms() -> dict[str, Path]:
    """Return the Python file of each algorithm that lies outside this package, by the name of its variant.

    Raises:
        ReplicationError: a file that is named is not there, lacks its YAML, or has a name that is taken.
    """
    named = [Path(text) for text in os.environ.get(VARIABLE, "").split(os.pathsep) if text]
    found: dict[str, Path] = {}
    for source in named:
        _check(source)
        if found.setdefault(source.stem, source) != source:
            raise ReplicationError(f"{source}: {source.stem} is also the name of {found[source.stem]}; rename one")
    return found


def add_own_algorithm(source: Path) -> str:
    """Make an algorithm known to this process and to those that it starts.

    Args:
        source: its Python file; the settings of its variant lie beside it, in the YAML of the same name.

    Returns: the name of its variant.
    Raises:
        ReplicationError: as `own_algorithms`.
    """
    source = source.resolve()
    before = os.environ.get(VARIABLE, "")
    named = [text for text in before.split(os.pathsep) if text]
    if str(source) not in named:
        os.environ[VARIABLE] = os.pathsep.join([*named, str(source)])
    try:
        own_algorithms()
    except ReplicationError:
        os.environ[VARIABLE] = before
        raise
    return source.stem


def _check(source: Path) -> None:
    if source.suffix != ".py" or not source.is_file():
        raise ReplicationError(f"{source}: found no such file, expected the Python file of an algorithm; mend the path")
    beside = source.with_suffix(".yaml")
    if not beside.is_file():
        raise ReplicationError(
            f"{beside}: found no such file, expected the settings of {source.name} there; write them, for example like "
            "those of another variant (`like: dqn`) but for what differs"
        )
    variants = {path.stem for path in listed(paths.WORKFLOW / "algorithms", "*.yaml")}
    modules = {module for facts in FAMILIES.values() for module in facts.modules}
    for kind, taken in (("variant", variants), ("module", modules)):
        if source.stem in taken:
            raise ReplicationError(
                f"{source}: {source.stem} is the name of a {kind} of this package; rename the file and the YAML beside "
                "it"
            )
