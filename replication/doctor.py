"""Whether this machine can do what an experiment asks: one line a check, and what to do where one fails."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement

from replication.config import WORKFLOW
from replication.errors import ReplicationError
from replication.experiments import load_experiment
from replication.frame_store import typical_bytes
from replication.games import ATARI57
from replication.plan import off_policy_config, plan_variants
from replication.resources import available_memory_bytes, free_disk_bytes
from replication.run_records import unfinished
from replication.runs import Run

OK, NOTE, FAIL = "ok", "note", "FAIL"
Finding = tuple[str, str]
"""One of OK, NOTE and FAIL, and a line of words; after a semicolon, what to do."""

ROOT = WORKFLOW.parent
PROGRAM_BYTES = 1_000_000_000
"""Of a training process beside its replay memory."""


def examine(experiment: str, results: Path, state: Path, cores: int | None = None) -> int:
    """Print every check.

    Args:
        experiment: whose needs are compared.
        results: where the small files go.
        state: where checkpoints go.
        cores: runs at a time; None: one a core.

    Returns: 1 where a check fails, else 0.
    Raises:
        ReplicationError: no such experiment.
    """
    runs = load_experiment(experiment).runs()
    cores = cores or os.cpu_count() or 1
    failed = False
    checks: list[Callable[[], Iterator[Finding]]] = [
        check_python,
        check_packages,
        check_roms,
        lambda: check_step(runs),
        check_device,
        lambda: check_results(runs, results),
        lambda: check_memory(runs, results, cores),
        lambda: check_disk(runs, results, state),
        lambda: check_hours(experiment, runs, results, state, cores),
    ]
    for check in checks:
        for status, words in check():
            print(f"{status:<5} {words}")
            failed = failed or status == FAIL
    print(f"{'something is missing' if failed else 'ready'} for {experiment}")
    return int(failed)


def check_python() -> Iterator[Finding]:
    """3.11 or newer."""
    found = ".".join(str(part) for part in sys.version_info[:3])
    good = sys.version_info[:2] >= (3, 11)
    yield (OK, f"Python {found}") if good else (FAIL, f"Python {found}, 3.11 or newer is needed; make venv PYTHON=...")


def check_packages() -> Iterator[Finding]:
    """Each dependency is there and new enough; other versions than the lock's are a note."""
    path = ROOT / "pyproject.toml"
    needed = [Requirement(text) for text in tomllib.loads(path.read_text())["project"]["dependencies"]]
    locked = _locked_versions(ROOT / "requirements.lock")
    others, good = [], 0
    for requirement in needed:
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield FAIL, f"{requirement.name} is not installed; make venv, then use .venv/bin/python"
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            yield FAIL, f"{requirement.name} {found}, {requirement.specifier} is needed; make venv"
            continue
        good += 1
        expected = locked.get(requirement.name.lower())
        if expected is not None and found.partition("+")[0] != expected:
            others.append(f"{requirement.name} {found} (locked: {expected})")
    yield OK, f"{good} of {len(needed)} packages are there, new enough"
    if others:
        yield NOTE, f"not the locked versions: {', '.join(others)}; numbers may differ in the last digits"


def check_roms() -> Iterator[Finding]:
    """All 57 ROMs, each the one results were made with."""
    from replication.atari.emulator import rom_md5

    good = 0
    for game in ATARI57:
        try:
            rom_md5(game)
            good += 1
        except ReplicationError as error:
            yield FAIL, str(error)
    if good == len(ATARI57):
        yield OK, f"{good} ROMs, each of the expected MD5"


def check_step(runs: Sequence[Run]) -> Iterator[Finding]:
    """One step really taken in a game of the experiment."""
    from replication.atari.emulator import open_emulator

    game = runs[0].game
    try:
        emulator = open_emulator(game)
        emulator.reset()
        emulator.act(0)
    except Exception as error:  # whatever the emulator does wrong is what is looked for
        yield FAIL, f"no step can be taken in {game} ({error}); install ale-py again: make venv"
        return
    yield OK, f"a step was taken in {game}: {len(emulator.minimal_actions)} actions, {emulator.lives} lives"


def check_device() -> Iterator[Finding]:
    """Torch, and a CUDA device where there is one."""
    try:
        import torch
    except ImportError as error:
        yield FAIL, f"torch cannot be imported ({error}); make venv"
        return
    if torch.cuda.is_available():
        yield OK, f"torch {torch.__version__} sees {torch.cuda.get_device_name(0)}; train with --device cuda"
    else:
        yield OK, f"torch {torch.__version__}"
        yield NOTE, "no CUDA device is seen: training runs on the CPU, one core a run"


def check_results(runs: Sequence[Run], results: Path) -> Iterator[Finding]:
    """Finished runs are read, and the folder can be written."""
    try:
        left = unfinished(runs, results)
        probe = results / ".doctor"
        results.mkdir(parents=True, exist_ok=True)
        probe.write_text("")
        probe.unlink()
    except ReplicationError as error:
        yield FAIL, str(error)
        return
    except OSError as error:
        yield FAIL, f"{results} cannot be written ({error.strerror}); name another with --results"
        return
    yield OK, f"{len(runs) - len(left)} of {len(runs)} runs are finished; {results} can be written"


def check_memory(runs: Sequence[Run], results: Path, cores: int) -> Iterator[Finding]:
    """Replay memories of the runs that train at a time, at the size of a busy game, and a gigabyte for each program."""
    trained = [run for run in runs if run.variant.family == "off_policy"]
    each = [PROGRAM_BYTES + typical_bytes(off_policy_config(run).replay_capacity_rows, "lz4")[1] for run in trained]
    needed = sum(sorted(each, reverse=True)[:cores]) or PROGRAM_BYTES
    available = available_memory_bytes()
    at_a_time = min(cores, len(trained)) or 1
    text = f"memory: {needed / 1e9:.1f} GB for {at_a_time} runs at a time, {available / 1e9:.1f} GB available"
    if needed <= available:
        yield OK, text
    else:
        fit = max(1, int(available / max(each)))
        yield FAIL, f"{text}; run fewer at a time: --cores {fit}"


def check_disk(runs: Sequence[Run], results: Path, state: Path) -> Iterator[Finding]:
    """Checkpoints of the runs that are left."""
    try:
        needed = sum(plan.state_bytes for plan in plan_variants(runs, results, state))
    except ReplicationError:
        return  # said already
    free = free_disk_bytes(state)
    text = f"disk: {needed / 1e9:.2f} GB of checkpoints in {state}, {free / 1e9:.1f} GB free"
    yield (OK, text) if needed < free else (FAIL, f"{text}; make room, or name another disk with --state")


def check_hours(experiment: str, runs: Sequence[Run], results: Path, state: Path, cores: int) -> Iterator[Finding]:
    """Estimated, never a failure."""
    try:
        plans = plan_variants(runs, results, state)
    except ReplicationError:
        return
    seconds = sum(plan.seconds for plan in plans)
    wall = max(seconds / cores, *(plan.longest_seconds for plan in plans)) if plans else 0.0
    origins = {plan.speed.origin for plan in plans if plan.speed and plan.seconds}
    how = f" (speed: {', '.join(sorted(origins))})" if origins else ""
    measure = f"; measure: python -m replication run {experiment} -n --measure" if "assumed" in origins else ""
    yield NOTE, f"time: about {wall / 3600:,.1f} hours, {seconds / 3600:,.1f} core hours{how}{measure}"


def _locked_versions(path: Path) -> dict[str, str]:
    """Name to version; empty where there is no lock."""
    if not path.exists():
        return {}
    pairs = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", path.read_text(), re.MULTILINE)
    return {name.lower(): number.partition("+")[0] for name, number in pairs}
