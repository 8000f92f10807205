"""The command `doctor`: check that this machine can do what an experiment asks, and say what to do where it cannot.

Packages are imported inside the checks that need them: a missing one is what a check finds, not what stops them all.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from replication.commands.arguments import add_folders, at_least_one
from replication.evidence.records import unfinished
from replication.foundation.errors import ReplicationError
from replication.foundation.paths import IN_CHECKOUT, PROJECT, state_root, working_folder
from replication.foundation.resources import usable_cpus
from replication.foundation.stopping import LACKING_EXIT_CODE
from replication.specification.experiments import Experiment, load_experiment
from replication.specification.run import Run, one_a_record
from replication.specification.tasks.atari_games import ATARI57

HELP = "check that this machine can do what is asked of it"
DESCRIPTION = "Check versions, ROMs, the emulator, the device, and memory, disk and hours against an experiment."

OK, NOTE, SLOW, FAIL = "ok", "note", "slow", "FAIL"
Finding = tuple[str, str]
"""One of OK, NOTE, SLOW and FAIL, and a line of words; after a semicolon, what to do."""

PROGRAM_BYTES = 1_000_000_000
"""Memory of a process beside what its family says."""
BUILD = "make -B venv, then . .venv/bin/activate" if IN_CHECKOUT else "python -m pip install --force-reinstall CHECKOUT"
"""Plain `make venv` leaves an environment alone that is as new as the lock, whatever was removed from it since."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `doctor`."""
    parser.add_argument("experiment", nargs="?", default="quickstart", help="default: quickstart")
    add_folders(parser)
    parser.add_argument("--cores", type=at_least_one, help="runs at a time (default: all cores)")


def run(options: argparse.Namespace) -> int:
    """Check this machine against the experiment, and print one line a check.

    Returns: exit code, 0 or LACKING_EXIT_CODE.
    Raises:
        ReplicationError: no such experiment.
    """
    # As `run` takes them: a relative folder lies where Snakemake works.
    results, state = working_folder() / options.results, working_folder() / (options.state or state_root())
    is_ready = examine(options.experiment, results, state, options.cores)
    return 0 if is_ready else LACKING_EXIT_CODE


def examine(experiment: str, results: Path, state: Path, cores: int | None = None) -> bool:
    """Make every check and print what it finds.

    Args:
        experiment: whose needs are compared.
        results: where the small files go.
        state: where checkpoints go.
        cores: runs at a time; None: one a core.

    Returns: whether every check passes.
    Raises:
        ReplicationError: no such experiment.
    """
    loaded = load_experiment(experiment)
    runs = loaded.runs()
    cores = cores or usable_cpus()
    found = set()
    of_games = [run for run in runs if run.task.kind == "atari"]
    checks: dict[str, Callable[[], Iterator[Finding]]] = {
        "Python": check_python,
        "packages": check_packages,
        "ROMs": lambda: check_roms(of_games),
        "the emulator": lambda: check_step(of_games),
        "simulators": lambda: check_simulators(runs),
        "torch": check_device,
        "results": lambda: check_results(runs, results),
        "scores of other programs": lambda: check_others(loaded, results),
        "memory": lambda: check_memory(runs, results, cores),
        "disk": lambda: check_disk(runs, results, state),
        "time": lambda: check_hours(experiment, runs, results, state, cores),
    }
    for name, check in checks.items():
        for status, words in _found(name, check):
            print(f"{status:<5} {words}")
            found.add(status)
    ready = "ready, but slow," if SLOW in found else "ready"
    print(f"{'something is missing' if FAIL in found else ready} for {experiment}")
    return FAIL not in found


def _found(name: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield what a check finds; that it cannot be made for want of a package is a finding too."""
    try:
        yield from check()
    except ImportError as error:
        yield FAIL, f"{name} cannot be checked ({_line(error)}); {BUILD}"


def check_python() -> Iterator[Finding]:
    """Check that Python is 3.11 or newer."""
    found = ".".join(str(part) for part in sys.version_info[:3])
    good = sys.version_info[:2] >= (3, 11)
    yield (OK, f"Python {found}") if good else (FAIL, f"Python {found}, 3.11 or newer is needed; make venv PYTHON=...")


def check_packages() -> Iterator[Finding]:
    """Check that each dependency is there and new enough; a version that is not the lock's is a note."""
    import tomllib

    from packaging.requirements import Requirement

    path = PROJECT / "pyproject.toml"
    needed = [Requirement(text) for text in tomllib.loads(path.read_text())["project"]["dependencies"]]
    locked = _locked_versions()
    others, good = [], 0
    for requirement in needed:
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield FAIL, f"{requirement.name} is not installed; {BUILD}"
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            yield FAIL, f"{requirement.name} {found}, {requirement.specifier} is needed; {BUILD}"
            continue
        good += 1
        expected = locked.get(requirement.name.lower())
        if expected is not None and found.partition("+")[0] != expected:
            others.append(f"{requirement.name} {found} (locked: {expected})")
    if good == len(needed):
        yield OK, f"{good} packages are there, new enough"
    if others:
        yield NOTE, f"not the locked versions: {', '.join(others)}; numbers may differ in the last digits"


def check_roms(runs: Sequence[Run]) -> Iterator[Finding]:
    """Check that the ROMs of the experiment are those results were made with; a wrong one of another game is a note.

    Args: `runs` are those of games.
    """
    if not runs:
        return
    from replication.environments.atari.emulator import rom_md5

    games = {run.task.name for run in runs}
    wrong = set()
    for game in sorted(games.union(ATARI57)):
        try:
            rom_md5(game)
        except ReplicationError as error:
            wrong.add(game)
            yield (FAIL if game in games else NOTE), f"{error}: {_install_again('ale-py')}"
    if not wrong & games:
        there = len(set(ATARI57) - wrong)
        yield OK, f"{len(games)} ROMs for the experiment, each of the expected MD5 ({there} of {len(ATARI57)} games)"


def check_step(runs: Sequence[Run]) -> Iterator[Finding]:
    """Take one step in a game of the experiment; none where it plays no game."""
    if not runs:
        return
    from replication.environments.atari.emulator import open_emulator

    game = runs[0].task.name
    try:
        emulator = open_emulator(game)
        emulator.reset()
        emulator.act(0)
    except Exception as error:  # whatever the emulator does wrong is what is looked for
        yield FAIL, f"no step can be taken in {game} ({_line(error)}); {_install_again('ale-py')}"
        return
    yield OK, f"a step was taken in {game}: {len(emulator.minimal_actions)} actions, {emulator.lives} lives"


def check_simulators(runs: Sequence[Run]) -> Iterator[Finding]:
    """Name what plays tasks of Gymnasium, with versions, and open each of the experiment's: a missing one fails."""
    from replication.commands.simulators import simulator_versions, unplayable

    versions = simulator_versions()
    if there := [f"{package} {found}" for package, found in versions.items() if found]:
        yield OK, f"simulators: {', '.join(there)}"
    tasks = [task for task in dict.fromkeys(run.task for run in runs) if task.kind == "gymnasium"]
    missing = [package for package, found in versions.items() if not found]
    lacking = dict(unplayable(tasks)) if tasks else {}
    for task, reason in lacking.items():
        yield FAIL, f"{task.name} cannot be played: {reason}"
    if missing:
        yield NOTE, f"not installed: {', '.join(missing)}; tasks that they play cannot be trained; {BUILD}"
    if tasks and not lacking:
        yield OK, f"{len(tasks)} tasks of Gymnasium were opened: {', '.join(task.name for task in tasks)}"


def check_device() -> Iterator[Finding]:
    """Check that torch can be imported, and look for a CUDA device."""
    try:
        import torch
    except (ImportError, OSError) as error:  # OSError: a library that torch loads is missing
        yield FAIL, f"torch cannot be imported ({_line(error)}); {BUILD}; or {_install_again('torch')}"
        return
    if torch.cuda.is_available():
        yield OK, f"torch {torch.__version__} sees {torch.cuda.get_device_name(0)}; train with --device cuda"
    else:
        yield OK, f"torch {torch.__version__} on the CPU"
        yield NOTE, "no CUDA device is seen: training runs on the CPU, one core a run"


def check_results(runs: Sequence[Run], results: Path) -> Iterator[Finding]:
    """Check that finished runs can be read, and that the folder can be written."""
    try:
        left = unfinished(runs, results)
    except ReplicationError as error:
        yield FAIL, str(error)
        return
    reason = _why_unwritable(results)
    if reason is not None:
        yield FAIL, f"{results} cannot be written ({reason}); name another with --results"
        return
    yield OK, f"{len(runs) - len(left)} of {len(runs)} runs are finished; {results} can be written"


def check_others(experiment: Experiment, results: Path) -> Iterator[Finding]:
    """Check that the scores of other programs that the experiment names are there and can be shown."""
    if not experiment.others:
        return
    from replication.analysis.other_scores import load_others

    try:
        found = load_others(experiment, results)
    except ReplicationError as error:
        yield FAIL, str(error)
        return
    yield OK, f"{len(found)} scores of other programs can be read"


def check_memory(runs: Sequence[Run], results: Path, cores: int) -> Iterator[Finding]:
    """Check the memory for the runs that are left: that of training at its most, and a gigabyte of program."""
    from replication.foundation.resources import available_memory_bytes
    from replication.training.footprints import load_footprint

    try:
        left = unfinished(runs, results)
    except ReplicationError:
        return  # said already
    sizes = [load_footprint(run.family.name).memory_bytes(run, "lz4") for run in one_a_record(left)]
    each = sorted(PROGRAM_BYTES + size for size in sizes)
    largest, available = each[-cores:], available_memory_bytes()
    if not left:
        yield OK, f"memory: every run is finished, {available / 1e9:.1f} GB available"
        return
    needed, fit = sum(largest), available // each[-1]
    text = f"memory: {needed / 1e9:.1f} GB for {len(largest)} at a time, {available / 1e9:.1f} GB available"
    if needed <= available:
        yield OK, text
    elif fit:
        yield FAIL, f"{text}; run fewer at a time: --cores {fit}"
    else:
        yield FAIL, f"{text}; close other programs, or take a machine with {each[-1] / 1e9:.1f} GB free"


def check_disk(runs: Sequence[Run], results: Path, state: Path) -> Iterator[Finding]:
    """Check that the checkpoints of the runs that are left can be written, and that the disk has space for them."""
    from replication.commands.plan import plan_variants
    from replication.foundation.resources import free_disk_bytes

    try:
        needed = sum(plan.state_bytes for plan in plan_variants(runs, results, state))
    except ReplicationError:
        return  # said already
    reason = _why_unwritable(state)
    if reason is not None:
        yield FAIL, f"{state} cannot be written ({reason}); name another with --state"
        return
    free = free_disk_bytes(state)
    text = f"disk: {needed / 1e9:.2f} GB of checkpoints in {state}, {free / 1e9:.1f} GB free"
    yield (OK, text) if needed < free else (FAIL, f"{text}; make room, or name another disk with --state")


def check_hours(experiment: str, runs: Sequence[Run], results: Path, state: Path, cores: int) -> Iterator[Finding]:
    """Estimate the hours of what is left; this never fails."""
    from replication.commands.plan import plan_variants, slow_text, wall_seconds
    from replication.foundation.durations import hours_text, time_text

    try:
        plans = plan_variants(runs, results, state)
    except ReplicationError:
        return  # said already
    seconds = sum(plan.seconds for plan in plans)
    if not seconds:
        yield NOTE, "time: every run is finished"
        return
    origins = sorted({plan.speed.origin if plan.speed else "assumed" for plan in plans if plan.seconds})
    can_measure = any(plan.speed and plan.speed.origin == "assumed" for plan in plans if plan.seconds)
    measure = f"; measure: python -m replication run {experiment} -n --measure" if can_measure else ""
    yield (
        NOTE,
        f"time: about {time_text(wall_seconds(plans, cores))} with {cores} at a time, {hours_text(seconds)} core hours "
        f"(speed: {', '.join(origins)}){measure}",
    )
    if slow := slow_text(plans, cores):
        yield SLOW, slow


def _why_unwritable(folder: Path) -> str | None:
    """Return why no file can be written there, or in the nearest folder above that exists; None: one can be."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=".doctor"):
            return None
    except OSError as error:
        return error.strerror


def _install_again(package: str) -> str:
    """Return the command that replaces a damaged package, which pip takes for installed."""
    locked = _locked_versions().get(package)
    name = f"{package}=={locked}" if locked else package
    return f"python -m pip install --force-reinstall --no-deps {name}"


def _locked_versions() -> dict[str, str]:
    """Return the version of each package in the lock; nothing where there is no lock."""
    path = PROJECT / "requirements.lock"
    if not path.exists():
        return {}
    pairs = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", path.read_text(), re.MULTILINE)
    return {name.lower(): number.partition("+")[0] for name, number in pairs}


def _line(error: Exception) -> str:
    """Return the message of an error as one line."""
    return " ".join(str(error).split())
