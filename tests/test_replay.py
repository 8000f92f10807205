"""The replay memory against a naive model (fidelity rows M1 to M4, M7, I8, I9) and numbers worked by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replication.errors import ReplicationError
from replication.frame_store import FRAME_BYTES, Lz4Frames, RawFrames, build_frame_store, storage_text
from replication.replay import LIFE_LOST, NO_ACTION, TERMINATED, TRUNCATED, ReplayMemory, Transitions


def frame(number: int) -> np.ndarray:
    """A frame that tells its number."""
    picture = np.zeros((84, 84), dtype=np.uint8)
    picture[0, 0], picture[0, 1], picture[83, 83] = number % 256, number // 256, 200
    return picture


def number(picture: np.ndarray) -> int:
    """The inverse of `frame`; 0 for a frame of zeros."""
    return int(picture[0, 0]) + 256 * int(picture[0, 1])


@dataclass
class Row:
    """What the naive model keeps of a row: whole trajectories, nothing clever."""

    trajectory: int
    frames: list[int]
    action: int
    reward: float
    outcome: int


@dataclass
class Layout:
    """A memory with its naive model, filled by the same script."""

    n_step: int = 1
    capacity: int = 40
    stores_end_frame: bool = True
    bootstraps: bool = True
    storage: str = "raw"
    stack: int = 4
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.padding = 0 if self.stores_end_frame else self.stack - 1
        self.memory = ReplayMemory(
            capacity_rows=self.capacity,
            frame_stack=self.stack,
            n_step=self.n_step,
            discount=0.5,
            frames=build_frame_store(self.storage, self.capacity),  # type: ignore[arg-type]
            padding_rows=self.padding,
            stores_end_frame=self.stores_end_frame,
            truncation_bootstraps=self.bootstraps,
        )
        self.next_number, self.trajectory = 1, 0

    def play(self, actions: int, outcome: int) -> None:
        """A trajectory of so many actions, the last of which leads to `outcome` (0: it goes on, unfinished)."""
        self.trajectory += 1
        self.rows += [Row(self.trajectory, [], NO_ACTION, 0.0, 0)] * self.padding
        seen: list[int] = []
        for i in range(actions):
            self._append(seen, i % 7, float(i % 3 - 1), outcome if i == actions - 1 else 0, starts=i == 0)
        if outcome and self.stores_end_frame:
            self._append(seen, NO_ACTION, 0.0, 0, starts=False)

    def _append(self, seen: list[int], action: int, reward: float, outcome: int, *, starts: bool) -> None:
        seen.append(self.next_number)
        self.memory.append(frame(self.next_number), action, reward, outcome, starts_trajectory=starts)
        self.rows.append(Row(self.trajectory, seen[-self.stack :], action, reward, outcome))
        self.next_number += 1

    def expected(self) -> dict[int, tuple[list[int], int, float, float, list[int]]]:
        """Every transition that may be sampled, by physical row: state, action, reward, discount, next state."""
        found = {}
        held_from = max(0, len(self.rows) - self.capacity)
        for i in range(held_from + self.stack, len(self.rows) - self.n_step):
            if self.rows[i].action == NO_ACTION:
                continue
            reward, steps = 0.0, 0
            while steps < self.n_step:
                row = self.rows[i + steps]
                assert row.trajectory == self.rows[i].trajectory
                reward += 0.5**steps * row.reward
                steps += 1
                if row.outcome:
                    break
            final = row.outcome & (TERMINATED | LIFE_LOST) or (row.outcome & TRUNCATED and not self.bootstraps)
            after = self.rows[i + steps] if not row.outcome or self.stores_end_frame else Row(0, [], 0, 0.0, 0)
            discount = 0.0 if final else 0.5**steps
            found[i % self.capacity] = (
                self.rows[i].frames,
                self.rows[i].action,
                reward,
                discount,
                after.frames,
            )
        return found


def padded(frames: list[int], stack: int) -> list[int]:
    return [0] * (stack - len(frames)) + frames


def check(layout: Layout, transitions: Transitions) -> None:
    expected = layout.expected()
    for k, row in enumerate(transitions.rows.tolist()):
        state, action, reward, discount, after = expected[row]
        assert [number(transitions.states[k, :, :, c]) for c in range(layout.stack)] == padded(state, layout.stack)
        assert [number(transitions.next_states[k, :, :, c]) for c in range(layout.stack)] == padded(after, layout.stack)
        assert (transitions.actions[k], transitions.rewards[k], transitions.discounts[k]) == (action, reward, discount)


trajectories = st.lists(
    st.tuples(st.integers(1, 12), st.sampled_from([TERMINATED, TRUNCATED, LIFE_LOST, TERMINATED | LIFE_LOST])),
    min_size=1,
    max_size=12,
)


@settings(max_examples=150)
@given(
    script=trajectories,
    unfinished=st.integers(0, 9),
    n_step=st.integers(1, 5),
    capacity=st.integers(10, 40),
    stores_end_frame=st.booleans(),
    bootstraps=st.booleans(),
    storage=st.sampled_from(["raw", "lz4"]),
)
def test_exactly_the_whole_transitions_are_sampled_each_as_the_naive_model_has_it(
    script, unfinished, n_step, capacity, stores_end_frame, bootstraps, storage
) -> None:
    layout = Layout(n_step, capacity, stores_end_frame, bootstraps and stores_end_frame, storage)
    for actions, outcome in script:
        layout.play(actions, outcome)
    if unfinished:
        layout.play(unfinished, 0)
    expected, memory = layout.expected(), layout.memory
    everywhere = np.arange(capacity)
    assert len(memory) == min(len(layout.rows), capacity)
    assert memory.rows_appended == len(layout.rows)
    assert set(everywhere[memory.valid_acting_row(everywhere)].tolist()) == set(expected)
    if expected:
        check(layout, memory.transitions_at(np.array(sorted(expected))))
        check(layout, memory.sample(np.random.default_rng(0), 16))
    else:
        with pytest.raises(ReplicationError, match="none of which begins a transition"):
            memory.sample(np.random.default_rng(0), 1)


def test_m3_sampling_is_uniform_over_the_rows_that_begin_a_transition() -> None:
    layout = Layout(capacity=30)
    for actions in (3, 9, 5, 11, 7):
        layout.play(actions, LIFE_LOST)
    drawn = layout.memory.sample(np.random.default_rng(0), 20_000).rows
    rows, counts = np.unique(drawn, return_counts=True)
    assert set(rows.tolist()) == set(layout.expected())
    average = 20_000 / len(rows)
    assert ((counts - average) ** 2 / average).sum() < 60  # chi-square, at most 29 degrees, p < 0.001


def test_i8_i9_the_history_has_zeros_before_the_first_frame_and_the_newest_last() -> None:
    layout = Layout()
    layout.play(6, TERMINATED)
    layout.play(6, 0)
    # Rows 0 to 6 are the first trajectory with its end; frames are numbered from 1.
    found = layout.memory.transitions_at(np.array([7, 8, 10]))
    states = [[number(found.states[k, :, :, c]) for c in range(4)] for k in range(3)]
    assert states == [[0, 0, 0, 8], [0, 0, 8, 9], [8, 9, 10, 11]]


def test_the_next_state_is_right_at_a_truncation_and_bootstraps() -> None:
    for outcome, discount in ((TRUNCATED, 0.5), (TERMINATED, 0.0), (LIFE_LOST, 0.0)):
        layout = Layout()
        layout.play(6, outcome)
        layout.play(6, 0)
        found = layout.memory.transitions_at(np.array([5]))
        assert [number(found.next_states[0, :, :, c]) for c in range(4)] == [4, 5, 6, 7]
        assert found.discounts.tolist() == [discount]


@pytest.mark.parametrize(("outcome", "discount"), [(TERMINATED, 0.0), (LIFE_LOST, 0.0), (TRUNCATED, 0.25)])
def test_n_step_targets_are_cut_at_the_end_of_the_trajectory(outcome: int, discount: float) -> None:
    # Rewards by action: -1, 0, 1, -1, 0, 1. Three steps from action 4: 0 + 0.5 * 1, then the end, two steps on.
    layout = Layout(n_step=3)
    layout.play(6, outcome)
    layout.play(6, 0)
    found = layout.memory.transitions_at(np.array([4]))
    assert found.rewards.tolist() == [0.5]
    assert found.discounts.tolist() == [discount]
    assert number(found.next_states[0, :, :, 3]) == 7
    whole = layout.memory.transitions_at(np.array([8]))
    # Action 1 of the second trajectory: 0 + 0.5 * 1 + 0.25 * -1.
    assert whole.rewards.tolist() == [0.25]
    assert whole.discounts.tolist() == [0.125]


def test_dopamine_pads_and_keeps_no_end_frame() -> None:
    layout = Layout(stores_end_frame=False, bootstraps=False)
    layout.play(5, TRUNCATED)
    layout.play(5, 0)
    assert layout.memory.rows_appended == 2 * (3 + 5)
    found = layout.memory.transitions_at(np.array([7, 11]))
    assert found.discounts.tolist() == [0.0, 0.5]
    assert not found.next_states[0].any()
    assert [number(found.states[1, :, :, c]) for c in range(4)] == [0, 0, 0, 6]


def test_compressed_and_raw_memories_give_the_same_samples() -> None:
    samples = []
    for storage in ("raw", "lz4"):
        layout = Layout(storage=storage, capacity=25)
        for actions in (9, 8, 7, 6):
            layout.play(actions, TERMINATED)
        samples.append(layout.memory.sample(np.random.default_rng(3), 64))
    for one, other in zip(*samples, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_sample_is_not_touched_by_the_next_one() -> None:
    layout = Layout()
    layout.play(20, 0)
    stream = np.random.default_rng(0)
    first = layout.memory.sample(stream, 8)
    before = [array.tobytes() for array in first]
    layout.memory.sample(stream, 8)
    assert [array.tobytes() for array in first] == before


@given(seed=st.integers(0, 2**32), levels=st.integers(1, 256))
@settings(max_examples=30)
def test_compression_loses_nothing(seed: int, levels: int) -> None:
    picture = np.random.default_rng(seed).integers(0, levels, (84, 84), dtype=np.uint16).astype(np.uint8)
    store, out = Lz4Frames(3), np.empty((1, FRAME_BYTES), dtype=np.uint8)
    store.put(1, frame(1))
    store.put(1, picture)
    store.gather(np.array([1]), out)
    np.testing.assert_array_equal(out[0], picture.ravel())


def test_m1_a_million_raw_rows_take_at_most_7_2_gb_and_it_is_said_before() -> None:
    small = ReplayMemory(
        capacity_rows=1_000,
        frame_stack=4,
        n_step=1,
        discount=0.99,
        frames=RawFrames(1_000),
        padding_rows=0,
        stores_end_frame=True,
        truncation_bootstraps=True,
    )
    assert small.nbytes == 1_000 * (7_056 + 2 + 4 + 1 + 1)
    assert small.nbytes * 1_000 <= 7.2e9
    assert storage_text(1_000_000, "raw") == "replay memory: 1,000,000 rows of 84x84 frames, raw: 7.06 GB"
    assert "typically 0.30 GB to 1.89 GB" in storage_text(1_000_000, "lz4")


@pytest.mark.rom
@pytest.mark.slow
@pytest.mark.parametrize("game", ["pong", "breakout", "seaquest", "space_invaders", "ms_pacman", "enduro"])
def test_a_million_real_frames_would_take_at_most_2_gb(game: str) -> None:
    from tests.lanes import RecordingLearner, advance, build, smoke_run

    trainee = build(smoke_run(game=game, preset=None, budget_frames=8_000), replay_capacity_rows=2_000)
    RecordingLearner(trainee)
    advance([trainee])
    memory = trainee.lane.memory
    assert len(memory) == 2_000
    assert memory.nbytes / len(memory) <= 2_000
