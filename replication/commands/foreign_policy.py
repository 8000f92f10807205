"""Another program's policy, in a process started by a command: observations go out, actions come in.

Version 1 of the interface, from the process's side (integers little-endian):

    stdin, once:                bytes   content
                                8       the ASCII letters RPLJUDGE
                                2       uint16: version of the interface, 1
                                2       uint16: frames in an observation, s
                                2       uint16: height h
                                2       uint16: width w
                                2       uint16: number of actions n
                                n       uint8: ALE's code of each action, so that other action sets can be mapped
    stdin, each step:           1       uint8: 1 where an episode begins, else 0
                                s*h*w   uint8: the newest frames, oldest first, rows from the top: [s, h, w]
    stdout, for each step:      1       uint8: index of an action, less than n

All episodes are played by one process. The end of stdin says that no more will be asked; what the process does then is
its own affair. Its stderr is passed on. stdout is for answers alone: whatever else is written there is an error. Where
the protocol plays a random action, the process is asked all the same and its answer is not used, so that a policy with
a memory sees every step. Nothing of the process is loaded here; it is given bytes and gives bytes.
"""

from __future__ import annotations

import os
import select
import shlex
import signal
import struct
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from replication.foundation.errors import ReplicationError

if TYPE_CHECKING:  # help is printed without numpy
    import numpy as np
    from numpy.typing import NDArray

INTERFACE_VERSION = 1

_MAGIC = b"RPLJUDGE"
_HEADER = struct.Struct("<8sHHHHH")
_LONGEST_ANSWER = 4096
"""Bytes read at a time. An answer is one byte; of a longer one the first few are shown."""
_SECONDS_TO_END = 5.0
_LOOK_SECONDS = 0.5
"""Time between two looks at whether a process that is silent still runs."""


class ForeignPolicy:
    """A running process that is asked for actions. It is a context manager, and ends with its block."""

    def __init__(
        self, command: str, action_codes: Sequence[int], observation: tuple[int, int, int], answer_seconds: float
    ) -> None:
        """Start the process and send what is sent once.

        Args:
            command: program and arguments as in a shell, but no shell reads it.
            action_codes: ALE's codes of the minimal action set.
            observation: frames, height, width.
            answer_seconds: the longest an answer may take, the time to start included in the first.

        Raises:
            ReplicationError: it cannot be started.
        """
        self.answers = 0
        """Actions it has given so far."""
        self._command = command
        self._num_actions = len(action_codes)
        self._answer_seconds = answer_seconds
        try:
            words = shlex.split(command)
            if not words:
                raise ValueError("it is empty")
            # A session of its own, so that whatever it starts ends with it.
            self._process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ReplicationError(f"--command {command!r}: cannot be started ({reason})") from None
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self._output = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._input, False)
        try:
            header = _HEADER.pack(_MAGIC, INTERFACE_VERSION, *observation, self._num_actions)
            self._send(header + bytes(action_codes))
        except BaseException:
            self._kill()
            raise

    def __enter__(self) -> ForeignPolicy:
        return self

    def __exit__(self, kind: type[BaseException] | None, *of: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        if kind is None:
            self._process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_SECONDS_TO_END)
        self._kill()

    def choose(self, frames: NDArray[np.uint8], *, begins_episode: bool) -> int:
        """Ask for an action.

        Args:
            frames: uint8 [stack, 84, 84], oldest first.
            begins_episode: whether this is the first observation of an episode.

        Returns: index into the minimal action set.
        Raises:
            ReplicationError: the process ended, is late, or answered something else.
        """
        if select.select([self._output], [], [], 0.0)[0]:
            self._read()  # where it ended, that is said
            raise self._problem("wrote to stdout without being asked; print to stderr instead")
        self._send(bytes([begins_episode]) + frames.tobytes())
        answer = self._receive()
        if len(answer) > 1 or answer[0] >= self._num_actions:
            told = f"answered {answer[:20]!r}" if len(answer) > 1 else f"answered {answer[0]}"
            raise self._problem(
                f"{told}, expected one byte from 0 to {self._num_actions - 1}; stdout is for answers alone, print to "
                "stderr"
            )
        self.answers += 1
        return answer[0]

    def _send(self, content: bytes) -> None:
        deadline = time.monotonic() + self._answer_seconds
        left = memoryview(content)
        while left:
            seconds = deadline - time.monotonic()
            if seconds <= 0 or not select.select([], [self._input], [], seconds)[1]:
                raise self._late()
            try:
                left = left[os.write(self._input, left) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise self._ended() from None

    def _receive(self) -> bytes:
        deadline = time.monotonic() + self._answer_seconds
        while not select.select([self._output], [], [], min(_LOOK_SECONDS, self._answer_seconds))[0]:
            # What it started may hold its stdout open after its end.
            if self._process.poll() is not None:
                raise self._ended()
            if time.monotonic() >= deadline:
                raise self._late()
        return self._read()

    def _read(self) -> bytes:
        answer = os.read(self._output, _LONGEST_ANSWER)
        if not answer:
            raise self._ended()
        return answer

    def _ended(self) -> ReplicationError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_END)
        code = self._process.returncode
        how = "closed its stdin or stdout" if code is None else f"ended with exit code {code}"
        return self._problem(f"{how}, more steps were to be played; its own messages stand above")

    def _late(self) -> ReplicationError:
        return self._problem(f"no answer within {self._answer_seconds:g} seconds; give it more with --answer-seconds")

    def _problem(self, what: str) -> ReplicationError:
        return ReplicationError(f"--command {self._command!r}: after {self.answers:,} answers: {what}")

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
