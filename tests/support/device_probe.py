"""What the first minutes on a GPU are to find out; `tests/support/device_minutes.sh` calls it on a machine with one.

    python -m tests.support.device_probe machine
    python -m tests.support.device_probe equality --device cuda      stacks on the device beside learners on the CPU

With `--device cpu` and small numbers everything runs on a laptop. Speed is `python -m replication benchmark --device`.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np
import torch

from replication.training.off_policy.learner import prepare_torch
from replication.training.off_policy.stack import Stack
from tests.support.stacks import apart, learner, loss_stream, minibatch

LIMITS = {True: 1e-7, False: 1e-2}
"""Relative distance allowed after an update from equal state, in float64 and float32.

On a CPU the optimizer's own numbers are float32, whatever it updates: 1 - 0.999 is off by 5e-8 there.
"""


def machine(options: argparse.Namespace) -> int:
    """Print versions, memory, cores and the card."""
    print(f"python {sys.version.split()[0]}, torch {torch.__version__}, numpy {np.__version__}")
    names = ("model name", "MemTotal", "MemAvailable")
    lines = [*Path("/proc/cpuinfo").read_text().splitlines(), *Path("/proc/meminfo").read_text().splitlines()]
    print(*(next((line for line in lines if line.startswith(name)), name) for name in names), sep="\n")
    print(f"cores {len(os.sched_getaffinity(0))}")
    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        print(f"{card.name}, {card.total_memory / 2**30:.0f} GiB, {card.multi_processor_count} multiprocessors")
    return 0


def equality(options: argparse.Namespace) -> int:
    """Update stacks and learners on the CPU, each time from equal state; print the furthest tensors."""
    prepare_torch()
    wrong = 0
    for variant in options.variants:
        for double in LIMITS:
            small = options.small or double
            ours = [
                learner(variant, k, device=options.device, double=double, small=small) for k in range(options.lanes)
            ]
            plain = [learner(variant, k, device="cpu", double=double, small=small) for k in range(options.lanes)]
            worst: dict[str, float] = {}
            stack = Stack(ours)
            for update in range(options.updates):
                given = [
                    minibatch(np.random.default_rng([update, k]), 2 if small else 32) for k in range(options.lanes)
                ]
                for one, other in zip(ours, plain, strict=True):
                    for name, tensor in one.tensors().items():
                        tensor.copy_(other.tensors()[name])
                stack.update([(batch, loss_stream(k)) for k, batch in enumerate(given)])
                for k, (one, other) in enumerate(zip(ours, plain, strict=True)):
                    other.update(given[k], loss_stream(k))
                    far = apart({name: tensor.cpu() for name, tensor in one.tensors().items()}, other.tensors())
                    worst = {kind: max(worst.get(kind, 0.0), value) for kind, value in far.items()}
            differs = max(worst.values()) > LIMITS[double]
            wrong += differs
            shown = ", ".join(f"{kind} {value:.1e}" for kind, value in worst.items())
            kind = "float64, small" if double else "float32"
            print(f"equality {variant} {kind}: {shown}: {'DIFFERS' if differs else 'ok'}", flush=True)
    return wrong


def main() -> int:
    """Do what the first word says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["machine", "equality"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--updates", type=int, default=3)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--variants", nargs="+", default=["dqn", "dqn_dopamine_adam"])
    options = parser.parse_args()
    return {"machine": machine, "equality": equality}[options.what](options)


if __name__ == "__main__":
    sys.exit(main())
