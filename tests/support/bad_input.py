"""What the tests of bad input and the fuzzing share: one-line errors, spoilt settings, runs that name their files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from replication.commands.cli import main
from replication.evidence.records import sealed_record
from replication.foundation import paths
from replication.foundation.errors import ReplicationError
from replication.foundation.files import readable_json, sha256
from replication.specification.experiments import load_experiment
from tests.support.finished_runs import finish

T = TypeVar("T")

TRAIN = {"--variant": "dqn", "--game": "pong", "--seed": "1", "--budget-frames": "400_000"}
SMOKE = {"game": "catch", "preset": "smoke", "budget_frames": "2400"}
"""Changes that make of it a run of two seconds."""


def copy_workflow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the settings, in the place of the real ones, that a test may spoil."""
    copy = folder / "workflow"
    for kind in ("algorithms", "protocols", "presets", "experiments"):
        shutil.copytree(paths.WORKFLOW / kind, copy / kind)
    monkeypatch.setattr(paths, "WORKFLOW", copy)
    return copy


def train(folder: Path, **changes: str | None) -> list[str]:
    """A train command, some of its options changed (None: left out)."""
    options = TRAIN | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    given = [word for name, value in options.items() if value is not None for word in (name, value)]
    return ["train", *given, f"--results={folder / 'results'}", f"--state={folder / 'state'}"]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a command ends with."""
    assert main(arguments) == 2
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if line.startswith("error:")]
    assert len(lines) == 1 and said.err.splitlines()[-1] == lines[0] and "Traceback" not in said.err + said.out
    return lines[0]


def content(folder: Path) -> dict[Path, bytes]:
    """Every file of a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def loaded(load: Callable[[], T], *names: Path) -> T | None:
    """What a loader gives; None where it refuses with one line that names one of the files."""
    try:
        return load()
    except ReplicationError as error:
        text = str(error)
        assert len(text.splitlines()) == 1, repr(text)
        assert any(str(name) in text for name in names), text
        return None


def finished_quickstart(results: Path) -> Path:
    """Finish the runs of the quickstart, as the program does: each record has the digests of the files beside it.

    Returns: the folder of the first run, which trains.
    """
    folders = []
    for run in load_experiment("quickstart").runs():
        folders.append(finish(run, results))
        seal_record(folders[-1])
    return folders[0]


def seal_record(folder: Path) -> None:
    """Write a run's record anew, with the digests of the tables that lie there."""
    path = folder / "run.json"
    record = json.loads(path.read_bytes())
    record["files"] = {file.name: sha256(file.read_bytes()) for file in sorted(folder.glob("*.csv"))}
    path.write_bytes(sealed_record(record))


def seal_checkpoint(folder: Path) -> None:
    """Write a checkpoint's manifest anew, so that it has the digests of the files that lie there."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    for name in manifest["sha256"]:
        if (folder / name).is_file():
            manifest["sha256"][name] = sha256((folder / name).read_bytes())
    path.write_bytes(readable_json(manifest))
