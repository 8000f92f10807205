"""Settings shared by all tests."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.fuzzing import PROFILES
from tests.support.time_shares import LONG_SESSION_TESTS, time_shares

ROOT = Path(__file__).resolve().parent.parent

# Machines are shared, so no example has a deadline. Where CI is set, one commit always sees the same examples.
for _profile, _examples in PROFILES.items():
    settings.register_profile(_profile, deadline=None, derandomize=bool(os.environ.get("CI")), max_examples=_examples)
settings.load_profile("replication")


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> None:
    """Equality to the bit is promised for one thread; analysis alone may be tested without torch."""
    if importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(1)


@pytest.fixture
def pinball_has_a_rom(monkeypatch: pytest.MonkeyPatch) -> None:
    """For traces of tests/support/pinball.py, a game that is made up."""
    from replication.evidence import trace_replay

    known = trace_replay.rom_md5
    monkeypatch.setattr(trace_replay, "rom_md5", lambda game: "0" * 32 if game == "pinball" else known(game))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long tests first, then the slow ones: where several processes share them, none ends with a long one."""
    items.sort(key=lambda item: [item.get_closest_marker(name) is None for name in ("long", "slow")])


@cache
def makes_something_once(path: str) -> bool:
    """Whether a file of tests has a fixture that its tests share."""
    return 'scope="module"' in (ROOT / path).read_text(encoding="utf-8")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Where several processes share the tests, those of a file that makes something once stay in one of them.

    pytest-xdist has marks for it (`--dist loadgroup`), which its version 3.8 does not find under pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class TogetherWhereMadeOnce(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return path if makes_something_once(path) else nodeid

    return TogetherWhereMadeOnce(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """After a long session, say where its time went; workers send their reports here."""
    reports = [
        report for found in terminalreporter.stats.values() for report in found if isinstance(report, pytest.TestReport)
    ]
    if len({report.nodeid for report in reports}) >= LONG_SESSION_TESTS:
        terminalreporter.section("how the time was shared out (seconds of all workers)")
        for line in time_shares((report.nodeid, report.duration) for report in reports):
            terminalreporter.write_line(line)
