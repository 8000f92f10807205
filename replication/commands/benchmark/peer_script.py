"""Another program's training script, unchanged, as a measured program.

`python -m replication.commands.benchmark.peer_script MODULE CLASS METHOD STEPS PERIOD WARM_UP SCRIPT ARGUMENTS...`: the
script is run as if it had been called. METHOD is one that it calls once for every STEPS agent steps: calls are counted,
and held up between measurements, at whole periods of PERIOD steps, after WARM_UP.
"""

from __future__ import annotations

import runpy
import sys
from contextlib import suppress
from functools import wraps
from importlib import import_module
from typing import Any

import torch

from replication.commands.benchmark.pacing import Pace, versions


def main(module: str, owner: str, method: str, steps: int, period_steps: int, warm_up_steps: int, *call: str) -> None:
    """Run the script; `call` is its path and its arguments."""
    torch.set_num_threads(1)
    with suppress(ImportError):  # from 0.10 on, Gymnasium knows its games only once it was imported
        import_module("ale_py")
    pace = Pace(lambda: {"versions": versions()}, dict, period_steps=period_steps, warm_up_steps=warm_up_steps)
    holder = getattr(import_module(module), owner)
    original = getattr(holder, method)

    @wraps(original)
    def counted(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        pace.step(steps)
        return result

    setattr(holder, method, counted)
    sys.argv = list(call)
    runpy.run_path(call[0], run_name="__main__")


if __name__ == "__main__":
    every, period, warm_up = map(int, sys.argv[4:7])
    main(sys.argv[1], sys.argv[2], sys.argv[3], every, period, warm_up, *sys.argv[7:])
