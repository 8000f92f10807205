"""The command `watch`: which runs it shows, and where its page is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from replication.commands import watch
from replication.commands.cli import main
from replication.evidence.live_files import LiveFiles
from replication.evidence.scores import EpisodeRecord
from replication.foundation.locks import held
from replication.specification.experiments import load_experiment
from tests.evidence.test_live_files import progress


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs of an experiment, one of which holds its lock, in the state of this folder; no queue."""
    monkeypatch.setenv("REPLICATION_QUEUE", str(tmp_path / "queue"))
    monkeypatch.setenv("REPLICATION_STATE", str(tmp_path / "state"))
    reacher = [run for run in load_experiment("td3_2018").runs() if run.task.name == "reacher"]
    for run in reacher[:2]:
        files = LiveFiles(run.state_folder(tmp_path / "state"), "steps")
        files.begin(100, [EpisodeRecord(50, -9.5, 50, "truncated")])
        said = {"name": run.record_name, "variant": "td3_2018", "task": "reacher", "protocol": "mujoco_2018"}
        files.write_progress(progress(**said, unit="steps", progress_a_step=1.0, written=time.time()))
    return tmp_path / "state"


def folder_of(state: Path, seed: int) -> Path:
    (folder,) = (state / "td3_2018" / "reacher" / f"seed{seed}").iterdir()
    return folder


def test_runs_in_training_come_first_with_the_published_band(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with held(folder_of(state, 2) / "lock", "taken"):
        assert main(["watch", "--once"]) == 0
    page, *lines = capsys.readouterr().out.splitlines()
    assert page == f"page: {state / 'watch.html'}"
    assert [line.partition(",")[0] for line in lines] == [
        "td3_2018 reacher seed 2: training",
        "td3_2018 reacher seed 1: stopped",
    ]
    text = (state / "watch.html").read_text()
    assert text.count("<polygon") == 2 and "Fujimoto" in text


def test_an_experiment_or_a_place_is_named(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "td3_2018", "--once"]) == 0
    assert "2 of 15 runs of the experiment" in (state / "watch_td3_2018.html").read_text()
    assert main(["watch", "td3_2018/reacher/seed1", "--once"]) == 0
    said = capsys.readouterr().out
    assert said.count("seed 1: stopped") == 2 and said.count("seed 2: stopped") == 1
    assert main(["watch", "other", "--once"]) == 0
    assert capsys.readouterr().out.endswith("nothing is in training\n")


def test_a_run_says_how_it_ended(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder_of(state, 1) / "failed.json").write_text('{"reason": "a loss is no number", "checkpoint_step": 3}')
    files = LiveFiles(folder_of(state, 2), "steps")
    (state / "record").mkdir()
    (state / "record" / "run.json").write_text("{}")
    files.write_progress(progress(name="td3_2018 reacher seed 2", record=str(state / "record"), written=time.time()))
    assert main(["watch", "--once"]) == 0
    said = capsys.readouterr().out
    assert "seed 1: failed" in said and "seed 2: finished" in said


def test_it_looks_again_until_it_is_stopped(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(watch.time, "sleep", sleep)
    assert main(["watch", "--every", "2"]) == 0 and slept == [2.0, 2.0, 2.0]


def test_the_queue_is_looked_at_too(state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "queue").mkdir()
    state.rename(tmp_path / "queue" / "state")
    assert main(["watch", "--once"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"page: {state / 'watch.html'}\n") and "seed 1: stopped" in said
