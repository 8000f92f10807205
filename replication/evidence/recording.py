"""Recording of what an emulator is given, frame by frame."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from typing import Any

import numpy as np

from replication.environments.atari.emulator import (
    Emulator,
    ForwardingSimulator,
    emulator_digests,
    open_emulator,
    rom_md5,
)
from replication.environments.atari.frames import frame_pipeline, push_frame
from replication.environments.atari.presentation import PresentedGame
from replication.environments.contract import StepResult, Viewing
from replication.evidence.trace_container import Ending, Purpose
from replication.evidence.trace_file import RESET, Episode, Trace, TraceHeader
from replication.specification.protocols import Presentation, of_atari
from replication.specification.run import Run

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


class RecordingEmulator(ForwardingSimulator):
    """An emulator that remembers what it is given, as runs of equal actions; to be wrapped around a fresh one.

    The game session above it says which frames are scored and how each episode ended. An episode reaches from one
    reset to the next. A reset before any frame was scored (a game over within the starting no-ops) is part of the
    episode that goes on. A game over within the no-ops after a lost life is noticed by resetting; the episode that
    this reset ended may be finished afterwards, before the next one ends.
    """

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self.episodes: list[Episode] = []
        """The finished ones."""
        self._record: _Record | None = None
        self._ended: Episode | None = None

    def restore(self, state: bytes) -> None:
        """Put the emulator into a state from between two episodes; the episode under way is forgotten.

        The record is no part of the state: `continue_after` gives it back.
        """
        super().restore(state)
        self._record = self._ended = None

    def continue_after(self, episodes: Sequence[Episode]) -> None:
        """Replace the record by these finished episodes; the emulator is then restored to where they end."""
        self.episodes = list(episodes)
        self._record = self._ended = None

    def under_way(self) -> dict[str, Any]:
        """Return the record of the episode under way as plain data, for `continue_within`."""
        assert self._record is not None and self._ended is None, "an episode has ended and was not finished"
        record = asdict(self._record)
        arrays = {name: np.array(record[name]) for name in ("codes", "lengths")}
        return record | arrays

    def continue_within(self, episodes: Sequence[Episode], under_way: Mapping[str, Any]) -> None:
        """Replace the record by these finished episodes and the one under way; the emulator is where that stands."""
        self.continue_after(episodes)
        codes, lengths = array("B", under_way["codes"].tolist()), array("I", under_way["lengths"].tolist())
        self._record = _Record(**(dict(under_way) | {"codes": codes, "lengths": lengths}))

    def reset(self, *, cold: bool = False) -> None:
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
        super().reset(cold=cold)

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
        ending: Ending = "terminated" if self._emulator.terminated else "unfinished"
        return Episode(codes, lengths, tuple(record.spans), 0.0, ending, *emulator_digests(self._emulator))


class RecordedGame:
    """A game as a protocol shows it, with the frames that a policy sees; what its console is given is kept."""

    def __init__(
        self,
        run: Run,
        presentation: Presentation,
        purpose: Purpose,
        viewing: Viewing,
        noop_stream: np.random.Generator,
        stickiness_stream: np.random.Generator,
    ) -> None:
        self._run, self._presentation, self._purpose = run, presentation, purpose
        self._frame_skip, self._history_start = viewing.frame_skip, viewing.history_start
        self._recorder = RecordingEmulator(open_emulator(run.task.name))
        pipeline = frame_pipeline(viewing.frame_pipeline, viewing.frame_skip)
        self._game = PresentedGame(
            self._recorder, presentation, pipeline, viewing.frame_skip, noop_stream, stickiness_stream
        )
        self.shown = np.zeros((84, 84, viewing.frame_stack), dtype=np.uint8)
        self._next_has_begun = False

    def begin_episode(self) -> None:
        if not self._next_has_begun:
            self._game.begin_episode()
        self._next_has_begun = False
        self._begin_trajectory()

    def step(self, action: Any, /) -> StepResult:
        result = self._game.step(action)
        push_frame(self.shown, self._game.observation, clear=False)
        if not result.life_lost or result.ended or not self._presentation.life_loss_ends_trajectory:
            return result
        self._recorder.mark_scored(False)
        self._next_has_begun = self._game.begin_trajectory()
        if self._next_has_begun:  # the game was over within the frames between two lives
            return result._replace(terminated=True)
        self._begin_trajectory()
        return result

    def finish_episode(self, ending: Ending) -> None:
        counts = self._game.previous if self._next_has_begun else self._game.counts
        self._recorder.finish_episode(
            raw_return=counts.episode_return,
            scored_frames=counts.episode_frames,
            noop_frames=counts.noop_frames,
            ending=ending,
        )

    def _begin_trajectory(self) -> None:
        push_frame(self.shown, self._game.observation, clear=True, start=self._history_start)
        self._recorder.mark_scored(True)

    def trace(self) -> Trace:
        return new_trace(self._recorder, self._run, self._presentation, self._frame_skip, self._purpose)


def new_trace(
    recorder: RecordingEmulator, run: Run, presentation: Presentation, frame_skip: int, purpose: Purpose
) -> Trace:
    """Make the trace of the episodes that a recorder has finished.

    Args:
        recorder: wrapped around the emulator of `run.task.name`.
        run: whose episodes they are.
        presentation: how the game was presented.
        frame_skip: emulator frames an action was held for.
        purpose: what the episodes were played for.
    """
    header = _header(run, presentation, frame_skip, purpose, recorder.minimal_actions)
    return Trace(header, tuple(recorder.episodes))


def training_header(run: Run, minimal_actions: Sequence[int]) -> TraceHeader:
    """Make the header of a trace of training episodes; `minimal_actions` are the game's action codes."""
    shown = of_atari(run.protocol.training)
    return _header(run, shown, shown.frame_skip, "training", minimal_actions)


def _header(
    run: Run, presentation: Presentation, frame_skip: int, purpose: Purpose, minimal_actions: Sequence[int]
) -> TraceHeader:
    return TraceHeader(
        variant=run.variant.variant,
        protocol=run.protocol.protocol,
        game=run.task.name,
        seed=run.seed,
        purpose=purpose,
        rom_md5=rom_md5(run.task.name),
        ale_py_version=version("ale-py"),
        frame_skip=frame_skip,
        sticky_probability=presentation.sticky_probability,
        minimal_actions=tuple(minimal_actions),
        result_digest=run.result_digest,
    )
