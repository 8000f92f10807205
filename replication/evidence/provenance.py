"""The provenance of results: commit, versions, machine, command."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from replication.environments.atari.emulator import rom_md5
from replication.environments.atari.palette import palette_rgb
from replication.environments.registry import open_simulator
from replication.foundation.files import canonical_json, sha256
from replication.foundation.git import NOT_IN_A_COMMIT, commit_of
from replication.foundation.paths import PACKAGE, PROJECT_NAME, WORKFLOW
from replication.specification.run import Run
from replication.specification.settings_files import settings_files
from replication.specification.tasks.registry import find_task
from replication.specification.tasks.task import Kind

_IN_FORCE = {".py", ".yaml", ".json", ".csv", ".gz"}
"""Endings of the files that can change a number."""


def provenance(run: Run) -> dict[str, Any]:
    """Return where results come from: commit, versions, machine, ROM, command."""
    return {
        "commit": git_commit(run),
        "code": run.variant.code,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        **_PLAYED_WITH[run.task.kind](run.task.name),
        "command": command_text(sys.argv[1:]),
    }


def _atari(game: str) -> dict[str, Any]:
    return {
        "packages": _versions("ale-py", "gymnasium", "numpy", "torch"),
        "rom_md5": rom_md5(game),
        "palette_sha256": sha256(palette_rgb().tobytes()),
    }


def _compiled(task: str) -> dict[str, Any]:
    return {"packages": _versions("numba", "numpy", "safetensors")}


def _gymnasium(task: str) -> dict[str, Any]:
    simulator = open_simulator(find_task(task))
    return {"packages": _versions("gymnasium", "numpy"), "simulator": dict(simulator.fingerprint)}


def _versions(*names: str) -> dict[str, str]:
    return {name: version(name) for name in names}


_PLAYED_WITH: dict[Kind, Callable[[str], dict[str, Any]]] = {
    "atari": _atari,
    "gridworld": _compiled,
    "gymnasium": _gymnasium,
    "pole": _compiled,
}
"""What numbers of each kind of task rest on, beside this program: packages, and the ROM of a game."""


def command_text(words: Sequence[str]) -> str:
    """Write the command with these arguments, without the folders of the machine it ran on: they make no number."""
    kept, rest = [], iter(words)
    for word in rest:
        if word in ("--results", "--state"):
            next(rest, None)
        elif word == "--algorithm":
            kept += [word, Path(next(rest, "")).name]
        elif word.startswith("--algorithm="):
            kept.append(f"--algorithm={Path(word).name}")
        elif not word.startswith(("--results=", "--state=")):
            kept.append(word)
    return shlex.join(["python", "-m", "replication", *kept])


def git_commit(run: Run | None = None) -> str:
    """Return the commit of the program, `-dirty` where its tree was changed; or that it is in none.

    Of the settings in workflow/ only those of the run have to be in it; without a run, all.

    REPLICATION_COMMIT comes first: it names the commit of a tree that was copied to a machine whose repository, if any,
    is at another.
    """
    return os.environ.get("REPLICATION_COMMIT") or _own_commit(None if run is None else settings_files(run))


@cache
def _own_commit(settings: frozenset[str] | None) -> str:
    """Ask once a process: the files may change while it trains, which changes nothing of what it does."""
    return commit_or_digest(PACKAGE.parent, settings)


def commit_or_digest(root: Path, settings: Collection[str] | None = None) -> str:
    """Return the commit of the program in this folder; where git does not have all its files, a digest of them.

    Args:
        root: the folder.
        settings: the files of workflow/ that are in force, relative to it; None: all.
    """
    named = None if settings is None else {f"{WORKFLOW.name}/{name}" for name in settings}
    code = f"{PACKAGE.name}/"
    found = dict(_sources(root))
    in_force = {path: found[path] for path in found if named is None or path in named or path.startswith(code)}
    sources = {path: in_force[path].read_bytes() for path in in_force}
    if (commit := commit_of(root, list(sources))) is not None:
        return commit
    return NOT_IN_A_COMMIT + sha256(canonical_json({path: sha256(data) for path, data in sources.items()}))


def _sources(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files that can be in force by their places in a checkout: code, settings and data, but no caches."""
    project = root / PACKAGE.name / PROJECT_NAME
    workflow = project if project.is_dir() else root  # what is installed has the same places, and the same digest
    for above, folder in ((root, PACKAGE.name), (workflow, WORKFLOW.name)):
        for path in sorted((above / folder).rglob("*")):
            place = path.relative_to(above)
            hidden = any(part.startswith(".") or part == "__pycache__" for part in place.parts)
            of_package = folder == WORKFLOW.name or not path.is_relative_to(project)
            if path.suffix in _IN_FORCE and of_package and not hidden and path.is_file():
                yield place.as_posix(), path
