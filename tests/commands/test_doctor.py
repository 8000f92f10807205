"""What the doctor says on a sound machine, and on one that lacks something."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import gymnasium
import pytest

from replication.analysis import cost
from replication.commands import doctor, plan, simulators
from replication.commands.cli import main
from replication.environments.atari import emulator
from replication.evidence.records import record_path
from replication.foundation import resources
from replication.foundation.durations import time_text
from replication.specification.experiments import load_experiment

pytestmark = pytest.mark.rom
ALE_AGAIN = "python -m pip install --force-reinstall --no-deps ale-py==0.12.1"


def examined(
    capsys: pytest.CaptureFixture[str], folder: Path, experiment: str = "quickstart", cores: int = 2
) -> tuple[int, str]:
    places = [f"--results={folder / 'results'}", f"--state={folder / 'state'}"]
    code = main(["doctor", experiment, *places, f"--cores={cores}"])
    return code, capsys.readouterr().out


def lines(text: str, status: str = "FAIL") -> list[str]:
    return [line for line in text.splitlines() if line.startswith(status)]


def test_a_sound_machine_is_ready(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setattr(resources, "available_memory_bytes", lambda: 8_000_000_000)
    code, said = examined(capsys, tmp_path)
    assert code == 0 and said.endswith("ready for quickstart\n") and not lines(said)
    for words in (
        "2 ROMs for the experiment, each of the expected MD5 (57 of 57 games)",
        "packages are there",
        "a step was taken in kung_fu_master: 14 actions",
        "torch ",
        "0 of 4 runs are finished",
        "memory: 2.1 GB for 2 at a time, 8.0 GB available",
        "disk: 0.13 GB of checkpoints",
    ):
        assert any(words in line for line in lines(said, "ok")), words
    (time,) = [line for line in lines(said, "note") if "time: " in line]
    assert time.endswith("core hours (speed: assumed); measure: python -m replication run quickstart -n --measure")
    assert list(tmp_path.iterdir()) == []  # looking leaves nothing behind


def test_every_line_begins_with_an_aligned_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    *checks, _ = examined(capsys, tmp_path)[1].splitlines()
    assert len(checks) >= 9 and all(line[:6] in ("ok    ", "note  ", "FAIL  ") and line[6] != " " for line in checks)


def test_a_misspelt_experiment_offers_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "quickstrat"]) == 2
    assert "did you mean 'quickstart'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("experiment", "cores", "available", "advice"),
    [
        ("nature_table2", 2, 4_000_000_000, "run fewer at a time: --cores 1"),
        ("nature_table2", 9, 10_000_000_000, "run fewer at a time: --cores 3"),
        ("nature_table2", 1, 1_000_000_000, "close other programs, or take a machine with 2.9 GB free"),
        ("nature_random", 1, 500_000_000, "close other programs, or take a machine with 1.0 GB free"),
    ],
)
def test_too_little_memory_is_said_with_what_to_do(
    tmp_path: Path, capsys, monkeypatch, experiment: str, cores: int, available: int, advice: str
) -> None:
    monkeypatch.setattr(resources, "available_memory_bytes", lambda: available)
    code, said = examined(capsys, tmp_path, experiment, cores)
    (line,) = lines(said)
    assert code == 1 and "memory: " in line and line.endswith(f"; {advice}")
    assert said.endswith(f"something is missing for {experiment}\n")


def test_what_is_advised_for_memory_is_enough(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(resources, "available_memory_bytes", lambda: 10_000_000_000)
    assert examined(capsys, tmp_path, "nature_table2", cores=3)[0] == 0


def test_finished_runs_need_nothing(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(resources, "available_memory_bytes", lambda: 1_000)
    monkeypatch.setattr(resources, "free_disk_bytes", lambda path: 1_000)
    for module in (doctor, plan):
        monkeypatch.setattr(module, "unfinished", lambda runs, results: [])
    code, said = examined(capsys, tmp_path)
    assert code == 0 and "4 of 4 runs are finished" in said and "time: every run is finished" in said


def test_memory_is_that_of_the_runs_that_are_left(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(doctor, "unfinished", lambda runs, results: [r for r in runs if not r.family.trains])
    assert "memory: 2.0 GB for 2 at a time" in examined(capsys, tmp_path)[1]


def test_more_cores_than_runs_do_not_make_the_longest_run_shorter(tmp_path: Path, capsys) -> None:
    plans = plan.plan_variants(load_experiment("quickstart").runs(), tmp_path, tmp_path)
    longest = max(one.longest_seconds for one in plans)
    assert longest > sum(one.seconds for one in plans) / 40
    assert f"time: about {time_text(longest)} with 40 at a time" in examined(capsys, tmp_path, cores=40)[1]


def test_a_full_disk_is_said(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(resources, "free_disk_bytes", lambda path: 1_000)
    code, said = examined(capsys, tmp_path)
    (line,) = lines(said)
    assert code == 1 and "disk: 0.13 GB" in line and line.endswith("make room, or name another disk with --state")


def test_roms_the_experiment_needs_fail_and_others_are_a_note(tmp_path: Path, capsys, monkeypatch) -> None:
    for game in emulator.known_rom_md5s():
        path = Path(emulator.roms.__file__).parent / f"{game}.bin"
        if game not in ("road_runner", "pong"):
            (tmp_path / path.name).write_bytes(b"wrong" if game == "kung_fu_master" else path.read_bytes())
    monkeypatch.setattr(emulator.roms, "__file__", str(tmp_path / "__init__.py"))
    code, said = examined(capsys, tmp_path)
    assert code == 1 and "ROMs for the experiment" not in said
    other, missing, unplayed = lines(said)
    assert "kung_fu_master.bin: the ROM of kung_fu_master has MD5 " in other and other.endswith(ALE_AGAIN)
    assert "road_runner.bin: the ROM of road_runner is missing" in missing and missing.endswith(ALE_AGAIN)
    assert "no step can be taken in kung_fu_master" in unplayed
    assert any("pong.bin: the ROM of pong is missing" in line for line in lines(said, "note"))


def test_roms_of_other_games_alone_do_not_fail(tmp_path: Path, capsys, monkeypatch) -> None:
    known = emulator.known_rom_md5s() | {"pong": "0" * 32}
    monkeypatch.setattr(emulator, "known_rom_md5s", lambda: known)
    code, said = examined(capsys, tmp_path)
    assert code == 0 and "2 ROMs for the experiment, each of the expected MD5 (56 of 57 games)" in said
    assert any("pong has MD5" in line for line in lines(said, "note"))


def test_a_broken_emulator_is_said(tmp_path: Path, capsys, monkeypatch) -> None:
    def broken(game: str) -> None:
        raise RuntimeError("no\nconsole")

    monkeypatch.setattr(emulator, "open_emulator", broken)
    code, said = examined(capsys, tmp_path)
    (line,) = lines(said)
    assert code == 1 and f"no step can be taken in kung_fu_master (no console); {ALE_AGAIN}" in line


def test_missing_old_and_other_packages_are_told_apart(tmp_path: Path, capsys, monkeypatch) -> None:
    real = doctor.version

    def version(name: str) -> str:
        if name == "lz4":
            raise PackageNotFoundError(name)
        return {"numpy": "1.26.4", "scipy": "99.0"}.get(name) or real(name)

    monkeypatch.setattr(doctor, "version", version)
    code, said = examined(capsys, tmp_path)
    lz4, numpy = lines(said)
    assert code == 1 and f"lz4 is not installed; {doctor.BUILD}" in lz4 and "packages are there" not in said
    assert f"numpy 1.26.4, >=2.2 is needed; {doctor.BUILD}" in numpy
    assert any("not the locked versions: scipy 99.0 (locked: " in line for line in lines(said, "note"))


def test_what_is_advised_for_packages_installs_them_where_the_environment_is_as_new_as_the_lock(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("")
    target, _, _ = doctor.BUILD.partition(", then")
    command = [*target.split(), "-n", f"VENV={tmp_path}"]
    done = subprocess.run(command, cwd=doctor.PROJECT, capture_output=True, text=True, check=True)
    assert "pip install --quiet --no-compile --requirement requirements.lock" in done.stdout


@pytest.mark.parametrize("package", ["lz4", "packaging", "ale_py", "numpy"])
def test_a_package_that_cannot_be_imported_is_a_finding_not_a_crash(tmp_path: Path, package: str) -> None:
    program = (
        "import sys; sys.modules[sys.argv[1]] = None; sys.modules['torch'] = None; "
        "from replication.commands.cli import main; "
        "sys.exit(main(['doctor', 'quickstart', *sys.argv[2:]]))"
    )
    places = [f"--results={tmp_path / 'results'}", f"--state={tmp_path / 'state'}"]
    done = subprocess.run([sys.executable, "-c", program, package, *places], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == "" and done.stdout.endswith("something is missing for quickstart\n")
    found = [line for line in lines(done.stdout) if f"'{package}" in line or f"import of {package}" in line]
    assert found and all("cannot be checked" in line and doctor.BUILD in line for line in found)


@pytest.mark.parametrize("error", [ImportError("no torch"), OSError("libcudart.so: no such file")])
def test_no_torch_is_said(tmp_path: Path, capsys, monkeypatch, error: Exception) -> None:
    class Blocked:
        def find_spec(self, name: str, *rest: object) -> None:
            if name == "torch":
                raise error

    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Blocked(), *sys.meta_path])
    code, said = examined(capsys, tmp_path)
    (line,) = lines(said)
    assert code == 1 and f"torch cannot be imported ({error}); {doctor.BUILD}" in line


@pytest.mark.parametrize("there", [True, False])
def test_a_cuda_device_is_named_and_its_absence_is_a_note(monkeypatch, there: bool) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "Big One")
    found = list(doctor.check_device())
    if there:
        assert found == [("ok", f"torch {torch.__version__} sees Big One; train with --device cuda")]
    else:
        assert [status for status, _ in found] == ["ok", "note"] and "no CUDA device" in found[1][1]


@pytest.mark.parametrize("place", ["results", "state"])
def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, capsys, place: str) -> None:
    (tmp_path / place).write_text("a file")
    code, said = examined(capsys, tmp_path)
    (line,) = lines(said)
    assert code == 1 and f"{tmp_path / place} cannot be written" in line and line.endswith(f"--{place}")


def test_a_damaged_record_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = record_path(load_experiment("quickstart").runs()[0], tmp_path / "results")
    path.parent.mkdir(parents=True)
    path.write_text("{")
    code, said = examined(capsys, tmp_path)
    (line,) = lines(said)
    assert code == 1 and str(path) in line and "not a run record" in line and "remove" in line


def test_hours_say_where_the_speed_comes_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for run in load_experiment("nature_table2").runs():
        found = cost.speed_conditions(run) | {"training": 9_000.0, "playing": 9_000.0}
        path = tmp_path / "state" / run.variant.variant / "speed.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found))
    said = examined(capsys, tmp_path, "nature_table2")[1]
    (time,) = [line for line in lines(said, "note") if "time: " in line]
    assert time.endswith("(speed: assumed, measured on this machine)")  # the random agent's is not measured


def test_what_takes_months_is_said_to_be_slow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = examined(capsys, tmp_path, "iqn_2018")[1]
    (slow,) = lines(said, "slow")
    assert slow.startswith("slow  11.0 years of one core; ")
    assert said.endswith(("ready, but slow, for iqn_2018\n", "something is missing for iqn_2018\n"))
    assert not lines(examined(capsys, tmp_path)[1], "slow")


def test_an_old_python_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4, "final", 0))
    assert next(doctor.check_python()) == ("FAIL", "Python 3.10.4, 3.11 or newer is needed; make venv PYTHON=...")


def test_what_plays_tasks_of_gymnasium_is_named_and_what_the_experiment_lacks_fails(monkeypatch) -> None:
    runs = load_experiment("td3_2018").runs()
    versions = dict.fromkeys(simulators.PACKAGES, "1.0")
    monkeypatch.setattr(simulators, "version", versions.__getitem__)
    found = list(doctor.check_simulators(runs))
    assert [status for status, _ in found] == ["ok", "ok"]
    assert found[0][1] == "simulators: gymnasium 1.0, mujoco 1.0, Box2D 1.0"
    assert "tasks of Gymnasium were opened: half_cheetah, " in found[1][1]

    def version(package: str) -> str:
        if package == "mujoco":
            raise PackageNotFoundError(package)
        return versions[package]

    def make(environment_id: str) -> None:
        raise gymnasium.error.DependencyNotInstalled("MuJoCo is not installed, run `pip install it`")

    monkeypatch.setattr(simulators, "version", version)
    monkeypatch.setattr(gymnasium, "make", make)
    found = list(doctor.check_simulators(runs))
    lacking = "half_cheetah cannot be played: environment HalfCheetah-v4: MuJoCo is not installed; `make -B venv`"
    assert any(status == "FAIL" and words.startswith(lacking) for status, words in found), found
    assert ("note", f"not installed: mujoco; tasks that they play cannot be trained; {doctor.BUILD}") in found
    assert [status for status, _ in doctor.check_simulators([])] == ["ok", "note"]  # who plays none lacks nothing
