"""Finished runs are copied into a work tree where they verify, and only where nothing lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from replication.commands.cli import main
from replication.evidence.manifest import NAME, read_manifest
from tests.support.bad_input import content, refused


@pytest.fixture
def queue(tmp_path: Path, capsys) -> Path:
    """A queue with two finished runs of the random agent."""
    command = ["train", "--variant", "random_10hz", "--game", "catch", "--seed", "1", "2", "--preset", "smoke"]
    where = ["--results", str(tmp_path / "queue" / "results"), "--state", str(tmp_path / "queue" / "state")]
    assert main([*command, *where, "--quiet"]) == 0
    capsys.readouterr()
    return tmp_path / "queue"


def _folders(results: Path) -> list[Path]:
    return sorted(path.parent.relative_to(results) for path in (results / "runs").rglob("run.json"))


def test_finished_runs_are_copied_verified_and_named(queue: Path, tmp_path: Path, capsys) -> None:
    results = tmp_path / "results"
    (results / ".copied.0123.part" / "runs").mkdir(parents=True)  # left by a command that was killed
    command = ["queue", "collect", "--folder", str(queue), "--results", str(results)]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert _folders(results) == _folders(queue / "results") and len(_folders(results)) == 2
    for place in _folders(results):
        assert f"verified: {results / place}" in said and f"  git add {results / place}" in said
        assert content(results / place).values() and [path.name for path in (results / place).iterdir()]
        for file in (results / place).iterdir():
            assert file.read_bytes() == (queue / "results" / place / file.name).read_bytes()
    assert {path.name for path in results.iterdir()} == {"logs", NAME, "runs"} and f"  git add {results / NAME}" in said
    entries = read_manifest(results) or []
    assert [entry.event for entry in entries] == ["begun", "begun", "finished", "finished"]
    assert {f"runs/{entry.record}" for entry in entries} == set(map(str, _folders(results)))
    assert main(command) == 0 and read_manifest(results) == entries
    assert "0 of 0 finished runs collected; 2 were there already" in capsys.readouterr().out


def test_a_copy_that_does_not_verify_is_taken_away_and_told(queue: Path, tmp_path: Path, capsys) -> None:
    results = tmp_path / "results"
    bad, good = _folders(queue / "results")
    trace = queue / "results" / bad / "evaluation.trace"
    data = trace.read_bytes()
    trace.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    before = content(queue)
    line = refused(capsys, "queue", "collect", "--folder", str(queue), "--results", str(results))
    assert "1 of 2 finished runs do not verify, the first: " in line and str(queue / "results" / bad) in line
    assert _folders(results) == [good] and not (results / bad).exists()
    assert {path.name for path in results.iterdir()} == {"logs", NAME, "runs"}
    assert [entry.event for entry in read_manifest(results) or []] == ["begun", "begun", "finished"]
    assert {path: data for path, data in content(queue).items() if path.name != "collect.lock"} == before


def test_nothing_is_written_over_a_folder_that_is_there(queue: Path, tmp_path: Path, capsys) -> None:
    results = tmp_path / "results"
    there, other = _folders(queue / "results")
    (results / there).mkdir(parents=True)
    (results / there / "notes.txt").write_text("mine")
    assert main(["queue", "collect", "--folder", str(queue), "--results", str(results)]) == 0
    assert content(results / there) == {results / there / "notes.txt": b"mine"} and _folders(results) == [other]
    assert "1 of 1 finished runs collected; 1 were there already" in capsys.readouterr().out
