"""A table's files: the same cells in CSV, Markdown and LaTeX, the better score marked, everything escaped."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from replication.report.tables.latex import MOST_ROWS_IN_A_FLOAT, escaped, to_latex
from replication.report.tables.table import Table, better_cells, leading_number, write_table

FRAME = pd.DataFrame(
    {
        "game": ["Q*bert", "H.E.R.O. & co_1", "Pong"],
        "score": ["1,234.5 ± 3.0", "missing", "-20.7"],
        "published %": ["1,199.0", "5.0", "-20.7"],
        "reason": ["{50 %} of ~3", "#1 \\ ^2", "a text that is so long that it has to wrap"],
    }
)
TABLE = Table("made_up", FRAME, "What is 50 % of it. More.", (("score", "published %"),), experiment="nature_x")


def rows_of(tex: str) -> list[list[str]]:
    body = re.search(r"\\midrule\n(.*?)\\bottomrule", tex, re.DOTALL)
    assert body is not None
    return [re.split(r" (?<!\\)& ", line.removesuffix(r" \\")) for line in body[1].strip().splitlines()]


def test_the_better_of_two_scores_is_marked_and_one_alone_is_not() -> None:
    marked = better_cells(FRAME, TABLE.compared)
    assert marked["score"].tolist() == [True, False, True]
    assert marked["published %"].tolist() == [False, False, True]  # equal scores are both the highest
    assert not marked["game"].any()
    markdown = TABLE.files()["md"].decode()
    assert "| Q*bert | **1,234.5 ± 3.0** | 1,199.0 |" in markdown
    assert "| H.E.R.O. & co_1 | missing | 5.0 |" in markdown


def test_latex_is_a_booktabs_table_with_caption_and_label_and_every_sign_escaped() -> None:
    tex = TABLE.files()["tex"].decode()
    assert tex.startswith("% \\usepackage{booktabs}\n\\begin{table}")
    assert r"\caption[What is 50 \% of it.]{What is 50 \% of it. More.}" in tex
    assert r"\label{tab:nature_x-made_up}" in tex
    assert r"\begin{tabular}{lrrp{4cm}}" in tex
    assert r"game & score & published \% & reason \\" in tex
    assert rows_of(tex) == [
        ["Q*bert", r"\textbf{1,234.5 $\pm$ 3.0}", "1,199.0", r"\{50 \%\} of \textasciitilde{}3"],
        [r"H.E.R.O. \& co\_1", "missing", "5.0", r"\#1 \textbackslash{} \textasciicircum{}2"],
        ["Pong", r"\textbf{$-$20.7}", r"\textbf{$-$20.7}", "a text that is so long that it has to wrap"],
    ]
    assert tex.count("{") == tex.count("}")


def test_a_long_table_breaks_across_pages_and_a_paper_may_have_fewer_columns() -> None:
    long = pd.concat([FRAME] * MOST_ROWS_IN_A_FLOAT, ignore_index=True)
    table = Table("long", long, "Long.", paper_columns=("game", "score"))
    tex = table.files()["tex"].decode()
    assert r"\begin{longtable}{lr}" in tex and r"\begin{table}" not in tex
    assert "reason" not in tex and "reason" in table.files()["csv"].decode()


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


@pytest.mark.parametrize(("cell", "number"), [("1,234.5 ± 3", 1234.5), ("−5", -5), ("12 %", 12), ("0", 0)])
def test_a_cell_begins_with_its_number(cell: str, number: float) -> None:
    assert leading_number(cell) == number


@pytest.mark.parametrize("cell", ["", "missing", "none", "e", "one of"])
def test_a_cell_without_a_number_takes_no_part(cell: str) -> None:
    assert leading_number(cell) != leading_number(cell)


def test_no_rows_still_give_files(tmp_path: Path) -> None:
    paths = write_table(Table("empty", FRAME.iloc[:0], "Nothing yet."), tmp_path)
    assert [path.suffix for path in paths] == [".csv", ".md", ".tex"]
    assert rows_of(to_latex(FRAME.iloc[:0], FRAME.iloc[:0] == "", "Nothing.", "tab:x")) == []
