"""Settings shared by all tests."""

from __future__ import annotations

import importlib.util
import os

import pytest
from hypothesis import settings

# Machines are shared, so no example has a deadline. Where CI is set, one commit always sees the same examples.
settings.register_profile("replication", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("replication")


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> None:
    """Equality to the bit is promised for one thread; analysis alone may be tested without torch."""
    if importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(1)
