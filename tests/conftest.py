"""Settings shared by all tests."""

from __future__ import annotations

import importlib.util
import os

import pytest
from hypothesis import settings

from tests.time_shares import LONG_SESSION_TESTS, time_shares

# Machines are shared, so no example has a deadline. Where CI is set, one commit always sees the same examples.
settings.register_profile("replication", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("replication")


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> None:
    """Equality to the bit is promised for one thread; analysis alone may be tested without torch."""
    if importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(1)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow tests first: where several processes share them, none is left with a long one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """After a long session, say where its time went; workers send their reports here."""
    reports = [
        report for found in terminalreporter.stats.values() for report in found if isinstance(report, pytest.TestReport)
    ]
    if len({report.nodeid for report in reports}) >= LONG_SESSION_TESTS:
        terminalreporter.section("how the time was shared out (seconds of all workers)")
        for line in time_shares((report.nodeid, report.duration) for report in reports):
            terminalreporter.write_line(line)
