"""The benchmark: its turns with programs made up, its loops, its errors. Never a time."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import pytest

from replication.commands.benchmark import our_continuous, our_dqn, our_on_policy, our_tabular
from replication.commands.benchmark.child import Child, Cost
from replication.commands.benchmark.floor import FLOP, floor_parts, floor_seconds
from replication.commands.benchmark.loops import DQN_PARTS, LOOPS, Plan, cases, environment_name
from replication.commands.benchmark.pacing import LOOP, UPDATE_PERIOD_STEPS, WARM_UP_STEPS, timed, versions
from replication.commands.benchmark.parts import network_flop
from replication.commands.benchmark.programs import CLEANRL, OURS, PFRL, SB3, SHANGTONG, Peer
from replication.commands.benchmark.turns import Key, Timing, alternate, measure
from replication.commands.cli import main
from replication.foundation.errors import ReplicationError
from replication.foundation.paths import WORKFLOW
from replication.training.off_policy_continuous.trainee import new_trainee
from replication.training.on_policy.family import new_trainee as new_on_policy_trainee
from replication.training.tabular.family import learn
from tests.support.lanes import advance

MENDING = "look into the test"
PYTHON = Path(sys.executable)
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


def plan(place: Path, **changes: Any) -> Plan:
    named = {"loops": ["dqn"], "games": ["catch"], "tasks": ["pendulum"], "rounds": 2, "seconds": 0.0, "state": place}
    return Plan(**(named | changes))


# ---------------------------------------------------------------- loops


def test_every_loop_has_a_program_of_ours_and_names_its_peers(tmp_path: Path) -> None:
    found = cases(plan(tmp_path, loops=list(LOOPS)))
    assert [case.loop for case in found] == ["dqn", "a2c", "ppo", "ddpg", "td3", "td3", "tabular"]
    assert all(list(case.commands) == [OURS] for case in found)
    peers = {case.loop: list(case.not_measured) for case in found}
    assert peers["dqn"] == [SB3, CLEANRL, PFRL] and peers["a2c"] == [SB3] and peers["ppo"] == [SB3, CLEANRL]
    assert peers["ddpg"] == peers["td3"] == [SB3] and SHANGTONG in peers["tabular"]
    modules = {case.commands[OURS].words[2] for case in found}
    assert all((WORKFLOW.parent / f"{name.replace('.', '/')}.py").is_file() for name in modules)


def test_a_peer_is_started_by_its_own_python_at_the_settings_of_ours(tmp_path: Path) -> None:
    (tmp_path / "cleanrl").mkdir()
    for name in ("dqn_atari.py", "ppo_atari.py"):
        (tmp_path / "cleanrl" / name).write_text("")
    peers = {SB3: Peer("sb3", PYTHON), CLEANRL: Peer("cleanrl", PYTHON, tmp_path)}
    found = {
        (case.loop, case.settings): case for case in cases(plan(tmp_path, loops=["ppo", "td3", "ddpg"], peers=peers))
    }
    ppo = next(case for case in found.values() if case.loop == "ppo")
    assert ppo.commands[SB3].words[1:] == [
        *("-m", "replication.commands.benchmark.sb3_on_policy", "PPO", "CatchNoFrameskip-v4", "2048")
    ]
    words = list(ppo.commands[CLEANRL].words)
    assert words[3:10] == [
        "gymnasium.vector",
        "SyncVectorEnv",
        "step",
        "8",
        "1024",
        "2048",
        str(tmp_path / "cleanrl/ppo_atari.py"),
    ]
    assert ppo.commands[CLEANRL].paths == [tmp_path] and ppo.commands[CLEANRL].commit is not None
    sizes = [case.commands[SB3].words[3:] for case in found.values() if case.loop == "td3"]
    assert sizes == [
        ["TD3", "0.0003", "Pendulum-v1", "256", "256", "256"],
        ["TD3", "0.0003", "Pendulum-v1", "100", "400", "300"],
    ]
    ddpg = next(case for case in found.values() if case.loop == "ddpg")
    assert ddpg.commands[SB3].words[3:5] == ["DDPG", "0.001"]


def test_our_continuous_program_has_the_networks_and_the_minibatch_that_are_asked_for() -> None:
    trainee = new_trainee(our_continuous.sized_run("td3_code", "pendulum", 32, (24, 16)))
    config = trainee.lane.config
    assert (config.actor.hidden_units, config.critic.hidden_units, config.batch_size) == ((24, 16), (24, 16), 32)
    assert config.random_steps_on("pendulum") == config.learning_starts_on("pendulum") == 5_000
    for _ in range(40):
        trainee.lane.play(trainee.learner.act)
    parts = our_continuous.trainee_parts(trainee)
    assert (parts["act"](), parts["update"]()) == (50, 1)
    assert (trainee.learner.updates, trainee.lane.updates_owed) == (1, 0)


@pytest.mark.parametrize(("variant", "rollout_steps"), [("a2c", 80), ("ppo_cleanrl", 1_024)])
def test_our_on_policy_program_is_measured_over_whole_rollouts(variant: str, rollout_steps: int) -> None:
    trainee = new_on_policy_trainee(our_on_policy.measured_run(variant, "catch"))
    assert our_on_policy.period_steps(trainee) == rollout_steps


def test_our_tabular_program_learns_the_episodes_of_the_example() -> None:
    runs = our_tabular.measured_runs()
    assert [run.variant.variant for run in runs] == ["q_learning", "sarsa"]
    assert [max(learn(run).curve) for run in runs] == [our_tabular.EPISODES_A_SEED] * 2


# ---------------------------------------------------------------- the floor


def test_the_floor_is_counted_from_the_faster_kernel_of_each_round() -> None:
    seconds = {"matrix_product": [1.0, 4.0], "convolution": [2 * FLOP["convolution"] / FLOP["matrix_product"]] * 2}
    assert floor_seconds(FLOP["matrix_product"] / 2, seconds) == pytest.approx([0.5, 1.0])
    assert {name: part() for name, part in floor_parts().items()} == dict.fromkeys(FLOP, 1)


# ---------------------------------------------------------------- turns


def test_programs_take_turns_in_every_round() -> None:
    order: list[str] = []

    def timing(name: str) -> Timing:
        def once() -> Cost:
            order.append(name)
            return Cost(len(order), 2 * len(order))

        return Timing(Key(name, LOOP), 1.0, once)

    reported: list[Timing] = []
    found = alternate([timing("A"), timing("B")], 3, reported.append)
    assert order == ["A", "B"] * 3 == [each.key.program for each in reported]
    assert found == {
        Key("A", LOOP): [Cost(1, 2), Cost(3, 6), Cost(5, 10)],
        Key("B", LOOP): [Cost(2, 4), Cost(4, 8), Cost(6, 12)],
    }


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
            assert answer["wall_seconds"] >= 0.02 and 0 < answer["processor_seconds"] < 10
        assert (tmp_path / "other.txt").read_text() == standing
        assert other.measured(LOOP, 0.0).wall > 0
        one.ask("act", 0.0)
        assert one.answer()["done"] == 3
    assert list(tmp_path.glob("benchmark_*")) == []


def test_what_is_timed_is_done_once_before_and_at_least_once() -> None:
    calls: list[int] = []

    def some() -> int:
        calls.append(1)
        return 7

    done, spent = timed(some, 0.0)
    assert (done, len(calls)) == (7, 2) and min(spent.values()) >= 0
    assert set(spent) == {"processor_seconds", "wall_seconds"}


def test_a_program_tells_the_versions_of_what_it_has() -> None:
    found = versions()
    assert {"torch", "numpy", "ale-py", "gymnasium"} <= found.keys() and "stable-baselines3" not in found


@pytest.mark.slow
def test_calls_of_a_script_of_others_are_counted(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text("class Agent:\n    def act(self, seen):\n        return seen + 1\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom agents import Agent\nassert sys.argv[1:] == ['--env', 'Pong']\n"
        "if __name__ == '__main__':\n    while True:\n        assert Agent().act(seen=1) == 2\n"
    )
    runner = [sys.executable, "-m", "replication.commands.benchmark.peer_script", "agents", "Agent", "act"]
    command = [*runner, "8", "64", "128", str(script), "--env", "Pong"]
    with Child("script", command, place=tmp_path, paths=[tmp_path], mending=MENDING) as child:
        assert {"torch", "numpy"} <= set(child.answer()["versions"])
        child.ask(LOOP, 0.0)
        assert child.answer()["done"] == 64


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
        child.measured(LOOP, 1.0)
    assert list(tmp_path.glob("benchmark_*")) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"loops": ["dqm"]}, "there is no loop 'dqm'; did you mean 'dqn'"),
        ({"games": ["pongg"]}, "there is no game 'pongg'; did you mean 'pong'"),
        (
            {"loops": ["td3"], "tasks": ["pong"]},
            "--tasks: pong is no task of Gymnasium; expected one such as half_cheetah",
        ),
        (
            {"peers": {SB3: Peer("sb3", Path("nowhere/python"))}},
            "--sb3: there is no python at nowhere/python; expected one such as",
        ),
        (
            {"peers": {SB3: Peer("sb3", WORKFLOW.parent / "README.md")}},
            "README.md cannot be run .* builds its environment",
        ),
        pytest.param(
            {"peers": {SB3: Peer("sb3", PYTHON)}},
            "No module named 'stable_baselines3'.*; `make benchmark` builds",
            marks=[pytest.mark.slow, pytest.mark.long],
        ),
        (
            {"peers": {PFRL: Peer("pfrl", PYTHON, Path("nowhere"))}},
            "--pfrl: nowhere has no examples/atari/.*train_dqn.py",
        ),
    ],
)
def test_what_cannot_be_measured_is_one_line(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    asked = plan(tmp_path, **changes)
    with pytest.raises(ReplicationError, match=expected) as raised:
        measure(asked, cases(asked))
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
    arguments = ["--rounds", "2", "--seconds", "0.1", "--output", str(tmp_path / "output")]
    assert main(["benchmark", "--loops", "dqn", "--games", "catch", "catch", *arguments]) == 0
    text = (tmp_path / "output" / "table.md").read_text(encoding="utf-8")
    assert text in capsys.readouterr().out
    with (tmp_path / "output" / "table.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    ours = [row for row in found if row["program"] == OURS]
    both_clocks, several = 2, len(("pair", "cohort"))
    sizes, operations = 3, 2
    assert len(ours) == both_clocks + several + len(DQN_PARTS[OURS]) + sizes + operations
    assert len({(row["what"], row["unit"]) for row in ours}) == len(ours)
    assert all(float(row["median"]) > 0 for row in ours)
    assert next(row["median"] for row in ours if row["unit"] == "GFLOP").startswith("2.18")
    assert [row["median"] for row in found if row["program"] == SB3] == [""]
    assert main(["benchmark", "--loops", "tabular", *arguments]) == 0  # its rows stand below those of before
    with (tmp_path / "output" / "table.csv").open(newline="") as file:
        both = list(csv.DictReader(file))
    assert both[: len(found)] == found and {row["loop"] for row in both[len(found) :]} == {"tabular"}
    assert list((tmp_path / "state").iterdir()) == []


@pytest.mark.slow
def test_operations_are_those_counted_by_hand() -> None:
    """Acting takes a product of a matrix and a vector, which torch's counter does not know."""
    trainee = our_dqn._trainee(our_dqn._lane("pong", 1))
    advance([trainee], 60)
    memory, config = trainee.lane.memory, trainee.lane.config
    found = network_flop(trainee, memory, config)
    convolutions = 20 * 20 * 32 * 4 * 8 * 8 + 9 * 9 * 64 * 32 * 4 * 4 + 7 * 7 * 64 * 64 * 3 * 3
    assert found["act"] == 2 * (convolutions + 3_136 * 512 + 512 * 6)
    inputs = found["act"] - 2 * 20 * 20 * 32 * 4 * 8 * 8  # no gradient is wanted of the pixels
    assert found["update"] == 32 * (3 * found["act"] + inputs)
