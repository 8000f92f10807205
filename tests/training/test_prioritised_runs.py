"""Runs that sample by priority, or the newest, and rounds of several updates: in one process, in workers, resumed."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save

from replication.foundation.errors import ReplicationError
from replication.specification.families.off_policy import NewestSampling, ReplaySampling
from replication.training.checkpoints import checkpoint_folders, restore_newest, save_checkpoint
from replication.training.machine.settings import Machine
from replication.training.off_policy import host_memory
from replication.training.off_policy.lane import NO_DECISION
from replication.training.off_policy.trainee import Trainee
from replication.training.replay.transitions import Transitions
from replication.training.session import execute
from tests.support.bad_input import seal_checkpoint
from tests.support.lanes import RecordingLearner, advance, build, cohort, smoke_run, whole_state
from tests.support.prioritized import proportional, rank

# Learning starts after 100 steps, with an update every 4; the heap is sorted and the correction is whole on the way.
PROPORTIONAL = proportional(exponent=0.6, constant=0.01, importance_steps=150)
RANK = rank(sort_period_steps=30, importance_steps=150)
NEWEST = NewestSampling(name="newest")
SAMPLINGS = {"proportional": PROPORTIONAL, "rank": RANK}


class RecordingPriorities(RecordingLearner):
    """Finds a priority for each transition that tells the update it comes from, and notes what it was given."""

    def __init__(self, trainee: Trainee, bad: float | None = None) -> None:
        super().__init__(trainee)
        self.rows: list[list[int]] = []
        self.bad = bad

    def update(self, transitions: Transitions, stream: np.random.Generator) -> NDArray[np.float32]:  # type: ignore[override]
        super().update(transitions, stream)
        self.rows.append(transitions.rows.tolist())
        found = np.full(len(transitions.rows), len(self.rows), dtype=np.float32)
        if self.bad is not None:
            found[1] = self.bad
        return found


def stored(trainee: Trainee, name: str) -> NDArray[Any]:
    state = trainee.lane.past().priorities
    assert state is not None
    return state[name]


# ---------------------------------------------------------------- the loop


@pytest.mark.parametrize("sampling", [PROPORTIONAL, RANK], ids=list(SAMPLINGS))
def test_a_lane_gets_the_priorities_of_the_minibatch_it_drew_last(sampling: ReplaySampling) -> None:
    trainee = build(smoke_run(), replay_sampling=sampling)
    learner = RecordingPriorities(trainee)
    advance([trainee], 113)  # updates on steps 104, 108 and 112
    assert len(learner.rows) == 3
    latest = {row: number for number, rows in enumerate(learner.rows, 1) for row in rows}
    by_rank = sampling is RANK
    found = stored(trainee, "priorities") if by_rank else stored(trainee, "raised") ** (1 / 0.6) - 0.01
    assert {row: round(float(found[row]), 5) for row in latest} == latest
    # Seen by no update, rows have the largest priority of when they came: those of steps 107 to 110 that of update 2.
    entered = [row for row in range(103, 111) if row not in latest and trainee.lane.decisions[row] != NO_DECISION]
    expected = {row: 1.0 if row < 107 else 2.0 for row in entered}
    assert {row: round(float(found[row]), 1) for row in entered} == expected
    assert set(expected.values()) == {1.0, 2.0}


@pytest.mark.parametrize("variant", ["dqn", "dqn_dopamine"])
def test_each_minibatch_of_a_round_is_drawn_by_the_priorities_of_the_one_before(
    variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainee = build(smoke_run(variant), replay_sampling=PROPORTIONAL, updates_at_once=3)
    learner, lane = RecordingPriorities(trainee), trainee.lane
    events: list[str] = []
    draw, renew, play = "draw", "renew", "play"
    noted = {"begin_batch": draw, "begin_play": play, "begin_storing_last_frame": play, "renew_priorities": renew}
    for name, event in noted.items():
        plain = getattr(lane, name)
        monkeypatch.setattr(
            lane, name, lambda *given, plain=plain, event=event: (events.append(event), plain(*given))[1]
        )
    while not learner.rows:
        events.clear()
        advance([trainee], 1)
    # Nature chooses before it learns, and plays once the last minibatch is drawn; Dopamine learns first.
    tail = [play, renew] if variant == "dqn" else [renew, play]
    assert events == [draw, renew, draw, renew, draw, *tail]
    assert len(learner.rows) == 3 and len({tuple(rows) for rows in learner.rows}) == 3


def test_a_round_counts_as_many_updates_and_one_copy_of_the_target() -> None:
    trainee = build(smoke_run(), updates_at_once=3)
    learner = RecordingLearner(trainee)
    advance([trainee], 301)
    assert learner.at("update") == [step for step in range(104, 301, 4) for _ in range(3)]
    assert learner.at("copy") == [200, 300]


@pytest.mark.parametrize(("bad", "said"), [(np.nan, "nan"), (np.inf, "inf"), (-0.5, "-0.5")])
def test_a_lane_with_a_priority_that_is_no_finite_number_fails_and_its_neighbour_goes_on(bad: float, said: str) -> None:
    frozen, other = (build(smoke_run(seed=seed), replay_sampling=PROPORTIONAL, updates_at_once=2) for seed in (1, 2))
    learner, neighbor = RecordingPriorities(frozen, bad), RecordingPriorities(other)
    advance([frozen, other], 110)
    assert frozen.failure == f"a priority is {said} at step 104"
    assert len(learner.rows) == 1 and not frozen.active  # it takes no part in the rest of the round
    assert other.failure is None and len(neighbor.rows) == 4
    assert np.isfinite(stored(frozen, "raised")).all()


def test_the_newest_transitions_are_learnt_from() -> None:
    trainee = build(smoke_run(), replay_sampling=NEWEST, batch_size=4)
    learner = RecordingPriorities(trainee)
    learner.update = lambda transitions, stream: learner.rows.append(transitions.rows.tolist())  # type: ignore[method-assign, assignment]
    advance([trainee], 300)
    memory = trainee.lane.memory
    acted = [row for row in range(300) if memory._actions[row] >= 0]
    # At a step t rows up to t - 1 are there, and the newest begins a transition in t - 2.
    expected = [[row for row in acted if row <= step - 2][-4:] for step in range(104, 300, 4)]
    assert learner.rows == expected
    assert any(rows != list(range(rows[0], rows[0] + 4)) for rows in expected)  # an end lay between


def test_held_out_transitions_are_drawn_uniformly_by_whatever_minibatches_are() -> None:
    held_out = []
    for sampling in (None, PROPORTIONAL, RANK, NEWEST):
        changes = {} if sampling is None else {"replay_sampling": sampling}
        trainee = build(smoke_run(), **changes)
        advance([trainee], 102)
        assert trainee.lane.held_out is not None
        assert len(set(np.diff(trainee.lane.held_out.rows))) > 2  # neither the newest nor in any order
        held_out.append([array.tobytes() for array in trainee.lane.held_out])
    assert all(found == held_out[0] for found in held_out[1:])


# ---------------------------------------------------------------- cohorts and workers


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sampling", "acts_first"),
    [
        (PROPORTIONAL, True),
        pytest.param(PROPORTIONAL, False, marks=pytest.mark.long),
        (RANK, True),
        pytest.param(NEWEST, True, marks=pytest.mark.long),
    ],
    ids=["proportional", "proportional_learns_first", "rank", "newest"],
)
def test_a_cohort_equals_the_runs_alone_in_one_process_and_in_workers(
    sampling: ReplaySampling, acts_first: bool
) -> None:
    changes = {"replay_sampling": sampling, "updates_at_once": 2, "replay_capacity_rows": 110}
    changes |= {"acts_before_update": acts_first, "update_period_steps": 2}
    runs = [smoke_run("dqn_quickstart", "catch", seed) for seed in (1, 2)]
    expected = []
    for run in runs:
        alone = build(run, **changes)
        advance([alone], 160)
        expected.append(whole_state(alone))
    for workers in (0, 2):
        with cohort(runs, workers, **changes) as trainees:
            advance(trainees, 160)
            assert [whole_state(trainee) for trainee in trainees] == expected, workers


@pytest.mark.slow
def test_uniform_sampling_is_another_run() -> None:
    states = []
    for sampling in (None, PROPORTIONAL, RANK, NEWEST):
        trainee = build(smoke_run("dqn_quickstart"), **({} if sampling is None else {"replay_sampling": sampling}))
        advance([trainee], 110)
        states.append(whole_state(trainee)["tensors"])
    assert all(one != other for one, other in pairwise([*states, states[0]]))


# ---------------------------------------------------------------- resume


@pytest.mark.parametrize("sampling", [PROPORTIONAL, RANK], ids=list(SAMPLINGS))
def test_continuing_equals_never_stopping(tmp_path: Path, sampling: ReplaySampling) -> None:
    # A memory smaller than the run, so that the ring has wrapped when the run is stopped.
    # It is stopped between two minibatches, where some rows are due to enter and some to leave.
    changes = {"replay_sampling": sampling, "replay_capacity_rows": 110, "update_period_steps": 8}
    whole, first, second = (build(smoke_run("dqn_quickstart"), **changes) for _ in range(3))
    advance([whole], 180)
    advance([first], 150)
    save_checkpoint(first, tmp_path)
    assert restore_newest(second, tmp_path) == 150
    assert whole_state(second) == whole_state(first)
    advance([second], 30)
    assert whole_state(second) == whole_state(whole)
    assert stored(whole, "first_draw_step").tolist() == [104]
    if sampling is RANK:
        assert stored(whole, "last_sort_step")[0] == 168


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sampling", "workers"),
    [(PROPORTIONAL, (2, 0)), (RANK, (0, 1)), pytest.param(RANK, (1, 2), marks=pytest.mark.long)],
)
def test_a_run_stopped_with_some_workers_continues_with_others(
    tmp_path: Path, sampling: ReplaySampling, workers: tuple[int, int]
) -> None:
    changes = {"replay_sampling": sampling, "replay_capacity_rows": 110, "updates_at_once": 2, "update_period_steps": 2}
    runs = [smoke_run("dqn_quickstart", "catch", seed) for seed in (1, 2)]
    with cohort(runs, 0, **changes) as trainees:
        advance(trainees, 170)
        expected = [whole_state(trainee) for trainee in trainees]
    first, second = workers
    with cohort(runs, first, **changes) as trainees:
        advance(trainees, 145)
        for trainee in trainees:
            save_checkpoint(trainee, tmp_path / trainee.lane.run.name)
        stopped = [whole_state(trainee) for trainee in trainees]
    with cohort(runs, second, **changes) as trainees:
        assert [restore_newest(trainee, tmp_path / trainee.lane.run.name) for trainee in trainees] == [145] * 2
        assert [whole_state(trainee) for trainee in trainees] == stopped
        advance(trainees, 25)
        assert [whole_state(trainee) for trainee in trainees] == expected


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints at steps 60 and 140, of runs that sample in different ways."""
    found = {}
    for name, sampling in (SAMPLINGS | {"newest": NEWEST}).items():
        found[name] = tmp_path_factory.mktemp(name)
        trainee = build(smoke_run("dqn_quickstart"), replay_sampling=sampling)
        for steps in (60, 80):
            advance([trainee], steps)
            save_checkpoint(trainee, found[name])
    return found


@pytest.mark.parametrize(
    ("name", "place", "value", "expected"),
    [
        ("raised", 120, float("nan"), "priorities: 'raised': found a number that is negative or not finite"),
        ("raised", 120, -1.0, "priorities: 'raised': found a number that is negative or not finite"),
        ("raised", None, None, "'priorities.raised': found no such tensor, expected float64"),
        ("raised", None, torch.zeros(7, dtype=torch.float64), "'priorities.raised': found float64 [7], expected"),
        ("raised", None, torch.zeros(7), "'priorities.raised': found float32 [7], expected float64"),
        ("order", 3, 10**6, "priorities: 'order': expected rows, each once, and after them only -1"),
        ("largest", 0, float("inf"), "priorities: 'largest': found a number that is negative or not finite"),
        # What makes sense by itself, but not of these rows.
        ("raised", 1, 5.0, "ended elsewhere"),
        ("order", 0, 1, "ended elsewhere"),
        ("known", 1, 10**6, "ended elsewhere"),
        ("known", 0, -1, "priorities: 'known': found [-1, "),
    ],
)
def test_priorities_that_make_no_sense_set_a_checkpoint_aside_though_their_digest_is_right(
    tmp_path: Path, folders: dict[str, Path], capsys, name: str, place: int | None, value: Any, expected: str
) -> None:
    kind = "rank" if name == "order" else "proportional"
    shutil.copytree(folders[kind], tmp_path / "state")
    path = checkpoint_folders(tmp_path / "state")[-1] / "tensors.safetensors"
    tensors = load(path.read_bytes())
    if place is not None:
        tensors[f"priorities.{name}"][place] = value
    elif value is None:
        del tensors[f"priorities.{name}"]
    else:
        tensors[f"priorities.{name}"] = value
    path.write_bytes(save(tensors))
    seal_checkpoint(path.parent)
    trainee = build(smoke_run("dqn_quickstart"), replay_sampling=SAMPLINGS[kind])
    assert restore_newest(trainee, tmp_path / "state") == 60
    (warning,) = capsys.readouterr().err.splitlines()
    assert expected in warning and "checkpoint_0000000140" in warning and warning.endswith("; set aside")


def test_a_run_that_does_not_sample_by_priority_stores_none(folders: dict[str, Path], tmp_path: Path, capsys) -> None:
    for name, path in folders.items():
        tensors = load((checkpoint_folders(path)[-1] / "tensors.safetensors").read_bytes())
        assert any(key.startswith("priorities.") for key in tensors) == (name != "newest")
    shutil.copytree(folders["rank"], tmp_path / "state")
    trainee = build(smoke_run("dqn_quickstart"), replay_sampling=PROPORTIONAL)
    with pytest.raises(Exception, match="no checkpoint is whole"):
        restore_newest(trainee, tmp_path / "state")
    assert "'priorities.last_sort_step': found int64 [1], expected no such tensor" in capsys.readouterr().err


def test_what_is_said_before_training_counts_priorities(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused for want of memory right after: nothing is trained."""
    monkeypatch.setattr(host_memory, "available_memory_bytes", lambda: 1)
    for variant, priorities in (
        ("der_2019", "; priorities 16.0 MB, for each of 2 lanes"),
        ("dqn", " GB, for each of 2 lanes"),
    ):
        runs = [smoke_run(variant, seed=seed, preset=None, budget_frames=400) for seed in (1, 2)]
        with pytest.raises(ReplicationError, match="memory: "):
            execute(runs, Machine(tmp_path, tmp_path, "cpu", "raw", 600.0, None, quiet=False))
        (said,) = [line for line in capsys.readouterr().err.splitlines() if "replay memory" in line]
        assert said.startswith("replay memory: 1,000,000 rows of 84x84 frames, raw: 7.06 GB") and said.endswith(
            priorities
        )
