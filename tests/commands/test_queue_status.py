"""What `queue status` shows of records, checkpoints, failures and the worker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from replication.commands.cli import main
from replication.commands.queue.entries import Entry, Queue, new_entry
from replication.commands.queue.folder import Failure, QueueFolder, Worker
from replication.commands.queue.status import WIDTH, status_rows, status_text
from replication.foundation.locks import held
from replication.specification.run import resolve_run
from tests.support.bad_input import refused
from tests.support.queue_projects import smoke_entry


def _queue(root: Path, *entries: Entry) -> QueueFolder:
    folder = QueueFolder(root)
    folder.write(Queue(next_id=100, entries=entries))
    return folder


def _checkpoint(folder: QueueFolder, entry: Entry, step: int, seconds: float) -> None:
    place = folder.state / entry.state_place / f"checkpoint_{step:010d}"
    place.mkdir(parents=True)
    (place / "lane.json").write_text(json.dumps({"step": step, "seconds": seconds}))


def _record(folder: QueueFolder, entry: Entry, score: float | None, steps: int) -> Path:
    place = folder.results / "runs" / entry.place
    place.mkdir(parents=True)
    record = {"cost": {"seconds": 1800.0}, "score": score, "counts": {"steps": steps}}
    (place / "run.json").write_text(json.dumps(record))
    return place


def test_each_entry_says_how_far_it_is(tmp_path: Path) -> None:
    iterations = resolve_run(variant="dqn_dopamine", task="pong", seed=1, budget_iterations=2)
    long = resolve_run(variant="dqn", task="breakout", seed=2, budget_frames=40_000_000)
    entries = [new_entry(number, run) for number, run in enumerate((iterations, long, long, iterations), start=1)]
    entries[2] = smoke_entry(3)
    entries[3] = smoke_entry(4, seed=2)
    folder = _queue(tmp_path, *entries)
    place = _record(folder, entries[0], None, 500_100)
    (place / "iterations.csv").write_text("iteration,mean_return\n0,-20.5\n1,-18.25\n")
    _checkpoint(folder, entries[1], 2_000_000, 9 * 3600.0)
    _checkpoint(folder, entries[1], 2_500_000, 10 * 3600.0)
    folder.failures.mkdir()
    folder.failure(entries[2]).write_text(Failure(kind="refused", reason="other settings").model_dump_json())
    with held(folder.running(entries[1]), "taken"):
        rows = status_rows(folder)
        text = status_text(folder)
    assert [row.state for row in rows] == ["finished", "running", "refused", "waiting"]
    assert (rows[0].score, rows[0].hours_used, rows[0].hours_left, rows[0].frames) == (-18.25, 0.5, 0.0, 2_000_400)
    assert (rows[1].step, rows[1].budget_steps, rows[1].hours_used) == (2_500_000, 10_000_000, 10.0)
    # 7.5 million steps at its own 250,000 an hour, and the final evaluation.
    assert rows[1].hours_left is not None and 30.0 < rows[1].hours_left < 31.0
    assert "2.50M of 10.00M" in text and "core hours: 10.5 used, about 30." in text
    assert "3 refused: other settings" in text and "does not run" in text and "clone: not made yet" in text


def test_the_time_of_a_checkpoint_is_read_from_what_every_family_writes(tmp_path: Path) -> None:
    entry = new_entry(1, resolve_run(variant="dqn", task="breakout", seed=2, budget_frames=40_000_000))
    folder = _queue(tmp_path, entry)
    place = folder.state / entry.state_place / "checkpoint_0002500000"
    place.mkdir(parents=True)
    (place / "manifest.json").write_text(json.dumps({"seconds": 36_000.0}))
    (row,) = status_rows(folder)
    assert (row.step, row.hours_used) == (2_500_000, 10.0)


def test_a_run_that_this_program_does_not_know_has_unknown_hours_left(tmp_path: Path) -> None:
    entry = smoke_entry().model_copy(update={"result_digest": "0" * 64})
    folder = _queue(tmp_path, entry)
    assert status_rows(folder)[0].hours_left is None
    assert "not counting 1 of unknown length" in status_text(folder)


def test_the_table_fits_a_hundred_columns(tmp_path: Path) -> None:
    run = resolve_run(
        variant="dqn_no_replay_no_target_lr_double", task="montezuma_revenge", seed=12_345, budget_frames=200_000_000
    )
    entries = [new_entry(number, run) for number in (1, 98)]
    folder = _queue(tmp_path, *entries)
    _checkpoint(folder, entries[0], 12_500_000, 3_600_000.0)
    folder.failures.mkdir()
    folder.failure(entries[1]).write_text(Failure(kind="failed", reason="a long word " * 40).model_dump_json())
    lines = status_text(folder).splitlines()
    assert max(map(len, lines[1:])) <= WIDTH == 100  # the first names the folder, whole
    assert any("dqn_no_replay_no_target" in line and "…" in line for line in lines)


def test_a_worker_that_was_killed_or_failed_is_told(tmp_path: Path) -> None:
    folder = _queue(tmp_path, smoke_entry())
    folder.worker.write_text(Worker(pid=1, commit="c" * 40, jobs=2).model_dump_json())
    assert "its worker was killed; `queue start` goes on" in status_text(folder)
    folder.logs.mkdir()
    (folder.logs / "worker.log").write_text("1 started\nerror: no room\n")
    assert "error: no room; `queue start` goes on" in status_text(folder)
    with held(folder.worker_lock, "taken"):
        assert "runs (process 1, 2 at a time)" in status_text(folder)


@pytest.mark.parametrize("content", ["{", "[]", '{"score": 1}', '{"cost": {"seconds": "x"}, "score": 1}'])
def test_a_record_that_is_none_is_one_line(tmp_path: Path, capsys, content: str) -> None:
    folder = _queue(tmp_path, smoke_entry())
    place = _record(folder, smoke_entry(), 1.0, 600)
    (place / "run.json").write_text(content)
    line = refused(capsys, "queue", "status", "--folder", str(tmp_path))
    assert f"{place}/run.json: not a run record" in line and line.endswith("away")


def test_rows_are_shown_as_json_too(tmp_path: Path, capsys) -> None:
    _queue(tmp_path, smoke_entry())
    assert main(["queue", "status", "--json", "--folder", str(tmp_path)]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["name"] == "dqn catch seed 1" and row["state"] == "waiting" and row["budget_steps"] == 600


def test_a_column_of_frames_is_there_for_those_that_have_them(tmp_path: Path) -> None:
    pendulum = resolve_run(variant="td3_2018", task="pendulum", seed=1, budget_steps=5_000)
    folder = _queue(tmp_path, new_entry(1, pendulum))
    _checkpoint(folder, folder.read().entries[0], 2_500, 60.0)
    assert [(row.step, row.frames) for row in status_rows(folder)] == [(2_500, None)]
    head, line = status_text(folder).splitlines()[4:6]
    assert head.split() == ["id", "run", "state", "step", "used", "h", "left", "h", "score"]
    assert "2,500 of 5,000" in line
    folder = _queue(tmp_path / "both", new_entry(1, pendulum), smoke_entry(2))
    text = status_text(folder)
    assert "step  frames" in text and [row.frames for row in status_rows(folder)] == [None, 0]
