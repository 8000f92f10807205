from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import time_shares as shares
from tests.support.time_shares import time_shares

HERE = Path(__file__).resolve().parent


def test_the_slowest_file_stands_first_and_the_shares_add_up() -> None:
    lines = time_shares([("a.py::one", 1.0), ("b.py::two", 2.0), ("b.py::two", 0.5), ("b.py::three", 0.5)])
    assert [line.split() for line in lines] == [
        ["75.0%", "3.0", "s", "2", "tests", "b.py"],
        ["25.0%", "1.0", "s", "1", "tests", "a.py"],
        ["100.0%", "4.0", "s", "3", "tests", "in", "all"],
    ]


def test_many_files_are_summed_up() -> None:
    lines = time_shares([(f"{i}.py::one", 1.0) for i in range(shares.SHOWN + 3)])
    assert len(lines) == shares.SHOWN + 2 and lines[-2].endswith("3 tests  3 others")


@pytest.mark.slow
def test_a_long_session_prints_how_its_time_was_shared_out(tmp_path: Path) -> None:
    tests = "import pytest\n\n@pytest.mark.parametrize('i', range(60))\ndef test_nothing(i):\n    pass\n"
    (tmp_path / "test_many.py").write_text(tests)
    (tmp_path / "test_few.py").write_text(tests.replace("60", "3"))
    (tmp_path / "conftest.py").write_text(
        f"import sys\nsys.path.insert(0, {str(HERE.parent)!r})\nfrom tests.conftest import pytest_terminal_summary\n"
    )
    said = {}
    for name in ("test_many.py", "test_few.py"):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", name]
        said[name] = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "how the time was shared out" in said["test_many.py"] and "60 tests  test_many.py" in said["test_many.py"]
    assert "shared out" not in said["test_few.py"]
