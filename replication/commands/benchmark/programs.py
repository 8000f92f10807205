"""The programs that are measured: how each is started, and what a user names them by."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from replication.foundation.errors import ReplicationError
from replication.foundation.git import git_says

OURS, SB3, CLEANRL, PFRL = "this suite", "Stable-Baselines3", "CleanRL", "PFRL"
SHANGTONG, RL_BLOX = "ShangtongZhang's script", "rl-blox"
CHECKOUTS = {"cleanrl": CLEANRL, "pfrl": PFRL, "shangtong-zhang": SHANGTONG}
"""Programs that are measured from a checkout of their repository: option to name."""
PACKAGES = {"sb3": SB3, "rl-blox": RL_BLOX}
"""Programs that are installed as a package: option to name."""
MODULES = "replication.commands.benchmark"


@dataclass(frozen=True)
class Peer:
    """Another program: the python that has what it needs, and the checkout of its repository where it is no package."""

    option: str
    """What a user names it by, without its dashes."""
    python: Path
    checkout: Path | None = None


@dataclass(frozen=True)
class Command:
    """A measured program as it is started."""

    words: Sequence[str]
    mending: str
    """What the user can do where it does not run."""
    paths: Sequence[Path] = ()
    """Where its python looks for modules beside this repository."""
    commit: str | None = None
    """Of the checkout it comes from; None: it is a package, whose version it tells, or ours."""


def ours(module: str, *arguments: object) -> Command:
    """Return the command of a program of this suite."""
    return Command(_words(sys.executable, module, arguments), "python -m replication doctor says what is missing")


def package(peer: Peer, module: str, *arguments: object, mending: str) -> Command:
    """Return the command of a module here that drives another program's package.

    Raises:
        ReplicationError: there is no such python.
    """
    return Command(_words(python_at(peer), module, arguments), mending)


def script(peer: Peer, path: str, module: str, before: Sequence[object], arguments: Sequence[object] = ()) -> Command:
    """Return the command of a module here that runs another program's own script.

    Args:
        peer: with a checkout.
        path: of the script in it.
        module: of this package, which is given three things: `before`, the script, `arguments`.
        before: what the module is told of the script.
        arguments: of the script.

    Raises:
        ReplicationError: there is no such python, or no such script.
    """
    assert peer.checkout is not None, f"--{peer.option} names a checkout"
    file = peer.checkout.absolute() / path
    if not file.is_file():
        name = CHECKOUTS[peer.option]
        raise ReplicationError(
            f"--{peer.option}: {peer.checkout} has no {path}; expected a checkout of {name}'s repository"
        )
    words = _words(python_at(peer), module, (*before, file, *arguments))
    mending = f"--{peer.option} needs the python of an environment in which its script runs"
    commit = git_says(peer.checkout, "rev-parse", "HEAD") or "unknown"
    return Command(words, mending, [peer.checkout], commit)


def python_at(peer: Peer) -> str:
    """Return the absolute path of an interpreter, links not followed: a virtual environment's python is one.

    Raises:
        ReplicationError: there is none.
    """
    if not peer.python.is_file():
        raise ReplicationError(
            f"--{peer.option}: there is no python at {peer.python}; expected one such as .benchmark-venv/bin/python"
        )
    return str(peer.python.absolute())


def _words(python: str, module: str, arguments: Sequence[object]) -> list[str]:
    return [python, "-m", f"{MODULES}.{module}", *map(str, arguments)]
