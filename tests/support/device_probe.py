"""What the first minutes on a GPU are to find out; `tests/support/device_minutes.sh` calls it on a machine with one.

    python -m tests.support.device_probe machine
    python -m tests.support.device_probe equality --device cuda      stacks on the device beside learners on the CPU
    python -m tests.support.device_probe speed --device cuda --lanes 64 --processes 4 --workers 16
    python -m tests.support.device_probe profile --device cuda --lanes 64 --out FOLDER

With `--device cpu` and small numbers everything runs on a laptop.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from replication.algorithms.off_policy.contract import load_algorithm
from replication.specification.families.off_policy import ReplayStart
from replication.specification.run import Run, resolve_run
from replication.training.machine.settings import Machine
from replication.training.off_policy.batching import InStacks
from replication.training.off_policy.lane_in_worker import open_lanes
from replication.training.off_policy.learner import Learner, prepare_torch
from replication.training.off_policy.loop import train
from replication.training.off_policy.stack import Stack
from replication.training.off_policy.trainee import Trainee
from replication.training.workers.handle import Worker
from tests.support.stacks import apart, learner, loss_stream, minibatch

LIMITS = {True: 1e-7, False: 1e-2}
"""Relative distance allowed after an update from equal state, in float64 and float32.

On a CPU the optimiser's own numbers are float32, whatever it updates: 1 - 0.999 is off by 5e-8 there.
"""
PARTS = ((Stack, "_fill"), (Worker, "_receive"), (InStacks, "action_values"), (InStacks, "update"))
"""Where the time of the main process is looked for."""


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


def lanes_of(options: argparse.Namespace) -> tuple[Any, Any, list[Run]]:
    """Give algorithm, settings and runs of one process; learning starts at once."""
    iterates = options.variant.endswith("_dopamine")
    budget = {"budget_iterations": 200} if iterates and not options.preset else {"budget_frames": 200_000_000}
    runs = [
        resolve_run(variant=options.variant, task=game, seed=seed, preset=options.preset, **budget)
        for seed in range(-(-options.lanes // len(options.games)))
        for game in options.games
    ]
    algorithm = load_algorithm(runs[0].variant.module)
    config = runs[0].settings
    changes: dict[str, Any] = {"replay_start": ReplayStart(count=60, unit="steps")}
    if not options.preset:
        changes |= {"replay_capacity_rows": 50_000, "held_out_transitions": min(50, config.held_out_transitions)}
        changes |= {"epsilon": config.epsilon.model_copy(update={"start": 0.1, "end": 0.1})}
    return algorithm, config.model_copy(update=changes), runs[: options.lanes]


def child(options: argparse.Namespace) -> int:
    """Be one process of a measurement: say READY, wait for a line, measure, print a line of JSON."""
    prepare_torch()
    algorithm, config, runs = lanes_of(options)
    spent = {name: 0.0 for _, name in PARTS}

    def watch(owner: type, name: str) -> None:
        plain = getattr(owner, name)

        def call(*arguments: Any) -> Any:
            began = time.perf_counter()
            try:
                return plain(*arguments)
            finally:
                spent[name] += time.perf_counter() - began

        setattr(owner, name, call)

    for owner, name in PARTS:
        watch(owner, name)
    place = Machine(Path(), Path(), options.device, "lz4", 1e9, None, quiet=True, workers=options.workers)
    with open_lanes(runs, config, place) as lanes:
        made = [Learner(algorithm, config, lane.num_actions, lane.streams, options.device) for lane in lanes]
        turns = train([Trainee(lane, each) for lane, each in zip(lanes, made, strict=True)], config, InStacks())
        for _ in islice(turns, options.warm_up):
            pass
        print("READY", flush=True)
        sys.stdin.readline()
        if options.out:
            write_profile(turns, options)
        spent.update(dict.fromkeys(spent, 0.0))
        began, ticks = time.perf_counter(), 0
        while time.perf_counter() - began < options.seconds:
            ticks += sum(1 for _ in islice(turns, 4))
        wall = time.perf_counter() - began
    memory = 0.0 if options.device == "cpu" else torch.cuda.max_memory_allocated() / 1e9
    found = {"steps": ticks * len(runs) / wall, "tick_ms": wall / ticks * 1e3, "memory_gb": memory}
    print(json.dumps(found | {name: seconds / wall for name, seconds in spent.items()}), flush=True)
    return 0


def write_profile(turns: Iterator[None], options: argparse.Namespace) -> None:
    """Write profile.txt: what 16 ticks spend on the device, or on the CPU where that is it."""
    from torch.profiler import ProfilerActivity, profile

    on_cpu = options.device == "cpu"
    with profile(activities=[ProfilerActivity.CPU] + ([] if on_cpu else [ProfilerActivity.CUDA])) as found:
        for _ in islice(turns, 16):
            pass
    table = found.key_averages().table(sort_by=f"self_{'cpu' if on_cpu else 'cuda'}_time_total", row_limit=40)
    Path(options.out).mkdir(parents=True, exist_ok=True)
    (Path(options.out) / "profile.txt").write_text(f"16 ticks of {options.lanes} lanes\n{table}\n")


def speed(options: argparse.Namespace) -> int:
    """Measure steps a second of lanes shared out to processes that start together; print and keep a line."""
    each, workers = options.lanes // options.processes, options.workers // options.processes
    given = {"device": options.device, "lanes": each, "workers": workers, "seconds": options.seconds}
    given |= {"variant": options.variant, "warm-up": options.warm_up, "out": options.out, "preset": options.preset}
    words = [f"--{name}={value}" for name, value in given.items() if value]
    command = [sys.executable, "-m", "tests.support.device_probe", "child", *words, "--games", *options.games]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(options.processes)
    ]
    label = f"{options.variant}: {options.lanes} lanes, {options.processes} x {workers} workers"
    if any(process.stdout.readline().strip() != "READY" for process in started if process.stdout):
        for process in started:
            process.kill()
        print(f"{label}: FAILED (see above)", flush=True)
        return 1
    found = [
        json.loads(said or "{}") for said in (process.communicate("go\n")[0] for process in started_at_once(started))
    ]
    if not all(found):
        print(f"{label}: FAILED while it was measured (see above)", flush=True)
        return 1
    steps = sum(one["steps"] for one in found)
    mean = {key: sum(one[key] for one in found) / len(found) for key in found[0]}
    shares = ", ".join(f"{name} {mean[name]:.0%}" for _, name in PARTS)
    print(f"{label}: {steps:,.0f} steps/s; a tick {mean['tick_ms']:.1f} ms; {shares}; {mean['memory_gb']:.1f} GB each")
    if options.record:
        row = {"variant": options.variant, "lanes": options.lanes, "processes": options.processes, "workers": workers}
        with Path(options.record).open("a") as file:
            print(json.dumps(row | {"steps": steps} | mean), file=file)
    return 0


def started_at_once(processes: list[subprocess.Popen[str]]) -> list[subprocess.Popen[str]]:
    """Tell all processes to begin before any is waited for."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return processes


def main() -> int:
    """Do what the first word says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["machine", "equality", "speed", "profile", "child"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--updates", type=int, default=3)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--variants", nargs="+", default=["dqn", "dqn_dopamine_adam"])
    parser.add_argument("--variant", default="dqn_dopamine")
    parser.add_argument("--preset")
    parser.add_argument("--games", nargs="+", default=["seaquest", "hero", "krull", "road_runner"])
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--warm-up", type=int, default=100, help="ticks; learning starts after 60")
    parser.add_argument("--out", default="")
    parser.add_argument("--record", default="")
    options = parser.parse_args()
    if options.what == "profile":
        options.processes = 1
    doing = {"machine": machine, "equality": equality, "speed": speed, "profile": speed, "child": child}
    return doing[options.what](options)


if __name__ == "__main__":
    sys.exit(main())
