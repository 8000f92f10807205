"""The folders of the program, of what it reads, and of what it writes, in a checkout and where it is installed."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
"""The folder of the program itself."""

PROJECT_NAME = "project"
"""The folder of an installed package in which the files of the project lie that a checkout has at its root."""


def project_of(package: Path) -> Path:
    """Return the folder that holds Snakefile and workflow/ of a program: its checkout, or what is installed with it."""
    return package.parent if (package.parent / "Snakefile").is_file() else package / PROJECT_NAME


PROJECT = project_of(PACKAGE)
"""The folder of the project's own files beside the package."""
IN_CHECKOUT = PACKAGE.parent == PROJECT
"""True where the program is one of a checkout; else it is installed, and its folders are not for a user to write to."""
WORKFLOW = PROJECT / "workflow"
"""The folder of the YAMLs."""
ALGORITHMS = PACKAGE / "algorithms"
"""The folder of the bundled algorithms, with a folder for each family."""


def working_folder() -> Path:
    """Return where Snakemake works, so that a relative folder of results lies there.

    It is the root of the checkout, from wherever the program is called; of a program that is installed, the folder it
    is called from.
    """
    return PROJECT if IN_CHECKOUT else Path.cwd()


def workflow_path(path: Path) -> str:
    """Return how Snakemake names a file of the program: relative to the checkout, in full where it is installed."""
    return str(path.relative_to(PROJECT)) if IN_CHECKOUT else str(path)


def state_root() -> Path:
    """Return `$REPLICATION_STATE`, or where it is unset or empty an ignored folder of results/."""
    return Path(os.environ.get("REPLICATION_STATE") or "results/state")
