"""The command `state`: the checkpoints and other leftovers of training, and which of them can go."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from replication.commands.arguments import add_folders
from replication.evidence.stored_state import LOCK, Fate, Item, items_of_run, stored_items
from replication.foundation.durations import days_text, time_text
from replication.foundation.errors import ReplicationError
from replication.foundation.files import part_of
from replication.foundation.locks import held, is_held
from replication.foundation.paths import state_root

HELP = "list the checkpoints and other leftovers of training, and remove those that can go"
DESCRIPTION = (
    "List every checkpoint and other leftover of the state folder with its size, its age, and why it can or cannot go; "
    "or remove what can go. What a running or unfinished run needs never goes."
)
_DAYS_FROM = 2 * 86_400.0
"""An age is written in days from here on."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `state`: a verb each, with its options."""
    verbs = parser.add_subparsers(required=True, metavar="VERB", dest="state_verb")
    verbs.add_parser("list", help="a line each, and what is kept and what can go in all")
    prune = verbs.add_parser("prune", help="say what can go; with --yes, remove it")
    prune.add_argument(
        "path",
        nargs="*",
        type=Path,
        help="as `list` writes it: this alone, what is kept unless named too (default: all that can go)",
    )
    prune.add_argument("--yes", action="store_true", help="remove it; without it nothing is touched")
    for verb in verbs.choices.values():
        add_folders(verb)


def run(options: argparse.Namespace) -> int:
    """List the state, or remove from it what can go.

    Returns: exit code 0.
    Raises:
        ReplicationError: a path that is not in the state, or is kept; something that cannot be removed.
    """
    state: Path = options.state or state_root()
    items = list(stored_items(state, options.results))
    if options.state_verb == "list":
        print(list_text(items, state))
        return 0
    chosen = _named(items, options.path, state) if options.path else [item for item in items if item.fate is Fate.GOES]
    if not chosen:
        print(f"{state}: nothing can go; `state list` says why")
        return 0
    if not options.yes:
        print("\n".join([*_lines(chosen, state), f"{_sizes(chosen)} can go; --yes removes it"]))
        return 0
    removed = []
    for item in chosen:
        if _remove(item, state, options.results, named=bool(options.path)):
            removed.append(item)
            print(f"removed {item.path.relative_to(state)}, {_size(item.size_bytes)}")
        else:
            print(f"kept {item.path.relative_to(state)}: a run needs it by now, or it is gone already")
    print(f"{_sizes(removed)} removed from {state}")
    return 0


def list_text(items: Sequence[Item], state: Path) -> str:
    """Describe the items of a state folder, a line each, and their totals."""
    if not items:
        return f"{state}: nothing is stored there"
    totals = [f"{_sizes([item for item in items if item.fate is fate])} {fate.value}" for fate in Fate]
    return "\n".join([*_lines(items, state), "", f"{state}: {', '.join(totals)}"])


def _lines(items: Iterable[Item], state: Path) -> list[str]:
    now = time.time()
    rows = [
        (
            str(item.path.relative_to(state)),
            _size(item.size_bytes),
            _age(now - item.changed),
            item.fate.value,
            item.why,
        )
        for item in items
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        f"{path.ljust(widths[0])}  {size.rjust(widths[1])}  {age.rjust(widths[2])}  {fate.ljust(widths[3])}  {why}"
        for path, size, age, fate, why in rows
    ]


def _named(items: Sequence[Item], paths: Sequence[Path], state: Path) -> list[Item]:
    """Choose the items that are named, themselves or by a folder above them.

    Raises:
        ReplicationError: nothing lies there, or what lies there is kept.
    """
    chosen: dict[Path, Item] = {}
    for path in paths:
        places = {(base / path).resolve() for base in (Path(), state)}
        below = [item for item in items if places & {item.path.resolve(), *item.path.resolve().parents}]
        if not below:
            raise ReplicationError(f"{path}: found nothing of this name in {state}; name it as `state list` writes it")
        if len(below) == 1 and below[0].fate is Fate.STAYS:
            raise ReplicationError(
                f"{path}: found {below[0].why}: it is kept; a run that is not wanted any more is "
                f"removed by hand, with its folder {below[0].path.parent}"
            )
        chosen |= {item.path: item for item in below if item.fate is not Fate.STAYS}
    return list(chosen.values())


def _remove(item: Item, state: Path, results: Path, *, named: bool) -> bool:
    """Remove an item; one of a run while its lock is held, and only if it still can go.

    Returns: True where it was removed.
    Raises:
        ReplicationError: it cannot be removed.
    """
    folder = item.path.parent
    if len(folder.relative_to(state).parts) != 4:  # of no run
        return _unlink(item.path)
    if not folder.is_dir():
        return False
    try:
        with held(folder / LOCK, f"{folder}: being trained", wait_seconds=0.0):
            still = {each.path: each.fate for each in items_of_run(folder, state, results, ours=True)}
            allowed = {Fate.GOES, Fate.NAMED} if named else {Fate.GOES}
            return still.get(item.path) in allowed and _unlink(item.path)
    except ReplicationError:
        if not folder.is_dir() or is_held(folder / LOCK):
            return False
        raise


def _unlink(path: Path) -> bool:
    """Remove a file or a folder: renamed first, so that no checkpoint is ever seen half removed."""
    gone = path if path.name.endswith(".part") else part_of(path)
    try:
        if gone != path:
            path.rename(gone)
        if gone.is_dir() and not gone.is_symlink():
            shutil.rmtree(gone)
        else:
            gone.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ReplicationError(f"{path}: cannot be removed ({error.strerror}); allow writing there") from None
    return True


def _sizes(items: Sequence[Item]) -> str:
    return f"{_size(sum(item.size_bytes for item in items))} in {len(items)}"


def _size(size_bytes: int) -> str:
    """Write a size in the unit that suits it."""
    unit, scale = next(
        each for each in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)) if size_bytes >= each[1] or each[1] == 1e3
    )
    return f"{size_bytes / scale:,.1f} {unit}"


def _age(seconds: float) -> str:
    return days_text(seconds) if seconds >= _DAYS_FROM else time_text(max(0.0, seconds))
