"""The training episodes of a run whose last ones are scored: those that its record keeps, and all of them.

A record keeps the episodes that its scores are of: the last hundred, say, before each point at which the run may be
judged. All episodes stay with the state of training, in chapters: traces of a thousand each, whose digests the record
has, so that whoever still has them can prove that they are the same. An episode stands for itself and can be played
again alone, whatever else is kept (`Presentation.independent_episodes`).

What is held in memory, and stored in a checkpoint, is bounded: the chapter under way, the episodes of points that are
past, and the last ones. It follows from the episodes alone, so a run that was interrupted leaves the same bytes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace

from replication.evidence.recording import training_header
from replication.evidence.trace_file import Episode, EpisodePlace, Trace, serialise_trace
from replication.foundation.files import sha256
from replication.specification.run import Run

CHAPTER_EPISODES = 1_000
CHAPTERS = "episodes"
"""The folder of the chapters, in the state of a run."""


class EpisodeLog:
    """The finished training episodes of a run, of however many games that it plays side by side."""

    def __init__(self, run: Run, minimal_actions: Sequence[int]) -> None:
        """Begin a log; `minimal_actions` are the action codes of the game, in the emulator's order."""
        score = run.protocol.training_score
        assert score is not None, f"{run.name}: protocol {run.protocol.protocol} scores no training episodes"
        self.chapters: dict[str, str] = {}
        """Name to SHA-256 of the complete ones."""
        self._run, self._score = run, score
        self._header = training_header(run, minimal_actions)
        self._points_steps = [frames // self._header.frame_skip for frames in score.at_frames]
        self.held: list[Episode] = []
        """Those that may still be needed, as they were finished; a checkpoint has them and `chapters`."""
        self._finished = 0
        self._not_taken: dict[str, bytes] = {}

    def add(self, episode: Episode, *, number: int, end_step: int, actor: int = 0) -> None:
        """Add an episode when it has finished; those that end at the same step in the order of their actors.

        Args:
            episode: as the actor's recorder has it.
            number: of the episode among the actor's own, from 0.
            end_step: agent steps of the run, over all actors.
            actor: the game it was played on, of those that the run plays side by side.
        """
        place = EpisodePlace(actor=actor, episode=number, finished=self._finished, end_step=end_step)
        self.held.append(replace(episode, place=place))
        self._finished += 1
        if self._finished % CHAPTER_EPISODES == 0:
            self._close_chapter()

    def restore(self, held: Sequence[Episode], chapters: Mapping[str, str], finished: int | None = None) -> None:
        """Continue where `held` and `chapters` were taken, or before.

        Args:
            held: the episodes of the trace.
            chapters: name to digest.
            finished: go back to when so many episodes were finished; those after them will be added again as they were.
        """
        self.held = [each for each in held if finished is None or place_of(each).finished < finished]
        last = place_of(self.held[-1]).finished + 1 if self.held else 0
        self._finished = last if finished is None else finished
        self.chapters = dict(chapters)
        self._not_taken = {}

    def take_chapters(self) -> dict[str, bytes]:
        """Give the chapters that were completed since this was asked last, by name; they belong in the state."""
        taken, self._not_taken = self._not_taken, {}
        return taken

    def chapter_under_way(self) -> dict[str, bytes]:
        """Return the chapter that the training ends in, by name; nothing where it ends with a complete one."""
        first = self._finished - self._finished % CHAPTER_EPISODES
        return self._chapter(first) if first < self._finished else {}

    def kept(self) -> Trace:
        """Return the episodes that the scores of the run are of, up to the end of its budget."""
        points = self._score.points_frames(self._run.training_frames)
        steps = [frames // self._header.frame_skip for frames in points]
        return Trace(self._header, tuple(scored(self.held, steps, self._score.episodes)))

    def _close_chapter(self) -> None:
        """Make the chapter that ends here, and hold only what a later score or record may need."""
        ((name, data),) = self._chapter(self._finished - CHAPTER_EPISODES).items()
        if name not in self.chapters:  # else it was closed before the log went back, whole
            self.chapters[name], self._not_taken[name] = sha256(data), data
        end = place_of(self.held[-1]).end_step
        past_points = [step for step in self._points_steps if step < end]
        self.held = scored(self.held, [*past_points, end], self._score.episodes)

    def _chapter(self, first: int) -> dict[str, bytes]:
        episodes = [episode for episode in self.held if place_of(episode).finished >= first]
        return {chapter_name(first, self._finished - 1): serialise_trace(self._of_training(episodes))}

    def _of_training(self, episodes: Sequence[Episode]) -> Trace:
        """Make a trace that belongs to the training, whatever its budget: a longer one goes on with it."""
        return Trace(self._header.model_copy(update={"result_digest": self._run.training_digest}), tuple(episodes))


def chapter_name(first: int, last: int) -> str:
    """Return the name, in the state of a run, of the trace of its training episodes from one number to another."""
    return f"{CHAPTERS}/{first:07d}-{last:07d}.trace"


def place_of(episode: Episode) -> EpisodePlace:
    """Return the place of an episode that has one."""
    assert episode.place is not None, "asked of an episode that follows another"
    return episode.place


def scored(episodes: Sequence[Episode], points_steps: Sequence[int], count: int) -> list[Episode]:
    """Choose the episodes that are scored at any of these points.

    Args:
        episodes: in the order in which they were finished.
        points_steps: agent steps of the run.
        count: how many are scored at a point: the last ones finished at it or before.
    """
    ends = [place_of(episode).end_step for episode in episodes]
    chosen: set[int] = set()
    for point in points_steps:
        last = bisect_right(ends, point)
        chosen.update(range(max(0, last - count), last))
    return [episodes[place] for place in sorted(chosen)]
