"""Locks live as long as a process that inherited them, and end with it however it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from replication.foundation.errors import ReplicationError
from replication.foundation.locks import held, is_held, lock


def test_a_lock_is_held_by_one_and_seen_by_all(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    assert not is_held(path) and not path.parent.exists()
    with held(path, "taken"):
        assert is_held(path)
        with pytest.raises(ReplicationError, match=r"^taken$"), held(path, "taken", wait_seconds=0.1):
            pass
    assert not is_held(path)
    with held(path, "taken"):
        pass


def test_a_process_that_inherited_a_lock_holds_it_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock(path, "taken") as file:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[file.fileno()])
    with child:
        assert is_held(path)
        child.kill()
        child.wait()
        assert not is_held(path)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReplicationError, match="cannot be written"), held(tmp_path / "file" / "lock", "taken"):
        pass
