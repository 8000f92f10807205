"""Traces played again on the emulator alone, to check the returns, endings and last screens that they claim.

A trace holds the action code of every emulator frame, after stickiness, no-ops included, so playing it again needs
neither weights, nor random numbers, nor a GPU.

A system reset leaves the console's memory behind, and ten games begin differently by what they find there. So
the episodes of a trace are recorded on one emulator from power-on, and played again in the same order on one
emulator from power-on; a later episode alone would begin elsewhere. Episodes that have a place in a training are each
recorded, and played again, from power-on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from replication.environments.atari.emulator import Emulator, emulator_digests, rom_md5
from replication.evidence.trace_file import RESET, Episode, Trace, TraceHeader
from replication.foundation.errors import ReplicationError


@dataclass(frozen=True)
class EpisodeCheck:
    """The outcome of playing an episode again.

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
    """Check that this machine has the game a trace was made with.

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
    """Return a remark where another version of the emulator may explain a difference; empty where it is the same."""
    here, there = version("ale-py"), header.ale_py_version
    return "" if here == there else f" (the trace was made with ale-py {there}, this is {here})"


def _play(episode: Episode, emulator: Emulator) -> EpisodeCheck:
    frames_at_resets = set(episode.lengths.cumsum(dtype=np.int64)[episode.codes == RESET].tolist())
    frames = raw_return = 0
    act, cold = emulator.act, episode.place is not None
    emulator.reset(cold=cold)
    for code, length, scored in _parts(episode):
        if code == RESET:
            emulator.reset(cold=cold)
        for _ in range(length):
            reward = act(code)
            frames += 1
            if scored:
                raw_return += reward
            if emulator.terminated and frames not in frames_at_resets:
                return EpisodeCheck(float(raw_return), frames, True, *emulator_digests(emulator))
    return EpisodeCheck(float(raw_return), frames, emulator.terminated, *emulator_digests(emulator))


def _parts(episode: Episode) -> Iterator[tuple[int, int, bool]]:
    """Yield runs, cut where the scoring changes: code, frames, whether their rewards count."""
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
    """Return the first difference, in words."""
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
