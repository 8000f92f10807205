"""A training whose last episodes are scored, stopped and continued, leaves what an undisturbed one leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from replication.evidence import episode_log
from replication.evidence.episode_log import EpisodeLog
from replication.foundation.errors import ReplicationError
from replication.foundation.files import sha256, write_atomically
from replication.training.checkpoints import restore_newest, save_checkpoint
from replication.training.off_policy.trainee import Trainee
from tests.support.lanes import advance, build, cohort, smoke_run
from tests.support.scored_runs import scored_run


@pytest.fixture(autouse=True)
def short_chapters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(episode_log, "CHAPTER_EPISODES", 4)


def left_by(trainee: Trainee, folder: Path) -> dict[str, object]:
    """The kept episodes, and the digests of all files of the state that the record would vouch for."""
    save_checkpoint(trainee, folder)
    past = trainee.lane.past()
    log = EpisodeLog(trainee.run, past.training.header.minimal_actions)
    log.restore(past.training.episodes, past.chapters)
    files = log.chapter_under_way()
    written = {name: sha256((folder / name).read_bytes()) for name in past.chapters}
    assert written == past.chapters
    return {"kept": log.kept(), "files": written | {name: sha256(data) for name, data in files.items()}}


@pytest.mark.parametrize(
    "stops", [[57], [400, 430], pytest.param(list(range(30, 600, 45)), marks=pytest.mark.slow)], ids=str
)
def test_continued_at_any_step_it_keeps_the_same_episodes(tmp_path: Path, stops: list[int]) -> None:
    # The replay memory is smaller than the run, so that its keyframes lie between chapters.
    changes = {"replay_capacity_rows": 150}
    whole = build(scored_run(), **changes)
    advance([whole])
    expected = left_by(whole, tmp_path / "whole")
    assert len(expected["files"]) > 2
    trainee = build(scored_run(), **changes)
    for stop in stops:
        advance([trainee], stop - trainee.step)
        save_checkpoint(trainee, tmp_path / "state")
        advance([trainee], 11)  # what is played after a checkpoint is lost, though its chapters may be written by then
        trainee.checkpoint_files()
        for name, data in trainee.state_files().items():
            write_atomically(tmp_path / "state" / name, data)
        trainee = build(scored_run(), **changes)
        assert restore_newest(trainee, tmp_path / "state") == stop
    advance([trainee])
    assert left_by(trainee, tmp_path / "state") == expected


def test_a_longer_budget_continues_a_shorter_one(tmp_path: Path) -> None:
    whole, first = build(scored_run(2_400)), build(scored_run(1_200))
    advance([whole])
    advance([first])
    left_by(first, tmp_path / "state")
    longer = build(scored_run(2_400))
    assert restore_newest(longer, tmp_path / "state") == 300
    advance([longer])
    assert left_by(longer, tmp_path / "state") == left_by(whole, tmp_path / "whole")


@pytest.mark.slow
def test_a_lane_in_a_worker_keeps_the_same_episodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(episode_log, "CHAPTER_EPISODES", 1_000)  # as it is in the worker
    whole = build(scored_run())
    advance([whole])
    with cohort([scored_run()], 1) as (trainee,):
        advance([trainee])
        assert left_by(trainee, tmp_path / "worker") == left_by(whole, tmp_path / "whole")


@pytest.mark.parametrize("chapters", [None, {}])
def test_a_checkpoint_of_the_other_kind_is_refused(tmp_path: Path, chapters: dict[str, str] | None) -> None:
    run = scored_run() if chapters is None else smoke_run()
    trainee = build(run)
    advance([trainee], 120)
    files = trainee.checkpoint_files()
    content = json.loads(files["lane.json"])
    content.pop("chapters", None)
    files["lane.json"] = json.dumps(content | ({} if chapters is None else {"chapters": chapters})).encode()
    with pytest.raises(ReplicationError, match=r"lane.json: chapters: found (none, expected them|some, expected none)"):
        trainee.read_checkpoint(files, tmp_path)
