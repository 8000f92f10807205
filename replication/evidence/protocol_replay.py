"""Playing a trace again under its protocol: not the emulator alone must agree, but every rule of the presentation.

No-op starts, stickiness, action repeat, caps and endings follow from the protocol and the run's own random streams;
only the agent's choices are read from the trace. So an episode that was left out, doubled, put elsewhere or played by
other rules is found, and so is a single changed action that changes nothing on the screen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from replication.environments.atari.emulator import Emulator, ForwardingSimulator, emulator_digests, replay_console
from replication.environments.atari.frames import FramePipeline, NoPipeline
from replication.environments.atari.presentation import PresentedGame
from replication.evidence.trace_container import Ending
from replication.evidence.trace_file import RESET, Episode, EpisodePlace, Trace, TraceHeader
from replication.evidence.trace_replay import check_emulator, other_emulator
from replication.foundation.errors import ReplicationError
from replication.foundation.random_streams import episode_streams, named_stream, training_streams
from replication.specification.protocols import Presentation

_DRAWS_AT_ONCE = 1_024


class _Difference(Exception):
    """A difference, with its frame where there is one."""


class _NextEpisode(_Difference):
    """The protocol presses reset where the trace ends: no difference where the game was over within no-ops."""


def replay_by_protocol(
    trace: Trace,
    presentation: Presentation,
    path: Path,
    report: Callable[[int], object] = lambda frames: None,
    pipeline: FramePipeline | None = None,
    see: Callable[[int, PresentedGame, Emulator, bool], object] = lambda episode, game, emulator, begins: None,
) -> None:
    """Play a trace again under the rules it was made by, and compare frame by frame.

    Args:
        trace: of a final evaluation; of a whole training whose lost lives end no trajectory, or are followed by no
            no-ops; or of any episodes of a training in which each stands for itself.
        presentation: the rules.
        path: names the file in messages.
        report: called with the emulator frames of each episode after it.
        pipeline: makes the frames that `see` finds in the game's observation; None: nothing is looked at.
        see: called with the number of the episode, the game, its console and whether a trajectory begins, before every
            step and after the last.

    Raises:
        ReplicationError: the first difference: file, episode, frame, what was found and what was expected.
    """
    header = trace.header
    lives_end, independent = presentation.life_loss_ends_trajectory, presentation.independent_episodes
    assert independent or not lives_end or presentation.noops_after_life_loss_frames is None, (
        "after such a life a game may go on from the no-ops of the one before"
    )
    for number, episode in enumerate(trace.episodes):
        if (episode.place is not None) != independent:
            found, expected = ("none", "one") if independent else ("one", "none")
            raise ReplicationError(
                f"{path}: episode {number} (the first is 0): place: found {found}, expected {expected}"
            )
    console = replay_console(header.game)
    check_emulator(header, console, path)
    emulator = _GivenFrames(console)
    streams = _streams(header)
    stickiness = _DrawsAhead(streams["stickiness"])
    game = PresentedGame(
        emulator,
        presentation,
        pipeline or NoPipeline(),
        header.frame_skip,
        streams["noop_starts"],
        stickiness,
        begin_streams=emulator.begin_streams(header, streams, stickiness),
    )
    for number, episode in enumerate(trace.episodes):
        try:
            emulator.expect(episode)
            seen = partial(see, number, game, console)
            ending = _ending(
                game,
                emulator,
                stickiness,
                presentation.sticky_probability,
                header.frame_skip,
                seen,
                lives_end=lives_end,
            )
            _compare(game, emulator, episode, ending)
        except _Difference as difference:
            where = f"{path}: episode {number} (the first is 0)"
            raise ReplicationError(f"{where}: {difference}{other_emulator(header)}") from None
        report(episode.total_frames)


class _DrawsAhead:
    """The draws of a stream, which can be looked at before they are taken."""

    def __init__(self, stream: np.random.Generator) -> None:
        self._stream = stream
        self._drawn: list[float] = []
        self._taken = 0

    def random(self) -> float:
        if self._taken == len(self._drawn):
            self._draw()
        self._taken += 1
        return self._drawn[self._taken - 1]

    def ahead(self, count: int) -> list[float]:
        """Return the next draws without taking them."""
        if self._taken + count > len(self._drawn):
            self._draw()
        return self._drawn[self._taken : self._taken + count]

    def forget(self) -> None:
        """Drop what was drawn and not taken: the stream has begun anew."""
        self._drawn, self._taken = [], 0

    def _draw(self) -> None:
        # Many at once: to draw one takes as long as a hundredth of a frame, and there is one a frame.
        self._drawn = self._drawn[self._taken :] + self._stream.random(_DRAWS_AT_ONCE).tolist()
        self._taken = 0


class _GivenFrames(ForwardingSimulator):
    """An emulator that plays on only as long as it is given what the trace says it was given."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self.frame = 0
        """Emulator frames of the episode played so far, no-ops included."""
        self.codes = b""
        """The action code of every frame of the episode."""
        self._resets: list[int] = []
        self._stop = 0
        """The frame at which no action follows: where the trace presses reset next, or ends."""
        self._begun = False
        self._place: EpisodePlace | None = None

    def expect(self, episode: Episode) -> None:
        """Expect this episode next."""
        self._place = episode.place
        self.codes = np.repeat(episode.codes, episode.lengths).tobytes()
        self._resets = episode.lengths.cumsum(dtype=np.int64)[episode.codes == RESET].tolist()
        self.frame = 0
        self._stop = self._next_stop()
        self._begun = False

    def begin_streams(
        self, header: TraceHeader, streams: Mapping[str, np.random.Generator], stickiness: _DrawsAhead
    ) -> Callable[[int], None]:
        """Return what begins streams anew for the episode that is expected, wherever it stands in the trace."""

        def begin(number: int) -> None:
            assert self._place is not None
            episode_streams(header.seed, header.game, self._place.actor, streams)(self._place.episode)
            stickiness.forget()

        return begin

    def save(self) -> bytes:
        raise NotImplementedError("a trace is played from power-on to its end")

    def restore(self, state: bytes) -> None:
        raise NotImplementedError("a trace is played from power-on to its end")

    def reset(self, *, cold: bool = False) -> None:
        if self._begun and (not self._resets or self._resets.pop(0) != self.frame):
            kind = _NextEpisode if self.frame == len(self.codes) else _Difference
            raise kind(f"frame {self.frame}: the protocol presses reset, the trace does not")
        self._begun = True
        self._stop = self._next_stop()
        super().reset(cold=cold)

    def act(self, action_code: int) -> int:
        frame = self.frame
        if frame == self._stop:
            if frame == len(self.codes):
                raise _Difference(f"frame {frame}: the trace ends, the protocol goes on")
            raise _Difference(f"frame {frame}: the trace presses reset, the protocol does not")
        self.frame = frame + 1
        if self.codes[frame] != action_code:
            raise _Difference(
                f"frame {frame + 1} (the first is 1): the trace gives action {self.codes[frame]}, "
                f"the protocol {action_code}"
            )
        return self._act(action_code)

    def _next_stop(self) -> int:
        return self._resets[0] if self._resets else len(self.codes)


def _ending(
    game: PresentedGame,
    emulator: _GivenFrames,
    stickiness: _DrawsAhead,
    sticky_probability: float,
    frame_skip: int,
    seen: Callable[[bool], object],
    *,
    lives_end: bool,
) -> Ending:
    """Play an episode and return how it ended."""
    game.begin_episode()
    seen(True)
    while emulator.frame < len(emulator.codes):
        code = _chosen_code(emulator, stickiness, sticky_probability, frame_skip)
        result = game.step(emulator.minimal_actions.index(code))
        life_ends = result.life_lost and not result.ended and lives_end
        try:
            if life_ends:
                game.begin_trajectory()
        except _NextEpisode:
            seen(False)
            return "terminated"
        seen(life_ends)
        if result.ended:
            return "terminated" if result.terminated else "truncated"
    return "unfinished"


def _compare(game: PresentedGame, emulator: _GivenFrames, episode: Episode, ending: Ending) -> None:
    """Compare what was played with what the trace claims."""
    if emulator.frame < len(emulator.codes):
        raise _Difference(
            f"frame {emulator.frame}: the episode is {ending}, the trace goes on to frame {len(emulator.codes)}"
        )
    screen_digest, ram_digest = emulator_digests(emulator)
    for what, found, claimed in (
        ("ending", ending, episode.ending),
        ("raw_return", game.episode_return, episode.raw_return),
        ("noop_frames", game.noop_frames, episode.noop_frames),
        ("scored_frames", game.episode_frames, episode.scored_frames),
        ("screen_digest", screen_digest, episode.screen_digest),
        ("ram_digest", ram_digest, episode.ram_digest),
    ):
        if found != claimed:
            shown = f"{found:g}, the trace claims {claimed:g}" if isinstance(found, float) else None
            raise _Difference(f"{what}: played again it is {shown or f'{found}, the trace claims {claimed}'}")


def _chosen_code(emulator: _GivenFrames, stickiness: _DrawsAhead, probability: float, frame_skip: int) -> int:
    """Find the agent's choice in the step that begins: the action of its first frame that is not a repeat."""
    codes, frame = emulator.codes, emulator.frame
    if not probability:
        return codes[frame]
    draws = stickiness.ahead(frame_skip)
    for offset in range(min(frame_skip, len(codes) - frame)):
        if draws[offset] >= probability:
            return codes[frame + offset]
    return codes[frame]  # every frame repeats the last action: the choice had no effect


def _streams(header: TraceHeader) -> dict[str, np.random.Generator]:
    """Start the streams of no-op starts and stickiness, as the run drew from them."""
    names = ("noop_starts", "stickiness")
    if header.purpose == "training":
        return training_streams(header.seed, header.game, names)
    assert header.purpose == "final_evaluation"
    return {name: named_stream(header.seed, header.game, f"{header.purpose}/{name}", 0) for name in names}
