from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from replication.report.figures.figure import FigureResult, house_style, spread, write_figure


def drawn(name: str = "line") -> FigureResult:
    with house_style():
        figure = Figure(figsize=(2, 2))
        figure.add_subplot().plot([0, 1], [0, 1], label="a line")
    return FigureResult(name, figure, pd.DataFrame({"x": [0, 1 / 3], "seed": [1, 2]}), "A line. It rises.")


def test_four_files_are_written(tmp_path):
    paths = write_figure(drawn(), tmp_path)
    assert [path.name for path in paths] == ["line.svg", "line.png", "line.csv", "line.txt"]
    assert (tmp_path / "line.csv").read_text() == "x,seed\n0,1\n0.33333333,2\n"
    assert (tmp_path / "line.txt").read_text() == "A line. It rises.\n"


def test_equal_drawings_have_equal_bytes_without_dates_and_programs(tmp_path):
    first, second = write_figure(drawn(), tmp_path / "1"), write_figure(drawn(), tmp_path / "2")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    svg, png = first[0].read_text(), first[1].read_bytes()
    assert "dc:date" not in svg and "Matplotlib" not in svg
    assert b"Software" not in png and b"tEXt" not in png


def test_a_user_s_own_matplotlib_settings_do_not_show(tmp_path):
    import matplotlib as mpl

    first = write_figure(drawn(), tmp_path / "1")
    with mpl.rc_context({"lines.linewidth": 9.0, "font.family": "serif", "savefig.transparent": True}):
        second = write_figure(drawn(), tmp_path / "2")
    assert first[0].read_bytes() == second[0].read_bytes()


@pytest.mark.parametrize(
    ("wanted", "placed"),
    [
        ([0.5], [0.5]),
        ([0.0, 0.5], [0.0, 0.5]),
        ([0.5, 0.5], [0.5, 0.6]),
        ([1.0, 1.0, 0.0], [0.9, 1.0, 0.0]),
        ([0.98, 0.2, 1.0], [0.9, 0.2, 1.0]),
    ],
)
def test_labels_are_moved_apart(wanted, placed):
    assert spread(wanted, 0.1) == pytest.approx(placed)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_labels_keep_their_order_distance_and_ceiling(wanted):
    placed = spread(wanted, 0.1)
    pairs = sorted(zip(placed, wanted, strict=True))
    assert [pair[1] for pair in pairs] == sorted(wanted)
    assert all(high[0] - low[0] > 0.1 - 1e-9 for low, high in itertools.pairwise(pairs))
    assert max(placed, default=1.0) <= 1.0


@pytest.mark.slow
@pytest.mark.long
def test_figures_and_pages_need_no_torch():
    modules = ", ".join(
        f"replication.report.{name}" for name in ("figures.learning_curves", "figures.embedding", "pages.experiment")
    )
    program = f"import sys; import {modules}; sys.exit('torch' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0
