"""Traces: recording what an emulator is given, and playing it again to check the returns that are claimed.

A trace holds the action code of every emulator frame, after stickiness, no-ops included. Playing it again needs
neither weights, nor random numbers, nor a GPU, and must give the same returns, endings and last screens.

A system reset leaves the console's memory behind, and ten games begin differently by what they find there. So
the episodes of a trace are recorded on one emulator from power-on, and played again in the same order on one
emulator from power-on; a later episode alone would begin elsewhere.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from replication.atari.emulator import Emulator, rom_md5
from replication.errors import ReplicationError
from replication.runs import Run
from replication.settings import Presentation
from replication.trace_file import RESET
from replication.trace_file import Ending as Ending
from replication.trace_file import Episode as Episode
from replication.trace_file import Purpose as Purpose
from replication.trace_file import Trace as Trace
from replication.trace_file import TraceHeader as TraceHeader
from replication.trace_file import parse_trace as parse_trace
from replication.trace_file import read_trace as read_trace
from replication.trace_file import serialise_trace as serialise_trace
from replication.trace_file import write_trace as write_trace

_NO_RUN = -1
"""No action code: the next frame begins a run."""


@dataclass
class _Record:
    """The episode under way. `run_frames` counts the frames of the newest run, which is not yet in `lengths`."""

    codes: array[int] = field(default_factory=lambda: array("B"))
    lengths: array[int] = field(default_factory=lambda: array("I"))
    spans: list[int] = field(default_factory=list)
    code: int = _NO_RUN
    run_frames: int = 0
    ended_runs_frames: int = 0
    span_start_frame: int = 0
    scored: bool = False

    def end_run(self) -> None:
        if self.run_frames:
            self.codes.append(self.code)
            self.lengths.append(self.run_frames)
            self.ended_runs_frames += self.run_frames
        self.code = _NO_RUN
        self.run_frames = 0

    def mark_scored(self, scored: bool) -> None:
        if scored == self.scored:
            return
        self.scored = scored
        frames = self.ended_runs_frames + self.run_frames
        if frames == self.span_start_frame and self.spans:
            # Nothing was played since the last change: it is taken back.
            self.span_start_frame -= self.spans.pop()
            return
        self.spans.append(frames - self.span_start_frame)
        self.span_start_frame = frames

    def end(self) -> None:
        self.mark_scored(False)
        self.end_run()
        if self.ended_runs_frames > self.span_start_frame or not self.spans:
            self.spans.append(self.ended_runs_frames - self.span_start_frame)


class RecordingEmulator:
    """An emulator that remembers what it is given, as runs of equal actions; to be wrapped around a fresh one.

    The game session above it says which frames are scored and how each episode ended. An episode reaches from one
    reset to the next. A reset before any frame was scored (a game over within the starting no-ops) is part of the
    episode that goes on. A game over within the no-ops after a lost life is noticed by resetting; the episode that
    this reset ended may be finished afterwards, before the next one ends.
    """

    def __init__(self, emulator: Emulator) -> None:
        self.game = emulator.game
        self.minimal_actions = emulator.minimal_actions
        self.episodes: list[Episode] = []
        """The finished ones."""
        self._emulator = emulator
        self._act = emulator.act
        self._record: _Record | None = None
        self._ended: Episode | None = None

    @property
    def lives(self) -> int:
        return self._emulator.lives

    @property
    def game_over(self) -> bool:
        return self._emulator.game_over

    def read_screen(self, out: NDArray[np.uint8]) -> None:
        self._emulator.read_screen(out)

    def ram(self) -> NDArray[np.uint8]:
        return self._emulator.ram()

    def save(self) -> bytes:
        """The emulator's state; the record is no part of it."""
        return self._emulator.save()

    def restore(self, state: bytes) -> None:
        """Put the emulator into a state from between two episodes; the episode under way is forgotten."""
        self._emulator.restore(state)
        self._record = self._ended = None

    def continue_after(self, episodes: Sequence[Episode]) -> None:
        """Replace the record by these finished episodes; the emulator is then restored to where they end."""
        self.episodes = list(episodes)
        self._record = self._ended = None

    def reset(self) -> None:
        record = self._record
        if record is not None:
            record.mark_scored(False)
            if not record.spans:  # nothing was scored
                record.end_run()
                record.codes.append(RESET)
                record.lengths.append(0)
            else:
                assert self._ended is None, "two episodes were ended by a reset and neither was finished"
                self._ended = self._close()
        self._record = self._record or _Record()
        self._emulator.reset()

    def act(self, action_code: int) -> int:
        record = self._record
        assert record is not None, "a frame was asked for before a reset"
        if action_code != record.code:
            record.end_run()
            record.code = action_code
        record.run_frames += 1
        return self._act(action_code)

    def mark_scored(self, scored: bool) -> None:
        """Say whether the rewards of the frames from here on count; after a reset they do not."""
        assert self._record is not None, "no episode was begun by a reset"
        self._record.mark_scored(scored)

    def finish_episode(self, *, raw_return: float, scored_frames: int, noop_frames: int, ending: Ending) -> None:
        """Close the record of an episode with what the game session counted.

        Args:
            raw_return: sum of the raw rewards of the scored frames.
            scored_frames: their number.
            noop_frames: number of frames between the last reset and the first scored one.
            ending: terminated exactly where the game is over after the last frame.
        """
        recorded = self._ended or self._close()
        self._ended = None
        session = {"noop_frames": noop_frames, "scored_frames": scored_frames}
        ours = {"noop_frames": recorded.noop_frames, "scored_frames": recorded.scored_frames}
        assert session == ours, f"the session counted {session}, recorded are {ours}"
        assert (ending == "terminated") == (recorded.ending == "terminated"), f"{ending}: the emulator says otherwise"
        self.episodes.append(replace(recorded, raw_return=float(raw_return), ending=ending))

    def _close(self) -> Episode:
        """End the episode under way; its return is left to the session, its ending is what the emulator says."""
        record = self._record
        assert record is not None, "no episode was begun by a reset"
        self._record = None
        record.end()
        codes, lengths = np.array(record.codes, dtype=np.uint8), np.array(record.lengths, dtype=np.uint32)
        codes.setflags(write=False)
        lengths.setflags(write=False)
        ending: Ending = "terminated" if self._emulator.game_over else "unfinished"
        return Episode(codes, lengths, tuple(record.spans), 0.0, ending, *emulator_digests(self._emulator))


def new_trace(
    recorder: RecordingEmulator, run: Run, presentation: Presentation, frame_skip: int, purpose: Purpose
) -> Trace:
    """The trace of the episodes a recorder has finished.

    Args:
        recorder: wrapped around the emulator of `run.game`.
        run: whose episodes they are.
        presentation: how the game was presented.
        frame_skip: emulator frames an action was held for.
        purpose: what the episodes were played for.
    """
    header = TraceHeader(
        variant=run.variant.variant,
        protocol=run.protocol.protocol,
        game=run.game,
        seed=run.seed,
        purpose=purpose,
        rom_md5=rom_md5(run.game),
        ale_py_version=version("ale-py"),
        frame_skip=frame_skip,
        sticky_probability=presentation.sticky_probability,
        minimal_actions=recorder.minimal_actions,
        result_digest=run.result_digest,
    )
    return Trace(header, tuple(recorder.episodes))


@dataclass(frozen=True)
class EpisodeCheck:
    """What came of playing an episode again.

    Attributes:
        raw_return: sum of the raw rewards of the scored frames that were played.
        frames: emulator frames played; fewer than the trace has where the game was over too early.
        game_over: whether the game was over after them.
        screen_digest: of the last screen, as in `Episode`.
        ram_digest: of the console's memory, as in `Episode`.
    """

    raw_return: float
    frames: int
    game_over: bool
    screen_digest: str
    ram_digest: str


def re_emulate(trace: Trace, emulator: Emulator) -> Iterator[EpisodeCheck]:
    """Play every frame of a trace again, one episode after the other.

    Args:
        trace: what to play.
        emulator: a fresh one of the same game.

    Yields: one result an episode. After one that was over too early the rest says nothing.
    """
    for episode in trace.episodes:
        yield _play(episode, emulator)


def verify_trace(trace: Trace, emulator: Emulator, path_for_messages: Path) -> None:
    """Play a trace again and compare with what it claims.

    Args:
        trace: what to check.
        emulator: a fresh one of the same game.
        path_for_messages: the file it comes from.

    Raises:
        ReplicationError: the first difference, with its episode and, where it can be told, its frame (the first is 1).
    """
    check_emulator(trace.header, emulator, path_for_messages)
    for number, (episode, check) in enumerate(zip(trace.episodes, re_emulate(trace, emulator), strict=True)):
        difference = _difference(episode, check)
        if difference is not None:
            where = f"{path_for_messages}: episode {number} (the first is 0)"
            raise ReplicationError(f"{where}: {difference}{other_emulator(trace.header)}")


def check_emulator(header: TraceHeader, emulator: Emulator, path_for_messages: Path) -> None:
    """Whether this machine has the game a trace was made with.

    Raises:
        ReplicationError: another ROM, another game or other actions.
    """
    found_md5 = rom_md5(header.game)
    if found_md5 != header.rom_md5:
        raise ReplicationError(
            f"{path_for_messages}: rom_md5: found {found_md5} on this machine, the trace was made with "
            f"{header.rom_md5} ({header.game}); install ale-py {header.ale_py_version}"
        )
    if (emulator.game, emulator.minimal_actions) != (header.game, header.minimal_actions):
        raise ReplicationError(
            f"{path_for_messages}: game and minimal_actions: found {header.game} {list(header.minimal_actions)}, the "
            f"emulator has {emulator.game} {list(emulator.minimal_actions)}"
        )


def other_emulator(header: TraceHeader) -> str:
    """A remark for a difference that another version of the emulator may explain; empty where it is the same."""
    here, there = version("ale-py"), header.ale_py_version
    return "" if here == there else f" (the trace was made with ale-py {there}, this is {here})"


def _play(episode: Episode, emulator: Emulator) -> EpisodeCheck:
    frames_at_resets = set(episode.lengths.cumsum(dtype=np.int64)[episode.codes == RESET].tolist())
    frames = raw_return = 0
    act = emulator.act
    emulator.reset()
    for code, length, scored in _parts(episode):
        if code == RESET:
            emulator.reset()
        for _ in range(length):
            reward = act(code)
            frames += 1
            if scored:
                raw_return += reward
            if emulator.game_over and frames not in frames_at_resets:
                return EpisodeCheck(float(raw_return), frames, True, *emulator_digests(emulator))
    return EpisodeCheck(float(raw_return), frames, emulator.game_over, *emulator_digests(emulator))


def _parts(episode: Episode) -> Iterator[tuple[int, int, bool]]:
    """Runs cut where the scoring changes: code, frames, whether their rewards count."""
    spans = iter(episode.spans)
    left, scored = next(spans), False
    for code, length in zip(episode.codes.tolist(), episode.lengths.tolist(), strict=True):
        rest = length
        while rest > left:
            if left:
                yield code, left, scored
            rest -= left
            left, scored = next(spans), not scored
        left -= rest
        yield code, rest, scored


def _difference(episode: Episode, check: EpisodeCheck) -> str | None:
    """The first of the differences, in words."""
    last = episode.total_frames
    if check.frames != last:
        return f"frame {check.frames}: the game is over, expected it to go on to frame {last}"
    if check.game_over != (episode.ending == "terminated"):
        found, expected = ("over", "not over") if check.game_over else ("not over", "over")
        return f"frame {last}, the last: the game is {found}, expected {expected} (ending: {episode.ending})"
    if check.raw_return != episode.raw_return:
        return f"raw_return: played again it is {check.raw_return:g}, the trace claims {episode.raw_return:g}"
    for what, found, expected in (
        ("screen_digest", check.screen_digest, episode.screen_digest),
        ("ram_digest", check.ram_digest, episode.ram_digest),
    ):
        if found != expected:
            return f"frame {last}, the last: {what}: found {found}, the trace claims {expected}"
    return None


def emulator_digests(emulator: Emulator) -> tuple[str, str]:
    """First 16 hexadecimal digits of the SHA-256 of the screen (palette indices) and of the memory."""
    screen = np.empty((210, 160), dtype=np.uint8)
    emulator.read_screen(screen)
    first, second = (hashlib.sha256(content.tobytes()).hexdigest()[:16] for content in (screen, emulator.ram()))
    return first, second
