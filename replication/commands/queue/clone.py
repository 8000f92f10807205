"""The project at one commit of main, apart from the work tree, with an environment of its own.

Trainings take days; what is edited meanwhile must not reach them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from replication.foundation.errors import ReplicationError
from replication.foundation.files import part_of
from replication.foundation.git import clean_environment

BRANCH = "main"


def place_clone(clone: Path, repository: Path, commit: str | None) -> str:
    """Bring the clone to a commit of the branch main; uncommitted work is never part of it.

    Args:
        clone: its folder; where it is missing, it is made.
        repository: the work tree it is cloned from.
        commit: any name of it; None: the clone stays where it is, a new one begins at the tip of main.

    Returns: the commit, 40 hexadecimal digits.
    Raises:
        ReplicationError: no such commit on main; files of the clone were changed; git is missing or fails.
    """
    wanted = None
    if commit is not None or not clone.exists():
        wanted = _commit_of_main(repository, commit)
    if not clone.exists():
        beside = part_of(clone)
        try:
            _git(beside.parent, "clone", "--quiet", "--no-checkout", str(repository), str(beside))
            _git(beside, "checkout", "--quiet", "--detach", str(wanted))
            beside.rename(clone)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    changed = _git(clone, "status", "--porcelain", "--untracked-files=no")
    if changed:
        first = changed.splitlines()[0].split()[-1]
        raise ReplicationError(f"{clone}: {first} was changed; a clone is trained as it is committed: git restore it")
    if wanted is not None and wanted != current_commit(clone):
        _git(clone, "fetch", "--quiet", str(repository), f"+refs/heads/{BRANCH}:refs/remotes/origin/{BRANCH}")
        _git(clone, "checkout", "--quiet", "--detach", wanted)
    return current_commit(clone)


def current_commit(clone: Path) -> str:
    """Return the commit at which the clone is, 40 hexadecimal digits.

    Raises:
        ReplicationError: it is no repository.
    """
    return _git(clone, "rev-parse", "--verify", "HEAD")


def own_environment(clone: Path) -> Path:
    """Build clone/.venv with the clone's own Makefile where it is missing or older than the lock.

    Returns: its Python.
    Raises:
        ReplicationError: it cannot be built; what `make` printed stands above.
    """
    command = ["make", "-C", str(clone), "venv", "VENV=.venv", f"PYTHON={sys.executable}"]
    try:
        subprocess.run(command, check=True, env=clean_environment(), stdin=subprocess.DEVNULL, stdout=sys.stderr)
    except FileNotFoundError:
        raise ReplicationError(
            "make: found no such program; install it, or name an environment with --python"
        ) from None
    except subprocess.CalledProcessError as error:
        raise ReplicationError(
            f"{clone}: `make venv` ended with exit code {error.returncode}, see above; mend it, or name an environment "
            "with --python"
        ) from None
    return clone / ".venv" / "bin" / "python"


def _commit_of_main(repository: Path, name: str | None) -> str:
    tip = _git_or_none(repository, "rev-parse", "--verify", "--quiet", f"refs/heads/{BRANCH}")
    if tip is None:
        raise ReplicationError(f"{repository}: found no branch {BRANCH}, of which the queue trains a commit")
    if name is None:
        return tip
    commit = None
    if not name.startswith("-"):  # an option of git's
        commit = _git_or_none(repository, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if commit is None or _git_or_none(repository, "merge-base", "--is-ancestor", commit, tip) is None:
        raise ReplicationError(
            f"--commit {name}: found no such commit on the branch {BRANCH} of {repository}; commit or merge it first"
        )
    return commit


def _git(folder: Path, *words: str) -> str:
    """Run a git command and return what it prints.

    Raises:
        ReplicationError: it fails; with git's own last line.
    """
    done = _run(folder, words, clean_environment())
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise ReplicationError(f"{folder}: git {words[0]} failed ({said[-1]})")
    return done.stdout.strip()


def _git_or_none(folder: Path, *words: str) -> str | None:
    done = _run(folder, words, clean_environment())
    return done.stdout.strip() if done.returncode == 0 else None


def _run(folder: Path, words: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *words], env=environment, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise ReplicationError(f"git: cannot be started ({error.strerror}); install it") from None
