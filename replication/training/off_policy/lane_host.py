"""The lanes that live in a worker: a process that plays, stores and draws minibatches, and imports no torch.

What it is sent most are pairs of a lane's number and an action: RENEW, BATCH, PLAY or WATCH. PLAY with NO_ACTION stores
a trajectory's last frame; RENEW and BATCH use no action. All other input and output is in the shared memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from replication.evidence.evaluation import Evaluation, EvaluationRequest
from replication.evidence.scores import EpisodeRecord
from replication.evidence.trace_file import Trace
from replication.specification.families.facts import FamilyFacts
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.run import Run
from replication.training.off_policy.lane import Lane
from replication.training.off_policy.lane_contract import Past
from replication.training.off_policy.shared_lanes import (
    AT_END,
    EPISODES_EVALUATED,
    EVALUATION_ENDED,
    ITERATIONS,
    ROWS_APPENDED,
    SharedLanes,
)
from replication.training.replay.frame_store import Storage, build_frame_store
from replication.training.replay.transitions import Transitions
from replication.training.workers.shared_memory import Layout

KINDS = RENEW, BATCH, PLAY, WATCH = range(4)
"""In the order in which they are sent: a minibatch is drawn by the priorities of the one before, and before the step
under way is stored."""
NO_ACTION = -1


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
class LaneAssignment:
    """The lanes that a worker is to hold."""

    runs: list[Run]
    places: list[int]
    """Places of these lanes in the cohort: where their arrays lie in the shared memory."""
    config: OffPolicyConfig
    storage: Storage
    layout: Layout
    """Of the shared memory, in which all lanes of the cohort have their places."""

    @property
    def names(self) -> str:
        """The names of its runs."""
        return ", ".join(run.name for run in self.runs)

    def open(self, memory: int) -> LaneHost:
        """Open the lanes, in the worker."""
        return LaneHost(self, memory)


class LaneHost:
    """The lanes of this worker, by number."""

    def __init__(self, assignment: LaneAssignment, memory: int) -> None:
        config = assignment.config
        self._shared = SharedLanes(memory, assignment.layout)
        self._counts = self._shared.counts.data
        self._places = assignment.places
        self._lanes = [
            Lane(run, config, build_frame_store(assignment.storage, config.replay_capacity_rows))
            for run in assignment.runs
        ]
        self.methods = {RENEW: self._renew, PLAY: self._play, BATCH: self._draw, WATCH: self._watch}
        self._evaluations: dict[int, Evaluation] = {}
        self._traces: dict[int, Trace] = {}
        self._episodes_shown = [-1] * len(self._lanes)
        for number, (lane, place) in enumerate(zip(self._lanes, self._places, strict=True)):
            lane.show_in(self._shared.stacks[place], self._shared.batch_of(place))
            self._show(number)

    def opened(self) -> list[int]:
        """Return the number of actions of each lane's game."""
        return [lane.num_actions for lane in self._lanes]

    def name(self, number: int) -> str:
        """Return the name of a lane's run."""
        return self._lanes[number].run.name

    def sample(self, number: int, batch_size: int) -> Transitions:
        return self._lanes[number].sample(batch_size)

    def finished_episodes(self, number: int, first: int) -> list[EpisodeRecord]:
        return list(self._lanes[number].finished_episodes(first))

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
