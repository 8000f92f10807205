"""The command line end to end at the smoke scale: files, equal bytes, continuation, one-line errors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from replication.evidence.provenance import command_text
from replication.specification.fidelity import deviations_in_force
from replication.specification.run import resolve_run
from replication.training.off_policy.learner import Learner
from tests.support.command_line import train_smoke


def _files(folder: Path) -> dict[str, bytes]:
    return {
        p.name: p.read_bytes()
        for p in (folder / "results").rglob("*")
        if p.is_file() and p.name not in ("run.json", "lock", "manifest.lock")
    }


def test_r3_r5_a_run_writes_its_files_with_departures_and_provenance_and_is_not_done_twice(
    tmp_path: Path, capsys
) -> None:
    assert train_smoke(tmp_path) == 0
    said = capsys.readouterr().err
    assert "replay memory: 1,000 rows" in said
    assert set(_files(tmp_path)) == {"scores.csv", "evaluation.trace", "curve.csv", "training.csv", "manifest.jsonl"}
    record = json.loads(next((tmp_path / "results").rglob("run.json")).read_bytes())
    assert record["budget"] == {"frames": 2400, "iterations": 0, "steps": 600}
    assert record["evaluated_network"]["network"] == "best"
    assert {"commit", "packages", "rom_md5", "palette_sha256", "command"} <= set(record["provenance"])
    assert record["provenance"]["packages"]["ale-py"] == version("ale-py")
    assert 0 < record["counts"]["frames_of_finished_episodes"] <= record["counts"]["frames_nominal"] == 2400
    run = resolve_run(variant="dqn", task="catch", seed=1, preset="smoke", budget_frames=2400)
    in_force = [deviation.id for deviation in deviations_in_force(run)]
    assert [deviation["id"] for deviation in record["deviations"]] == in_force
    assert {"dqn-memory", "nature-cap", "preset-smoke", "budget"} <= set(in_force)
    rows = {row for deviation in record["deviations"] for row in deviation["rows"]}
    assert {"E11", "E12", "E13", "I10", "M4", "M5", "M9", "V4", "V6", "V7", "S1", "S2"} <= rows
    assert train_smoke(tmp_path) == 0
    assert "nothing to be done" in capsys.readouterr().err


@pytest.mark.slow
def test_the_recorded_command_names_no_folder_of_the_machine() -> None:
    words = ["judge", "--results", "/home/me/r", "--seed", "1", "--state=/s", "--results=r", "--command", "python a.py"]
    assert command_text(words) == "python -m replication judge --seed 1 --command 'python a.py'"
    assert command_text(["train", "--state"]) == "python -m replication train"


@pytest.mark.parametrize(
    ("variant", "budget"),
    [
        ("dqn", "--budget-frames=1200"),
        pytest.param("dqn_dopamine", "--budget-iterations=1", marks=pytest.mark.slow),
        ("random_10hz", ""),
    ],
)
def test_the_same_command_twice_gives_the_same_bytes(tmp_path: Path, variant: str, budget: str) -> None:
    for name in ("one", "two"):
        assert train_smoke(tmp_path / name, variant=variant, budget=budget) == 0
    assert _files(tmp_path / "one") == _files(tmp_path / "two")
    newest = [sorted((tmp_path / name / "state").rglob("tensors.safetensors"))[-1:] for name in ("one", "two")]
    assert [p.read_bytes() for p in newest[0]] == [p.read_bytes() for p in newest[1]]


@pytest.mark.slow
def test_a_longer_budget_continues_the_shorter_one_and_equals_training_at_once(tmp_path: Path) -> None:
    assert train_smoke(tmp_path / "steps", budget="--budget-frames=1200") == 0
    assert train_smoke(tmp_path / "steps") == 0
    assert train_smoke(tmp_path / "once") == 0
    run = resolve_run(variant="dqn", task="catch", seed=1, preset="smoke", budget_frames=2400)
    for name in ("scores.csv", "curve.csv", "training.csv", "evaluation.trace"):
        one, other = (run.results_folder(tmp_path / way / "results") / name for way in ("steps", "once"))
        assert one.read_bytes() == other.read_bytes()


def test_results_of_another_run_in_this_place_are_refused(tmp_path: Path, capsys) -> None:
    run = resolve_run(variant="dqn", task="catch", seed=1, preset="smoke", budget_frames=2400)
    place = run.results_folder(tmp_path / "results")
    place.mkdir(parents=True)
    (place / "run.json").write_text(json.dumps({"result_digest": "0" * 64}))
    assert train_smoke(tmp_path) == 2
    assert "result_digest: found 000000000000, expected" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["--game", "pongg"], "there is no task 'pongg'; did you mean 'pong'?"),
        (["--variant", "dqnn"], "there is no variant 'dqnn'; did you mean 'dqn'?"),
        (["--budget-frames", "-4"], "positive multiple"),
        (["--device", "cuda:9"], "no CUDA device"),
        (["--state", "/proc/nowhere"], "cannot be written"),
    ],
)
def test_bad_requests_are_one_line_and_exit_code_2(tmp_path: Path, capsys, changes: list[str], expected: str) -> None:
    import torch

    if changes[0] == "--device" and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    assert train_smoke(tmp_path, *changes) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(error) == 1
    assert expected in error[0]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_a_killed_run_continues_and_ends_with_the_same_bytes(tmp_path: Path, number: signal.Signals) -> None:
    words = ["--variant", "dqn", "--game", "catch", "--seed", "3", "--preset", "smoke", "--checkpoint-seconds", "0.2"]
    where = ["--results", str(tmp_path / "killed" / "results"), "--state", str(tmp_path / "killed" / "state")]
    command = [sys.executable, "-m", "replication", "train", *words, "--budget-frames", "4800", "--quiet", *where]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "killed").rglob("manifest.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, number)
    code = process.wait(timeout=60)
    assert code == (75 if number == signal.SIGTERM else -signal.SIGKILL)
    assert not list((tmp_path / "killed" / "results").rglob("run.json"))
    for name in ("killed", "whole"):
        assert train_smoke(tmp_path / name, "--seed", "3", budget="--budget-frames=4800") == 0
    assert _files(tmp_path / "killed") == _files(tmp_path / "whole")


@pytest.mark.slow
def test_a_lane_that_diverges_stops_says_where_and_keeps_its_checkpoint(tmp_path: Path, capsys, monkeypatch) -> None:
    update, calls = Learner.update, []

    def diverging(self: Learner, transitions: Any, stream: Any) -> None:
        calls.append(self)
        if len(calls) == 101:  # of the first lane: the lanes are updated in turn
            raise FloatingPointError("the loss is nan")
        update(self, transitions, stream)

    monkeypatch.setattr(Learner, "update", diverging)
    assert train_smoke(tmp_path, "--seed", "1", "2", "--checkpoint-seconds", "0.2") == 2
    said = capsys.readouterr().err
    states = {path.parent.parent.name: path for path in (tmp_path / "state").rglob("failed.json")}
    assert list(states) == ["seed1"]
    error = [line for line in said.splitlines() if line.startswith("error:")]
    assert len(error) == 1 and "dqn catch seed 1: the loss is nan at step 304" in error[0]
    assert str(states["seed1"]) in error[0] and "remove" in error[0] and "Traceback" not in said
    steps = [int(path.name[-10:]) for path in states["seed1"].parent.glob("checkpoint_*")]
    assert steps and max(steps) < 304 and f"checkpoint of step {max(steps):,} is kept" in error[0]
    assert [path.parent.parent.name for path in (tmp_path / "results").rglob("run.json")] == ["seed2"]
    # Given again, it says so at once; with the record gone it goes on and ends as if nothing had been.
    assert train_smoke(tmp_path, "--seed", "1", "2") == 2
    states["seed1"].unlink()
    assert train_smoke(tmp_path, "--seed", "1", "2") == 0
    monkeypatch.undo()
    assert train_smoke(tmp_path / "alone", "--seed", "1") == 0
    scores = [
        sorted(path.rglob("seed1/*/scores.csv")) for path in (tmp_path / "results", tmp_path / "alone" / "results")
    ]
    assert scores[0][0].read_bytes() == scores[1][0].read_bytes()


@pytest.mark.slow
def test_parameters_that_are_not_finite_are_never_stored(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(Learner, "is_finite", lambda self: False)
    assert train_smoke(tmp_path) == 2
    assert "a parameter is not a finite number at step 600" in capsys.readouterr().err
    assert not list((tmp_path / "state").rglob("checkpoint_*")) and not list((tmp_path / "results").rglob("run.json"))


@pytest.mark.slow
def test_training_and_evaluation_need_nothing_that_a_bare_gpu_machine_lacks(tmp_path: Path) -> None:
    absent = ("cv2", "jinja2", "matplotlib", "openTSNE", "packaging", "pandas", "PIL", "psutil", "scipy", "seaborn")
    absent += ("sklearn", "snakemake")
    command = ["train", "--variant", "dqn", "--game", "catch", "--seed", "1", "--preset", "smoke", "--quiet"]
    command += ["--budget-frames", "1600", "--workers", "1", f"--results={tmp_path}", f"--state={tmp_path / 'state'}"]
    code = f"import sys; sys.modules.update(dict.fromkeys({absent})); "
    code += f"from replication.commands.cli import main; main({command})"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert list(tmp_path.rglob("evaluation.trace"))


@pytest.mark.parametrize(("package", "command"), [("pandas", ["render", "readme"]), ("pydantic", ["describe"])])
def test_a_missing_package_is_one_line(package: str, command: list[str]) -> None:
    code = f"import runpy, sys; sys.modules[{package!r}] = None; sys.argv[1:] = {command}; "
    code += "runpy.run_module('replication', run_name='__main__')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 2 and run.stdout == ""
    assert run.stderr.startswith(f"error: package {package}: not installed for {sys.executable}; ")
    assert run.stderr.count("\n") == 1


def test_help_needs_neither_torch_nor_numpy_nor_pandas() -> None:
    code = (
        "import sys; from replication.commands.cli import COMMANDS; "
        "from replication.commands.parser import build_parser; "
        "build_parser(COMMANDS).format_help(); sys.exit(bool({'torch', 'numpy', 'pandas'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
