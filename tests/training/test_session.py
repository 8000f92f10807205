"""The session with a family that nobody knows: no traces, no torch, a checkpoint that is one number."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from replication.evidence import provenance, records
from replication.evidence.run_files import Outcome
from replication.evidence.scores import CurvePoint
from replication.evidence.state_files import checkpoints, read_failure
from replication.foundation.errors import ReplicationError
from replication.foundation.stopping import INTERRUPTED_EXIT_CODE, Stopped
from replication.specification.run import Run
from replication.training import session
from replication.training.contract import EvaluatedPoint
from replication.training.machine.settings import Machine
from replication.training.resumable_play import Play
from replication.training.session import execute
from tests.support.lanes import smoke_run

A_TURN = 100
"""Steps; a family may take many a turn."""


@dataclass
class Counter:
    """A run that learns to count."""

    run: Run
    sick_at: int | None
    seconds: float = 0.0
    failure: str | None = None
    step: int = 0
    evaluated: list[EvaluatedPoint] = field(default_factory=list)
    checkpoint_names = frozenset({"count.json"})
    recent_return = None

    progress_end = 600

    @property
    def progress(self) -> int:
        return self.step

    @property
    def active(self) -> bool:
        return self.failure is None and self.step < self.run.training_steps

    def take_evaluation(self) -> EvaluatedPoint | None:
        return self.evaluated.pop() if self.evaluated else None

    def defect(self) -> str | None:
        return None if self.sick_at is None or self.step < self.sick_at else "it cannot count"

    def checkpoint_files(self) -> dict[str, bytes]:
        return {"count.json": json.dumps(self.step).encode()}

    def state_files(self) -> dict[str, bytes]:
        return {}

    def is_stored_in(self, files: Mapping[str, bytes], folder: Path) -> bool:
        return files == self.checkpoint_files()

    def read_checkpoint(self, files: Mapping[str, bytes], folder: Path) -> Any:
        return json.loads(files["count.json"])

    def restore(self, stored: Any, folder: Path, check: Callable[[], object]) -> None:
        if stored == self.sick_at:
            raise ReplicationError(f"{folder}: counted by another")
        self.step = stored


class Counters:
    """A family; `stops_at`: the step at which a stop is asked for."""

    def __init__(self, stops_at: int | None = None, sick: Mapping[int, int] = {}) -> None:
        self.stops_at = stops_at
        self.sick = sick
        self.turns = 0

    @contextmanager
    def open_cohort(self, runs: Sequence[Run], machine: Machine) -> Iterator[Any]:
        trainees = [Counter(run, self.sick.get(run.seed)) for run in runs]
        yield SimpleNamespace(
            progress_unit="numbers", trainees=trainees, train=self._train(trainees), finish=self._finish(trainees)
        )

    def _train(self, trainees: Sequence[Counter]) -> Callable[[Play], Iterator[None]]:
        def train(play: Play) -> Iterator[None]:
            while any(trainee.active for trainee in trainees):
                if self.stops_at == trainees[0].step:
                    raise Stopped
                self.turns += 1
                for trainee in trainees:
                    trainee.step += A_TURN
                    point = CurvePoint(trainee.step, 7.0, 1, None, None, 0.0, True)
                    trainee.evaluated.append(EvaluatedPoint(point, None))
                yield

        return train

    def _finish(self, trainees: Sequence[Counter]) -> Callable[[Play], Iterator[Outcome]]:
        def finish(play: Play) -> Iterator[Outcome]:
            for trainee in trainees:
                if trainee.failure is None:
                    files = {"counted.bin": bytes([trainee.step // A_TURN])}
                    yield Outcome(trainee.run, None, None, {"cost": {"seconds": 0.0}}, files=files)

        return finish


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Return a function that trains runs of a family."""

    def train(family: Counters, *seeds: int) -> int:
        monkeypatch.setattr(session, "load_family", lambda name: family)
        machine = Machine(tmp_path / "results", tmp_path / "state", "cpu", "lz4", 600.0, None, quiet=False)
        return execute([smoke_run(seed=seed) for seed in seeds], machine)

    return train


def test_a_family_without_traces_is_trained_stored_and_written(
    trained: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trained(Counters(), 1, 2) == 0
    said = capsys.readouterr().err
    for run in (smoke_run(seed=1), smoke_run(seed=2)):
        folder = run.results_folder(tmp_path / "results")
        assert records.read(folder)["files"].keys() == {"counted.bin"}
        assert (folder / "counted.bin").read_bytes() == bytes([6])
        assert [step for step, _ in checkpoints(run.state_folder(tmp_path / "state"))] == [600]
        assert f"{run.name}: {folder}" in said and f"{run.name}: step 300: score 7.0 (1 episodes), best so far" in said
    assert "/1.20k [" in said and "numbers/s" in said
    assert not list(tmp_path.rglob("*.trace"))


def test_it_goes_on_where_it_was_stopped(
    trained: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trained(Counters(stops_at=400), 1) == INTERRUPTED_EXIT_CODE
    assert "checkpoints are written" in capsys.readouterr().err
    rest = Counters()
    assert trained(rest, 1) == 0
    assert rest.turns == 2 and "continued at step 400" in capsys.readouterr().err
    assert (smoke_run().results_folder(tmp_path / "results") / "counted.bin").read_bytes() == bytes([6])


def test_a_run_with_a_defect_gets_no_checkpoint_and_its_neighbour_finishes(
    trained: Callable[..., int], tmp_path: Path
) -> None:
    sick, sound = smoke_run(seed=1), smoke_run(seed=2)
    with pytest.raises(ReplicationError, match="seed 1: it cannot count"):
        trained(Counters(sick={1: 600}), 1, 2)
    failure = read_failure(sick, tmp_path / "state")
    assert failure is not None and failure["reason"] == "it cannot count"
    assert checkpoints(sick.state_folder(tmp_path / "state")) == []
    assert not sick.results_folder(tmp_path / "results").exists()
    assert records.read(sound.results_folder(tmp_path / "results"))


@pytest.mark.parametrize("begin_again", [False, True])
def test_a_run_that_failed_is_tried_again_as_its_message_says(
    trained: Callable[..., int], tmp_path: Path, begin_again: bool
) -> None:
    """As where the engine was mended, which is no part of what the run is."""
    run = smoke_run(seed=1)
    assert trained(Counters(stops_at=400), 1) == INTERRUPTED_EXIT_CODE
    for family in (Counters(sick={1: 600}), Counters()):  # mended, but not asked to try again
        with pytest.raises(ReplicationError, match="its checkpoint of step 400 is kept; mend the settings") as refused:
            trained(family, 1)
    folder = run.state_folder(tmp_path / "state")
    note = folder / "failed.json"
    assert str(refused.value).endswith(f"remove {note} to go on from there, or {folder} to begin again")
    shutil.rmtree(folder) if begin_again else note.unlink()
    mended = Counters()
    assert trained(mended, 1) == 0
    assert mended.turns == (6 if begin_again else 2)
    assert records.read(run.results_folder(tmp_path / "results"))


def test_a_checkpoint_that_is_whole_but_cannot_be_continued_stays(trained: Callable[..., int], tmp_path: Path) -> None:
    assert trained(Counters(stops_at=400), 1) == INTERRUPTED_EXIT_CODE
    with pytest.raises(ReplicationError, match="checkpoint_0000000400: counted by another"):
        trained(Counters(sick={1: 400}), 1)
    assert [step for step, _ in checkpoints(smoke_run().state_folder(tmp_path / "state"))] == [400]


def test_a_checkpoint_with_other_files_is_set_aside(
    trained: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trained(Counters(stops_at=400), 1) == INTERRUPTED_EXIT_CODE
    family = Counters()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Counter, "checkpoint_names", frozenset({"count.json", "other.json"}))
        with pytest.raises(ReplicationError, match="no checkpoint is whole"):
            trained(family, 1)
    assert "found ['count.json'], expected ['count.json', 'other.json']; set aside" in capsys.readouterr().err
    assert family.turns == 0


@pytest.mark.parametrize("shared", ["results", "state"])
def test_a_run_has_one_process_a_results_folder_and_one_a_state(
    trained: Callable[..., int], tmp_path: Path, shared: str
) -> None:
    """Two states may share one results folder: the slower process took away what the other was writing."""
    folders = {name: tmp_path / (name if name == shared else "other") for name in ("results", "state")}
    other = Machine(folders["results"], folders["state"], "cpu", "lz4", 600.0, None, quiet=True)
    run = smoke_run(seed=1)
    part = run.results_folder(folders["results"]) / ".run.json.0123abcd.part"
    with session._locked(run, other):
        part.parent.mkdir(parents=True)
        part.write_text("half")
        with pytest.raises(ReplicationError) as refused:
            trained(Counters(), 1)
        assert part.exists()
    place = run.results_folder(tmp_path / shared) if shared == "results" else run.state_folder(tmp_path / shared)
    assert str(refused.value) == f"{place}: another process is training this run; wait for it to end"
    assert trained(Counters(), 1) == 0
    records.read(run.results_folder(tmp_path / "results"))  # no file lies there that the record does not name


def test_a_run_that_another_process_finished_before_the_lock_is_not_made_again(
    trained: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    family = Counters()

    def slowly(name: str) -> Counters:
        assert trained(Counters(), 1) == 0
        return family

    monkeypatch.setattr(session, "load_family", slowly)
    machine = Machine(tmp_path / "results", tmp_path / "late", "cpu", "lz4", 600.0, None, quiet=True)
    assert execute([smoke_run(seed=1)], machine) == 0
    assert family.turns == 0 and "finished, nothing to be done" in capsys.readouterr().err


def test_a_record_has_the_commit_that_the_program_was_started_from(
    trained: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REPLICATION_COMMIT", raising=False)
    provenance._own_commit.cache_clear()
    monkeypatch.setattr(provenance, "commit_or_digest", lambda root, settings: "at the start")

    class Edited(Counters):
        def open_cohort(self, runs: Sequence[Run], machine: Machine) -> Any:
            monkeypatch.setattr(provenance, "commit_or_digest", lambda root, settings: "edited meanwhile")
            return super().open_cohort(runs, machine)

    assert trained(Edited(), 1) == 0
    provenance._own_commit.cache_clear()
    record = records.read(smoke_run(seed=1).results_folder(tmp_path / "results"))
    assert record["provenance"]["commit"] == "at the start"
