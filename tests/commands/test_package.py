"""The package as a stranger installs it: a wheel, a bare environment, another folder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from replication.foundation.paths import PROJECT

pytestmark = pytest.mark.long
"""It builds a wheel, for which pip fetches hatchling, and trains 100 runs of a table: two minutes."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(PROJECT)]
    subprocess.run(command, check=True, cwd=folder)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def binaries(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel alone, which borrows what it depends on from the one that tests."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    install = ["-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet", "--no-deps"]
    subprocess.run([sys.executable, *install, "--ignore-installed", str(wheel)], check=True, cwd=folder)
    return folder / "bin"


def test_a_wheel_has_less_than_8_megabytes(wheel: Path) -> None:
    assert wheel.stat().st_size < 8_000_000


def test_the_command_works_from_a_folder_without_a_checkout(binaries: Path, tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "REPLICATION_STATE")}
    environment = clean | {"PATH": os.pathsep.join([str(binaries), os.defpath])}

    def said(*words: str, code: int = 0) -> str:
        command = [str(binaries / "replication"), *words]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert "0 of 4" in said("run", "quickstart", "-n") and list(tmp_path.iterdir()) == []
    assert "ready for cliff_walking" in said("doctor", "cliff_walking")
    table = ("--variant", "q_learning", "--task", "cliff_walking", "--seeds", "1-100", "--budget-episodes", "500")
    said("train", *table)
    (record,) = tmp_path.glob("results/runs/q_learning/cliff_walking/seeds1-100/*/run.json")
    committed = PROJECT / record.relative_to(tmp_path)
    assert committed.with_name("scores.csv").read_bytes() == record.with_name("scores.csv").read_bytes()
    assert f"page:     {tmp_path / 'results' / 'cliff_walking' / 'index.html'}" in said("run", "cliff_walking")
    assert "Nothing to be done" in said("run", "cliff_walking")
    assert "each following from the one before" in said("verify", "results")
    assert "README.md: not there" in said("render", "readme", code=2)


def test_tab_completes_in_a_process_of_its_own(binaries: Path, tmp_path: Path) -> None:
    line = "replication run nature_f"
    asked = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_STDOUT_FILENAME": "f"}
    subprocess.run([str(binaries / "replication")], cwd=tmp_path, env=os.environ | asked, check=True)
    assert (tmp_path / "f").read_text().split("\v") == ["nature_figure2", "nature_figure4"]
