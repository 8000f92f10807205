from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from replication.analysis.finished import load_runs
from replication.commands.cli import main
from replication.foundation.stopping import ERROR_EXIT_CODE
from replication.report.figures import learning_curves
from replication.report.figures.figure import FigureResult, house_style, spread, write_figure, write_pdf
from replication.report.figures.sheet import COLUMN_INCHES, FONTS, Sheet, drawn_on
from tests.support.finished_runs import finish, made_up_experiment


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


def test_a_pdf_has_the_width_of_a_column_and_its_fonts_inside(tmp_path):
    experiment = made_up_experiment([{}])
    finish(experiment.runs()[0], tmp_path)
    with drawn_on(Sheet(COLUMN_INCHES["one-column"], FONTS["serif"])):
        result = learning_curves.build(experiment, load_runs(experiment, tmp_path))
        (path,) = write_pdf(result, tmp_path / "1")
        (again,) = write_pdf(learning_curves.build(experiment, load_runs(experiment, tmp_path)), tmp_path / "2")
    content = path.read_bytes()
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+)", content)
    assert box is not None and float(box[1]) == pytest.approx(3.3 * 72)
    fonts = set(re.findall(rb"/BaseFont /[A-Z]{6}\+(\w+)", content))
    assert fonts == {b"STIXGeneral"} and b"/FontFile2" in content
    assert content == again.read_bytes()
    assert learning_curves.build(experiment, load_runs(experiment, tmp_path)).figure.get_figwidth() == 10.0


def test_a_font_or_a_width_is_asked_of_a_figure_alone(capsys):
    assert main(["render", "page", "quickstart", "--pdf", "one-column"]) == ERROR_EXIT_CODE
    assert main(["render", "figure", "quickstart", "differences", "--font", "serif"]) == ERROR_EXIT_CODE
    found = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in found] == ["error", "error"]


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
