"""Lanes in worker processes: each worker plays, stores and draws minibatches for several lanes of a cohort.

Calls to lanes are collected and sent, one message of each kind a worker, when the first answer is needed or the step
ends. So all workers work at the same time, and the main process spends little time on each lane.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replication.evidence.evaluation import Evaluation, EvaluationRequest
from replication.evidence.scores import EpisodeRecord
from replication.evidence.trace_file import Trace
from replication.foundation.random_streams import restore_stream, stream_state, training_streams
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.run import Run
from replication.training.machine.settings import Machine
from replication.training.off_policy.lane import LANE_STREAMS, Lane
from replication.training.off_policy.lane_contract import AnyLane, Past, budget_is_spent, learning_has_started
from replication.training.off_policy.lane_host import (
    BATCH,
    KINDS,
    NO_ACTION,
    PLAY,
    RENEW,
    WATCH,
    LaneAssignment,
    sent_settings,
)
from replication.training.off_policy.page_locking import page_locked
from replication.training.off_policy.shared_lanes import (
    AT_END,
    EPISODES_EVALUATED,
    EVALUATION_ENDED,
    ITERATIONS,
    ROWS_APPENDED,
    SharedLanes,
    layout_of,
)
from replication.training.replay.frame_store import build_frame_store
from replication.training.replay.transitions import Transitions
from replication.training.workers.pool import WorkerPool
from replication.training.workers.shared_memory import shared_memory


@contextmanager
def open_lanes(runs: Sequence[Run], config: OffPolicyConfig, machine: Machine) -> Iterator[Sequence[AnyLane]]:
    """Open the lanes of a cohort at their start: in this process, or in workers that end with the block.

    Lanes are dealt to the workers in turn; no more are started than there are lanes.

    Raises:
        ReplicationError: a game cannot be opened.
    """
    if not machine.workers:
        yield [Lane(run, config, build_frame_store(machine.storage, config.replay_capacity_rows)) for run in runs]
        return
    wanted, sent = min(machine.workers, len(runs)), sent_settings(config, runs[0].family)
    layout = layout_of(len(runs), config.batch_size, config.frame_stack, config.future_steps)
    dealt = [list(range(first, len(runs), wanted)) for first in range(wanted)]
    held = [[replace(runs[place]) for place in places] for places in dealt]  # copies, without settings that a run keeps
    assignments = [
        LaneAssignment(some, places, sent, machine.storage, layout) for some, places in zip(held, dealt, strict=True)
    ]
    memory = shared_memory(layout)
    try:
        shared = SharedLanes(memory, layout)
        pool = WorkerPool(assignments, memory, KINDS)
    finally:
        os.close(memory)
    with pool, page_locked(shared.batches, machine.device):
        num_actions = pool.opened()
        lanes = []
        for place, run in enumerate(runs):
            number, which = divmod(place, wanted)
            lanes.append(LaneInWorker(run, config, num_actions[which][number], pool, which, number, shared, place))
        yield lanes


class LaneInWorker:
    """A lane that lives in a worker; `AnyLane` says what its members mean to the training loop.

    Args:
        run: the run that is trained.
        config: of its variant.
        num_actions: of its game.
        pool: all workers.
        which: place of the worker it lives in.
        number: of the lane in this worker.
        shared: the memory of all lanes.
        place: of the lane in this memory.
    """

    def __init__(
        self,
        run: Run,
        config: OffPolicyConfig,
        num_actions: int,
        pool: WorkerPool,
        which: int,
        number: int,
        shared: SharedLanes,
        place: int,
    ) -> None:
        self.run = run
        self.config = config
        self.num_actions = num_actions
        self.streams = training_streams(run.seed, run.task.name, run.family.streams)
        self.step = 0
        self.held_out: Transitions | None = None
        self._pool = pool
        self._worker = pool.workers[which]
        self._number = number
        self._place = place
        self._counts = shared.counts.data
        self._recent_returns = shared.recent_returns
        self._stack: NDArray[np.uint8] = shared.stacks[place]
        self._evaluation_stack: NDArray[np.uint8] = shared.evaluation_stacks[place]
        self._batch = shared.batch_of(place)
        self._priorities: NDArray[np.float32] = shared.priorities[place]

    @property
    def stack(self) -> NDArray[np.uint8]:
        self._wait(PLAY)
        return self._stack

    @property
    def at_end(self) -> bool:
        return bool(self._count(AT_END))

    @property
    def done(self) -> bool:
        # Read only where it counts, since reading it waits for the step under way.
        iterations = self._count(ITERATIONS) if self.run.budget.iterations else 0
        return budget_is_spent(self.run, self.step, iterations)

    @property
    def learning_started(self) -> bool:
        rows_appended = self._count(ROWS_APPENDED) if self.config.replay_start.unit == "rows" else 0
        return learning_has_started(self.config, self.step, rows_appended)

    @property
    def recent_return(self) -> float | None:
        self._wait(PLAY)
        found = float(self._recent_returns[self._place])
        return None if math.isnan(found) else found

    def finished_episodes(self, first: int) -> Sequence[EpisodeRecord]:
        found: list[EpisodeRecord] = self._ask("finished_episodes", first)
        return found

    def begin_batch(self) -> None:
        self._post(BATCH, NO_ACTION)

    def batch(self) -> Transitions:
        self._wait(BATCH)
        return self._batch

    def renew_priorities(self, priorities: NDArray[np.float32]) -> None:
        # The worker has taken the priorities of the minibatch before: it has answered for this one, drawn after them.
        self._priorities[:] = priorities
        self._post(RENEW, NO_ACTION)

    def sample(self, batch_size: int) -> Transitions:
        drawn: Transitions = self._ask("sample", batch_size)
        return drawn

    def begin_play(self, action: int) -> None:
        self._post(PLAY, action)

    def begin_storing_last_frame(self) -> None:
        self._post(PLAY, NO_ACTION)

    def end_step(self) -> None:
        if self._pool.unsent:
            self._pool.send()

    def begin_evaluation(
        self, request: EvaluationRequest, report: Callable[[int], object] = lambda episodes: None
    ) -> Evaluation:
        asked = self._worker.request(self._number, "begin_evaluation", request)
        yield None
        self._worker.answer(asked)
        episodes = 0
        while True:
            if self._counts[self._place, EPISODES_EVALUATED] > episodes:
                episodes = self._counts[self._place, EPISODES_EVALUATED]
                report(episodes)
            if self._counts[self._place, EVALUATION_ENDED]:
                trace: Trace = self._ask("evaluation_trace")
                return trace
            action = yield self._evaluation_stack
            assert action is not None, "a state was shown and no action sent"
            self._post(WATCH, action)
            yield None
            self._wait(WATCH)

    def past(self) -> Past:
        found: Past = self._ask("past")
        ours = {name: stream_state(stream) for name, stream in self.streams.items() if name not in LANE_STREAMS}
        return replace(found, streams=found.streams | ours)

    def restore(self, past: Past, check: Callable[[], object] = lambda: None) -> None:
        self._worker.answer(self._worker.request(self._number, "restore", past), check)
        self.step = past.step
        for name, stream in self.streams.items():
            restore_stream(stream, past.streams[name])

    def _post(self, kind: int, action: int) -> None:
        self._worker.post(kind, self._number, action)
        self._pool.unsent = True

    def _wait(self, kind: int) -> None:
        if self._pool.unsent:
            self._pool.send()
        self._worker.wait(kind)

    def _count(self, column: int) -> int:
        self._wait(PLAY)
        return self._counts[self._place, column]

    def _ask(self, name: str, *given: object) -> Any:
        return self._worker.answer(self._worker.request(self._number, name, *given))
