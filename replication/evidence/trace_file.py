"""The trace of a series of episodes of a game: what an emulator was given, and the file that keeps it.

The file is a container (trace_container.py). Its "header" has the fields of `TraceHeader`. Each of "episodes" has the
fields of `EpisodeEntry`; `runs` is the number of runs the episode takes from the payload. A run is an action code and
the number of frames it was given for.

Decompressed, the payload is, over all episodes in order:

    2 each  runs: uint8 action code, uint8 number of frames, or 255 where it is 255 or more
    4 each  uint32: the number of frames of each run that has 255 above, in order

An episode begins with a system reset that takes no run. Code 255 with 0 frames is a further reset, before the first
frame that counts. Episodes that have a place in a training begin on a console that was just switched on, and so do
their further resets: each stands for itself, and a file may hold any choice of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from replication.evidence.trace_container import (
    Digest,
    Ending,
    Purpose,
    RunFields,
    decompressed,
    opened_file,
    read_bytes,
    sealed_file,
)
from replication.foundation.errors import ReplicationError
from replication.foundation.files import write_atomically
from replication.foundation.validation import Count, Probability, Settings

RESET = 255
"""Stands among the action codes for a further system reset within the starting no-ops; takes no frame."""

_LONG = 255
_MOST_FRAMES = 2**31
"""Ten times the frames of a full training; what a file claims beyond that is not unpacked."""
_PRESETS: dict[Purpose, int] = {"final_evaluation": 6, "periodic_evaluation": 6, "training": 1}
"""How hard xz tries. The trace of a training grows to 50 million runs and is written at every checkpoint: preset 1
takes a tenth of the time and about a tenth more space."""


class TraceHeader(RunFields):
    """The run that the episodes belong to, and what is needed to play them again."""

    game: str
    rom_md5: str
    ale_py_version: str
    """The emulator that was used; another one may emulate differently."""
    frame_skip: Count
    sticky_probability: Probability
    minimal_actions: Annotated[tuple[Annotated[int, Field(ge=0, lt=RESET)], ...], Field(min_length=1)]
    """Every action code a run may have."""


class EpisodePlace(Settings):
    """The place of an episode in the training of a run, where each episode stands for itself."""

    actor: Annotated[int, Field(ge=0)]
    """The game that it was played on, of those that a run plays side by side."""
    episode: Annotated[int, Field(ge=0)]
    """Its number among the actor's own, by which its random streams are named."""
    finished: Annotated[int, Field(ge=0)]
    """Its number among all of the run, in the order in which they were finished."""
    end_step: Annotated[int, Field(ge=1)]
    """Agent steps of the run, over all actors, when it was finished."""


class EpisodeEntry(Settings):
    """One episode, as the header of a file has it."""

    ending: Ending
    raw_return: Annotated[float, Field(allow_inf_nan=False)]
    runs: Annotated[int, Field(ge=0)]
    spans: Annotated[tuple[Annotated[int, Field(ge=0, le=_MOST_FRAMES)], ...], Field(min_length=1)]
    screen_digest: Digest
    ram_digest: Digest
    place: Annotated[EpisodePlace | None, Field(exclude_if=lambda place: place is None)] = None

    @model_validator(mode="after")
    def _fits_together(self) -> EpisodeEntry:
        if 0 in self.spans[1:]:
            raise ValueError("spans: only the first may have no frame")
        # Resets between frames take a run too.
        if self.runs > 2 * sum(self.spans) + 1:
            raise ValueError(f"runs: {self.runs} runs cannot come from {sum(self.spans)} frames")
        return self


class _Content(Settings):
    """The JSON part of a file."""

    header: TraceHeader
    episodes: tuple[EpisodeEntry, ...]


@dataclass(frozen=True, eq=False)
class Episode:
    """Everything the emulator was given from one reset up to the next, and what came of it.

    Attributes:
        codes: uint8 [runs], ALE action codes, or RESET.
        lengths: uint32 [runs], emulator frames that each code was given for, > 0; 0 for RESET.
        spans: lengths in frames of the alternating unscored and scored parts, beginning with an unscored one (0 where
            the first frame is scored). Rewards of unscored frames (no-ops) do not count.
        raw_return: sum of the raw rewards of the scored frames.
        ending: by game over at the last frame, by the protocol's cap, or left off.
        screen_digest: first 16 hexadecimal digits of the SHA-256 of the last screen's palette indices.
        ram_digest: the same of the console's memory after the last frame.
        place: in a training whose episodes each begin on a console that was just switched on; None: it follows the
            episode before it, on the same console.
    """

    codes: NDArray[np.uint8]
    lengths: NDArray[np.uint32]
    spans: tuple[int, ...]
    raw_return: float
    ending: Ending
    screen_digest: str
    ram_digest: str
    place: EpisodePlace | None = None

    @property
    def total_frames(self) -> int:
        """Emulator frames, no-ops included."""
        return sum(self.spans)

    @property
    def scored_frames(self) -> int:
        """Emulator frames whose rewards count."""
        return sum(self.spans[1::2])

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Where the rewards of a frame count, bool [frames]."""
        return np.repeat(np.arange(len(self.spans)) % 2 == 1, self.spans)

    @property
    def noop_frames(self) -> int:
        """Emulator frames between the last reset and the first frame that counts."""
        return self.spans[0] - _frames_before_last_reset(self.codes, self.lengths)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Episode):
            return NotImplemented
        same_actions = np.array_equal(self.codes, other.codes) and np.array_equal(self.lengths, other.lengths)
        return same_actions and self._entry() == other._entry()

    def _entry(self) -> EpisodeEntry:
        return EpisodeEntry(
            ending=self.ending,
            raw_return=self.raw_return,
            runs=len(self.codes),
            spans=self.spans,
            screen_digest=self.screen_digest,
            ram_digest=self.ram_digest,
            place=self.place,
        )


@dataclass(frozen=True)
class Trace:
    """Episodes that one emulator played in this order, from power-on; where they have a place, each from power-on."""

    header: TraceHeader
    episodes: tuple[Episode, ...]


def write_trace(path: Path, trace: Trace) -> None:
    """Replace `path` by the file of a trace.

    Raises:
        ReplicationError: it cannot be written.
    """
    write_atomically(path, serialise_trace(trace))


def read_trace(path: Path) -> Trace:
    """Read and check a trace.

    Raises:
        ReplicationError: the file cannot be read, is none of ours, or is damaged.
    """
    return parse_trace(read_bytes(path), path)


def serialise_trace(trace: Trace) -> bytes:
    """Return the bytes of a trace's file."""
    content = _Content(header=trace.header, episodes=tuple(episode._entry() for episode in trace.episodes))
    # Runs are pairs of bytes, hence lp and pb 1; a byte tells little about the next, hence lc 0.
    lzma2 = {"preset": _PRESETS[trace.header.purpose], "lc": 0, "lp": 1, "pb": 1}
    return sealed_file(content, _pack(trace.episodes), lzma2)


def parse_trace(data: bytes, path: Path) -> Trace:
    """Check the bytes of a trace's file, every field of them.

    Args:
        data: the whole file.
        path: names the file in messages.

    Raises:
        ReplicationError: the bytes are no trace, or a damaged one.
    """
    content, payload = opened_file(_Content, data, path)
    codes, lengths = _unpack(payload, content.episodes, path)
    _check_codes(codes, content.header, path)
    episodes = []
    start = 0
    for number, entry in enumerate(content.episodes):
        part = slice(start, start + entry.runs)
        _check_runs(codes[part], lengths[part], entry, f"{path}: episode {number}")
        episodes.append(
            Episode(
                codes=codes[part],
                lengths=lengths[part],
                spans=entry.spans,
                raw_return=entry.raw_return,
                ending=entry.ending,
                screen_digest=entry.screen_digest,
                ram_digest=entry.ram_digest,
                place=entry.place,
            )
        )
        start += entry.runs
    return Trace(content.header, tuple(episodes))


def _frames_before_last_reset(codes: NDArray[np.uint8], lengths: NDArray[np.uint32]) -> int:
    resets = np.flatnonzero(codes == RESET)
    return int(lengths[: resets[-1]].sum(dtype=np.uint64)) if len(resets) else 0


def _pack(episodes: tuple[Episode, ...]) -> bytes:
    """Return the payload before compression."""
    codes = np.concatenate([np.zeros(0, np.uint8), *(episode.codes for episode in episodes)])
    lengths = np.concatenate([np.zeros(0, np.uint32), *(episode.lengths for episode in episodes)])
    pairs = np.stack([codes, np.minimum(lengths, _LONG).astype(np.uint8)], axis=1)
    return pairs.tobytes() + lengths[lengths >= _LONG].astype("<u4").tobytes()


def _unpack(
    payload: bytes, entries: tuple[EpisodeEntry, ...], path: Path
) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Decompress codes and lengths of all episodes, and no more than the header's counts allow."""
    frames, runs = sum(sum(entry.spans) for entry in entries), sum(entry.runs for entry in entries)
    if frames > _MOST_FRAMES:
        raise ReplicationError(f"{path}: header: found {frames} frames, expected at most {_MOST_FRAMES}")
    raw = decompressed(payload, 6 * runs, path)
    pairs = np.frombuffer(raw, np.uint8, min(2 * runs, len(raw) // 2 * 2)).reshape(-1, 2)
    codes, lengths = pairs[:, 0].copy(), pairs[:, 1].astype(np.uint32)
    is_long = lengths == _LONG
    expected_bytes = 2 * runs + 4 * int(is_long.sum())
    if len(raw) != expected_bytes:
        raise ReplicationError(f"{path}: payload: found {len(raw)} bytes, expected {expected_bytes} for {runs} runs")
    long = np.frombuffer(raw, "<u4", offset=2 * runs)
    if (long < _LONG).any():
        raise ReplicationError(f"{path}: payload: found {long.min()} among the long runs, expected {_LONG} or more")
    lengths[is_long] = long
    for array in (codes, lengths):
        array.setflags(write=False)
    return codes, lengths


def _check_codes(codes: NDArray[np.uint8], header: TraceHeader, path: Path) -> None:
    unknown = codes[~np.isin(codes, (*header.minimal_actions, RESET))]
    if len(unknown):
        raise ReplicationError(
            f"{path}: payload: found action code {unknown[0]}, expected one of {list(header.minimal_actions)}"
        )


def _check_runs(codes: NDArray[np.uint8], lengths: NDArray[np.uint32], entry: EpisodeEntry, where: str) -> None:
    if ((codes == RESET) != (lengths == 0)).any():
        raise ReplicationError(f"{where}: expected code {RESET} wherever a run has no frame, and nowhere else")
    if ((codes[1:] == codes[:-1]) & (codes[1:] != RESET)).any():
        raise ReplicationError(f"{where}: found one action in two runs on end, expected one run")
    if _frames_before_last_reset(codes, lengths) > entry.spans[0]:
        raise ReplicationError(f"{where}: found a reset after the first scored frame, expected none")
    frames, expected = int(lengths.sum(dtype=np.uint64)), sum(entry.spans)
    if frames != expected:
        raise ReplicationError(f"{where}: found {frames} frames in its runs, expected {expected} as in its spans")
