"""How the time of a test session is shared out, by file; `conftest.py` prints it after every long session."""

from __future__ import annotations

from collections.abc import Iterable

SHOWN = 15
LONG_SESSION_TESTS = 50


def time_shares(durations: Iterable[tuple[str, float]]) -> list[str]:
    """One line a file, slowest first, then the rest in one line and the sum.

    Args:
        durations: node id of a test and seconds, for each phase (set up, call, tear down) of each test.
    """
    seconds: dict[str, float] = {}
    tests: dict[str, set[str]] = {}
    for node, spent in durations:
        file = node.partition("::")[0]
        seconds[file] = seconds.get(file, 0.0) + spent
        tests.setdefault(file, set()).add(node)
    total = sum(seconds.values())
    ordered = sorted(seconds, key=lambda file: -seconds[file])
    rows = [(file, len(tests[file]), seconds[file]) for file in ordered[:SHOWN]]
    if rest := ordered[SHOWN:]:
        rows.append((f"{len(rest)} others", sum(len(tests[f]) for f in rest), sum(seconds[f] for f in rest)))
    rows.append(("in all", sum(map(len, tests.values())), total))
    return [
        f"{spent / total if total else 0:6.1%} {spent:7.1f} s {number:5} tests  {name}" for name, number, spent in rows
    ]
