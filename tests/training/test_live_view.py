"""Runs show themselves while they train, in every family that trains for long; no byte of a record depends on it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from replication.commands import run as run_command
from replication.commands.arguments import TENSORBOARD
from replication.commands.cli import COMMANDS, main
from replication.commands.parser import build_parser
from replication.evidence.live_files import read_live
from replication.evidence.scores import EpisodeRecord
from replication.foundation.errors import ReplicationError
from replication.foundation.paths import working_folder
from replication.specification.run import Run
from replication.training import event_files, live_view
from replication.training.event_files import EventFiles, require_tensorboard
from replication.training.machine.settings import Machine
from replication.training.off_policy_continuous.trainee import Trainee
from replication.training.session import execute
from tests.support import continuous, on_policy
from tests.support.lanes import smoke_run

RUNS = {
    "off_policy": lambda: smoke_run("dqn", budget_frames=1_200),
    "on_policy": lambda: on_policy.small_run(steps=400),
    "off_policy_continuous": lambda: continuous.small_run(steps=150),
}


def machine_of(folder: Path, **changes: object) -> Machine:
    return Machine(folder / "results", folder / "state", "cpu", "lz4", 600.0, None, quiet=True, **changes)


def record(run: Run, machine: Machine) -> dict[str, bytes]:
    """The files of a run's record but run.json, which holds the time it took; and what of that is digested."""
    folder = run.results_folder(machine.results)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != "run.json"}


@pytest.mark.parametrize("family", RUNS)
def test_a_run_shows_itself_and_changes_no_byte(family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RUNS[family]()
    assert run.family.name == family
    plain, shown = machine_of(tmp_path / "plain"), machine_of(tmp_path / "shown")
    monkeypatch.setattr(live_view, "EVERY_SECONDS", 1e9)
    assert execute([run], plain) == 0
    assert read_live(run.state_folder(plain.state)) is None  # it took less than the files wait
    monkeypatch.setattr(live_view, "EVERY_SECONDS", 0.0)
    assert execute([run], shown) == 0
    assert record(run, shown) == record(run, plain)
    live = read_live(run.state_folder(shown.state))
    assert live is not None and live.progress.progress == live.progress.progress_end > 0
    assert live.progress.progress_a_second and live.progress.variant == run.variant.variant
    assert len(live.episodes) > 2 and live.episodes[-1][0] <= run.training_steps
    if run.protocol.periodic_evaluation is not None:
        assert live.points and live.points[-1][0] <= run.training_steps


def test_a_run_that_goes_on_shows_each_episode_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_view, "EVERY_SECONDS", 0.0)
    at_once, in_parts = machine_of(tmp_path / "at_once"), machine_of(tmp_path / "in_parts")
    for steps, machine in ((50, in_parts), (100, in_parts), (100, at_once)):
        assert execute([continuous.small_run(steps=steps)], machine) == 0
    run = continuous.small_run(steps=100)
    found = [read_live(run.state_folder(machine.state)) for machine in (at_once, in_parts)]
    assert found[0] is not None and found[1] is not None
    assert (found[0].episodes, found[0].points) == (found[1].episodes, found[1].points)
    assert len(found[0].episodes) == 2 and len(found[0].points) == 3


def test_returns_that_are_no_numbers_stop_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_view, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(Trainee, "recent_return", property(lambda trainee: float("nan")))
    run, machine = continuous.small_run(steps=50), machine_of(tmp_path)
    assert execute([run], machine) == 0
    live = read_live(run.state_folder(machine.state))
    assert live is not None and live.progress.recent_return is None


def test_where_it_cannot_be_written_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(live_view, "EVERY_SECONDS", 0.0)
    run, machine = continuous.small_run(steps=50), machine_of(tmp_path)
    folder = run.state_folder(machine.state)
    folder.mkdir(parents=True)
    (folder / "live").write_text("no folder")
    assert execute([run], machine) == 0
    said = capsys.readouterr()
    assert (said.out + said.err).count("training goes on, `watch` shows no more") == 1


def test_tensorboard_that_is_not_installed_is_named_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(event_files, "find_spec", lambda name: None)
    words = ["--variant", "td3_2018", "--task", "reacher", "--seed", "1", "--budget-steps", "100"]
    for command in (["train", *words], ["run", "td3_2018"]):
        assert main([*command, "--tensorboard", str(tmp_path / "events"), "--results", str(tmp_path)]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: --tensorboard: ") and "pip install" in said and said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ReplicationError, match="not installed"):
        require_tensorboard()


def test_run_tells_its_trainings_where_events_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TENSORBOARD, "")  # put back at the end
    monkeypatch.setattr(event_files, "find_spec", lambda name: name)
    monkeypatch.setattr(run_command, "run_snakemake", lambda command, log: 1)
    words = ["train", "--variant", "td3_2018", "--task", "reacher", "--seed", "1"]
    assert build_parser(COMMANDS).parse_args(words).tensorboard is None
    assert main(["run", "quickstart_pendulum", "--tensorboard", "events", "--results", str(tmp_path)]) == 1
    assert build_parser(COMMANDS).parse_args(words).tensorboard == working_folder() / "events"


def test_events_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[tuple[str, float, int]] = []

    class Writer:
        def __init__(self, folder: str, purge_step: int) -> None:
            written.append((folder, 0.0, purge_step))

        def add_scalar(self, tag: str, value: float, step: int) -> None:
            written.append((tag, value, step))

        def flush(self) -> None: ...

        def close(self) -> None: ...

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", type(sys)("torch.utils.tensorboard"))
    monkeypatch.setattr(sys.modules["torch.utils.tensorboard"], "SummaryWriter", Writer, raising=False)
    files = EventFiles(tmp_path)
    files.add_episodes([EpisodeRecord(30, 1.5, 9, "truncated")])
    files.add_scores([(30, 2.5)])
    files.add_speed(7.0, 40)
    files.close()
    assert written == [
        (str(tmp_path), 0.0, 0),
        ("training/return", 1.5, 30),
        ("training/length", 9, 30),
        ("evaluation/score", 2.5, 30),
        ("speed/steps_per_second", 7.0, 40),
    ]


def test_tensorboard_reads_the_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.setattr(live_view, "EVERY_SECONDS", 0.0)
    run = continuous.small_run(steps=150)
    assert execute([run], machine_of(tmp_path, tensorboard=tmp_path / "events")) == 0
    events = accumulator.EventAccumulator(str(tmp_path / "events" / run.place))
    events.Reload()
    assert [event.step for event in events.Scalars("evaluation/score")] == [0, 50, 100, 150]
    assert {"training/return", "training/length", "speed/steps_per_second"} <= set(events.Tags()["scalars"])
