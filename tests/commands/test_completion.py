"""Tab in a shell completes names of experiments, variants, tasks."""

from __future__ import annotations

from itertools import count

import argcomplete
import pytest

from replication.commands.cli import COMMANDS
from replication.commands.completion import add_completers, complete
from replication.commands.parser import build_parser


def answers(line: str) -> set[str]:
    """What a shell is told at the end of this line, asked as readline asks: a match at a time until there is none."""
    parser = build_parser(COMMANDS)
    add_completers(parser)
    finder = argcomplete.CompletionFinder(parser)
    found: list[str] = []
    for state in count():
        match = finder.rl_complete(line, state)
        if match is None:
            return set(found)
        found.append(match.split()[-1])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("run nature_f", {"nature_figure2", "nature_figure4"}),
        ("doctor cliff", {"cliff_walking"}),
        ("train --variant double_dqn_t", {"double_dqn_tuned"}),
        ("train --variant dqn --task pon", {"pong"}),
        ("train --game alien cliff_w", {"cliff_walking"}),
        ("train --protocol stick", {"sticky"}),
        ("judge --game space_inv", {"space_invaders"}),
        ("queue add quicks", {"quickstart"}),
        ("verif", {"verify"}),
        ("run quickstart --pro", {"--profile"}),
    ],
)
def test_names_are_completed(line: str, expected: set[str]) -> None:
    found = answers(line)
    assert expected <= found
    assert [word for word in found if not word.startswith(line.split(" ")[-1])] == []


def test_nothing_is_completed_where_no_shell_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("_ARGCOMPLETE", raising=False)
    complete(build_parser(COMMANDS))
