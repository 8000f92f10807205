"""A machine that cannot be written to, or whose variables mean something else, stops nothing."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from replication.foundation import files
from replication.foundation.errors import ReplicationError
from replication.foundation.locks import lock
from replication.foundation.paths import state_root
from replication.foundation.process_environment import provide_cache, settle


@pytest.fixture
def no_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere: what access says is that of a read-only disk."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)


def test_where_nothing_can_be_written_loops_are_kept_in_a_folder_of_ours(no_writing: None, tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    provide_cache(environment, tmp_path, tmp_path)
    folder = Path(environment["NUMBA_CACHE_DIR"])
    assert folder.stat().st_uid == os.getuid() and folder.stat().st_mode & 0o077 == 0


def test_a_folder_that_a_user_named_or_that_can_be_written_stays(no_writing: None, tmp_path: Path, monkeypatch) -> None:
    named = {"NUMBA_CACHE_DIR": "/named"}
    provide_cache(named, tmp_path, tmp_path)
    monkeypatch.undo()
    free: dict[str, str] = {}
    provide_cache(free, tmp_path, tmp_path)
    assert named == {"NUMBA_CACHE_DIR": "/named"} and free == {}


def test_a_backend_of_a_notebook_is_of_no_concern() -> None:
    environment = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    settle(environment)
    assert environment["MPLBACKEND"] == "agg"


def test_an_empty_variable_is_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLICATION_STATE", "")
    assert state_root() == Path("results/state")


def test_a_file_system_that_flushes_no_folder_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flush = os.fsync

    def refuse_folders(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").is_dir():
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    files.write_atomically(tmp_path / "a.txt", b"whole")
    assert (tmp_path / "a.txt").read_bytes() == b"whole"


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_named_as_such(number: int, tmp_path: Path, monkeypatch) -> None:
    def refuse(file: object, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(ReplicationError, match=r"cannot be locked \(.*file system has no locks"):
        lock(tmp_path / "lock", "another process is training this run")


def test_files_of_editors_and_systems_are_not_listed(tmp_path: Path) -> None:
    for name in (".#b.yaml", "._b.yaml", "b.yaml", "a.yaml"):
        (tmp_path / name).write_text("")
    assert [path.name for path in files.listed(tmp_path, "*.yaml")] == ["a.yaml", "b.yaml"]
