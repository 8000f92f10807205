"""The manifest: what was begun, what became of it, and that nobody took anything out."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import pytest

from replication.commands.cli import main
from replication.evidence.manifest import (
    NAME,
    adopt,
    check_manifest,
    count_events,
    events_in_words,
    latest,
    note,
    read_manifest,
)
from replication.foundation.errors import ReplicationError
from replication.foundation.git import commit_of
from replication.specification.run import resolve_run
from tests.support.finished_runs import finish

ONE, TWO = "dqn/pong/seed1/" + "1" * 12, "dqn/pong/seed2/" + "2" * 12


def events(results: Path) -> list[tuple[str, str]]:
    return [(entry.event, entry.digest) for entry in read_manifest(results) or []]


def lines(results: Path) -> list[str]:
    return (results / NAME).read_text().splitlines()


def folder_of(results: Path, record: str) -> Path:
    folder = results / "runs" / record
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_a_line_holds_the_digest_of_the_line_before_it_and_an_event_is_noted_once(tmp_path: Path) -> None:
    for event in ("begun", "begun", "failed", "begun", "finished", "finished"):
        note(tmp_path, event, {ONE: "a"}, "not finite" if event == "failed" else "")
    note(tmp_path, "begun", {ONE: "a", TWO: "b"})
    said = [("begun", "a"), ("failed", "a"), ("begun", "a"), ("finished", "a"), ("begun", "a"), ("begun", "b")]
    assert events(tmp_path) == said
    entries = read_manifest(tmp_path) or []
    assert [json.loads(line)["before"] for line in lines(tmp_path)] == ["0" * 64, *(e.own for e in entries[:-1])]
    assert latest(entries) == {"a": "begun", "b": "begun"} and entries[1].reason == "not finite"
    assert count_events(entries, ["a"]) == {"begun": 3, "failed": 1, "finished": 1}
    assert events_in_words(count_events(entries, ["a"])) == "3 begun, 1 finished, 1 failed"


@pytest.mark.parametrize(
    "forge",
    [
        lambda lines: lines[1:],
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [lines[0].replace("begun", "failed"), *lines[1:]],
        lambda lines: [lines[1], lines[0], *lines[2:]],
        lambda lines: [*lines[:2], lines[1], *lines[2:]],
        lambda lines: [lines[0], "{}", *lines[1:]],
        lambda lines: [lines[0], "[" * 100_000, *lines[1:]],
        lambda lines: [lines[0].replace("begun", "dreamt"), *lines[1:]],
    ],
    ids=["first", "taken out", "changed", "swapped", "doubled", "no line", "too deep", "unknown"],
)
def test_a_forged_line_is_named(forge: Callable[[list[str]], list[str]], tmp_path: Path) -> None:
    for record, digest in ((ONE, "a"), (TWO, "b")):
        note(tmp_path, "begun", {record: digest})
        note(tmp_path, "finished", {record: digest})
    (tmp_path / NAME).write_text("\n".join(forge(lines(tmp_path))) + "\n")
    for read in (read_manifest, lambda results: note(results, "begun", {ONE: "c"})):
        with pytest.raises(ReplicationError, match=rf"{NAME}: line \d: [^\n]+$"):
            read(tmp_path)


def test_a_line_that_was_cut_short_is_no_line(tmp_path: Path) -> None:
    """Its writer was killed; whoever comes next writes it."""
    note(tmp_path, "begun", {ONE: "a"})
    with (tmp_path / NAME).open("a") as file:
        file.write('{"event": "fini')
    assert events(tmp_path) == [("begun", "a")]
    note(tmp_path, "finished", {ONE: "a"})
    assert events(tmp_path) == [("begun", "a"), ("finished", "a")]


def _note_many(results: str, first: int) -> None:
    for number in range(first, first + 20):
        note(Path(results), "begun", {f"dqn/pong/seed{number}/{'0' * 12}": str(number)})


def test_processes_do_not_overwrite_each_others_lines(tmp_path: Path) -> None:
    context = get_context("fork")
    writers = [context.Process(target=_note_many, args=(str(tmp_path), 100 * n)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len({digest for _, digest in events(tmp_path)}) == 80 == len(lines(tmp_path))


def test_records_and_lines_must_agree(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ONE)
    folder.mkdir(parents=True, exist_ok=True)
    assert check_manifest(tmp_path, [folder]) is None
    note(tmp_path, "begun", {TWO: "b"})
    (folder / "run.json").write_text('{"result_digest": "a"}')
    with pytest.raises(ReplicationError, match=f"no line that says that runs/{ONE} is finished"):
        check_manifest(tmp_path, [folder])
    note(tmp_path, "finished", {ONE: "a"})
    assert check_manifest(tmp_path, [folder]) == 2  # one that is only begun needs no folder
    note(tmp_path, "finished", {TWO: "b"})
    with pytest.raises(ReplicationError, match=f"runs/{TWO} is finished and is not here; .* discard {TWO} --reason"):
        check_manifest(tmp_path, [folder])
    assert check_manifest(tmp_path, [folder], left_out=[TWO]) == 3
    note(tmp_path, "discarded", {TWO: "b"}, "a wrong ROM")
    assert check_manifest(tmp_path, [folder]) == 4


def test_the_last_line_which_no_other_holds_has_the_digest_of_its_record(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, ONE)
    folder.mkdir(parents=True, exist_ok=True)
    note(tmp_path, "finished", {ONE: "b"})
    (folder / "run.json").write_text('{"result_digest": "a"}')
    with pytest.raises(ReplicationError, match=r"manifest\.jsonl: line 1: digest: found b, its record has a"):
        check_manifest(tmp_path, [folder])


def test_lines_of_another_manifest_are_copied_once(tmp_path: Path) -> None:
    queue, results = tmp_path / "queue", tmp_path / "results"
    note(queue, "begun", {ONE: "a"})
    note(queue, "failed", {ONE: "a"}, "not finite")
    for _ in range(2):
        adopt(results, read_manifest(queue) or [])
    note(queue, "begun", {ONE: "a"})
    adopt(results, read_manifest(queue) or [])
    assert events(results) == events(queue) == [("begun", "a"), ("failed", "a"), ("begun", "a")]


def test_a_run_is_noted_when_it_begins_and_ends_and_a_discarded_one_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the commands that people type; what was there before is older."""
    old = resolve_run(variant="random_10hz", task="pong", seed=7)
    finish(old, tmp_path)
    words = ["train", "--variant", "random_uniform", "--task", "cart_pole", "--seed", "1", "--quiet"]
    folders = ["--results", str(tmp_path), "--state", str(tmp_path / "state")]
    assert main([*words, *folders]) == 0
    run = resolve_run(variant="random_uniform", task="cart_pole", seed=1)
    expected = [("older", old.result_digest), ("begun", run.result_digest), ("finished", run.result_digest)]
    assert events(tmp_path) == expected
    (tmp_path / NAME).write_text("\n".join(lines(tmp_path)[:-1]) + "\n")  # killed between the record and its line
    assert main([*words, *folders]) == 0 and events(tmp_path) == expected
    record, results = run.place.as_posix(), ["--results", str(tmp_path)]
    assert main(["discard", record, "--reason", " ", *results]) == 2
    assert main(["discard", record[:-1], "--reason", "a trial", *results]) == 2
    assert main(["discard", record, "--reason", "a trial", *results]) == 0
    assert events(tmp_path) == [*expected, ("discarded", run.result_digest)]
    assert not (tmp_path / "runs" / record).exists()
    assert main(["discard", record, "--reason", "a trial", *results]) == 0  # again: nothing is left to do
    assert len(events(tmp_path)) == 4 and "Traceback" not in capsys.readouterr().err


def test_a_commit_is_dirty_where_what_is_in_force_was_changed_and_not_where_results_were(tmp_path: Path) -> None:
    """Each run adds a line to a tracked file while others train."""
    for name in ("replication/code.py", "results/manifest.jsonl"):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text("1\n")
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    commit = commit_of(tmp_path, ["replication/code.py"])
    assert commit is not None and len(commit) == 40
    (tmp_path / "results/manifest.jsonl").write_text("1\n2\n")
    assert commit_of(tmp_path, ["replication/code.py"]) == commit
    (tmp_path / "replication/code.py").write_text("2\n")
    assert commit_of(tmp_path, ["replication/code.py"]) == f"{commit}-dirty"
