"""Replay memories in small, the plain reference they are held against, and scripts of what is put into them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from replication.training.replay.frame_store import build_frame_store
from replication.training.replay.memory import LIFE_LOST, NO_ACTION, TERMINATED, TRUNCATED, ReplayMemory


def numbered_frame(number: int) -> np.ndarray:
    """A frame that tells which one it is, and in every pixel where it is; never all zeros."""
    frame = (np.arange(84 * 84) * 7 + number * 31 + 1).astype(np.uint8).reshape(84, 84)
    frame[0, :2] = divmod(number + 1, 256)
    return frame


def build(frames="raw", **changes) -> ReplayMemory:
    layout = dict(
        capacity_rows=100,
        frame_stack=4,
        n_step=1,
        discount=0.5,
        padding_rows=0,
        stores_end_frame=True,
        truncation_bootstraps=True,
    )
    layout |= changes
    return ReplayMemory(frames=build_frame_store(frames, layout["capacity_rows"]), **layout)


def all_rows(memory: ReplayMemory) -> np.ndarray:
    return np.arange(memory.capacity_rows)


def valid_rows(memory: ReplayMemory) -> list[int]:
    return np.flatnonzero(memory.valid_acting_row(all_rows(memory))).tolist()


def numbers(stack: np.ndarray) -> list[int]:
    """The numbers of the frames of a state [84, 84, stack], oldest first; -1 for zeros."""
    found = []
    for channel in np.moveaxis(stack, -1, 0):
        number = int(channel[0, 0]) * 256 + int(channel[0, 1]) - 1
        assert (channel == (numbered_frame(number) if number >= 0 else 0)).all()
        found.append(number)
    return found


# ---------------------------------------------------------------- the reference


@dataclass
class Trajectory:
    """A whole trajectory in the plainest form; `frames` has one more than `actions` once it has ended."""

    frames: list[int] = field(default_factory=list)
    actions: list[int] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    outcome: int = 0

    def state(self, index: int, size: int) -> list[int]:
        return [self.frames[i] if i >= 0 else -1 for i in range(index - size + 1, index + 1)]


@dataclass
class Script:
    """Rows to append, with the trajectories they belong to."""

    lengths: list[tuple[int, int]]
    stops_after_rows: int


def play(script: Script, memories: list[ReplayMemory]) -> list[tuple[Trajectory, int] | None]:
    """Append the script's rows; returns every row ever appended: trajectory and index, None for padding."""
    number, laid = 0, []
    for length, outcome in script.lengths:
        trajectory = Trajectory()
        for index in range(length + memories[0].stores_end_frame):
            if len(laid) >= script.stops_after_rows:
                return laid
            is_end = index == length
            action = NO_ACTION if is_end else (number * 5) % 18
            reward = 0.0 if is_end else [1.0, -1.0, 0.25, 0.0, 0.75][number % 5]
            led_to = outcome if index == length - 1 else 0
            for memory in memories:
                memory.append(numbered_frame(number), action, reward, led_to, starts_trajectory=index == 0)
            if index == 0:
                laid += [None] * memories[0].padding_rows
            laid.append((trajectory, index))
            trajectory.frames.append(number)
            if not is_end:
                trajectory.actions.append(action)
                trajectory.rewards.append(reward)
                trajectory.outcome = led_to
            number += 1
    return laid


def expected_transitions(memory: ReplayMemory, laid: list[tuple[Trajectory, int] | None], bootstraps: bool) -> dict:
    """Every transition that may be sampled, by its physical row."""
    result = {}
    held_from = max(0, len(laid) - memory.capacity_rows)
    for at in range(held_from + memory.frame_stack, len(laid) - memory.n_step):
        if laid[at] is None:
            continue
        trajectory, start = laid[at]
        if start >= len(trajectory.actions):
            continue
        stop = min(start + memory.n_step, len(trajectory.actions))
        ended = stop == len(trajectory.actions) and trajectory.outcome != 0
        final = ended and not (trajectory.outcome == TRUNCATED and bootstraps)
        if ended and not memory.stores_end_frame:
            next_state = [-1] * memory.frame_stack
        else:
            next_state = trajectory.state(stop, memory.frame_stack)
        result[at % memory.capacity_rows] = (
            trajectory.state(start, memory.frame_stack),
            trajectory.actions[start],
            sum(memory.discount**k * reward for k, reward in enumerate(trajectory.rewards[start:stop])),
            0.0 if final else memory.discount ** (stop - start),
            next_state,
        )
    return result


LAYOUTS = {"end_rows": (0, True, True), "end_rows_cap_final": (0, True, False), "padding": (3, False, False)}

scripts = st.builds(
    Script,
    lengths=st.lists(
        st.tuples(st.integers(1, 12), st.sampled_from([TERMINATED, TRUNCATED, LIFE_LOST, TERMINATED | LIFE_LOST])),
        min_size=1,
        max_size=16,
    ),
    stops_after_rows=st.integers(1, 150),
)


def told(memory: ReplayMemory, rewards: list[float], outcome: int) -> None:
    """One trajectory that starts where the memory stands, its frames numbered by row."""
    for i, reward in enumerate(rewards):
        led_to = outcome if i == len(rewards) - 1 else 0
        memory.append(numbered_frame(memory.rows_appended), i, reward, led_to, starts_trajectory=i == 0)
    if outcome and memory.stores_end_frame:
        memory.append(numbered_frame(memory.rows_appended), NO_ACTION, 0.0, 0, starts_trajectory=False)
