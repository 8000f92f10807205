"""From a variant of a control experiment to its results: every repetition that is missing, with progress."""

from __future__ import annotations

import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from replication.evidence.control_records import (
    read_repetition,
    read_variant,
    repetition_path,
    store_repetition,
    write_variant,
)
from replication.foundation.files import ensure_folder
from replication.foundation.progress import progress_bar
from replication.specification.control_experiments import ControlExperiment


def train_variant(
    experiment: ControlExperiment, variant: str, results: Path, state: Path, *, quiet: bool = False
) -> Path:
    """Make every repetition of a variant that is missing, and write its results.

    Each repetition is stored as soon as it is finished. So the command may be stopped at any moment: given again, it
    continues and ends with the same numbers.

    Returns: the folder of the results.
    Raises:
        ReplicationError: a file cannot be written, or is damaged.
    """
    folder = experiment.folder(variant, results)
    if read_variant(experiment, variant, results) is not None:
        return folder
    ensure_folder(results, "name another with --results")
    from replication.training.fitted_q.repetitions import repeat  # compiles or loads compiled code

    method = experiment.method_of(variant)
    wanted = [
        (episodes, repetition)
        for episodes in experiment.training_episodes
        for repetition in range(1, experiment.repetitions + 1)
    ]
    kept, seconds = [], 0.0
    with progress_bar(len(wanted), "repetitions", variant, quiet=quiet) as bar:
        for episodes, repetition in wanted:
            path = repetition_path(experiment, variant, episodes, repetition, state)
            if (found := read_repetition(path)) is None:
                started = time.monotonic()
                store_repetition(repeat(method, episodes, repetition), path, time.monotonic() - started)
                found = read_repetition(path)
                assert found is not None
            kept.append(found[0])
            seconds += found[1]
            bar.update()
    facts = {"cost": {"seconds": round(seconds, 1)}, "provenance": _provenance()}
    return write_variant(experiment, variant, kept, results, facts)


def _provenance() -> dict[str, Any]:
    from replication.evidence.provenance import command_text, git_commit  # takes the emulator

    return {
        "commit": git_commit(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "packages": {name: version(name) for name in ("numba", "numpy", "safetensors")},
        "command": command_text(sys.argv[1:]),
    }
