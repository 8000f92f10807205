"""The parser of the command line, which a module for each command fills."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any, NoReturn, Protocol

from replication.foundation.errors import ReplicationError, unknown_name


class Command(Protocol):
    """A module that is a command. It imports torch, numpy and pandas only when it runs, so that help is quick."""

    HELP: str
    """Its line in the help of the whole program."""
    DESCRIPTION: str
    """Beginning of its own help."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of the command."""

    def run(self, options: argparse.Namespace) -> int:
        """Do it.

        Returns: exit code.
        Raises:
            ReplicationError: something a user can mend.
        """
        ...


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong with the arguments, as every other error is said."""

    def __init__(self, **settings: Any) -> None:
        """Refuse abbreviated options: an abbreviation may come to mean another one in a later version."""
        super().__init__(**settings, allow_abbrev=False)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse as argparse does, but refuse an unknown option here: the command knows which ones it has."""
        known, unknown = super().parse_known_args(args, namespace)
        options = [option[2:] for option in self._option_string_actions if option.startswith("--")]
        for word in unknown:
            if word.startswith("--"):
                name = word[2:].partition("=")[0]
                raise ReplicationError(f"{unknown_name('option', name, options)}; see {self.prog} --help")
        return known, unknown

    def error(self, message: str) -> NoReturn:
        raise ReplicationError(f"{' '.join(message.split())}; see {self.prog} --help")


def build_parser(commands: Mapping[str, Command]) -> Parser:
    """Build the parser of the whole command line, its commands in the order given; `verb` is the one that was typed."""
    whole = Parser(prog="python -m replication", description="Replicate published deep-RL results.")
    parsers = whole.add_subparsers(required=True, metavar="COMMAND", dest="verb")
    for name, command in commands.items():
        command.add_arguments(parsers.add_parser(name, help=command.HELP, description=command.DESCRIPTION))
    return whole
