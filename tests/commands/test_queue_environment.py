"""An environment that lacks what waiting runs need: one line before any is started, none fails, nothing is lost."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import gymnasium
import pytest

from replication.commands.cli import main
from replication.commands.queue import environment, worker
from replication.commands.queue.entries import Entry, Queue, new_entry
from replication.commands.queue.folder import QueueFolder
from replication.foundation.errors import ReplicationError
from replication.specification.run import resolve_run
from tests.support.bad_input import refused
from tests.support.queue_projects import smoke_entry

CHEETAH, PENDULUM = "half_cheetah", "pendulum"


def waiting(folder: Path) -> tuple[QueueFolder, list[Entry]]:
    """A queue with two runs of HalfCheetah and one of the pendulum, and no clone."""
    runs = [(CHEETAH, 1), (CHEETAH, 2), (PENDULUM, 1)]
    entries = [
        new_entry(number, resolve_run(variant="td3_2018", task=task, seed=seed, budget_steps=5_000))
        for number, (task, seed) in enumerate(runs, 1)
    ]
    queue = QueueFolder(folder)
    queue.write(Queue(next_id=4, entries=tuple(entries)))
    return queue, entries


def without_mujoco(monkeypatch: pytest.MonkeyPatch) -> None:
    make = gymnasium.make

    def lacking(name: str) -> object:
        if name.startswith("HalfCheetah"):
            raise gymnasium.error.DependencyNotInstalled("MuJoCo is not installed, run `pip install it`")
        return make(name)

    monkeypatch.setattr(gymnasium, "make", lacking)


def test_what_waits_is_asked_for_by_kind_and_what_is_missing_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting(tmp_path)
    where = ("--folder", str(tmp_path))
    assert main(["queue", "check", *where]) == 0
    assert "3 waiting, every one of their 2 tasks can be played" in capsys.readouterr().out
    without_mujoco(monkeypatch)
    line = refused(capsys, "queue", "check", *where)
    assert "2 waiting of task half_cheetah: environment HalfCheetah-v4: MuJoCo is not installed; `make -B venv`" in line
    assert "no run has failed for it, `queue start` goes on" in line

    def broken(name: str) -> None:
        raise ImportError("libtorch.so: cannot open shared object file")

    monkeypatch.setattr(environment, "load_family", broken)
    assert "family off_policy_continuous cannot train here (libtorch.so: " in refused(capsys, "queue", "check", *where)


def test_what_is_finished_or_will_be_refused_is_not_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, entries = waiting(tmp_path)
    without_mujoco(monkeypatch)
    record = folder.results / "runs" / entries[0].place / "run.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    changed = entries[1].model_copy(update={"result_digest": "0" * 64})
    folder.write(Queue(next_id=4, entries=(entries[0], changed, entries[2])))
    assert "1 waiting, every one of their 1 tasks" in environment.check_environment(folder)


def lacking(folder: QueueFolder) -> None:
    raise ReplicationError("MuJoCo is not installed")


def test_a_worker_whose_environment_lacks_something_starts_nothing_and_forgets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, entries = waiting(tmp_path)
    folder.failures.mkdir()
    folder.failure(entries[0]).write_text("{}")
    monkeypatch.setattr(worker, "PROJECT", folder.clone)
    monkeypatch.setattr(worker, "stopping_signals", tuple)
    monkeypatch.setattr(worker, "ask_environment", lacking)
    with pytest.raises(ReplicationError, match="MuJoCo is not installed"):
        worker.work(folder, 1)
    assert folder.failure(entries[0]).exists() and not folder.worker.exists() and not folder.logs.exists()


def test_a_training_that_ends_for_want_of_something_is_not_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, entry = QueueFolder(tmp_path), smoke_entry()
    folder.logs.mkdir(parents=True)
    folder.log(entry).write_text("error: package lz4: not installed\n")
    training = worker._Training(entry, SimpleNamespace(poll=lambda: 2))  # type: ignore[arg-type]
    monkeypatch.setattr(worker, "ask_environment", lacking)
    with pytest.raises(ReplicationError, match="MuJoCo is not installed"):
        worker._ended(training, folder, ())
    assert not folder.failure(entry).exists()
    monkeypatch.setattr(worker, "ask_environment", lambda folder: None)
    assert worker._ended(training, folder, ()) and folder.failure(entry).exists()


def test_another_process_is_asked_in_the_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []

    def run(command: list[str], **options: object) -> SimpleNamespace:
        given.append((command[1:], options["cwd"]))
        return SimpleNamespace(returncode=2, stderr="a warning\nerror: what is missing; remedy\n")

    monkeypatch.setattr(environment.subprocess, "run", run)
    with pytest.raises(ReplicationError, match=r"^what is missing; remedy$"):
        environment.ask_environment(QueueFolder(tmp_path))
    assert given == [(["-m", "replication", "queue", "check", "--folder", str(tmp_path)], tmp_path / "clone")]
