"""Replay memory of single frames: a ring of rows from which n-step transitions are put together.

A row holds one agent step: its frame, the action, the clipped reward received after it, and the outcome of the
action. A *trajectory* is a run of rows from a start to an end: a game, or a life where losing one ends it (I8,
I9, M1 to M4, M6, M7). There are two layouts:

- with end rows (the released program): the frame the last action led to takes a row of its own, without an action;
- without (Dopamine): rows of zeros are written before each trajectory instead, and the last action's next state is
  never needed, its discount being 0.

Source: google-deepmind/dqn dqn/TransitionTable.lua; google/dopamine dopamine/replay_memory/circular_replay_buffer.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import numpy as np
from numpy.typing import NDArray

from replication.foundation.errors import ReplicationError
from replication.training.replay.frame_store import FRAME_BYTES, FRAME_SHAPE, FrameStore
from replication.training.replay.priorities import Priorities, PriorityState
from replication.training.replay.transitions import Transitions, empty_transitions, interleave

__all__ = ["LIFE_LOST", "NO_ACTION", "TERMINATED", "TRUNCATED", "FrameStore", "ReplayMemory", "Transitions"]

TERMINATED, TRUNCATED, LIFE_LOST = 1, 2, 4
"""Outcome of an action: the game was over; the cap was reached; a life was lost and ended the trajectory."""

NO_ACTION = -1
"""Action of a row in which nothing was chosen: a trajectory's last frame, or padding."""

LAST_POSITION = 255
"""Positions in a trajectory are counted up to here; only those below `frame_stack` matter."""

DRAWS_BEFORE_LOOKING = 64
"""Rounds of drawing after which all rows are checked once, in case none can be drawn."""


class ReplayMemory:
    """The newest `capacity_rows` rows.

    Args:
        capacity_rows: rows held, of every kind.
        frame_stack: frames in a state, at most 256.
        n_step: steps between a transition's states, fewer at a trajectory's end.
        discount: per step, in [0, 1].
        frames: where frames lie, of the same capacity.
        padding_rows: rows of zeros written before each trajectory.
        stores_end_frame: each trajectory ends in a row that holds its last frame and NO_ACTION.
        truncation_bootstraps: targets bootstrap from the frame at the cap; else TRUNCATED is a terminal like others.
        priorities: of its rows; None: minibatches are not drawn by priority.
        future_steps: states after each transition's first that are given with it.

    Raises:
        ReplicationError: no transition would ever fit, or the frames to bootstrap from would not be stored.
    """

    def __init__(
        self,
        *,
        capacity_rows: int,
        frame_stack: int,
        n_step: int,
        discount: float,
        frames: FrameStore,
        padding_rows: int,
        stores_end_frame: bool,
        truncation_bootstraps: bool,
        priorities: Priorities | None = None,
        future_steps: int = 0,
    ) -> None:
        self._ahead = max(n_step, future_steps)
        """Rows after a transition's first that must be held."""
        if capacity_rows <= frame_stack + self._ahead:
            ahead = "n_step" if self._ahead == n_step else "future states"
            raise ReplicationError(
                f"replay_capacity_rows = {capacity_rows}: a transition needs more than frame_stack + {ahead} = "
                f"{frame_stack + self._ahead} rows; raise the capacity"
            )
        if truncation_bootstraps and not stores_end_frame:
            raise ReplicationError(
                "truncation_bootstraps needs stores_end_frame: it asks for the value of the frame at the cap"
            )
        self.capacity_rows = capacity_rows
        self.frame_stack = frame_stack
        self.n_step = n_step
        self.future_steps = future_steps
        self.discount = discount
        self.padding_rows = padding_rows
        self.stores_end_frame = stores_end_frame
        self.rows_appended = 0
        """Rows ever appended, padding too (Dopamine's add_count)."""
        self._first_row = 0
        self._next_position = 0
        self._awaits_end_frame = False
        self._frames = frames
        self._padding = np.zeros(FRAME_SHAPE, dtype=np.uint8)
        self._actions = np.full(capacity_rows, NO_ACTION, dtype=np.int16)
        self._rewards = np.zeros(capacity_rows, dtype=np.float32)
        self._outcomes = np.zeros(capacity_rows, dtype=np.uint8)
        self._positions = np.zeros(capacity_rows, dtype=np.uint8)
        self._final = TERMINATED | LIFE_LOST | (0 if truncation_bootstraps else TRUNCATED)
        self.priorities = priorities
        self._known = (0, 0)
        """A range of all rows ever appended: those in it that begin a transition have a priority."""

    def __len__(self) -> int:
        return min(self.rows_appended - self._first_row, self.capacity_rows)

    @property
    def nbytes(self) -> int:
        """Memory in use, in bytes: the frames, the arrays beside them, and priorities."""
        parts = (self._actions, self._rewards, self._outcomes, self._positions, self.priorities)
        return self._frames.nbytes + sum(part.nbytes for part in parts if part is not None)

    def append(
        self, frame: NDArray[np.uint8], action: int, reward: float, outcome: int, *, starts_trajectory: bool
    ) -> None:
        """Add a row, over the oldest one when the ring is full.

        Args:
            frame: uint8 [84, 84], the observation.
            action: the action taken, or NO_ACTION for a trajectory's last frame where the layout stores it.
            reward: clipped reward received after it.
            outcome: bits TERMINATED, TRUNCATED, LIFE_LOST of the action; any of them ends the trajectory.
            starts_trajectory: the frame is the first of its trajectory; padding is written before it.

        Raises:
            ValueError: the row cannot follow the one before. A window is cut only at an outcome, so a trajectory that
                began unannounced would be mixed into the transitions of the one before.
        """
        is_end_frame = action == NO_ACTION
        if starts_trajectory != (self._next_position == 0) or is_end_frame != self._awaits_end_frame:
            raise ValueError(
                f"row {self.rows_appended} of the replay memory must be {self._expected()}, "
                f"not action {action} with starts_trajectory={starts_trajectory}"
            )
        if starts_trajectory:
            for _ in range(self.padding_rows):
                self._write(self._padding, NO_ACTION, 0.0, 0, 0)
        self._write(frame, action, reward, outcome, self._next_position)
        self._awaits_end_frame = self.stores_end_frame and outcome != 0 and not is_end_frame
        is_last = is_end_frame or (outcome != 0 and not self.stores_end_frame)
        self._next_position = 0 if is_last else min(LAST_POSITION, self._next_position + 1)

    def start_at(self, rows_appended: int) -> None:
        """Drop all rows and go on, at a trajectory's start, as if so many rows had been appended before."""
        self.rows_appended = self._first_row = rows_appended
        self._next_position = 0
        self._awaits_end_frame = False
        self._known = (rows_appended, rows_appended)
        if self.priorities is not None:
            self.priorities.clear()

    def sample(self, stream: np.random.Generator, batch_size: int, into: Transitions | None = None) -> Transitions:
        """Draw transitions uniformly, with replacement (M3).

        Ages are drawn uniformly over the range that holds all valid rows, and only the invalid ones are drawn again.
        Whether a draw is kept depends on that draw alone, so each place of the batch is uniform over the valid rows
        and independent of the others. They are put `into` arrays of this batch size, where these are given.

        Raises:
            ReplicationError: no row held begins a transition.
        """
        oldest, size = self.rows_appended - len(self), len(self)
        rows = np.zeros(batch_size, dtype=np.int64)
        invalid = np.arange(batch_size)
        for draw in count():
            if size <= self.frame_stack + self._ahead or (draw == DRAWS_BEFORE_LOOKING and not self._any_valid_row()):
                raise self._too_few(1)
            ages = stream.integers(self.frame_stack, size - self._ahead, size=invalid.size)
            rows[invalid] = (oldest + ages) % self.capacity_rows
            invalid = invalid[~self.valid_acting_row(rows[invalid])]
            if not invalid.size:
                break
        return self.transitions_at(rows, into)

    def newest(self, batch_size: int, into: Transitions | None = None) -> Transitions:
        """Return the newest transitions, the oldest of them first.

        Raises:
            ReplicationError: fewer are held.
        """
        first, last = self._whole_windows()
        looked_at = batch_size
        while True:
            looked_at *= 2
            rows = np.arange(max(first, last - looked_at), last) % self.capacity_rows
            rows = rows[self._actions[rows] != NO_ACTION][-batch_size:]
            if len(rows) == batch_size:
                return self.transitions_at(rows, into)
            if last - looked_at <= first:
                raise self._too_few(batch_size)

    def sample_by_priority(
        self, stream: np.random.Generator, batch_size: int, step: int, into: Transitions | None = None
    ) -> Transitions:
        """Draw transitions by priority at an agent step, with replacement, and their importance weights.

        Raises:
            ReplicationError: no row held begins a transition, or all priorities are zero.
        """
        priorities = self._priorities_up_to_date()
        if priorities.nothing_to_draw and not self._any_valid_row():
            raise self._too_few(1)
        rows, weights = priorities.draw(stream, batch_size, step)
        found = self.transitions_at(rows, into)
        found.weights[:] = weights
        return found

    def priority_state(self) -> PriorityState | None:
        """Return the state for `restore_priorities`; None where minibatches are not drawn by priority."""
        if self.priorities is None:
            return None
        return {**self.priorities.state(), "known": np.array(self._known)}

    def restore_priorities(self, state: PriorityState) -> bool:
        """Continue where the state was taken, in a memory of the same rows; return whether it belongs to these rows.

        The rows that had a priority then need not be those that begin a transition now. They are left as they were:
        updated here, the rows of a heap would come in another order than the next draw puts them in.
        """
        assert self.priorities is not None
        self.priorities.restore(state)
        first, last = self._known = (int(state["known"][0]), int(state["known"][1]))
        if last > self.rows_appended or last - first > self.capacity_rows:
            return False
        known = np.arange(first, last)
        rows = known % self.capacity_rows
        overwritten = known < self.rows_appended - len(self)
        return self.priorities.lie_in(rows[overwritten | (self._actions[rows] != NO_ACTION)])

    def valid_acting_row(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether a transition may begin at each physical row, int64 [n] in [0, capacity_rows): bool [n].

        An action was chosen there, and from its age (0 = oldest row held) `frame_stack` rows before it and `n_step`
        rows after it, and all future states, are held: no window crosses the write head (M4: the original's do).
        That is one row before it more than a stack needs: the original's index starts at 2 (TransitionTable.lua:124).
        Dopamine's invalid_range has the same bounds, though only once its memory is full.
        """
        ages = (rows - (self.rows_appended - len(self))) % self.capacity_rows
        whole = (ages >= self.frame_stack) & (ages < len(self) - self._ahead)
        valid: NDArray[np.bool_] = whole & (self._actions[rows] != NO_ACTION)
        return valid

    def transitions_at(self, rows: NDArray[np.int64], into: Transitions | None = None) -> Transitions:
        """Build the transitions that begin at physical rows, int64 [batch], all of them valid; rows may repeat."""
        found = empty_transitions(len(rows), self.frame_stack, self.future_steps) if into is None else into
        rewards = np.zeros(len(rows), dtype=np.float64)
        steps = np.zeros(len(rows), dtype=np.int64)
        outcomes = np.zeros(len(rows), dtype=np.uint8)
        for k in range(self.n_step):
            goes_on = outcomes == 0
            at = (rows + k) % self.capacity_rows
            rewards += np.where(goes_on, self.discount**k * self._rewards[at], 0.0)
            steps += goes_on
            outcomes = np.where(goes_on, self._outcomes[at], outcomes)
        discounts = np.where(outcomes & self._final, 0.0, self.discount**steps)
        positions = self._positions[rows].astype(np.int64)
        next_positions = positions + steps
        if not self.stores_end_frame:
            next_positions[outcomes != 0] = -1
        self._stack(
            np.stack([rows, rows + steps]), np.stack([positions, next_positions]), (found.states, found.next_states)
        )
        found.actions[:] = self._actions[rows]
        found.rewards[:] = rewards
        found.discounts[:] = discounts
        found.rows[:] = rows
        found.weights[:] = 1.0
        if self.future_steps:
            self._fill_future(found, rows, positions)
        return found

    def _fill_future(self, found: Transitions, rows: NDArray[np.int64], positions: NDArray[np.int64]) -> None:
        """Fill in what follows the states at `rows`, int64 [batch], at these positions in their trajectories."""
        later = np.arange(1, self.future_steps + 1)
        at = (rows[:, None] + later) % self.capacity_rows
        goes_on = np.cumsum(self._outcomes[np.concatenate([rows[:, None], at], axis=1)], axis=1)[:, 1:] == 0
        found.future_goes_on[:] = goes_on
        found.future_actions[:] = np.where(goes_on, self._actions[at], 0)
        later_positions = np.where(goes_on, positions[:, None] + later, -1)
        into = found.future_states.reshape(-1, *FRAME_SHAPE, self.frame_stack)
        self._stack(at.reshape(1, -1), later_positions.reshape(1, -1), (into,))

    def _stack(
        self, newest: NDArray[np.int64], positions: NDArray[np.int64], into: Sequence[NDArray[np.uint8]]
    ) -> None:
        """Put histories that end at the rows `newest`, int64 [n, batch], into n arrays uint8 [batch, 84, 84, stack].

        `positions`, int64 [n, batch], are those rows' indices in their trajectories. Frames before index 0 are zeros
        (I9), and with a position of -1 all are. Each frame that is needed is fetched once.
        """
        back = np.arange(self.frame_stack - 1, -1, -1)
        wanted = (newest[..., None] - back) % self.capacity_rows
        wanted[back > positions[..., None]] = -1
        unique, which = np.unique(wanted, return_inverse=True)
        frames = np.empty((len(unique), FRAME_BYTES), dtype=np.uint8)
        blank = int(unique[0] == -1)
        frames[:blank] = 0
        self._frames.gather(unique[blank:], frames[blank:])
        for channels, stacks in zip(which.reshape(wanted.shape), into, strict=True):
            interleave(frames, channels, stacks.reshape(-1, FRAME_BYTES, self.frame_stack))

    def _write(self, frame: NDArray[np.uint8], action: int, reward: float, outcome: int, position: int) -> None:
        row = self.rows_appended % self.capacity_rows
        self._frames.put(row, frame)
        self._actions[row] = action
        self._rewards[row] = reward
        self._outcomes[row] = outcome
        self._positions[row] = position
        self.rows_appended += 1

    def _whole_windows(self) -> tuple[int, int]:
        """Return the range of all rows ever appended whose transitions are held whole; see `valid_acting_row`."""
        return self.rows_appended - len(self) + self.frame_stack, self.rows_appended - self._ahead

    def _priorities_up_to_date(self) -> Priorities:
        """Return the priorities once exactly the rows that begin a transition have one.

        This is done when priorities are needed, not when rows are appended. So it makes no difference whether they are
        renewed before or after a step is stored, and new rows enter at the largest of all that were renewed.
        """
        assert self.priorities is not None
        (first, last), (known_first, known_last) = self._whole_windows(), self._known
        self.priorities.leave(np.arange(known_first, min(first, known_last)) % self.capacity_rows)
        entering = np.arange(max(first, known_last), last) % self.capacity_rows
        self.priorities.enter(entering[self._actions[entering] != NO_ACTION])
        self._known = (first, max(last, first))
        return self.priorities

    def _any_valid_row(self) -> bool:
        return bool(self.valid_acting_row(np.arange(self.capacity_rows)).any())

    def _too_few(self, wanted: int) -> ReplicationError:
        some = "none of which begins" if wanted == 1 else f"fewer than {wanted} of which begin"
        return ReplicationError(
            f"the replay memory holds {len(self)} rows, {some} a transition of {self.n_step} steps "
            f"with {self.frame_stack} rows before it; learning must start later (replay_start)"
        )

    def _expected(self) -> str:
        """Describe what the next row must be."""
        if self._awaits_end_frame:
            return "its trajectory's last frame, with NO_ACTION"
        return "the first of a trajectory" if self._next_position == 0 else "an action within its trajectory"
