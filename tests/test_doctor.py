"""What the doctor says on a sound machine, and on one that lacks something."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from replication import doctor
from replication.atari import emulator
from replication.cli import main

pytestmark = pytest.mark.rom


def examined(capsys: pytest.CaptureFixture[str], folder: Path, experiment: str = "quickstart") -> tuple[int, str]:
    code = main(["doctor", experiment, f"--results={folder / 'results'}", f"--state={folder / 'state'}", "--cores=2"])
    return code, capsys.readouterr().out


def failures(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("FAIL")]


def test_a_sound_machine_is_ready(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = examined(capsys, tmp_path)
    assert code == 0 and said.endswith("ready for quickstart\n") and not failures(said)
    for words in (
        "57 ROMs",
        "packages are there",
        "a step was taken in kung_fu_master",
        "torch ",
        "memory: ",
        "disk: ",
    ):
        assert words in said
    assert "core hours (speed: assumed); measure: python -m replication run quickstart -n --measure" in said


def test_a_misspelt_experiment_offers_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "quickstrat"]) == 2
    assert "did you mean 'quickstart'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("target", "value", "words"),
    [
        ("available_memory_bytes", lambda: 1_500_000_000, "run fewer at a time: --cores 1"),
        ("free_disk_bytes", lambda path: 1_000, "make room, or name another disk with --state"),
    ],
)
def test_too_little_memory_or_disk_is_said_with_what_to_do(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch, target: str, value: object, words: str
) -> None:
    monkeypatch.setattr(doctor, target, value)
    code, said = examined(capsys, tmp_path)
    (line,) = failures(said)
    assert code == 1 and words in line and said.endswith("something is missing for quickstart\n")


def test_a_missing_rom_and_one_of_another_digest_are_said(tmp_path: Path, capsys, monkeypatch) -> None:
    for game in emulator.known_rom_md5s():
        path = Path(emulator.roms.__file__).parent / f"{game}.bin"
        if game != "pong":
            (tmp_path / path.name).write_bytes(b"wrong" if game == "breakout" else path.read_bytes())
    monkeypatch.setattr(emulator.roms, "__file__", str(tmp_path / "__init__.py"))
    code, said = examined(capsys, tmp_path)
    assert code == 1 and "57 ROMs" not in said
    wrong, missing = failures(said)
    assert "breakout.bin: the ROM of breakout has MD5" in wrong and "install ale-py again" in wrong
    assert "pong.bin: the ROM of pong is missing; install ale-py again" in missing


def test_a_broken_emulator_is_said(tmp_path: Path, capsys, monkeypatch) -> None:
    def broken(game: str) -> None:
        raise RuntimeError("no console")

    monkeypatch.setattr(emulator, "open_emulator", broken)
    code, said = examined(capsys, tmp_path)
    (line,) = failures(said)
    assert code == 1 and "no step can be taken in kung_fu_master (no console); install ale-py again" in line


def test_missing_old_and_other_packages_are_told_apart(tmp_path: Path, capsys, monkeypatch) -> None:
    real = doctor.version

    def version(name: str) -> str:
        if name == "lz4":
            raise PackageNotFoundError(name)
        return {"numpy": "1.26.4", "scipy": "99.0"}.get(name) or real(name)

    monkeypatch.setattr(doctor, "version", version)
    code, said = examined(capsys, tmp_path)
    lz4, numpy = failures(said)
    assert code == 1 and "lz4 is not installed; make venv" in lz4
    assert "numpy 1.26.4, >=2.2 is needed; make venv" in numpy
    assert "not the locked versions: scipy 99.0 (locked: " in said


def test_no_torch_is_said(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    code, said = examined(capsys, tmp_path)
    (line,) = failures(said)
    assert code == 1 and "torch cannot be imported" in line and "make venv" in line


def test_results_that_cannot_be_written_are_said(tmp_path: Path, capsys) -> None:
    (tmp_path / "results").write_text("a file")
    code, said = examined(capsys, tmp_path)
    (line,) = failures(said)
    assert code == 1 and "cannot be written" in line and "--results" in line


def test_an_old_python_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 4, "final", 0))
    findings: Iterator[tuple[str, str]] = doctor.check_python()
    assert next(findings) == ("FAIL", "Python 3.10.4, 3.11 or newer is needed; make venv PYTHON=...")
