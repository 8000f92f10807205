"""A table's files: data in the CSV, cells in Markdown and LaTeX, no cell bold, everything escaped."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from replication.foundation.paths import WORKFLOW
from replication.report.tables.columns import interval, number, text, yes_or_no
from replication.report.tables.latex import MOST_ROWS_IN_A_FLOAT, escaped, to_latex
from replication.report.tables.table import Table, from_markdown, write_table

FRAME = pd.DataFrame(
    {
        "game": ["Q*bert", "H.E.R.O. & co_1", "Pong"],
        "score": [1234.4567890123456, None, -20.7],
        "score_low": [1231.5, None, None],
        "score_high": [1237.5, None, None],
        "published": [1199, 5, -20.7],
        "above": [True, False, None],
        "reason": ["{50 %} of ~3", "#1 \\ ^2", "a text that is so long that it has to wrap"],
    }
)
COLUMNS = (
    text("game"),
    number("score"),
    interval("95 % interval", "score"),
    number("published %", "published", unit=" %"),
    yes_or_no("above", missing="unknown"),
    text("reason"),
)
TABLE = Table("made_up", FRAME, "What is 50 % of it. More.", experiment="nature_x", columns=COLUMNS)


def rows_of(tex: str) -> list[list[str]]:
    body = re.search(r"\\midrule\n(.*?)\\bottomrule", tex, re.DOTALL)
    assert body is not None
    return [re.split(r" (?<!\\)& ", line.removesuffix(r" \\")) for line in body[1].strip().splitlines()]


def test_the_csv_holds_plain_numbers_in_columns_of_their_own() -> None:
    """What `pandas.read_csv` gives are numbers, not words such as `1,234.5 to 1,237.5`."""
    content = TABLE.files()["csv"]
    assert content.decode().splitlines()[1] == "Q*bert,1234.45678901,1231.5,1237.5,1199,true,{50 %} of ~3"
    read = pd.read_csv(io.BytesIO(content))
    assert [str(read[name].dtype) for name in ("score", "score_low", "score_high", "published")] == ["float64"] * 4
    assert read["score"].isna().tolist() == [False, True, False]
    assert all(re.fullmatch("[a-z0-9_]+", name) for name in read.columns)


def test_what_is_printed_is_made_of_the_data() -> None:
    printed = TABLE.printed()
    assert printed.columns.tolist() == ["game", "score", "95 % interval", "published %", "above", "reason"]
    assert printed.loc[0].tolist()[1:5] == ["1,234.5", "1,231.5 to 1,237.5", "1,199.0 %", "yes"]
    assert printed.loc[1].tolist()[1:5] == ["missing", "none", "5.0 %", "no"]
    assert printed.loc[2].tolist()[1:5] == ["-20.7", "none", "-20.7 %", "unknown"]


def test_markdown_is_read_back_as_it_was_printed() -> None:
    caption, header, rows = from_markdown(TABLE.files()["md"].decode())
    printed = TABLE.printed()
    assert (caption, header, rows) == (TABLE.caption, printed.columns.tolist(), printed.to_numpy().tolist())
    blank = Table("blank", pd.DataFrame({"a": ["", "x"], "b": ["y", ""]}), "Two halves.")
    assert from_markdown(blank.files()["md"].decode())[2] == [["", "y"], ["x", ""]]


def test_latex_is_a_booktabs_table_with_caption_and_label_and_every_sign_escaped() -> None:
    tex = TABLE.files()["tex"].decode()
    assert tex.startswith("% \\usepackage{array, booktabs}\n\\begin{table}")
    assert r"\caption[What is 50 \% of it.]{What is 50 \% of it. More.}" in tex
    assert r"\label{tab:nature_x-made_up}" in tex
    heading = r"\parbox[b]{40pt}{\raggedleft published \%}"  # as narrow as its numbers let it be
    assert rf"game & score & 95 \% interval & {heading} & above & reason \\" in tex
    interval_cell, wrapped = "1,231.5 to 1,237.5", "a text that is so long that it has to wrap"
    assert rows_of(tex) == [
        ["Q*bert", "1,234.5", interval_cell, r"1,199.0 \%", "yes", r"\{50 \%\} of \textasciitilde{}3"],
        [r"H.E.R.O. \& co\_1", "missing", "none", r"5.0 \%", "no", r"\#1 \textbackslash{} \textasciicircum{}2"],
        ["Pong", "$-$20.7", "none", r"$-$20.7 \%", "unknown", wrapped],
    ]
    assert tex.count("{") == tex.count("}")


def test_a_caption_has_two_sentences_and_the_rest_are_notes_below_the_table() -> None:
    tex = to_latex(TABLE.printed(), "One is shown. Two is said. Three is a note. Four too.", "tab:x")
    assert r"\caption[One is shown.]{One is shown. Two is said.}" in tex
    assert tex.index("Three is a note. Four too.") > tex.index(r"\end{tabular}")
    assert r"\scriptsize " not in to_latex(TABLE.printed(), "One is shown. Two is said.", "tab:x")


def test_a_long_table_breaks_across_pages_and_a_paper_may_have_fewer_columns() -> None:
    long = pd.concat([FRAME] * MOST_ROWS_IN_A_FLOAT, ignore_index=True)
    table = Table("long", long, "Long.", paper_columns=("game", "score"), columns=COLUMNS)
    tex = table.files()["tex"].decode()
    assert r"\begin{longtable}{@{}lr@{}}" in tex and r"\begin{table}" not in tex
    assert "reason" not in tex and "reason" in table.files()["csv"].decode()


def test_what_a_verdict_rests_on_is_what_a_paper_has_where_nothing_else_is_asked() -> None:
    frame = FRAME.assign(verdict="differs")
    columns = (text("game"), number("score"), text("verdict"), text("reason"))
    tex = Table("judged", frame, "Judged.", columns=columns).files()["tex"].decode()
    assert r"game & score & verdict \\" in tex and "reason" not in tex


@pytest.mark.long
def test_every_committed_table_compiles_and_fits_one_column_of_an_article(tmp_path: Path) -> None:
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("no pdflatex: Debian has it in texlive-latex-base and texlive-latex-recommended")
    tables = sorted((WORKFLOW.parent / "results").glob("*/tables/*.tex"))
    inputs = "".join(f"\\input{{{path}}}\\clearpage\n" for path in tables)
    packages = "\\usepackage{array, booktabs, longtable}"
    document = f"\\documentclass{{article}}\n{packages}\n\\begin{{document}}\n{inputs}\\end{{document}}\n"
    (tmp_path / "all.tex").write_text(document)
    command = [program, "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    too_wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout)]
    assert len(tables) > 10 and max(too_wide, default=0.0) < 8.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-5 to -3", "$-$5 to $-$3"),
        ("nature-embedding, 2015-1", "nature-embedding, 2015-1"),
        ("a < b", r"a \textless{} b"),
    ],
)
def test_a_hyphen_before_a_number_is_a_minus(text: str, expected: str) -> None:
    assert escaped(text) == expected


def test_no_rows_still_give_files(tmp_path: Path) -> None:
    paths = write_table(Table("empty", FRAME.iloc[:0], "Nothing yet.", columns=COLUMNS), tmp_path)
    assert [path.suffix for path in paths] == [".csv", ".md", ".tex"]
    assert rows_of(to_latex(FRAME.iloc[:0].astype(str), "Nothing.", "tab:x")) == []
