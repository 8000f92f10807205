"""The files of a run in training: they grow, go on from a checkpoint, and are read while they are written."""

from __future__ import annotations

from pathlib import Path

from replication.evidence.live_files import LiveFiles, Progress, live_folders, read_live
from replication.evidence.scores import CurvePoint, EpisodeRecord
from replication.evidence.stored_state import Fate, stored_items


def episodes(*ends: int) -> list[EpisodeRecord]:
    return [EpisodeRecord(end, end / 10, 7, "terminated") for end in ends]


def point(step: int, score: float | None) -> CurvePoint:
    return CurvePoint(step, score, 3, None, None, 0.0, is_best=False)


def progress(**changes: object) -> Progress:
    content = {
        "name": "dqn pong seed 1",
        "variant": "dqn",
        "task": "pong",
        "protocol": "nature",
        "preset": None,
        "record": "nowhere",
        "unit": "frames",
        "progress": 400,
        "progress_end": 1_000,
        "progress_a_step": 4.0,
        "seconds": 2.0,
        "progress_a_second": 200.0,
        "seconds_left": 3.0,
        "recent_return": None,
        "written": 0.0,
    }
    return Progress.model_validate(content | changes)


def begun(folder: Path, step: int, *ends: int) -> LiveFiles:
    files = LiveFiles(folder, "frames")
    files.begin(step, episodes(*ends))
    files.write_progress(progress())
    return files


def test_what_is_written_grows_and_is_read(tmp_path: Path) -> None:
    files = begun(tmp_path, 20, 10, 20)
    files.add_episodes(episodes(30))
    files.add_points([point(25, 1.5), point(30, None)])
    found = read_live(tmp_path)
    assert found is not None and found.progress == progress()
    assert found.episodes == ((10, 1.0), (20, 2.0), (30, 3.0)) and found.points == ((25, 1.5),)
    lines = (tmp_path / "live" / "training.csv").read_text().splitlines()
    assert lines[0] == "episode,end_step,raw_return,frames,ending" and lines[3] == "2,30,3.0,7,terminated"


def test_a_run_that_goes_on_repeats_no_row(tmp_path: Path) -> None:
    """Killed after step 30, continued from its checkpoint at step 20."""
    begun(tmp_path, 0).add_episodes(episodes(10, 20, 30))
    LiveFiles(tmp_path, "frames").add_points([point(15, 1.0), point(20, 2.0), point(30, 3.0)])
    files = begun(tmp_path, 20, 10, 20)
    files.add_points([point(20, 2.0)])  # it was stored before the evaluation that fell on its step
    files.add_episodes(episodes(31))
    found = read_live(tmp_path)
    assert found is not None and [step for step, _ in found.episodes] == [10, 20, 31]
    assert found.points == ((15, 1.0), (20, 2.0))


def test_a_row_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    begun(tmp_path, 20, 10, 20)
    for name, half in (("training.csv", "2,30,3"), ("training.csv", "\n4,4\n")):
        with (tmp_path / "live" / name).open("a") as file:
            file.write(half)
        found = read_live(tmp_path)
        assert found is not None and found.episodes == ((10, 1.0), (20, 2.0))
    assert read_live(tmp_path / "other") is None
    (tmp_path / "live" / "progress.json").write_text('{"name": 3}')
    assert read_live(tmp_path) is None


def test_the_state_says_what_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "dqn" / "pong" / "seed1" / ("0" * 12)
    begun(folder, 20, 10)
    (tmp_path / "watch_dqn.html").write_text("")
    assert live_folders(tmp_path) == [folder]
    found = {item.path.name: item for item in stored_items(tmp_path, tmp_path / "results")}
    assert found["live"].why.startswith("what `watch` shows; ")
    assert found["watch_dqn.html"].fate is Fate.GOES
