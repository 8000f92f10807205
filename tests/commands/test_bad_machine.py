"""What a machine lacks: disk, memory, ROMs, a run of one's own. One line, nothing lost, and the next start goes on."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from replication.commands.cli import main
from replication.environments.atari import emulator
from replication.evidence.manifest import read_manifest
from replication.foundation.errors import ReplicationError
from replication.training.checkpoints import restore_newest, save_checkpoint
from replication.training.machine import capacity
from replication.training.off_policy import host_memory
from tests.support.bad_input import SMOKE, content, refused, train
from tests.support.lanes import advance, build, smoke_run
from tests.support.parameters import long_unless

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert main([*train(folder, **SMOKE), "--quiet"]) == 0
    return folder


def results(folder: Path) -> dict[str, bytes]:
    return {path.name: data for path, data in content(folder / "results").items() if path.name != "run.json"}


@pytest.mark.parametrize(
    "part",
    long_unless(
        {"tensors.safetensors", "run.json"}.__contains__,
        ["tensors.safetensors", "decisions.bin", "manifest.json", "curve.csv", "run.json"],
    ),
)
def test_a_full_disk_is_one_line_leaves_nothing_half_and_the_next_start_goes_on(
    tmp_path: Path, whole: Path, capsys, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    trainee = build(smoke_run())
    advance([trainee], 100)
    earlier = save_checkpoint(trainee, smoke_run().state_folder(tmp_path / "state"))
    before, flush = content(earlier), os.fsync

    def full(descriptor: int) -> None:
        if f".{part}." in Path(f"/proc/self/fd/{descriptor}").readlink().name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    line = refused(capsys, *train(tmp_path, **SMOKE), "--quiet")
    assert part in line and "could not be written (No space left on device); make room" in line
    assert content(earlier) == before
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".part")]
    assert not list(tmp_path.rglob("run.json"))
    monkeypatch.undo()
    assert main([*train(tmp_path, **SMOKE), "--quiet"]) == 0
    assert results(tmp_path) == results(whole)


def test_a_folder_that_may_not_be_renamed_is_one_line_and_keeps_the_earlier_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainee = build(smoke_run())
    advance([trainee], 50)
    earlier = save_checkpoint(trainee, tmp_path)
    before = content(earlier)
    advance([trainee], 50)

    def forbidden(path: Path, target: Path) -> Path:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "rename", forbidden)
    with pytest.raises(ReplicationError, match=r"checkpoint_0000000100: could not be written \(Permission denied\)"):
        save_checkpoint(trainee, tmp_path)
    assert content(tmp_path) == before


def test_a_checkpoint_is_never_taken_away_to_write_the_same_one(tmp_path: Path, capsys) -> None:
    trainee = build(smoke_run())
    advance([trainee], 50)
    folder = save_checkpoint(trainee, tmp_path)
    before = content(tmp_path)
    assert save_checkpoint(trainee, tmp_path) == folder and content(tmp_path) == before
    (folder / "lane.json").write_bytes(b"{}")
    assert save_checkpoint(trainee, tmp_path) == folder
    assert "lane.json: its digest is not the manifest's; the file is damaged; set aside" in capsys.readouterr().err
    assert restore_newest(build(smoke_run()), tmp_path) == 50
    assert [path.read_bytes() for path in tmp_path.glob("damaged_*/lane.json")] == [b"{}"]


@pytest.mark.slow
def test_two_processes_on_one_run_one_of_them_trains(tmp_path: Path, whole: Path, capsys) -> None:
    command = [sys.executable, "-m", "replication", *train(tmp_path, **SMOKE), "--quiet"]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    lock = smoke_run().state_folder(tmp_path / "state") / "lock"
    while first.poll() is None and not lock.exists():
        time.sleep(0.01)
    time.sleep(0.1)
    assert "another process is training this run; wait for it to end" in refused(capsys, *train(tmp_path, **SMOKE))
    assert first.wait(timeout=60) == 0
    assert results(tmp_path) == results(whole)


# ---------------------------------------------------------------- memory, disk and ROMs


@pytest.mark.parametrize(
    ("available", "more", "expected"),
    [
        (
            3e9,
            [],
            "memory: 2 replay memories of 1,000,000 rows (lz4) need 3.8 GB, 3.0 GB are available; train at most 1 ",
        ),
        (1e9, [], "need 3.8 GB, 1.0 GB are available; free memory, or take a larger machine"),
        (
            8e9,
            ["--replay-storage=raw"],
            "(raw) need 14.1 GB, 8.0 GB are available; take --replay-storage lz4 or train at",
        ),
        (3e9, ["--workers=8"], "(lz4) in 2 worker processes need 4.0 GB, 3.0 GB are available; train at most 1 "),
    ],
)
def test_too_little_memory_is_said_before_anything_is_trained(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch, available: float, more: list[str], expected: str
) -> None:
    monkeypatch.setattr(host_memory, "available_memory_bytes", lambda: int(available))
    asked = train(tmp_path, budget_frames="200_000_000")
    line = refused(capsys, *asked, "--seed", "1", "2", *more)
    assert expected in line
    assert [path for path in content(tmp_path) if path.name != "lock"] == []


def test_a_short_budget_needs_no_more_memory_than_it_can_fill(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_memory, "available_memory_bytes", lambda: 10_000_000)
    assert main([*train(tmp_path, **SMOKE), "--quiet"]) == 0


def test_too_little_disk_is_said_before_anything_is_trained(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "free_disk_bytes", lambda path: 40_000_000)
    line = refused(capsys, *train(tmp_path))
    assert f"{tmp_path / 'state'}: the checkpoints of 1 runs need another 0." in line
    assert "0.04 GB are free; make room, or name another disk with --state" in line
    assert [path for path in content(tmp_path) if path.name != "lock"] == []


@pytest.mark.rom
@pytest.mark.parametrize("variant", ["dqn", "random_10hz"])
@pytest.mark.parametrize("data", [None, b"", b"other"])
def test_a_rom_that_is_missing_or_another_one_is_one_line(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch, variant: str, data: bytes | None
) -> None:
    path = tmp_path / "roms" / "pong.bin"
    path.parent.mkdir()
    if data is not None:
        whole = bytearray((Path(emulator.roms.__file__).parent / "pong.bin").read_bytes())
        whole[100] ^= 1
        path.write_bytes(data and bytes(whole))
    monkeypatch.setattr(emulator.roms, "__file__", str(path.with_name("__init__.py")))
    line = refused(capsys, *train(tmp_path, variant=variant, budget_frames="400" if variant == "dqn" else None))
    expected = "the ROM of pong is missing" if data is None else "the ROM of pong has MD5 "
    assert f"{path}: {expected}" in line and "install ale-py again" in line
    # An agent that does not train has begun when its game is opened.
    assert {path.name for path in content(tmp_path / "results")} <= {"lock", "manifest.lock", "manifest.jsonl"}
    assert all(entry.event == "begun" for entry in read_manifest(tmp_path / "results") or [])
