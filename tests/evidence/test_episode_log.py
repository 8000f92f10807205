"""The log of training episodes: what it keeps follows from the episodes alone, wherever a run was stopped."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from replication.evidence import episode_log
from replication.evidence.episode_log import EpisodeLog
from replication.evidence.trace_file import Episode, Trace, parse_trace, serialise_trace
from replication.foundation.files import sha256
from tests.support.scored_runs import scored_run

CHAPTER, SCORED, POINTS = 7, 5, (400, 800, 1_200, 4_000)
ACTIONS = (0, 3, 4)
Finished = tuple[Episode, int, int, int]
"""An episode, its actor, its number among the actor's own, and the step at which it was finished."""


@pytest.fixture(autouse=True)
def short_chapters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(episode_log, "CHAPTER_EPISODES", CHAPTER)


def made_up(stream: random.Random, actors: int, budget_steps: int) -> list[Finished]:
    """Episodes of several actors in the order in which they finish, some at the same step, in bursts and with gaps."""
    numbers, step, found = [0] * actors, 0, list[Finished]()
    while (step := step + stream.choice([0, 1, 3, 40])) <= budget_steps:
        actor, frames = stream.randrange(actors), stream.randint(1, 300)
        codes, lengths = np.array([3], np.uint8), np.array([frames], np.uint32)
        episode = Episode(codes, lengths, (0, frames), float(len(found)), "terminated", "0" * 16, "1" * 16)
        found.append((episode, actor, numbers[actor], max(1, step)))
        numbers[actor] += 1
    return found


def added(log: EpisodeLog, episodes: list[Finished]) -> EpisodeLog:
    for episode, actor, number, step in episodes:
        log.add(episode, number=number, end_step=step, actor=actor)
    return log


@pytest.mark.parametrize("seed", range(6))
def test_what_is_kept_and_stored_does_not_depend_on_where_it_was_stopped(seed: int) -> None:
    stream = random.Random(seed)
    score = {"episodes": SCORED, "at_frames": POINTS}
    run = scored_run(2_400, training_score=score)
    episodes = made_up(stream, actors=3, budget_steps=600)
    whole = added(EpisodeLog(run, ACTIONS), episodes)
    kept = [episode.place.finished for episode in whole.kept().episodes]
    ends = [step for *_, step in episodes]
    wanted: set[int] = set()
    for frames in (*POINTS[:3], 2_400):
        done = [number for number, end in enumerate(ends) if end <= frames // 4]
        wanted |= set(done[-SCORED:])
    assert kept == sorted(wanted)
    chapters = whole.take_chapters()
    assert {name: sha256(data) for name, data in chapters.items()} == whole.chapters
    stored = [parse_trace(data, Path(name)).episodes for name, data in (chapters | whole.chapter_under_way()).items()]
    assert [episode.place.finished for part in stored for episode in part] == list(range(len(episodes)))
    assert len(whole.held) <= CHAPTER + SCORED * (len(POINTS) + 1), "what is held is bounded"
    # Stopped anywhere, brought back by way of a file, and once more from where the family's own past begins.
    at = stream.randrange(len(episodes))
    first = added(EpisodeLog(run, ACTIONS), episodes[:at])
    file = serialise_trace(Trace(whole.kept().header, tuple(first.held)))
    back = stream.randrange(at + 1)
    for finished in (None, back):
        log = EpisodeLog(run, ACTIONS)
        log.restore(parse_trace(file, Path("held")).episodes, first.chapters, finished)
        if finished is not None:
            added(log, episodes[back:at])
            assert log.held == first.held
        added(log, episodes[at:])
        assert log.kept() == whole.kept()
        assert (log.held, log.chapters) == (whole.held, whole.chapters)
        assert log.chapter_under_way() == whole.chapter_under_way()


def test_a_longer_budget_makes_the_same_chapters() -> None:
    episodes = made_up(random.Random(1), actors=2, budget_steps=300)
    shorter, longer = (added(EpisodeLog(scored_run(frames), ACTIONS), episodes) for frames in (1_200, 2_400))
    assert shorter.take_chapters() == longer.take_chapters() != {}
    assert shorter.kept().header.result_digest != longer.kept().header.result_digest
