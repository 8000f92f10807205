"""Policies of others: a process is asked for actions, its episodes leave a trace that is played again."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from replication.commands.cli import main
from replication.commands.judged_run import judged_run
from replication.commands.verify_results import run_folders
from replication.environments.contract import Viewing
from replication.evidence.evaluation import EvaluationRequest, evaluate
from replication.evidence.records import sealed_record
from replication.evidence.scores import score
from replication.evidence.trace_file import read_trace, write_trace
from replication.evidence.verify_run import check_run
from replication.foundation.errors import ReplicationError
from replication.foundation.files import sha256
from replication.foundation.paths import WORKFLOW
from replication.specification.loading import known_names, load_protocol
from replication.training.exploration import explore

PROGRAM = """
import struct, sys
asked, answers = sys.stdin.buffer, sys.stdout.buffer
magic, version, frames, height, width, n = struct.unpack("<8sHHHHH", asked.read(18))
assert (magic, version, frames, height, width) == (b"RPLJUDGE", 1, 4, 84, 84)
codes = asked.read(n)
assert len(codes) == n
step = 0
while message := asked.read(1 + frames * height * width):
    step += 1
    {body}
"""
BY_WHAT_IS_SEEN = """
    begins, seen = message[0], message[1:]
    assert begins == (not any(seen[:3 * 84 * 84])), "zeros before the first frame, and only there"
    answers.write(bytes([sum(seen[::7]) % n])); answers.flush()"""


def command(folder: Path, body: str) -> str:
    """What starts a policy whose answer to each message is `body`."""
    path = folder / "policy.py"
    path.write_text(PROGRAM.format(body=body.strip()))
    return shlex.join([sys.executable, "-S", "-E", str(path)])


def arguments(folder: Path, policy: str, *changes: str) -> list[str]:
    asked = {"name": "counter", "game": "pong", "protocol": "nature", "seed": "1", "preset": "smoke"}
    for change in changes:
        name, _, value = change.partition("=")
        asked[name] = value
    words = [word for name, value in asked.items() if value for word in (f"--{name}", value)]
    return ["judge", "--command", policy, *words, "--results", str(folder / "results"), "--quiet"]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged")
    assert main(arguments(folder, command(folder, BY_WHAT_IS_SEEN))) == 0
    return folder


def only_folder(folder: Path) -> Path:
    (found,) = (folder / "results" / "judged" / "counter" / "pong" / "seed1").iterdir()
    return found


def test_what_is_judged_leaves_a_trace_that_verify_plays_again(judged: Path, capsys) -> None:
    found = only_folder(judged)
    assert {path.name for path in found.iterdir()} == {"run.json", "scores.csv", "evaluation.trace"}
    assert main(["verify", str(judged / "results"), "--quiet"]) == 0
    assert "1 runs verified: 2 episodes" in capsys.readouterr().out
    record = json.loads((found / "run.json").read_bytes())
    assert record["family"] == "judged" and "policy.py" in record["policy_command"]
    assert record["score"] == score(read_trace(found / "evaluation.trace"))
    assert record["protocol_settings"]["final_evaluation"]["epsilon"] == 0.05
    assert run_folders(judged / "results", ("runs",)) == []  # it is none of ours


def test_the_process_is_shown_what_the_protocol_shows(judged: Path) -> None:
    run = judged_run(name="counter", game="pong", protocol="nature", seed=1, preset="smoke")
    final = run.protocol.final_evaluation
    assert final is not None

    def policy(stack, stream):
        seen = stack.transpose(2, 0, 1).tobytes()  # oldest frame first, rows from the top
        at_random = explore(0.05, 6, stream)
        return sum(seen[::7]) % 6 if at_random is None else at_random

    here = evaluate(
        policy,
        run,
        Viewing("nature", 4, 4),
        EvaluationRequest(final.presentation, "final_evaluation", num_episodes=final.num_episodes),
    )
    assert read_trace(only_folder(judged) / "evaluation.trace") == here


def test_what_was_tampered_with_is_found(judged: Path, tmp_path: Path) -> None:
    source = only_folder(judged)
    found = tmp_path.joinpath(*source.parts[-4:])
    found.mkdir(parents=True)
    for path in source.iterdir():
        (found / path.name).write_bytes(path.read_bytes())
    record = json.loads((found / "run.json").read_bytes())
    (found / "run.json").write_bytes(sealed_record(record | {"score": record["score"] + 1}))
    with pytest.raises(ReplicationError, match=r"run\.json: score: found .* its trace gives"):
        check_run(found)
    trace = read_trace(found / "evaluation.trace")
    first, *others = trace.episodes
    better = replace(first, raw_return=first.raw_return + 1)
    write_trace(found / "evaluation.trace", replace(trace, episodes=(better, *others)))
    files = {name: sha256((found / name).read_bytes()) for name in record["files"]}
    (found / "run.json").write_bytes(sealed_record(record | {"files": files}))
    with pytest.raises(ReplicationError, match=r"episode 0 .*raw_return: played again it is"):
        check_run(found)


def test_nothing_is_judged_twice_under_one_name(judged: Path, capsys) -> None:
    assert main(arguments(judged, "never started")) == 2
    assert "was judged already on pong with seed 1; give another --name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "sys.exit(3) if step == 5 else answers.write(b'\\0'); answers.flush()",
            "after 4 answers: ended with exit code 3",
        ),
        ("answers.write(bytes([n])); answers.flush()", "after 0 answers: answered 6, expected one byte from 0 to 5"),
        ("print('ready', flush=True)", "answered b'ready\\n', expected one byte from 0 to 5; stdout is for answers"),
        ("answers.write(b'\\1\\1'); answers.flush()", "answered b'\\x01\\x01', expected one byte"),
        pytest.param(
            "__import__('time').sleep(60)",
            "after 0 answers: no answer within 1 seconds; give it more with --answer-seconds",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_process_that_does_not_answer_as_it_should_is_one_line(tmp_path: Path, capsys, body, expected) -> None:
    assert main([*arguments(tmp_path, command(tmp_path, body)), "--answer-seconds", "1"]) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(error) == 1 and expected in error[0]
    assert not list(tmp_path.rglob("run.json"))


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("no_such_program --fast", "cannot be started (No such file or directory)"),
        ("python 'unclosed", "cannot be started (No closing quotation)"),
        (" ", "cannot be started (it is empty)"),
    ],
)
def test_a_command_that_cannot_be_started_is_one_line(tmp_path: Path, capsys, policy: str, expected: str) -> None:
    assert main(arguments(tmp_path, policy)) == 2
    assert expected in capsys.readouterr().err


def test_a_print_before_the_first_step_is_told_from_an_answer(tmp_path: Path, capsys) -> None:
    early = command(tmp_path, BY_WHAT_IS_SEEN)
    path = tmp_path / "policy.py"
    path.write_text("print('loading', flush=True)\n" + path.read_text())
    assert main(arguments(tmp_path, early)) == 2
    said = capsys.readouterr().err
    assert "wrote to stdout without being asked" in said or "answered b'loading" in said


def test_everything_the_process_started_ends_with_it(tmp_path: Path) -> None:
    note = tmp_path / "child"
    body = f"""import subprocess
    child = subprocess.Popen(["sleep", "60"])
    open({str(note)!r}, "w").write(str(child.pid))
    sys.exit(1)"""
    assert main(arguments(tmp_path, command(tmp_path, body))) == 2
    deadline = time.monotonic() + 10
    while _runs(int(note.read_text())):
        assert time.monotonic() < deadline, "it still runs"
        time.sleep(0.05)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")  # one that nobody waited for is gone too
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["name=../up"], "expected 1 to 64 letters"),
        (["name=dqn"], "a variant of this program is called so"),
        (["game=pongg"], "did you mean 'pong'?"),
        (["protocol=natur"], "did you mean 'nature'?"),
        (["seed=-1"], "expected an integer >= 0"),
        (["epsilon=0.1"], "protocol nature has epsilon 0.05: leave --epsilon out"),
        (["episodes=5"], "protocol nature plays 2 episodes: leave --episodes out"),
        (["protocol=noop_30min"], "leaves epsilon, the share of random actions, open: give --epsilon"),
        (["protocol=noop_30min", "epsilon=1.5"], "expected a share from 0 to 1"),
        (["protocol=sticky", "epsilon=0"], "plays no evaluation: give --episodes N"),
    ],
)
def test_bad_requests_are_one_line(tmp_path: Path, capsys, changes: list[str], expected: str) -> None:
    assert main(arguments(tmp_path, "never started", *changes)) == 2
    said = capsys.readouterr().err
    assert said.startswith("error:") and len(said.splitlines()) == 1 and expected in said


@pytest.mark.parametrize("protocol", [name for name in known_names("protocols") if load_protocol(name).kind == "atari"])
def test_every_protocol_of_games_can_be_judged_by(tmp_path: Path, protocol: str) -> None:
    own = judged_run(name="counter", game="catch", protocol="nature", seed=1, preset="smoke")
    own_epsilon = ["epsilon=0.01"]
    no_evaluation = [*own_epsilon, "episodes=2"] if load_protocol(protocol).final_evaluation is None else []
    options = {"noop_30min": own_epsilon, "atari100k_drq": own_epsilon}
    changes = ["game=catch", f"protocol={protocol}", *options.get(protocol, no_evaluation)]
    policy = command(tmp_path, "answers.write(bytes([step % n])); answers.flush()")
    assert main(arguments(tmp_path, policy, *changes)) == 0
    [folder] = run_folders(tmp_path / "results")
    assert check_run(folder).episodes == 2
    assert (folder.name == own.result_digest[:12]) == (protocol == "nature")


def test_what_changes_how_it_is_judged_changes_the_digest() -> None:
    asked = {"name": "counter", "game": "pong", "protocol": "noop_30min", "seed": 1, "epsilon": 0.01}
    changes = [{}, {"name": "b"}, {"seed": 2}, {"epsilon": 0.02}, {"frame_pipeline": "dopamine"}, {"preset": "smoke"}]
    assert len({judged_run(**(asked | change)).result_digest for change in changes}) == len(changes)


@pytest.mark.slow
def test_the_example_for_stable_baselines3_answers(tmp_path: Path) -> None:
    """With a stand-in for the library, which is none of our dependencies."""
    (tmp_path / "stable_baselines3.py").write_text(
        "import numpy as np\n"
        "class Space:\n    shape, n = (4, 84, 84), 6\n"
        "class DQN:\n"
        "    observation_space = action_space = Space\n"
        "    @classmethod\n"
        "    def load(cls, path, **options):\n        print('a greeting of the library'); return cls()\n"
        "    def predict(self, seen, deterministic):\n"
        "        assert seen.shape == (1, 4, 84, 84) and seen.flags.writeable and deterministic\n"
        "        return np.array([int(seen[0, -1].sum()) % 6]), None\n"
    )
    example = WORKFLOW / "examples" / "judge_sb3.py"
    policy = shlex.join(["env", f"PYTHONPATH={tmp_path}", sys.executable, str(example), "model.zip"])
    assert main(arguments(tmp_path, policy)) == 0
    assert check_run(only_folder(tmp_path)).episodes == 2
    codes = np.concatenate([e.codes for e in read_trace(only_folder(tmp_path) / "evaluation.trace").episodes])
    assert len(set(codes.tolist())) > 2
