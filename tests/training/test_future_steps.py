"""The states after a transition's first: in the replay memory, in workers, in a checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replication.foundation.errors import ReplicationError
from replication.specification.families.off_policy import Convolution, NetworkConfig
from replication.training.checkpoints import restore_newest, save_checkpoint
from replication.training.replay.memory import LIFE_LOST, NO_ACTION, TERMINATED, ReplayMemory
from tests.support.lanes import advance, build, cohort, smoke_run, whole_state
from tests.support.replay_scripts import build as memory_of
from tests.support.replay_scripts import numbered_frame, numbers, told, valid_rows

SMALL = NetworkConfig(
    convolutions=(Convolution(channels=4, kernel=12, stride=12),),
    padding="valid",
    hidden_units=4,
    initialisation="torch7_uniform",
)
WITHOUT_END_ROWS = {"stores_end_frame": False, "truncation_bootstraps": False}


def test_states_actions_and_ends_by_hand() -> None:
    memory = memory_of(frame_stack=2, future_steps=3, **WITHOUT_END_ROWS)
    told(memory, [0.0] * 6, LIFE_LOST)  # rows 0 to 5, actions 0 to 5
    told(memory, [0.0] * 9, 0)  # rows 6 to 14
    batch = memory.transitions_at(np.array([2, 4, 5, 6]))
    # Row 5 is of the trajectory, but the action taken there ends it.
    assert batch.future_goes_on.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0], [1, 1, 1]]
    assert batch.future_actions.tolist() == [[3, 4, 0], [0, 0, 0], [0, 0, 0], [1, 2, 3]]
    assert [[numbers(state) for state in states] for states in batch.future_states] == [
        [[2, 3], [3, 4], [-1, -1]],
        [[-1, -1]] * 3,
        [[-1, -1]] * 3,
        [[6, 7], [7, 8], [8, 9]],
    ]
    assert batch.future_states.dtype == np.uint8 and batch.future_actions.dtype == np.int64
    assert batch.future_goes_on.dtype == np.float32


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=12),
    end_rows=st.booleans(),
    padding_rows=st.integers(0, 3),
    capacity_rows=st.integers(14, 50),
    n_step=st.integers(1, 4),
    future_steps=st.integers(1, 6),
)
def test_what_follows_every_valid_row_is_what_was_played(
    lengths: list[int], end_rows: bool, padding_rows: int, capacity_rows: int, n_step: int, future_steps: int
) -> None:
    """Against a list of all rows ever appended: who looks ahead from each."""
    memory = memory_of(
        capacity_rows=capacity_rows,
        frame_stack=2,
        n_step=n_step,
        padding_rows=padding_rows,
        future_steps=future_steps,
        stores_end_frame=end_rows,
        truncation_bootstraps=False,
    )
    rows: list[tuple[int, int, bool, int]] = []  # action, outcome, blank, position
    for trajectory, length in enumerate(lengths):
        rows += [(NO_ACTION, 0, True, 0)] * padding_rows
        for i in range(length):
            outcome = TERMINATED if i == length - 1 and trajectory < len(lengths) - 1 else 0
            action = (7 * trajectory + i) % 5
            memory.append(numbered_frame(len(rows)), action, 0.0, outcome, starts_trajectory=i == 0)
            rows.append((action, outcome, False, i))
            if outcome and end_rows:
                memory.append(numbered_frame(len(rows)), NO_ACTION, 0.0, 0, starts_trajectory=False)
                rows.append((NO_ACTION, 0, False, i + 1))
    assert memory.rows_appended == len(rows)
    oldest = max(0, len(rows) - capacity_rows)
    ahead = max(n_step, future_steps)
    valid = [row for row in range(oldest + 2, len(rows) - ahead) if rows[row][0] != NO_ACTION]
    assert sorted(row % capacity_rows for row in valid) == valid_rows(memory)
    if not valid:
        return
    batch = memory.transitions_at(np.array([row % capacity_rows for row in valid]))
    for i, row in enumerate(valid):
        for k in range(1, future_steps + 1):
            over = any(outcome for _, outcome, _, _ in rows[row : row + k + 1])
            action, _, _, position = rows[row + k]
            newest = [row + k - 1 if position else -1, row + k]
            assert batch.future_goes_on[i, k - 1] == (not over)
            assert batch.future_actions[i, k - 1] == (0 if over else action)
            assert numbers(batch.future_states[i, k - 1]) == ([-1, -1] if over else newest)


def test_a_minibatch_without_them_is_as_it_was() -> None:
    """Looking ahead less far than the rewards do changes neither which rows are valid nor what is drawn."""
    plain, ahead = memory_of(n_step=3), memory_of(n_step=3, future_steps=2)
    for memory in (plain, ahead):
        told(memory, [0.5] * 20, TERMINATED)
        told(memory, [0.5] * 20, 0)
    one, other = (memory.sample(np.random.default_rng(1), 16) for memory in (plain, ahead))
    assert [len(each[0]) for each in one[-3:]] == [0, 0, 0] and [len(each[0]) for each in other[-3:]] == [2, 2, 2]
    for name in ("states", "actions", "rewards", "discounts", "next_states", "rows", "weights"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_capacity_that_cannot_hold_them_is_refused() -> None:
    with pytest.raises(
        ReplicationError, match=r"replay_capacity_rows = 9: .* more than frame_stack \+ future states = 9"
    ):
        memory_of(capacity_rows=9, future_steps=5)
    assert isinstance(memory_of(capacity_rows=10, future_steps=5), ReplayMemory)


@pytest.mark.slow
def test_lanes_in_workers_train_as_in_one_process() -> None:
    """Minibatches go through memory that both sides lay out alike."""
    runs = [smoke_run("spr", seed=seed) for seed in (1, 2)]
    changes = {"replay_capacity_rows": 150, "network": SMALL, "jumps": 3}
    with cohort(runs, 0, **changes) as trainees:
        advance(trainees, 112)
        expected = [whole_state(trainee) for trainee in trainees]
    with cohort(runs, 2, **changes) as trainees:
        advance(trainees, 112)
        assert [whole_state(trainee) for trainee in trainees] == expected


def test_a_checkpoint_holds_them_with_the_held_out_transitions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {"network": SMALL, "jumps": 3, "held_out_transitions": 7}
    stopped, resumed = (build(smoke_run("spr"), **changes) for _ in range(2))
    advance([stopped], 110)
    held_out = stopped.lane.held_out
    assert held_out is not None and held_out.future_states.shape[:2] == (7, 3)
    save_checkpoint(stopped, tmp_path)
    restore_newest(resumed, tmp_path)
    for trainee in (stopped, resumed):
        advance([trainee], 5)
    assert whole_state(resumed) == whole_state(stopped)
    other = build(smoke_run("spr"), **changes | {"jumps": 2})
    with pytest.raises(ReplicationError, match="no checkpoint is whole"):
        restore_newest(other, tmp_path)
    assert "'held_out.future_actions': found int64 [7, 3], expected int64 [7, 2]" in capsys.readouterr().err
