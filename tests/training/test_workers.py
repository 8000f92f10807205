"""Lanes in worker processes: the bytes of one process, whatever is killed, and no process left behind."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch

from replication.commands.cli import main
from replication.evidence.evaluation import EvaluationRequest, play_side_by_side
from replication.foundation.errors import ReplicationError
from replication.foundation.random_streams import stream_state, training_streams
from replication.specification.families.off_policy import STREAMS, Convolution, NetworkConfig
from replication.training.checkpoints import restore_newest, save_checkpoint
from tests.support.command_line import left
from tests.support.lanes import advance, cohort, maps_of_workers, smoke_run, whole_state

SHORT = {"dqn": ["--budget-frames=1600"], "dqn_dopamine": ["--budget-iterations=1"]}
WAIT_SECONDS = 60
SMALL = NetworkConfig(
    convolutions=(Convolution(channels=4, kernel=8, stride=8),),
    padding="valid",
    hidden_units=16,
    initialisation="torch7_uniform",
)


def command(folder: Path, variant: str, games: list[str], *more: str) -> list[str]:
    run = ["train", "--variant", variant, "--seed", "1", "--game", *games, "--preset", "smoke", *SHORT[variant]]
    return [*run, "--quiet", f"--results={folder / 'results'}", f"--state={folder / 'state'}", *more]


@pytest.fixture(scope="module")
def whole_dqn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("whole_dqn")
    assert main(command(folder, "dqn", ["catch", "pong"])) == 0
    return left(folder)


@pytest.mark.slow
@pytest.mark.rom
@pytest.mark.parametrize(
    ("variant", "lanes", "numbers"),
    # Whole games are Dopamine's iterations: the toy game's are short.
    [
        ("dqn", ["catch", "pong"], (2,)),
        pytest.param("dqn", ["catch", "pong"], (1,), marks=pytest.mark.long),
        ("dqn_dopamine", ["catch", "--seed", "1", "2", "3"], (2,)),
    ],
)
def test_a_cohort_leaves_the_same_bytes_with_any_number_of_workers(
    tmp_path: Path, variant: str, lanes: list[str], numbers: tuple[int, ...]
) -> None:
    assert main(command(tmp_path / "0", variant, lanes)) == 0
    expected = left(tmp_path / "0")
    for workers in numbers:
        assert main(command(tmp_path / str(workers), variant, lanes, f"--workers={workers}")) == 0
        found = left(tmp_path / str(workers))
        assert [name for name in expected | found if expected.get(name) != found.get(name)] == []
    kinds = {Path(name).name for name in found}
    assert {"tensors.safetensors", "decisions.bin", "lane.json", "run.json"} <= kinds
    assert {"dqn": "evaluation.trace", "dqn_dopamine": "training.trace"}[variant] in kinds


@pytest.mark.slow
def test_one_lane_and_more_workers_than_lanes(tmp_path: Path) -> None:
    assert main(command(tmp_path / "none", "dqn", ["catch"])) == 0
    assert main(command(tmp_path / "three", "dqn", ["catch"], "--workers=3")) == 0
    assert left(tmp_path / "three") == left(tmp_path / "none")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "workers"),
    [
        ("dqn", (0, 2)),
        pytest.param("dqn", (2, 1), marks=pytest.mark.long),
        ("dqn_dopamine", (2, 0)),
        pytest.param("dqn_dopamine", (0, 1), marks=pytest.mark.long),
    ],
)
def test_a_run_stopped_with_some_workers_continues_with_others(
    tmp_path: Path, variant: str, workers: tuple[int, int]
) -> None:
    # A memory smaller than the run, so that the ring has wrapped when the runs are stopped.
    runs = [smoke_run(variant, "catch", seed) for seed in (1, 2, 3)]
    with cohort(runs, 0, replay_capacity_rows=150, network=SMALL) as trainees:
        advance(trainees)
        expected = [whole_state(trainee) for trainee in trainees]
    first, second = workers
    with cohort(runs, first, replay_capacity_rows=150, network=SMALL) as trainees:
        advance(trainees, 270)
        for trainee in trainees:
            save_checkpoint(trainee, tmp_path / trainee.lane.run.name)
        stopped = [whole_state(trainee) for trainee in trainees]
    with cohort(runs, second, replay_capacity_rows=150, network=SMALL) as trainees:
        assert [restore_newest(trainee, tmp_path / trainee.lane.run.name) for trainee in trainees] == [270] * 3
        again = [whole_state(trainee) for trainee in trainees]
        advance(trainees)
        found = [whole_state(trainee) for trainee in trainees]
    assert again == stopped and found == expected


@pytest.mark.slow
def test_an_unplayable_past_is_refused_in_the_words_of_one_process_and_the_lane_can_be_restored_after() -> None:
    run, said = smoke_run(), []
    for workers in (0, 1):
        with cohort([run], workers, network=SMALL) as (trainee,):
            advance([trainee], 130)
            past, before = trainee.lane.past(), whole_state(trainee)
            for damaged in (replace(past, stack_sha256="0" * 64), replace(past, decisions=b"\x63" * 5)):
                with pytest.raises(ReplicationError) as refused:
                    trainee.lane.restore(damaged)
                said.append(str(refused.value))
            trainee.lane.restore(past)
            assert whole_state(trainee) == before
    assert said[:2] == said[2:]
    assert "ended elsewhere" in said[0] and "cannot be continued (IndexError" in said[1]


@pytest.mark.slow
def test_minibatches_in_two_phases_are_those_drawn_at_once_and_stay_while_the_step_is_played() -> None:
    runs = [smoke_run(seed=seed) for seed in (1, 2, 3)]
    with cohort(runs, 2) as trainees, cohort(runs, 0) as others:
        for some in (trainees, others):
            advance(some, 120)
        lanes, direct = [t.lane for t in trainees], [t.lane for t in others]
        for lane in lanes:
            lane.begin_batch()
        for lane in lanes:
            lane.begin_play(0)
        for lane in lanes:
            lane.end_step()
        expected = [lane.sample(lane.config.batch_size) for lane in direct]
        assert all(lane.at_end in (False, True) for lane in lanes)  # to read it is to wait until the step is played
        batches = [lane.batch() for lane in lanes]
        for batch, drawn in zip(batches, expected, strict=True):
            for name, array in drawn._asdict().items():
                found = getattr(batch, name)
                assert (found.dtype, found.shape) == (array.dtype, array.shape) and (found == array).all(), name
        # Held-out transitions are copies: the next minibatch does not change them.
        kept = [lane.sample(20) for lane in lanes]
        copies = [[array.copy() for array in each] for each in kept]
        for lane in lanes:
            lane.begin_batch()
        changed = [(lane.batch().rows != one.rows).any() for lane, one in zip(lanes, expected, strict=True)]
        assert all(changed)
        for each, copy in zip(kept, copies, strict=True):
            assert all((one == other).all() for one, other in zip(each, copy, strict=True))


@pytest.mark.slow
def test_a_lane_whose_loss_is_not_a_number_freezes_and_its_neighbours_train_on() -> None:
    states = []
    for workers in (0, 2):
        with cohort([smoke_run(seed=seed) for seed in (1, 2, 3)], workers, network=SMALL) as trainees:
            with torch.no_grad():
                next(iter(trainees[0].learner.online.parameters())).fill_(float("nan"))
            advance(trainees)
            assert [trainee.failure for trainee in trainees] == ["the loss is nan at step 104", None, None]
            states.append([whole_state(trainee) for trainee in trainees])
    assert states[0] == states[1]


@pytest.mark.slow
def test_the_episodes_of_an_evaluation_are_reported_as_by_one_process() -> None:
    said = []
    for workers in (0, 1):
        with cohort([smoke_run()], workers, network=SMALL) as (trainee,):
            final, reported = trainee.lane.run.protocol.final_evaluation, []
            assert final is not None
            request = EvaluationRequest(final.presentation, "final_evaluation", num_episodes=3)
            evaluation = trainee.lane.begin_evaluation(request, reported.append)
            play_side_by_side([evaluation], lambda stacks: dict.fromkeys(stacks, 0))
            said.append(reported)
    assert said[0] == said[1] and list(dict.fromkeys(said[0])) == [1, 2, 3]


@pytest.mark.slow
def test_exploration_and_loss_draw_here_and_the_other_streams_in_the_worker() -> None:
    untouched = {name: stream_state(stream) for name, stream in training_streams(1, "catch", STREAMS).items()}
    with cohort([smoke_run()], 1) as (trainee,):
        advance([trainee], 200)
        here = {name for name, stream in trainee.lane.streams.items() if stream_state(stream) != untouched[name]}
        everywhere = {name for name, state in trainee.lane.past().streams.items() if state != untouched[name]}
    assert here == {"initialisation", "exploration"}
    assert everywhere == here | {"noop_starts", "replay"}


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The two workers of a main process, once they are there; none where it ends without."""
    children: list[psutil.Process] = []

    def started_or_ended() -> bool:
        with suppress(psutil.NoSuchProcess):
            children[:] = psutil.Process(process.pid).children()
        return len(children) == 2 or process.poll() is not None

    until(started_or_ended)
    return children


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline, "waited for too long"
        time.sleep(0.02)


def stored(folder: Path, game: str) -> list[Path]:
    """The checkpoints of a game's runs."""
    return list(folder.glob(f"state/dqn/{game}/seed1/*/checkpoint_*/manifest.json"))


def start(folder: Path, *more: str) -> subprocess.Popen[str]:
    words = command(folder, "dqn", ["catch", "pong"], "--workers=2", "--checkpoint-seconds=0.2", *more)
    program = [sys.executable, "-m", "replication", *words]
    return subprocess.Popen(program, stderr=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.slow
@pytest.mark.rom
@pytest.mark.parametrize("times", [1, pytest.param(3, marks=pytest.mark.long)])
def test_a_main_process_killed_at_any_instant_leaves_no_worker_and_continues_to_the_same_bytes(
    tmp_path: Path, whole_dqn: dict[str, object], times: int
) -> None:
    chance, met = random.Random(), 0
    for _ in range(times):
        with start(tmp_path) as process:
            workers = workers_of(process)
            until(lambda: stored(tmp_path, "*"))
            time.sleep(chance.random() / (4 - times))  # a kill that is the only one must not come too late
            process.kill()
            met += process.wait() == -signal.SIGKILL
        _, alive = psutil.wait_procs(workers, timeout=WAIT_SECONDS)
        assert alive == []
    assert met
    assert main(command(tmp_path, "dqn", ["catch", "pong"], "--workers=2")) == 0
    found = left(tmp_path)
    older = {name for name in found if "checkpoint_" in name and "checkpoint_0000000400" not in name}
    assert {name: found[name] for name in found.keys() - older} == whole_dqn


@pytest.mark.slow
@pytest.mark.rom
def test_a_killed_worker_is_one_line_that_names_its_runs_and_the_same_command_continues(
    tmp_path: Path, whole_dqn: dict[str, object]
) -> None:
    with start(tmp_path) as process:
        workers = workers_of(process)
        until(lambda: stored(tmp_path, "pong"))
        workers[1].kill()
        _, said = process.communicate(timeout=WAIT_SECONDS)
    lines = [line for line in said.splitlines() if line.startswith("error:")]
    assert process.returncode == 2 and lines == [said.splitlines()[-1]] and "Traceback" not in said
    assert "dqn pong seed 1: the worker process was killed by signal 9" in lines[0]
    assert "the same command continues" in lines[0]
    assert psutil.wait_procs(workers, timeout=WAIT_SECONDS)[1] == []
    assert main(command(tmp_path, "dqn", ["catch", "pong"])) == 0
    assert {name: data for name, data in left(tmp_path).items() if name in whole_dqn} == whole_dqn


@pytest.mark.slow
@pytest.mark.rom
@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.long), signal.SIGTERM])
def test_a_signal_to_all_processes_is_answered_by_the_main_one(tmp_path: Path, number: signal.Signals) -> None:
    # Far from the last checkpoint, so that one is written, which asks the workers.
    with start(tmp_path, "--budget-frames=400000", "--checkpoint-seconds=600") as process:
        workers = workers_of(process)
        assert process.stderr is not None
        assert any(": step 200:" in line for line in process.stderr)
        os.killpg(process.pid, number)
        _, said = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 75 and said.splitlines()[-1].startswith("stopped by a signal; checkpoints are written")
    assert psutil.wait_procs(workers, timeout=WAIT_SECONDS)[1] == []


@pytest.mark.slow
def test_a_worker_ends_with_its_main_process_even_when_it_is_busy() -> None:
    ours, theirs = socket.socketpair()
    busy = f"""
import threading
from replication.training.workers.process import _end_with
threading.Thread(target=_end_with, args=[{theirs.fileno()}], daemon=True).start()
print("busy", flush=True)
while True:
    pass
"""
    program = [sys.executable, "-c", busy]
    with subprocess.Popen(program, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, text=True) as process:
        theirs.close()
        assert process.stdout is not None and process.stdout.readline() == "busy\n"
        assert process.poll() is None
        ours.close()
        try:
            assert process.wait(WAIT_SECONDS) == 0
        finally:
            process.kill()


@pytest.mark.slow
def test_a_worker_has_no_torch_and_reports_a_fault_with_its_run_and_place() -> None:
    with cohort([smoke_run(), smoke_run(seed=2)], 2) as trainees:
        advance(trainees, 120)
        maps = maps_of_workers()
        # One works, the other ends it with the main process; no library has started more.
        assert [child.num_threads() for child in maps] == [2, 2]
        assert not any("torch" in text for text in maps.values())
        assert "torch" in Path("/proc/self/maps").read_text()
        lane = trainees[1].lane
        lane.begin_play(99)
        lane.end_step()
        with pytest.raises(ReplicationError, match=r"^dqn catch seed 2: .*IndexError.* in presentation\.py:[0-9]+\)"):
            _ = lane.at_end


@pytest.mark.slow
def test_a_game_that_cannot_be_opened_is_the_line_of_one_process() -> None:
    said = []
    for workers in (0, 1):
        run = smoke_run()
        run = replace(run, task=replace(run.task, name="pongg"))
        with pytest.raises(ReplicationError) as refused, cohort([run], workers):
            pass
        said.append(str(refused.value))
    assert said[0] == said[1] and "did you mean 'pong'?" in said[0]


def test_a_number_of_workers_below_zero_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(tmp_path, "dqn", ["catch"], "--workers=-1")) == 2
    assert "--workers: expected 0 or more, found -1" in capsys.readouterr().err
