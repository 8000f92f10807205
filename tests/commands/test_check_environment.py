"""check-environment: a sound environment passes, and each rule that one breaks is said in a line of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from replication.commands.cli import main

HERE = "tests.support.own_environments"


@pytest.mark.parametrize("name", [f"{HERE}:Corridor", "Pendulum-v1", "inverted_pendulum"])
def test_a_sound_environment_passes_every_check(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-environment", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    checks = ("observations", "actions", "seeding", "determinism", "finite", "ends", "time")
    assert len(lines) == len(checks)
    for line, check in zip(lines, checks, strict=True):
        assert line.startswith(f"{name}: {check}: passed")
    assert lines[-1].endswith("microseconds a step, with resets")


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("Unseeded", "seeding: two resets with one seed begin differently; call super().reset(seed=seed)"),
        ("GloballyRandom", "determinism: two copies given the same seed 1 and actions differ in the reward of step 1;"),
        ("CutsItself", "ends: the environment itself truncates at step 50; leave limits of time out of it"),
        ("RunsAway", "finite: the reward of step 7 is no finite number"),
        ("Unbounded", "expected numbers from 0 on or one vector of bounded numbers; give each dimension a finite low"),
        ("SeesNames", "observations: found Dict("),
        ("FourValues", "steps: step: expected (observation, reward, terminated, truncated, info)"),
        ("Breaks", "steps: RuntimeError: the motor is off; mend reset or step"),
    ],
)
def test_each_rule_that_is_broken_is_one_line(broken: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = f"{HERE}:{broken}"
    assert main(["check-environment", name]) == 2
    said, error = capsys.readouterr()
    found = [line for line in said.splitlines() if ": passed" not in line]
    assert len(found) == 1 and found[0].startswith(f"{name}: ") and expected in found[0]
    assert error == (
        f"error: {name}: 1 check failed ({found[0].split(': ')[1]}); mend the environment and check again\n"
    )


def test_a_limit_of_time_that_calls_itself_an_end_is_remarked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-environment", f"{HERE}:EndsByTime"]) == 0
    assert "ends: passed: but every episode terminates at step 50; if that is a limit" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Pendulm-v1", "error: there is no task 'Pendulm-v1'"),
        ("pong", "error: task pong: found one of kind atari, expected one of kind gymnasium\n"),
        ("math:Pong", "error: environment math:Pong: cannot be made (AttributeError: "),
    ],
)
def test_what_is_no_environment_is_one_line(name: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-environment", name]) == 2
    error = capsys.readouterr().err
    assert error.startswith(expected) and error.count("\n") == 1


def test_a_users_own_task_is_checked_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("replication.foundation.paths.WORKFLOW", tmp_path)
    (tmp_path / "tasks").mkdir()
    yaml = f"task: corridor\ntitle: A corridor\nenvironment_id: {HERE}:Corridor\ncap_steps: 30\n"
    (tmp_path / "tasks" / "corridor.yaml").write_text(yaml)
    assert main(["check-environment", "corridor"]) == 0
    assert "corridor: actions: passed: 1 bounded numbers" in capsys.readouterr().out
