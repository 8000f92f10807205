"""Prioritized sampling in small, for tests."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from replication.foundation.errors import ReplicationError
from replication.specification.families.off_policy import (
    OffPolicyConfig,
    ProportionalSampling,
    RankSampling,
    ReplaySampling,
)
from replication.specification.loading import load_variant
from replication.training.replay.frame_store import build_frame_store
from replication.training.replay.memory import ReplayMemory
from replication.training.replay.priorities import Priorities, PriorityState, build_priorities
from tests.support.replay_scripts import all_rows

CORRECTION = {"importance_exponent_start": 0.4, "importance_exponent_end": 1.0, "importance_steps": 100}


def proportional(**changes: Any) -> ProportionalSampling:
    return ProportionalSampling(**({"name": "proportional", "exponent": 0.5, "constant": 0.25} | CORRECTION | changes))


def rank(**changes: Any) -> RankSampling:
    return RankSampling(**({"name": "rank", "exponent": 0.7, "sort_period_steps": 50} | CORRECTION | changes))


BOTH = [proportional(), rank()]


def config_of(sampling: ReplaySampling, capacity_rows: int) -> OffPolicyConfig:
    changes = {"replay_sampling": sampling, "replay_capacity_rows": capacity_rows}
    return load_variant("dqn").settings.model_copy(update=changes)


def priorities_of(sampling: ReplaySampling, found: list[float]) -> Priorities:
    """Rows 0, 1, ... with what the loss found for them."""
    built = build_priorities(config_of(sampling, len(found)))
    assert built is not None
    rows = np.arange(len(found))
    built.enter(rows)
    built.renew(rows, np.array(found, dtype=np.float32))
    return built


def memory_of(sampling: ReplaySampling, **changes: Any) -> ReplayMemory:
    layout = {"capacity_rows": 40, "frame_stack": 2, "n_step": 2, "discount": 0.5, "padding_rows": 0}
    layout |= {"stores_end_frame": True, "truncation_bootstraps": True} | changes
    built = build_priorities(config_of(sampling, layout["capacity_rows"]))
    return ReplayMemory(frames=build_frame_store("raw", layout["capacity_rows"]), priorities=built, **layout)


def renew(memory: ReplayMemory, rows: np.ndarray, found: Any) -> None:
    assert memory.priorities is not None
    memory.priorities.renew(rows, np.asarray(found, dtype=np.float32))


def drawn_from(memory: ReplayMemory) -> PriorityState:
    """The state in which the next draw finds the priorities."""
    with nullcontext() if memory.valid_acting_row(all_rows(memory)).any() else pytest.raises(ReplicationError):
        memory.sample_by_priority(np.random.default_rng(0), 1, 0)  # refused too, it brings the priorities up to date
    state = memory.priority_state()
    assert state is not None
    return state


def drawable(memory: ReplayMemory) -> list[int]:
    """The rows that can be drawn, whatever is said to be valid."""
    state = drawn_from(memory)
    return (
        np.flatnonzero(state["raised"]).tolist() if "raised" in state else sorted(set(state["order"].tolist()) - {-1})
    )
