"""Children of the soak: a command in a fork, the phase it is in, and what strikes it there.

A child is a fork of this process, which has imported torch with one thread: a kill costs a fraction of a second. From
the fork on it does what `python -m replication` does, its handlers of signals included.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Literal, NamedTuple

from replication import __main__ as program
from replication.commands import render, verify
from replication.foundation import files
from replication.training import session
from replication.training.resumable_play import ResumablePlay

Phase = Literal[
    "training", "periodic evaluation", "final evaluation", "restoring", "writing results", "rendering", "verify"
]
PHASES: tuple[Phase, ...] = Phase.__args__  # type: ignore[attr-defined]
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGHUP)
Fault = Literal["full disk", "read-only results", "two at once"]
FAULTS: tuple[Fault, ...] = Fault.__args__  # type: ignore[attr-defined]
PATIENCE_SECONDS = 240.0
"""A child that lives longer hangs, on any machine."""
_DAC_OVERRIDE = 1 << 1
"""The capability by which root writes into folders that are read-only; a child gives it up."""
_CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True)
class Strike:
    """What happens to a child: a signal in a phase, and perhaps something that is wrong there from its beginning on."""

    phase: Phase
    entry: int
    """The so many-th time that the phase begins."""
    number: signal.Signals
    delay_seconds: float
    """After its beginning, where `flush` is None."""
    flush: int | None = None
    """The child strikes itself, before the so many-th flush of a file from there on."""
    fault: Fault | None = None
    most_bytes: int = 0
    """Of a file, where the disk is full."""


class End(NamedTuple):
    """The end of a child."""

    code: int
    """Exit code, or minus the signal that killed it."""
    fell: Phase | None
    """Phase that it was in when it was struck; None: it was not, or was in none."""
    said: str
    """On its standard error, with those of a second process."""
    others_code: int | None = None
    """Exit code of the second process."""


class _Marks:
    """The phase a child is in, in memory that its parent reads; and how long each took in this process."""

    def __init__(self) -> None:
        self.seconds: dict[Phase, float] = {}
        self.on_entry: Callable[[Phase], None] = lambda phase: None
        self._shared = mmap.mmap(-1, 1)

    @property
    def phase(self) -> Phase | None:
        return PHASES[self._shared[0] - 1] if self._shared[0] else None

    @contextmanager
    def within(self, phase: Phase) -> Iterator[None]:
        before, began = self._shared[0], time.monotonic()
        self._shared[0] = PHASES.index(phase) + 1
        self.on_entry(phase)
        try:
            yield
        finally:
            self._shared[0] = before
            self.seconds[phase] = time.monotonic() - began

    def clear(self) -> None:
        self._shared[0] = 0


marks = _Marks()


def mark_phases() -> None:
    """Have each phase of the program say when it begins and ends; once a process, before any fork."""
    within: list[tuple[Any, str, Phase]] = [
        (session, "_train", "training"),
        (session, "restore_newest", "restoring"),
        (session, "_leave", "writing results"),
        (render, "run", "rendering"),
        (verify, "run", "verify"),
    ]
    for module, name, phase in within:
        setattr(module, name, _marked(getattr(module, name), phase))
    play = ResumablePlay.__call__

    def marked_play(self: ResumablePlay, played: Sequence[Any], *rest: Any) -> Any:
        final = played[0].purpose == "final_evaluation"
        with marks.within("final evaluation" if final else "periodic evaluation"):
            return play(self, played, *rest)

    ResumablePlay.__call__ = marked_play  # type: ignore[method-assign]


def _marked(function: Callable[..., Any], phase: Phase) -> Callable[..., Any]:
    @wraps(function)
    def marked(*given: Any, **named: Any) -> Any:
        with marks.within(phase):
            return function(*given, **named)

    return marked


def struck(words: Sequence[str], strike: Strike, folder: Path) -> End:
    """Run a command in a fork, strike it, and wait for its end.

    Args: `folder` has the results below `results`; the modes of its folders are as before afterwards.
    """
    begun, tell = os.pipe()
    errors, heard = os.pipe()  # no file: it can be written where the disk is full; a few lines fit into it
    child = _fork(words, heard, lambda: _arm(strike, tell, folder / "results"))
    os.close(tell)
    fell, other = None, None
    with os.fdopen(begun, "rb", buffering=0) as pipe:
        if pipe.read(1):  # the phase has begun; without it the child has ended
            if strike.fault == "two at once":
                other = _fork(words, heard, lambda: None)
            if strike.flush is None:
                time.sleep(strike.delay_seconds)
                fell = marks.phase
                with suppress(ProcessLookupError):
                    os.kill(child, strike.number)
            else:
                fell = strike.phase
    code, others_code = _end_of(child), None
    if other is not None:
        with suppress(ProcessLookupError):
            os.kill(other, signal.SIGTERM)  # else it would bring the run to its end
        others_code = _end_of(other)
    if strike.fault == "read-only results":
        _make_read_only(folder / "results", mode=0o755)
    return End(code, fell, _said(errors, heard), others_code)


def undisturbed(words: Sequence[str]) -> None:
    """Run a command in a fork to its end.

    Raises:
        AssertionError: it failed.
    """
    errors, heard = os.pipe()
    code = _end_of(_fork(words, heard, lambda: None))
    said = _said(errors, heard)
    assert code == 0, f"{' '.join(words)}: exit code {code}: {said}"


def _said(errors: int, heard: int) -> str:
    """Read what ended children have said."""
    os.close(heard)
    marks.clear()
    with os.fdopen(errors, "r") as text:
        return text.read()


def _fork(words: Sequence[str], heard: int, prepare: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.dup2(heard, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        prepare()
        sys.argv = ["replication", *words]
        code = program.main()
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    finally:
        sys.stderr.flush()
        os._exit(code)


def _arm(strike: Strike, tell: int, results: Path) -> None:
    """Have the child say when the phase begins, and bring about what is wrong from there on."""
    left, flush = strike.entry, os.fsync

    def on_entry(phase: Phase) -> None:
        nonlocal left
        left -= phase == strike.phase
        if left == 0 and phase == strike.phase:
            left = -1
            if strike.fault == "full disk":
                resource.setrlimit(resource.RLIMIT_FSIZE, (strike.most_bytes, strike.most_bytes))
            elif strike.fault == "read-only results":
                _make_read_only(results, mode=0o555)
                _give_up_override()
            if strike.flush is not None:
                files.os.fsync = strike_at_flush
            os.write(tell, b"1")
            os.close(tell)

    flushes = 0

    def strike_at_flush(descriptor: int) -> None:
        nonlocal flushes
        flushes += 1
        if flushes == strike.flush:
            os.kill(os.getpid(), strike.number)
        flush(descriptor)

    marks.on_entry = on_entry


def _make_read_only(results: Path, mode: int) -> None:
    for path in (results, *(path for path in results.rglob("*") if path.is_dir())):
        path.chmod(mode)


def _give_up_override() -> None:
    """Let the modes of folders hold for this process, which may be root's."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice, for 64 capabilities
    assert libc.syscall(_CAPGET, header, data) == 0
    data[0] &= ~_DAC_OVERRIDE
    assert libc.syscall(_CAPSET, header, data) == 0


_CAPGET, _CAPSET = (90, 91) if os.uname().machine == "aarch64" else (125, 126)


def _end_of(child: int) -> int:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise AssertionError("a child hangs")
        time.sleep(0.002)
