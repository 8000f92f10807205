"""Completion of names in a shell: experiments, variants, tasks and the rest are read at the moment Tab is pressed.

argcomplete speaks with the shell; where its hook is not in force, which is nearly always, nothing of it is imported.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Iterator

from replication.specification.experiments import known_experiments
from replication.specification.loading import known_names
from replication.specification.tasks.registry import known_tasks

_ASKED = "_ARGCOMPLETE"
"""The variable that the shell's hook sets when it asks."""
NAMES: dict[str, Callable[[], Iterable[str]]] = {
    "experiment": known_experiments,
    "variant": lambda: known_names("algorithms"),
    "task": known_tasks,
    "game": known_tasks,
    "protocol": lambda: known_names("protocols"),
    "preset": lambda: known_names("presets"),
}
"""What an argument of this name may be, whichever command it belongs to."""


def complete(parser: argparse.ArgumentParser) -> None:
    """Write the names the shell asks for and end the process; do nothing where no shell asks."""
    if _ASKED not in os.environ:
        return
    import argcomplete

    add_completers(parser)
    argcomplete.autocomplete(parser)


def add_completers(parser: argparse.ArgumentParser) -> None:
    """Tell argcomplete what the arguments of every command may be, where this program has names for it."""
    for action in _all_actions(parser):
        if action.dest in NAMES:
            names = NAMES[action.dest]
            # The attribute that argcomplete reads; it gives keywords that no list of names depends on.
            vars(action)["completer"] = lambda names=names, **asked: names()


def _all_actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:  # argparse has no other list of them
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield from _all_actions(child)
        else:
            yield action
