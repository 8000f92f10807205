"""What `state` says of each leftover of training, and what it removes and never removes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from replication.commands import state as command
from replication.commands.cli import main
from replication.evidence.stored_state import Item
from replication.foundation.locks import held
from replication.specification.run import Run, Seeds, resolve_run
from tests.support.bad_input import refused
from tests.support.lanes import smoke_run

FINISHED, UNFINISHED = smoke_run(seed=1), smoke_run(seed=2)
LONGER = smoke_run(seed=3)
EARLIER = replace(smoke_run(seed=4), earlier_version=1)
RUNNING, FAILED, EDITED = smoke_run(seed=5), smoke_run(seed=6), smoke_run(seed=7)
BUNDLE = resolve_run(variant="q_learning", task="cliff_walking", seed=1, seeds=Seeds(1, 9), budget_episodes=20)
KB = 1_000


def checkpoint(run: Run, state: Path, step: int, **changes: object) -> Path:
    folder = run.state_folder(state) / f"checkpoint_{step:010d}"
    folder.mkdir(parents=True)
    (folder / "tensors").write_bytes(bytes(10 * KB))
    manifest = {"training_digest": run.training_digest, "sha256": {"tensors": ""}, "code": run.variant.code}
    (folder / "manifest.json").write_text(json.dumps(manifest | changes))
    (folder.parent / "lock").touch()
    return folder


def record(run: Run, results: Path, steps: int) -> None:
    folder = run.results_folder(results)
    folder.mkdir(parents=True)
    content = {"training_digest": run.training_digest, "counts": {"steps": steps}}
    (folder / "run.json").write_text(json.dumps(content))


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    state, results = tmp_path / "state", tmp_path / "results"
    checkpoint(FINISHED, state, 400)
    checkpoint(FINISHED, state, 600)
    (FINISHED.state_folder(state) / f"evaluated_{FINISHED.result_digest[:12]}.safetensors").touch()
    record(FINISHED, results, 600)
    checkpoint(UNFINISHED, state, 200)
    (UNFINISHED.state_folder(state) / ".checkpoint_0000000300.1f.part").mkdir()
    checkpoint(LONGER, state, 600)
    checkpoint(LONGER, state, 800)
    record(LONGER, results, 600)
    checkpoint(EARLIER, state, 100)
    checkpoint(RUNNING, state, 100)
    checkpoint(FAILED, state, 100)
    (FAILED.state_folder(state) / "failed.json").write_text('{"reason": "the loss is nan", "checkpoint_step": 100}')
    edited = checkpoint(EDITED, state, 100, code="0" * 16)
    edited.parent.rename(edited.parent.with_name("0" * 12))
    checkpoint(BUNDLE, state, 3)
    (state / "mine" / "catch" / "seed1" / ("a" * 12) / "checkpoint_0000000100").mkdir(parents=True)
    (state / "dqn" / "speed.json").touch()
    (state / "notes.txt").touch()
    return tmp_path


@pytest.fixture
def give(folders: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(*words: str) -> str:
        where = [f"--state={folders / 'state'}", f"--results={folders / 'results'}"]
        with held(RUNNING.state_folder(folders / "state") / "lock", "taken"):
            assert main(["state", *words, *where]) == 0
        said = capsys.readouterr()
        assert said.err == ""
        return said.out

    return run


def everything(folders: Path) -> list[str]:
    return sorted(str(path.relative_to(folders)) for path in folders.rglob("*"))


def line(text: str, run: Run, name: str, folders: Path) -> str:
    place = (run.state_folder(folders / "state") / name).relative_to(folders / "state")
    (found,) = [each for each in text.splitlines() if each.startswith(f"{place} ")]
    return found


def test_each_leftover_has_a_line_that_says_why_it_can_or_cannot_go(give, folders: Path) -> None:
    said = give("list")
    old, new = (line(said, FINISHED, f"checkpoint_0000000{step}", folders) for step in (400, 600))
    record = FINISHED.results_folder(folders / "results")
    assert all(f"  can go             finished: its record is in {record}" in each for each in (old, new))
    assert " kB  0 minutes  " in old
    network = line(said, FINISHED, f"evaluated_{FINISHED.result_digest[:12]}.safetensors", folders)
    assert "kept unless named  finished, but `verify --policy` reads it" in network
    assert "kept               unfinished: goes on from step 200" in line(
        said, UNFINISHED, "checkpoint_0000000200", folders
    )
    assert "can go             half written" in line(said, UNFINISHED, ".checkpoint_0000000300.1f.part", folders)
    for step in (600, 800):  # the older one serves if the newer one is damaged
        longer = line(said, LONGER, f"checkpoint_0000000{step}", folders)
        assert "kept               unfinished: goes on from step 800, beyond its record of 600" in longer
    assert "can go             of numerics version 1: no code" in line(said, EARLIER, "checkpoint_0000000100", folders)
    assert "kept               running" in line(said, RUNNING, "checkpoint_0000000100", folders)
    assert "unless named  failed, its last checkpoint is of step 100: the loss is nan" in said
    assert "unless named  of other code of dqn: goes on only with that" in said
    assert "kept               unfinished: goes on after 3 seeds" in line(
        said, BUNDLE, "checkpoint_0000000003", folders
    )
    assert "unless named  damaged: manifest.json is missing; unknown variant: its YAML" in said
    assert "mine.yaml is not here" in said and "speed measured here" in said and "notes.txt" in said
    totals = said.splitlines()[-1]
    assert " in 4 can go, " in totals and " in 6 kept unless named, " in totals and " in 6 kept" in totals


def test_an_older_checkpoint_of_an_unfinished_run_stays_for_a_newer_one_that_is_damaged(give, folders: Path) -> None:
    state = folders / "state"
    (checkpoint(UNFINISHED, state, 400) / "tensors").unlink()
    (checkpoint(FINISHED, state, 500) / "manifest.json").write_text("{")
    (UNFINISHED.state_folder(state) / "damaged_checkpoint_0000000100_1f").mkdir()
    said = give("list")
    assert "kept unless named  damaged: tensors is missing; unfinished" in line(
        said, UNFINISHED, "checkpoint_0000000400", folders
    )
    assert "kept unless named  damaged, set aside" in said
    assert "can go             damaged: manifest.json is not readable; finished" in said
    give("prune", "--yes")
    kept = {path.name for path in UNFINISHED.state_folder(state).iterdir()}
    assert kept >= {"checkpoint_0000000200", "checkpoint_0000000400", "damaged_checkpoint_0000000100_1f"}


def test_prune_says_what_can_go_and_removes_it_only_when_told(give, folders: Path) -> None:
    before = everything(folders)
    said = give("prune")
    assert len(said.splitlines()) == 5 and said.endswith(" in 4 can go; --yes removes it\n")
    assert everything(folders) == before
    said = give("prune", "--yes")
    gone = [name for name in before if name not in everything(folders)]
    tops = {name.split("/")[5] for name in gone if name.count("/") == 5}
    assert len([name for name in gone if name.count("/") == 5]) == 4
    assert tops == {
        *("checkpoint_0000000400", "checkpoint_0000000600", "checkpoint_0000000100", ".checkpoint_0000000300.1f.part")
    }
    assert said.count("removed ") == 5 and " in 4 removed from " in said
    assert give("prune", "--yes").endswith("nothing can go; `state list` says why\n")


def test_what_is_kept_unless_named_goes_where_it_is_named(give, folders: Path, capsys) -> None:
    state = folders / "state"
    give("prune", "--yes", "mine", str(state / "notes.txt"))
    assert not (state / "notes.txt").exists()
    assert not list((state / "mine").rglob("checkpoint_*"))
    assert (FINISHED.state_folder(state) / "checkpoint_0000000600").exists()
    where = [f"--state={state}", f"--results={folders / 'results'}"]
    needed = UNFINISHED.state_folder(state) / "checkpoint_0000000200"
    assert "unfinished: goes on from step 200: it is kept" in refused(capsys, "state", "prune", str(needed), *where)
    assert "found nothing of this name" in refused(capsys, "state", "prune", "/etc/passwd", "--yes", *where)
    assert needed.exists()


@pytest.mark.parametrize("meanwhile", ["vanishes", "is trained", "is trained, then killed"])
def test_what_changes_after_it_was_listed_is_left_alone(
    give, folders: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    state, listed = folders / "state", command.stored_items
    longer = FINISHED.state_folder(state)
    locks = []

    def then(*where: Path) -> list[Item]:
        items = list(listed(*where))
        if meanwhile == "vanishes":
            (longer / "checkpoint_0000000400" / "tensors").unlink()
            (longer / "checkpoint_0000000400" / "manifest.json").unlink()
            (longer / "checkpoint_0000000400").rmdir()
        elif meanwhile == "is trained":
            locks.append(held(longer / "lock", "taken"))
            locks[0].__enter__()
        else:  # the record was moved away, and the run begun again
            FINISHED.results_folder(folders / "results").rename(folders / "away")
        return items

    monkeypatch.setattr(command, "stored_items", then)
    said = give("prune", "--yes")
    for lock in locks:
        lock.__exit__(None, None, None)
    assert said.count("a run needs it by now, or it is gone already") == (1 if meanwhile == "vanishes" else 2)
    assert (longer / "checkpoint_0000000600").exists() == (meanwhile != "vanishes")


def test_an_empty_or_missing_state_is_said_in_a_line(tmp_path: Path, capsys) -> None:
    assert main(["state", "list", f"--state={tmp_path / 'none'}"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'none'}: nothing is stored there\n"
    assert main(["state", "prune", "--yes", f"--state={tmp_path / 'none'}"]) == 0


def test_ages_are_those_of_the_last_change(give, folders: Path) -> None:
    for path in (FINISHED.state_folder(folders / "state") / "checkpoint_0000000400").rglob("*"):
        os.utime(path, (time.time() - 3 * 86_400,) * 2)
    os.utime(FINISHED.state_folder(folders / "state") / "checkpoint_0000000400", (time.time() - 3 * 86_400,) * 2)
    assert "  3 days  can go" in line(give("list"), FINISHED, "checkpoint_0000000400", folders)
