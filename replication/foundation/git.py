"""What git says of the files in a folder, whatever the environment says of other repositories."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

NOT_IN_A_COMMIT = "not in a commit; sources "
"""What a record has for the commit where there is none; the digest of the sources follows."""


def clean_environment() -> dict[str, str]:
    """Return the environment without git's variables, which may point to another repository."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def git_says(folder: Path, *words: str) -> str | None:
    """Run a git command in a folder and return what it prints; None where there is no git, or it fails."""
    command = ["git", "-C", str(folder), *words]
    try:
        answer = subprocess.run(command, env=clean_environment(), capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return os.fsdecode(answer.stdout).rstrip("\n")


def commit_of(root: Path, files: Sequence[str]) -> str | None:
    """Return the commit of a project, with `-dirty` where what is in force was changed since.

    Args:
        root: folder of the project.
        files: those that have to be in the repository, relative to it.

    Returns: 40 hexadecimal digits, perhaps marked; None where the folder is not the root of a repository, as in one of
        somebody else's, or a file is not tracked there: no commit says then what was in force.
    """
    top = git_says(root, "rev-parse", "--show-toplevel")
    if not top or Path(top).resolve() != root.resolve():
        return None
    tracked = set((git_says(root, "ls-files", "-z", "--full-name") or "").split("\0"))
    if not tracked.issuperset(files):
        return None
    commit = git_says(root, "rev-parse", "HEAD")
    # Not what runs leave behind: results are committed too, and change while others train.
    changed = git_says(root, "status", "--porcelain", "--untracked-files=no", "--", *files_in(files))
    return f"{commit}-dirty" if commit and changed else commit


def files_in(files: Sequence[str]) -> list[str]:
    """List the folders at the top that hold these files, which are in force."""
    return sorted({PurePosixPath(file).parts[0] for file in files})


def left_out(folder: Path, paths: Sequence[str]) -> list[str]:
    """List the paths, relative to a folder, that git is told to leave out of the repository; none where there is none.

    A path need not be there.
    """
    return (git_says(folder, "check-ignore", "--", *paths) or "").splitlines() if paths else []
