"""What happens to runs from outside: limits of time, moved folders, jumping clocks, locked folders, malicious files."""

from __future__ import annotations

import itertools
import json
import os
import pickle
import random
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from replication.commands.cli import main
from replication.evidence.state_files import activations_path
from replication.foundation.files import sha256
from replication.foundation.stopping import INTERRUPTED_EXIT_CODE, Stop
from replication.specification.run import resolve_run
from replication.training import session
from replication.training.checkpoints import checkpoint_folders
from replication.training.machine.settings import Machine
from tests.support.lanes import smoke_run

pytestmark = pytest.mark.slow

RUN = smoke_run("dqn", "catch")


def train(folder: Path, *more: str) -> int:
    run = ["train", "--variant", "dqn", "--game", "catch", "--seed", "1", "--preset", "smoke", "--budget-frames=2400"]
    where = [f"--results={folder / 'results'}", f"--state={folder / 'state'}"]
    return main([*run, *where, "--quiet", *more])


def small_files(folder: Path) -> dict[str, bytes]:
    place = RUN.results_folder(folder / "results")
    return {path.name: path.read_bytes() for path in place.iterdir() if path.name != "run.json"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert train(folder) == 0
    return folder


def test_a_limit_of_time_stops_cleanly_and_the_run_can_move_meanwhile(
    tmp_path: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "0"
    stops, limit_seconds = 0, 0.5
    while (code := train(here, "--max-seconds", str(limit_seconds))) != 0:
        said = capsys.readouterr().err
        if code == 2:  # on a busy machine to start alone takes longer
            assert "was trained or played: starting alone takes that long" in said
            limit_seconds *= 1.5
            continue
        assert code == INTERRUPTED_EXIT_CODE
        assert re.search("stopped after --max-seconds; (checkpoints are written|what was played .* is kept), the", said)
        stops += 1
        moved = tmp_path / str(stops)  # another folder, as on another machine
        shutil.move(here, moved)
        here = moved
    assert code == 0 and stops >= 1
    assert small_files(here) == small_files(whole)


def test_a_clock_that_jumps_changes_nothing(tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: random.uniform(-1e9, 4e9))
    assert train(tmp_path, "--checkpoint-seconds", "0.5") == 0
    assert small_files(tmp_path) == small_files(whole)


def test_a_second_process_refuses_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine(tmp_path / "results", tmp_path / "state", "cpu", "lz4", 600.0, None, quiet=True)
    with session._locked(RUN, machine):
        assert train(tmp_path) == 2
    (line,) = [text for text in capsys.readouterr().err.splitlines() if text.startswith("error:")]
    assert "another process is training this run" in line
    assert train(tmp_path) == 0


@pytest.mark.parametrize("variant", ["dqn", "random_10hz"])
def test_what_a_killed_write_left_is_removed_where_it_lies(tmp_path: Path, variant: str) -> None:
    """A kill within a write leaves a hidden file or folder; the same run removes its own, and no other's."""
    budget = {} if variant == "random_10hz" else {"budget_frames": 2_400}
    run = resolve_run(variant=variant, task="catch", seed=1, preset="smoke", **budget)
    places = [run.results_folder(tmp_path / "results"), run.state_folder(tmp_path / "state")]
    for place in places:
        (place / ".checkpoint_0000000100.0123abcd.part").mkdir(parents=True)
        (place / ".checkpoint_0000000100.0123abcd.part" / "lane.json").write_text("half")
        (place / ".training.csv.0123abcd.part").write_text("half")
        (place / "evaluations").mkdir()
        (place / "evaluations" / ".step_0000000400.trace.0123abcd.part").write_text("half")
    neighbor = places[0].parent / "0123456789ab" / ".run.json.0123abcd.part"
    neighbor.parent.mkdir()
    neighbor.write_text("another's")
    spent = [f"--{key.replace('_', '-')}={value}" for key, value in budget.items()]
    command = ["train", "--variant", variant, "--game", "catch", "--seed", "1", "--preset", "smoke", *spent]
    assert main([*command, f"--results={tmp_path / 'results'}", f"--state={tmp_path / 'state'}", "--quiet"]) == 0
    assert (places[0] / "run.json").exists()
    assert not [part for place in places for part in place.rglob("*.part*")]
    assert neighbor.exists()


@pytest.mark.parametrize("part", ["results", "state"])
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, part: str, whole: Path, capsys) -> None:
    (tmp_path / part).write_text("a file where a folder is wanted")
    assert train(tmp_path) == 2
    (line,) = [text for text in capsys.readouterr().err.splitlines() if text.startswith("error:")]
    assert str(tmp_path / part) in line and "Traceback" not in line
    (tmp_path / part).unlink()
    assert train(tmp_path) == 0  # nothing was lost
    assert small_files(tmp_path) == small_files(whole)


class Malicious:
    """A pickle that leaves a file where it is loaded."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.proof),)


@pytest.mark.parametrize("name", ["tensors.safetensors", "lane.json", "decisions.bin", "manifest.json"])
def test_a_pickle_in_a_checkpoint_is_never_loaded(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = itertools.count()
    monkeypatch.setattr(Stop, "_elapsed_seconds", lambda stop: next(looks))
    assert train(tmp_path, "--max-seconds", "60") == INTERRUPTED_EXIT_CODE
    monkeypatch.undo()
    proof = tmp_path / "proof"
    for folder in checkpoint_folders(RUN.state_folder(tmp_path / "state")):
        (folder / name).write_bytes(pickle.dumps(Malicious(proof)))
        if name != "manifest.json":
            manifest = json.loads((folder / "manifest.json").read_bytes())
            manifest["sha256"][name] = sha256((folder / name).read_bytes())
            (folder / "manifest.json").write_text(json.dumps(manifest))
    capsys.readouterr()
    assert train(tmp_path) == 2
    assert len([text for text in capsys.readouterr().err.splitlines() if text.startswith("error:")]) == 1
    assert not proof.exists()
    pickle.loads(pickle.dumps(Malicious(proof)))  # the proof itself is sound
    assert proof.exists()


def test_a_pickle_among_the_activations_is_never_loaded(tmp_path: Path, whole: Path, capsys) -> None:
    shutil.copytree(whole, tmp_path / "run")
    proof = tmp_path / "proof"
    objects = np.array([Malicious(proof)], dtype=object)
    np.savez(activations_path(RUN, tmp_path / "run" / "state"), hidden=objects, values=objects, episodes=objects)
    folder = RUN.results_folder(tmp_path / "run/results")
    assert main(["embed", str(folder), f"--state={tmp_path / 'run/state'}"]) == 2
    assert "no activations to embed" in capsys.readouterr().err
    assert not proof.exists()
