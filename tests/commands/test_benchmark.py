"""The benchmark: its table from figures made up, its turns with programs made up, its errors. Never a time."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import pytest

from replication.commands.benchmark import our_loop
from replication.commands.benchmark.child import Child
from replication.commands.benchmark.floor import FLOP, floor_parts, floor_seconds
from replication.commands.benchmark.loops import (
    CLEANRL,
    COHORT,
    OURS,
    PAIR,
    PARTS,
    PFRL,
    SB3,
    GameFigures,
    Key,
    Plan,
    Script,
    Timing,
    alternate,
    environment_name,
    measure,
)
from replication.commands.benchmark.pacing import LOOP, UPDATE_PERIOD_STEPS, WARM_UP_STEPS, timed
from replication.commands.benchmark.parts import network_flop
from replication.commands.benchmark.table import COLUMNS, benchmark_table, figure
from replication.commands.cli import main
from replication.foundation.errors import ReplicationError
from replication.foundation.paths import WORKFLOW
from replication.report.tables.table import Table
from tests.support.lanes import advance

MENDING = "look into the test"
# A training loop that writes how far it is, and takes a thousandth of a second a step once it is warm.
STUB = f"""
import sys, time
from pathlib import Path
from replication.commands.benchmark.pacing import Pace
print("what a program prints is no answer")
pace = Pace(lambda: {{"versions": {{"stub": "1.0"}}}}, lambda: {{"act": lambda: 3}})
for step in range(1, 10**9):
    pace.step()
    Path(sys.argv[1]).write_text(str(step))
    time.sleep(0.001 * (step >= {WARM_UP_STEPS}))
"""


def stub(place: Path, name: str = "stub", code: str = STUB) -> Child:
    return Child(name, [sys.executable, "-c", code, str(place / f"{name}.txt")], place=place, mending=MENDING)


def made_up(**programs: dict[str, list[float]]) -> GameFigures:
    """Two rounds in which the floor of an update is 10 ms and 20 ms."""
    flop = {"update": FLOP["matrix_product"] // 10, "act": FLOP["matrix_product"] // 1_000}
    seconds: dict[Key, list[float]] = {
        Key(OURS, "matrix_product"): [0.1, 0.2],
        Key(OURS, "convolution"): [1.0, 1.0],
        Key(OURS, "evaluation"): [0.001, 0.001],
        Key(OURS, COHORT): [0.044, 0.080],
    }
    for program, timed_parts in programs.items():
        seconds |= {Key({"ours": OURS, "sb3": SB3}[program], what): each for what, each in timed_parts.items()}
    facts = {OURS: {"flop": flop, "versions": {"torch": "1"}, "replay_bytes_per_transition": 500.0}}
    if "sb3" in programs:
        facts[SB3] = {"versions": {"torch": "2"}, "replay_bytes_per_transition": 50_000.0}
    return GameFigures("ms_pacman", facts, seconds)


def rows(table: Table) -> dict[tuple[str, str], dict[str, str]]:
    read = list(csv.DictReader(io.StringIO(table.files()["csv"].decode())))
    assert tuple(read[0]) == COLUMNS
    return {(row["what"], row["program"]): row for row in read}


def plan(place: Path, **changes: object) -> Plan:
    return Plan(**({"games": ["catch"], "rounds": 2, "seconds": 0.0, "state": place} | changes))  # type: ignore[arg-type]


# ---------------------------------------------------------------- the table


@pytest.mark.parametrize(
    ("value", "text"),
    [(12_345.6, "12,346"), (99.96, "100.0"), (34.56, "34.6"), (1.234, "1.23"), (0.56789, "0.568"), (0.0, "0")],
)
def test_figures_have_three_digits_or_all_before_the_point(value: float, text: str) -> None:
    assert figure(value) == text


def test_a_figure_stands_beside_the_floor_and_the_other_program_of_the_same_round() -> None:
    figures = made_up(
        ours={"update": [0.02, 0.05], LOOP: [0.010, 0.020], PAIR: [0.005, 0.0125]},
        sb3={"update": [0.04, 0.10], LOOP: [0.015, 0.040]},
    )
    found = rows(benchmark_table(plan(Path(), sb3=Path("python")), [figures]))
    update = found["update, its minibatch drawn", OURS]
    assert update["game"] == "Ms. Pacman"
    assert (update["median"], update["low"], update["high"], update["unit"]) == ("35.0", "20.0", "50.0", "ms")
    assert update["of the floor"] == "45 %"  # 10 of 20 ms in one round, 20 of 50 in the other
    assert update[f"beside {SB3}"] == "2.00 times as fast [2.00-2.00]"
    loop = found["whole loop", OURS]
    assert (loop["median"], loop["low"], loop["high"], loop["unit"]) == ("75.0", "50.0", "100", "steps/s")
    assert loop[f"beside {SB3}"] == "1.75 times as fast [1.50-2.00]"
    assert loop["of the floor"] == "26 %"  # a quarter of an update and 0.9 actions: 2.59 and 5.18 ms
    assert found["whole loop", SB3][f"beside {SB3}"] == ""
    assert {found["whole loop", program]["median"] for program in (CLEANRL, PFRL)} == {"not measured"}
    pair = found["two runs side by side on two cores, over one alone", OURS]
    assert (pair["median"], pair["low"], pair["high"], pair["unit"]) == ("1.80", "1.60", "2.00", "times")
    cohort = found["a step of 4 lanes in one process, over one alone", OURS]
    assert (cohort["median"], cohort["low"], cohort["high"], cohort["unit"]) == ("4.20", "4.00", "4.40", "times")
    assert found["replay memory, a transition", OURS][f"beside {SB3}"] == "0.01 of its bytes"


def test_the_table_alone_says_what_was_not_measured() -> None:
    found = rows(benchmark_table(plan(Path()), [made_up(ours={LOOP: [0.01, 0.01]})]))
    for what, program in (("whole loop", SB3), ("two runs side by side on two cores, over one alone", OURS)):
        assert found[what, program]["median"] == "not measured"
    assert found["whole loop", OURS][f"beside {SB3}"] == ""


def test_the_caption_describes_machine_settings_and_floor() -> None:
    text = benchmark_table(plan(Path()), [made_up(ours={LOOP: [0.01, 0.01]})]).files()["md"].decode()
    words = " ".join(text.split())
    assert " cores" in words and "GB of memory" in words and "this suite: torch 1" in words
    assert "1.718 GFLOP an update, 17.2 MFLOP an action" in words
    assert "Ms. Pacman: a periodic evaluation of 125,000 steps takes 2.1 minutes, 5 % of the training" in words
    assert max(len(line) for line in text.split("\n| game")[0].splitlines()) <= 120


def test_the_floor_is_counted_from_the_faster_kernel_of_each_round() -> None:
    seconds = {"matrix_product": [1.0, 4.0], "convolution": [2 * FLOP["convolution"] / FLOP["matrix_product"]] * 2}
    assert floor_seconds(FLOP["matrix_product"] / 2, seconds) == pytest.approx([0.5, 1.0])
    assert {name: part() for name, part in floor_parts().items()} == dict.fromkeys(FLOP, 1)


# ---------------------------------------------------------------- turns


def test_programs_take_turns_in_every_round() -> None:
    order: list[str] = []

    def timing(name: str) -> Timing:
        def once() -> float:
            order.append(name)
            return float(len(order))

        return Timing(Key(name, LOOP), 1.0, once)

    reported: list[Timing] = []
    found = alternate([timing("A"), timing("B")], 3, reported.append)
    assert order == ["A", "B"] * 3 == [each.key.program for each in reported]
    assert found == {Key("A", LOOP): [1.0, 3.0, 5.0], Key("B", LOOP): [2.0, 4.0, 6.0]}


@pytest.mark.slow
def test_a_program_trains_while_it_is_asked_to_and_stands_still_between(tmp_path: Path) -> None:
    with stub(tmp_path, "one") as one, stub(tmp_path, "other") as other:
        for child in (one, other):
            assert child.answer() == {"versions": {"stub": "1.0"}}
        standing = (tmp_path / "other.txt").read_text()
        assert int(standing) == WARM_UP_STEPS - 1  # it waits within the step that made it warm
        for _ in range(2):
            one.ask(LOOP, 0.02)
            answer = one.answer()
            assert answer["done"] >= UPDATE_PERIOD_STEPS and answer["done"] % UPDATE_PERIOD_STEPS == 0
            assert answer["seconds"] >= 0.02
        assert (tmp_path / "other.txt").read_text() == standing
        assert other.each_seconds(LOOP, 0.0) > 0
        one.ask("act", 0.0)
        assert one.answer()["done"] == 3
    assert list(tmp_path.glob("benchmark_*")) == []


def test_what_is_timed_is_done_once_before_and_at_least_once() -> None:
    calls: list[int] = []

    def some() -> int:
        calls.append(1)
        return 7

    done, spent_seconds = timed(some, 0.0)
    assert (done, len(calls)) == (7, 2) and spent_seconds >= 0


@pytest.mark.slow
def test_calls_of_a_script_of_others_are_counted(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text("class Agent:\n    def act(self, seen):\n        return seen + 1\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom agents import Agent\nassert sys.argv[1:] == ['--env', 'Pong']\n"
        "if __name__ == '__main__':\n    while True:\n        assert Agent().act(seen=1) == 2\n"
    )
    runner = [sys.executable, "-m", "replication.commands.benchmark.peer_script", "agents", "Agent", "act"]
    command = [*runner, str(script), "--env", "Pong"]
    with Child("script", command, place=tmp_path, paths=[tmp_path], mending=MENDING) as child:
        assert set(child.answer()["versions"]) == {"torch", "numpy"}
        child.ask(LOOP, 0.0)
        assert child.answer()["done"] == UPDATE_PERIOD_STEPS


# ---------------------------------------------------------------- errors


@pytest.mark.slow
def test_a_program_that_dies_says_its_last_words(tmp_path: Path) -> None:
    dying = "import sys; sys.exit('first\\nthe last straw')"
    line = r"^stub: ended with code 1 \(the last straw\); look into the test$"
    with pytest.raises(ReplicationError, match=line), stub(tmp_path, code=dying) as child:
        child.answer()
    with pytest.raises(ReplicationError, match="ended with code -9"), stub(tmp_path) as child:
        child.answer()
        child._process.kill()
        child.each_seconds(LOOP, 1.0)
    assert list(tmp_path.glob("benchmark_*")) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"games": ["pongg"]}, "there is no game 'pongg'; did you mean 'pong'"),
        ({"sb3": Path("nowhere/python")}, "--sb3: there is no python at nowhere/python; expected one such as"),
        ({"sb3": WORKFLOW.parent / "README.md"}, "README.md cannot be run .* builds its environment"),
        pytest.param(
            {"sb3": Path(sys.executable)},
            "No module named 'stable_baselines3'.*; `make benchmark` builds",
            marks=[pytest.mark.slow, pytest.mark.long],
        ),
        (
            {"pfrl": Script(Path("nowhere"), Path(sys.executable))},
            "--pfrl: nowhere has no examples/atari/.*train_dqn.py",
        ),
    ],
)
def test_what_cannot_be_measured_is_one_line(tmp_path: Path, changes: dict[str, object], expected: str) -> None:
    with pytest.raises(ReplicationError, match=expected) as raised:
        measure(plan(tmp_path, **changes))
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--rounds", "0"], "--rounds: expected 1 or more"),
        (["--seconds", "-1"], "--seconds: expected a number of seconds"),
        (["--output", "/proc/nowhere"], "/proc/nowhere: cannot be written"),
    ],
)
def test_bad_requests_are_one_line_and_exit_code_2(capsys, arguments: list[str], expected: str) -> None:
    assert main(["benchmark", *arguments]) == 2
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1 and expected in error[0]


# ---------------------------------------------------------------- the repository


def test_environments_go_by_the_names_of_ale_py() -> None:
    assert [environment_name(game) for game in ("pong", "ms_pacman", "up_n_down")] == [
        "PongNoFrameskip-v4",
        "MsPacmanNoFrameskip-v4",
        "UpNDownNoFrameskip-v4",
    ]


def test_both_environments_have_the_same_versions_of_what_they_share() -> None:
    def locked(path: str) -> dict[str, str]:
        lines = (WORKFLOW.parent / path).read_text(encoding="utf-8").splitlines()
        return dict(line.split("==") for line in lines if not line.startswith("#"))

    ours, theirs = locked("requirements.lock"), locked("replication/commands/benchmark/sb3.lock")
    assert {"torch", "numpy", "ale-py", "gymnasium"} <= theirs.keys()
    assert {name: theirs[name] for name in theirs.keys() & ours.keys()} == {
        name: ours[name] for name in theirs.keys() & ours.keys()
    }


@pytest.mark.slow
@pytest.mark.long
def test_the_whole_benchmark_of_a_toy_game_without_other_programs(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("REPLICATION_STATE", str(tmp_path / "state"))
    arguments = ["--games", "catch", "catch", "--rounds", "2", "--seconds", "0.1", "--output", str(tmp_path / "output")]
    assert main(["benchmark", *arguments]) == 0
    text = (tmp_path / "output" / "table.md").read_text(encoding="utf-8")
    assert text in capsys.readouterr().out
    assert "2.182 GFLOP an update" in " ".join(text.split())
    with (tmp_path / "output" / "table.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    ours = [row for row in found if row["program"] == OURS]
    several = 3  # the loop, the pair, the cohort
    of_bytes = 3
    assert len({row["what"] for row in ours}) == len(ours) == len(PARTS[OURS]) + several + of_bytes
    assert [row for row in ours if row["median"] == "not measured" and "two runs" not in row["what"]] == []
    assert [row["median"] for row in found if row["program"] == SB3] == ["not measured"]
    assert list((tmp_path / "state").iterdir()) == []


@pytest.mark.slow
def test_operations_are_those_counted_by_hand() -> None:
    """Acting takes a product of a matrix and a vector, which torch's counter does not know."""
    trainee = our_loop._trainee(our_loop._lane("pong", 1))
    advance([trainee], 60)
    memory, config = trainee.lane.memory, trainee.lane.config
    found = network_flop(trainee, memory, config)
    convolutions = 20 * 20 * 32 * 4 * 8 * 8 + 9 * 9 * 64 * 32 * 4 * 4 + 7 * 7 * 64 * 64 * 3 * 3
    assert found["act"] == 2 * (convolutions + 3_136 * 512 + 512 * 6)
    inputs = found["act"] - 2 * 20 * 20 * 32 * 4 * 8 * 8  # no gradient is wanted of the pixels
    assert found["update"] == 32 * (3 * found["act"] + inputs)
