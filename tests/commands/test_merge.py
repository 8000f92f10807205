"""Results of two sites in one folder: what verifies is taken, once, whatever interrupts it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from replication.commands.cli import main
from replication.commands.verify_results import verify
from replication.evidence.manifest import NAME, note, read_manifest
from replication.foundation.stopping import ERROR_EXIT_CODE
from tests.support.bad_input import content, refused

EPISODES = ("--variant", "q_learning", "--task", "cliff_walking", "--budget-episodes", "20")


def train(results: Path, *words: str) -> None:
    assert main(["train", *words, "--results", str(results), "--state", str(results.parent / "state"), "--quiet"]) == 0


@pytest.fixture(scope="module")
def made_there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of another site: two runs of the random agent and a bundle; one run failed there."""
    results = tmp_path_factory.mktemp("there") / "results"
    train(results, "--variant", "random_10hz", "--game", "catch", "--seed", "1", "2", "--preset", "smoke")
    train(results, *EPISODES, "--seeds", "1-2")
    note(results, "failed", {"dqn/pong/seed1/0123456789ab": "0" * 64}, "not finite")
    return results


@pytest.fixture
def there(made_there: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made_there, tmp_path / "there" / "results"))


def records(results: Path) -> dict[Path, bytes]:
    return {path.relative_to(results): path.read_bytes() for path in (results / "runs").rglob("*") if path.is_file()}


def events(results: Path) -> list[tuple[str, str]]:
    return [(entry.event, entry.record) for entry in read_manifest(results) or []]


def merge(there: Path, here: Path) -> list[str]:
    return ["merge", str(there), "--results", str(here), "--cores", "1"]


def test_what_verifies_is_taken_with_what_the_manifest_says_of_it(there: Path, tmp_path: Path, capsys) -> None:
    here = tmp_path / "here"
    before = content(there)
    assert main(merge(there, here)) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 4 and all(line.startswith(f"taken, verified: {here / 'runs'}/") for line in said[:3])
    assert said[-1] == "3 of 3 missing runs taken; 0 were here already"
    assert records(here) == records(there) and content(there) == before
    assert {path.name for path in here.iterdir()} == {"logs", NAME, "runs"}
    assert sorted(events(here)) == sorted(events(there)) and ("failed", "dqn/pong/seed1/0123456789ab") in events(here)
    origins = {entry.own: entry.commit for entry in read_manifest(there) or []}
    assert {entry.origin: entry.commit for entry in read_manifest(here) or []} == origins
    assert "each following from the one before" in verify(here, 1, quiet=True)
    manifest = (here / NAME).read_bytes()
    assert main(merge(there, here)) == 0 and (here / NAME).read_bytes() == manifest
    assert "0 of 0 missing runs taken; 3 were here already" in capsys.readouterr().out
    assert main(merge(here, there)) == 0 and content(there).keys() - before.keys() == {there / "logs" / "merge.lock"}
    assert (there / NAME).read_bytes() == before[there / NAME]  # lines that came from there do not go back


def test_what_does_not_verify_is_refused_in_a_line_each_and_the_rest_taken(there: Path, tmp_path: Path, capsys) -> None:
    here = tmp_path / "here"
    trace, lost = sorted((there / "runs" / "random_10hz" / "catch").glob("*/*/evaluation.trace"))
    data = trace.read_bytes()
    trace.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    shutil.rmtree(lost.parent)
    assert main(merge(there, here)) == ERROR_EXIT_CODE
    said = capsys.readouterr()
    lines = [line for line in said.out.splitlines() if line.startswith("refused: ")]
    assert len(lines) == 2 and str(lost.parent) in lines[0] and str(trace) in lines[1]
    assert said.err == f"error: {there}: 2 runs refused, the first: {lines[0].removeprefix('refused: ')}\n"
    taken = {path.parts[1] for path in records(here)}
    assert taken == {"q_learning"} and {path.name for path in here.iterdir()} == {"logs", NAME, "runs"}
    assert "each following from the one before" in verify(here, 1, quiet=True)


def test_what_lies_here_is_not_touched_and_what_was_discarded_stays_so(there: Path, tmp_path: Path, capsys) -> None:
    here = tmp_path / "here"
    assert main(merge(there, here)) == 0
    first, second = sorted((here / "runs" / "random_10hz" / "catch").glob("*/*"))
    assert main(["discard", str(first), "--reason", "not wanted", "--results", str(here)]) == 0
    (there / second.relative_to(here) / "scores.csv").write_text("another\n")
    before = records(here)
    manifest = (here / NAME).read_bytes()
    capsys.readouterr()
    assert main(merge(there, here)) == 0
    said = capsys.readouterr().out
    assert records(here) == before and (here / NAME).read_bytes() == manifest
    assert f"not taken, discarded here: {first.relative_to(here / 'runs')}" in said
    assert f"here already, made there with other scores: {second.relative_to(here / 'runs')}" in said


def test_a_run_that_both_sites_began_is_finished_after_the_merge(there: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    train(here, *EPISODES, "--seeds", "1-2")
    assert main(merge(there, here)) == 0
    record = next((there / "runs").glob("q_learning/*/*/*")).relative_to(there / "runs").as_posix()
    assert [event for event, name in events(here) if name == record] == ["begun", "finished"] * 2
    assert "each following from the one before" in verify(here, 1, quiet=True)


def test_runs_without_a_manifest_are_noted_and_a_damaged_manifest_is_refused(there: Path, tmp_path, capsys) -> None:
    text = (there / NAME).read_text()
    (there / NAME).write_text(text.replace("begun", "failed", 1))
    assert "does not follow" in refused(capsys, *merge(there, tmp_path / "here"))
    assert not (tmp_path / "here" / "runs").exists()
    (there / NAME).unlink()
    assert main(merge(there, tmp_path / "here")) == 0
    assert [event for event, _ in events(tmp_path / "here")] == [
        "older",
        "finished",
        "finished",
    ]  # begun with the first


def test_the_other_folder_must_be_another_with_runs(there: Path, tmp_path: Path, capsys) -> None:
    assert "found no folder runs/" in refused(capsys, *merge(tmp_path, tmp_path / "here"))
    assert "is the folder that runs are taken to" in refused(capsys, *merge(there, there))


class Killed(BaseException):
    """What ends a process at once leaves nothing to be tidied up."""


def counted(limit: int, calls: list[int], function: Callable) -> Callable:
    def call(*arguments, **named):
        if len(calls) == limit:
            raise Killed
        calls.append(1)
        return function(*arguments, **named)

    return call


def test_a_merge_that_is_killed_at_any_write_is_completed_by_the_next(there: Path, tmp_path, monkeypatch) -> None:
    """Before each flush of a file, and each renaming of a folder, with nothing tidied up."""
    points = 0
    while True:
        here, calls = tmp_path / str(points), []
        with monkeypatch.context() as killing:
            killing.setattr(os, "fsync", counted(points, calls, os.fsync))
            killing.setattr(Path, "rename", counted(points, calls, Path.rename))
            killing.setattr(shutil, "rmtree", lambda *given, **named: None)
            killing.setattr("replication.commands.verify_results.check_records", lambda *given, **named: None)
            try:
                main(merge(there, here))
            except Killed:
                pass
            else:
                break
        manifest = here / NAME
        if manifest.exists() and points % 2:
            manifest.write_bytes(manifest.read_bytes() + b'{"event": "fini')  # a line that was cut short
        monkeypatch.setattr("replication.commands.verify_results.check_records", lambda *given, **named: None)
        assert main(merge(there, here)) == 0
        monkeypatch.undo()
        assert records(here) == records(there) and {path.name for path in here.iterdir()} == {"logs", NAME, "runs"}
        assert {event for event, name in events(here) if (here / "runs" / name).exists()} == {"begun", "finished"}
        final = {name: event for event, name in events(here)}
        assert sorted(final.values()) == ["failed", "finished", "finished", "finished"]
        points += 1
    assert points > 15


@pytest.mark.slow
def test_a_merge_that_is_killed_by_the_kernel_goes_on(there: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    command = [sys.executable, "-m", "replication", *merge(there, here)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline().startswith("taken, verified: ")
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert main(merge(there, here)) == 0
    assert records(here) == records(there)
    assert [json.loads(line)["event"] for line in (here / NAME).read_text().splitlines()].count("finished") == 3
