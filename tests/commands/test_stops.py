"""Signals and limits of time in every phase: what is there is kept, and the same command ends in the same bytes."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from replication.commands.cli import main
from replication.foundation.stopping import INTERRUPTED_EXIT_CODE, Stop, Stopped, noting_signals, stopping_signals
from replication.specification.run import resolve_run
from replication.training.checkpoints import checkpoint_folders
from replication.training.resumable_play import ResumablePlay, unfinished_path
from tests.support.command_line import left
from tests.support.lanes import smoke_run
from tests.support.parameters import long_unless

RUN = smoke_run("dqn", "catch")
WAIT_SECONDS = 60


def command(folder: Path, *more: str, variant: str = "dqn", game: str = "catch") -> list[str]:
    budget = [] if variant.startswith("random") else ["--budget-frames=2400"]
    run = ["train", "--variant", variant, "--game", game, "--seed", "1", "--preset", "smoke", *budget, "--quiet"]
    return [*run, f"--results={folder / 'results'}", f"--state={folder / 'state'}", *more]


def without_older_checkpoints(found: dict[str, object]) -> dict[str, object]:
    return {name: data for name, data in found.items() if "checkpoint_" not in name or "checkpoint_0000000600" in name}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the time costs a second: limits are numbers of steps, in every phase."""
    counts: dict[int, itertools.count[int]] = {}
    monkeypatch.setattr(Stop, "_elapsed_seconds", lambda stop: next(counts.setdefault(id(stop), itertools.count())))
    monkeypatch.setattr(Stop, "note_checkpoint", lambda stop, seconds: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("whole")
    assert main(command(folder)) == 0
    return left(folder)


@pytest.fixture
def stopped_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Has a signal come at the so many-th place where one is noticed, in every start from here on."""
    looks: dict[int, int] = {}

    def set_up(number: int) -> None:
        def asked(stop: Stop) -> bool:
            looks[id(stop)] = looks.get(id(stop), 0) + 1
            stop.by_signal = looks[id(stop)] > number
            return stop.by_signal

        looks.clear()
        monkeypatch.setattr(Stop, "asked", asked)

    return set_up


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.long)])
def test_a_run_stopped_in_every_phase_ends_in_the_same_bytes(
    tmp_path: Path,
    whole: dict[str, object],
    stopped_after: Callable[[int], None],
    capsys: pytest.CaptureFixture[str],
    workers: int,
) -> None:
    # Of memory played again, of training, of evaluations played again and new. Where the memory lies in a worker, it is
    # played again there.
    places, said, codes = itertools.cycle([70, 110, 160] if workers else [615, 50, 700, 765]), set(), []
    while not codes or codes[-1] == INTERRUPTED_EXIT_CODE:
        stopped_after(next(places))
        codes.append(main(command(tmp_path, f"--workers={workers}")))
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("stopped")]
        said |= {line.removeprefix("stopped by a signal; ") for line in lines}
        assert len(codes) < 60
    assert codes[-1] == 0
    assert "checkpoints are written, the same command continues" in said
    if not workers:
        assert "what was played so far is kept, the same command continues" in said
        assert "the same command continues" in said
    found = left(tmp_path)
    assert without_older_checkpoints(found) == without_older_checkpoints(whole)


@pytest.mark.slow
def test_a_limit_that_starting_alone_takes_is_refused_in_one_line(
    tmp_path: Path, clock: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(tmp_path, "--max-seconds=400")) == INTERRUPTED_EXIT_CODE
    before = checkpoint_folders(RUN.state_folder(tmp_path / "state"))
    for limit in ("30", "1"):  # within the memory that is played again
        capsys.readouterr()
        assert main(command(tmp_path, f"--max-seconds={limit}")) == 2
        (line,) = [text for text in capsys.readouterr().err.splitlines() if text.startswith("error:")]
        assert f"--max-seconds {limit}: found " in line and "give more" in line
    assert checkpoint_folders(RUN.state_folder(tmp_path / "state")) == before


@pytest.mark.slow
def test_a_checkpoint_within_an_evaluation_is_replaced_by_the_one_after_it(
    tmp_path: Path, stopped_after: Callable[[int], None]
) -> None:
    """The budget ends with an evaluation: at this step the lane has two states."""
    assert main(command(tmp_path / "whole")) == 0
    stopped_after(955)  # the three evaluations are of 150 steps, the last begins after step 600
    assert main(command(tmp_path / "cut")) == INTERRUPTED_EXIT_CODE
    (newest,) = checkpoint_folders(RUN.state_folder(tmp_path / "cut/state"))[-1:]
    assert newest.name.endswith("600") and len(json.loads((newest / "lane.json").read_bytes())["curve"]) == 2
    stopped_after(10**6)
    assert main(command(tmp_path / "cut")) == 0
    for name in ("whole", "cut"):
        (newest,) = checkpoint_folders(RUN.state_folder(tmp_path / name / "state"))[-1:]
        assert len(json.loads((newest / "lane.json").read_bytes())["curve"]) == 3


def test_actions_of_another_network_or_damaged_ones_are_no_beginning(
    tmp_path: Path, clock: None, capsys: pytest.CaptureFixture[str]
) -> None:
    run = resolve_run(variant="random_10hz", task="catch", seed=1, preset="smoke")
    assert main(command(tmp_path / "whole", variant="random_10hz")) == 0
    path = unfinished_path(run, tmp_path / "cut/state")
    assert main(command(tmp_path / "cut", "--max-seconds=6", variant="random_10hz")) == INTERRUPTED_EXIT_CODE
    record = json.loads(path.read_bytes())
    path.write_text(json.dumps(record | {"index": 7}))
    capsys.readouterr()
    assert main(command(tmp_path / "cut", variant="random_10hz")) == 0
    assert f"{path}: not readable (its entries do not give its seal)" in capsys.readouterr().err
    assert not path.exists()
    assert left(tmp_path / "cut") == left(tmp_path / "whole")


def test_what_is_played_again_costs_no_network_and_a_stop_within_it_keeps_the_rest(tmp_path: Path) -> None:
    from replication.environments.contract import DiscreteActions
    from replication.evidence.evaluation import EvaluationRequest, begin_evaluation, exploration_stream
    from replication.training.resumable_play import Played
    from tests.evidence.test_evaluation import SEEN, _final  # the protocol and the view of these tests

    run, asked = smoke_run(), []

    def play(stop: Stop) -> object:
        stream = exploration_stream(run, "periodic_evaluation", 1)
        evaluation = begin_evaluation(run, SEEN, EvaluationRequest(_final(), "periodic_evaluation", 1, num_steps=60))
        played = Played(evaluation, run, "periodic_evaluation", 1, "0" * 64, DiscreteActions(codes=(0, 1, 2)), stream)

        def choose(stacks: object) -> dict[int, int]:
            asked.append(1)
            return {0: int(stream.integers(3))}

        return ResumablePlay(tmp_path, stop, 600.0)([played], choose, lambda place, stack: None)

    class After(Stop):
        def __init__(self, looks: int) -> None:
            super().__init__(time.monotonic(), None)
            self.looks = looks

        def asked(self) -> bool:
            self.looks -= 1
            return self.looks < 0

    expected = play(After(10**6))
    asked.clear()
    for looks, new in ((25, 25), (10, 0), (40, 15)):
        stop = After(looks)
        with pytest.raises(Stopped):
            play(stop)
        assert (len(asked), stop.progressed) == (new, new > 0)
        asked.clear()
    assert play(After(10**6)) == expected and len(asked) == 20


@pytest.mark.slow
@pytest.mark.rom
@pytest.mark.parametrize("number", long_unless(signal.SIGINT.__eq__, [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]))
def test_a_random_agent_answers_a_signal_within_seconds(tmp_path: Path, number: signal.Signals) -> None:
    words = command(tmp_path, variant="random_10hz", game="pong")
    del words[words.index("--preset") : words.index("--preset") + 2]  # 30 episodes of five minutes
    program = [sys.executable, "-m", "replication", *words]
    run = resolve_run(variant="random_10hz", task="pong", seed=1)
    with subprocess.Popen(program, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + WAIT_SECONDS
        while not (run.state_folder(tmp_path / "state") / "lock").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(2)
        os.kill(process.pid, number)
        started = time.monotonic()
        _, said = process.communicate(timeout=WAIT_SECONDS)
    assert time.monotonic() - started < 5
    assert process.returncode == INTERRUPTED_EXIT_CODE
    assert said.splitlines() == ["stopped by a signal; what was played so far is kept, the same command continues"]
    assert unfinished_path(run, tmp_path / "state").exists()


def test_a_terminal_that_is_gone_stops_a_run_as_other_signals_do_unless_that_is_ignored() -> None:
    stop = Stop(time.monotonic(), None)
    with noting_signals(stop):
        os.kill(os.getpid(), signal.SIGHUP)
    assert stop.by_signal
    ignored = Stop(time.monotonic(), None)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it
    try:
        assert signal.SIGHUP not in stopping_signals()
        with noting_signals(ignored):
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert not ignored.by_signal


@pytest.mark.parametrize("left", [True, False])
def test_words_for_a_terminal_that_is_gone_fail_no_more(left: bool) -> None:
    program = (
        "import os, pty, signal; from replication.foundation.stopping import leave_terminal; ours, theirs = "
        "pty.openpty(); os.dup2(theirs, 2); os.close(ours); "
        f"{'leave_terminal(signal.SIGHUP); ' if left else ''}os.write(2, b'stopped')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode == 0) == left


def test_a_log_on_a_full_disk_ends_no_training() -> None:
    program = "import sys; from replication.foundation.progress import say; say('step 200'); print('goes on')"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=full, check=False)
    assert done.stdout == b"goes on\n"


@pytest.mark.parametrize(("verb", "code"), [("render", 130), ("train", 75), ("run", 75)])
def test_a_signal_that_no_phase_answers_is_one_line(
    verb: str, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"replication.commands.{verb}.run", interrupted)
    given = {"render": ["page", "quickstart"], "train": command(Path("nowhere"))[1:], "run": ["quickstart"]}[verb]
    assert main([verb, *given]) == code
    assert capsys.readouterr().err == f"stopped{'; the same command continues' if code == 75 else ''}\n"


def test_settings_that_are_not_those_planned_are_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = RUN.result_digest
    for expected, found in [
        (
            "0" * 12,
            f"settings: found {RUN.name} {digest[:12]}, expected 000000000000 as planned; workflow/algorithms/dqn",
        ),
        ("nonsense", "--expect: found 'nonsense', expected 12 to 64 hexadecimal digits"),
    ]:
        assert main(command(tmp_path, "--expect", expected)) == 2
        said = capsys.readouterr().err
        assert found in said and said.count("\n") == 1
    assert main(command(tmp_path, "--expect", digest, "1" * 12)) == 2
    assert "--expect: found 111111111111, expected digests of the runs" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
