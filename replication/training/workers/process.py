"""A worker: a process that holds some lanes of a cohort and does with them what the main process says.

It imports no torch, and ends when the main process does, however that ends. It is sent:

- messages of 16-bit integers. The first says what to do, RENEW, PLAY, BATCH or WATCH; pairs follow, of a lane's number
  in this worker and an action. PLAY with NO_ACTION stores a trajectory's last frame; RENEW and BATCH use no action.
  All other input and output is in the shared memory;
- REQUEST alone, followed by a tuple: a lane's number, the name of a method of `_Host`, its arguments. The very first
  is followed by an `Assignment` instead.

Each is answered in its turn: by an empty message, by FOUND and the result of a request, or by FAILED and an error in
words.
"""

from __future__ import annotations

import math
import os
import select
import sys
import threading
from array import array
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from replication.evidence.evaluation import Evaluation, EvaluationRequest
from replication.evidence.trace_file import Trace
from replication.foundation.errors import ReplicationError
from replication.specification.families.facts import FamilyFacts
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.run import Run
from replication.training.off_policy.lane import Lane
from replication.training.off_policy.lane_contract import Past
from replication.training.replay.frame_store import Storage, build_frame_store
from replication.training.replay.transitions import Transitions
from replication.training.workers.shared_memory import (
    AT_END,
    EPISODES_EVALUATED,
    EVALUATION_ENDED,
    ITERATIONS,
    ROWS_APPENDED,
    SharedLanes,
)

RENEW, PLAY, BATCH, WATCH, REQUEST = range(5)
NO_ACTION = -1
FOUND, FAILED = b"found", b"failed"


class PlayingConfig(OffPolicyConfig):
    """What a lane needs of the settings of a user's own algorithm.

    Their class stands in the user's file: the workers would have to import it, and torch with it, and a file that lies
    outside this package they would not find.
    """

    shown_later_states: int

    @property
    def future_steps(self) -> int:
        return self.shown_later_states


def sent_settings(config: OffPolicyConfig, facts: FamilyFacts) -> OffPolicyConfig:
    """Return a variant's settings as its workers can read them: as they are, unless their class is a user's own."""
    if type(config) in facts.modules.values():
        return config
    shared = {name: getattr(config, name) for name in OffPolicyConfig.model_fields}
    return PlayingConfig.model_construct(**shared, shown_later_states=config.future_steps)


@dataclass(frozen=True)
class Assignment:
    """The lanes that a worker holds."""

    runs: list[Run]
    places: list[int]
    """Places of these lanes in the cohort: where their arrays lie in the shared memory."""
    config: OffPolicyConfig
    storage: Storage
    all_lanes: int
    """Number of lanes in the cohort."""


class _Host:
    """The lanes of this worker, by number."""

    def __init__(self, assignment: Assignment, memory: int) -> None:
        config = assignment.config
        size = (assignment.all_lanes, config.batch_size, config.frame_stack, config.future_steps)
        self._shared = SharedLanes(memory, *size)
        self._counts = self._shared.counts.data
        self._places = assignment.places
        self._lanes = [
            Lane(run, config, build_frame_store(assignment.storage, config.replay_capacity_rows))
            for run in assignment.runs
        ]
        self._methods = {RENEW: self._renew, PLAY: self._play, BATCH: self._draw, WATCH: self._watch}
        self._evaluations: dict[int, Evaluation] = {}
        self._traces: dict[int, Trace] = {}
        self._episodes_shown = [-1] * len(self._lanes)
        for number, (lane, place) in enumerate(zip(self._lanes, self._places, strict=True)):
            lane.show_in(self._shared.stacks[place], self._shared.batch_of(place))
            self._show(number)

    def num_actions(self) -> list[int]:
        """Return the number of actions of each lane's game."""
        return [lane.num_actions for lane in self._lanes]

    def do(self, message: array[int]) -> None:
        """Carry out a message: its method, for each pair of a lane's number and an action."""
        method = self._methods[message[0]]
        for number, action in zip(message[1::2], message[2::2], strict=True):
            try:
                method(number, action)
            except Exception as error:
                raise self._in_words(number, error) from None

    def ask(self, number: int, name: str, *given: Any) -> Any:
        """Call a method of this class for a lane and return its result."""
        try:
            return getattr(self, name)(number, *given)
        except Exception as error:
            raise self._in_words(number, error) from None

    def sample(self, number: int, batch_size: int) -> Transitions:
        return self._lanes[number].sample(batch_size)

    def past(self, number: int) -> Past:
        return self._lanes[number].past()

    def restore(self, number: int, past: Past) -> None:
        self._episodes_shown[number] = -1  # the same number of episodes need not be the same episodes
        self._lanes[number].restore(past)
        self._show(number)

    def begin_evaluation(self, number: int, request: EvaluationRequest) -> None:
        place = self._places[number]

        def report(episodes: int) -> None:
            self._counts[place, EPISODES_EVALUATED] = episodes

        self._counts[place, EPISODES_EVALUATED] = self._counts[place, EVALUATION_ENDED] = 0
        self._evaluations[number] = self._lanes[number].begin_evaluation(request, report)
        self._watch(number, None)

    def evaluation_trace(self, number: int) -> Trace:
        del self._evaluations[number]
        return self._traces.pop(number)

    def _play(self, number: int, action: int) -> None:
        lane = self._lanes[number]
        lane.step += 1
        if action == NO_ACTION:
            lane.store_last_frame()
        else:
            lane.play(action)
        self._show(number)

    def _renew(self, number: int, action: int) -> None:
        self._lanes[number].renew_priorities(self._shared.priorities[self._places[number]])

    def _draw(self, number: int, action: int) -> None:
        self._lanes[number].begin_batch()

    def _watch(self, number: int, action: int | None) -> None:
        place = self._places[number]
        try:
            stack = self._evaluations[number].send(action)
            assert stack is not None, "an evaluation in its own process has a state to show"
            self._shared.evaluation_stacks[place] = stack
        except StopIteration as end:
            self._traces[number] = end.value
            self._counts[place, EVALUATION_ENDED] = 1

    def _show(self, number: int) -> None:
        """Write what the training loop reads of a lane after a step into the shared memory; its stack is there."""
        lane, place, counts = self._lanes[number], self._places[number], self._counts
        counts[place, AT_END] = lane.at_end
        counts[place, ROWS_APPENDED] = lane.memory.rows_appended
        counts[place, ITERATIONS] = len(lane.iterations)
        if len(lane.episodes) != self._episodes_shown[number]:
            self._episodes_shown[number] = len(lane.episodes)
            recent = lane.recent_return
            self._shared.recent_returns[place] = math.nan if recent is None else recent

    def _in_words(self, number: int, error: Exception) -> ReplicationError:
        if isinstance(error, ReplicationError):
            return error
        return ReplicationError(f"{self._lanes[number].run.name}: its worker process failed ({_reason(error)})")


def _reason(error: Exception) -> str:
    """Describe an error that a user cannot mend, with the place in the program, in one line."""
    place, trace = "", error.__traceback__
    while trace is not None:
        place = f" in {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return " ".join(f"{type(error).__name__}: {error}{place}".split())


def _serve(connection: Any, memory: int) -> None:
    """Read messages and answer each, until the main process closes the connection."""
    connection.recv_bytes()
    try:
        host = _Host(connection.recv(), memory)
    except Exception as error:
        connection.send_bytes(FAILED)
        connection.send(str(error) if isinstance(error, ReplicationError) else f"a worker process failed: {error}")
        return
    connection.send_bytes(FOUND)
    connection.send(host.num_actions())
    while True:
        message = array("h", connection.recv_bytes())
        try:
            if message[0] == REQUEST:
                found = host.ask(*connection.recv())
                connection.send_bytes(FOUND)
                connection.send(found)
            else:
                host.do(message)
                connection.send_bytes(b"")
        except ReplicationError as error:
            connection.send_bytes(FAILED)
            connection.send(str(error))


def _end_with(descriptor: int) -> None:
    """End this process as soon as the other side of the connection is closed, whatever it is doing then."""
    hung_up = select.poll()
    hung_up.register(descriptor, 0)
    hung_up.poll()
    os._exit(0)


def _main() -> None:
    descriptor, memory = (int(text) for text in sys.argv[1:])
    threading.Thread(target=_end_with, args=[descriptor], daemon=True).start()
    with suppress(EOFError, OSError):  # the main process has closed the connection
        _serve(Connection(descriptor), memory)


if __name__ == "__main__":
    _main()
