"""Another program's training script, unchanged, as a measured program.

`python -m replication.commands.benchmark.peer_script MODULE CLASS METHOD SCRIPT ARGUMENTS...`: the script is run as if
it had been called. METHOD is one that it calls once an agent step: calls are counted, and held up between measurements.
"""

from __future__ import annotations

import runpy
import sys
from contextlib import suppress
from functools import wraps
from importlib import import_module
from importlib.metadata import version
from typing import Any

import torch

from replication.commands.benchmark.pacing import Pace


def main(module: str, owner: str, method: str, *call: str) -> None:
    """Run the script; `call` is its path and its arguments."""
    torch.set_num_threads(1)
    with suppress(ImportError):  # from 0.10 on, Gymnasium knows its games only once it was imported
        import_module("ale_py")
    pace = Pace(lambda: {"versions": {name: version(name) for name in ("torch", "numpy")}}, dict)
    holder = getattr(import_module(module), owner)
    original = getattr(holder, method)

    @wraps(original)
    def counted(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        pace.step()
        return result

    setattr(holder, method, counted)
    sys.argv = list(call)
    runpy.run_path(call[0], run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
