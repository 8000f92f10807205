"""The look of tables of statements: what a text says, what was found, and the probability that it is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from replication.analysis.intervals import LEVEL
from replication.analysis.statements import Statement, probability_text
from replication.report.tables.columns import PrintedColumn, number, text
from replication.report.tables.table import Table

_DATA = ("statement", "source", "ours", "comparisons", "probability_wrong", "verdict")
_COLUMNS = (
    text("statement"),
    text("source"),
    text("ours"),
    number("comparisons", digits=0),
    PrintedColumn("probability of being wrong", ("probability_wrong",), probability_text, "missing"),
    text("verdict"),
)


def statements_table(name: str, first_sentences: str, statements: Sequence[Statement], beside: str = "") -> Table:
    """Make a table, a row a statement.

    Args:
        name: of the table's module.
        first_sentences: of the caption.
        statements: in order.
        beside: what else the caption says.
    """
    rows = [
        {
            "statement": each.text,
            "source": each.source,
            "ours": each.ours,
            "comparisons": len(each.comparisons),
            "probability_wrong": each.wrong if each.comparisons else None,
            "verdict": each.word,
        }
        for each in statements
    ]
    caption = (
        f"{first_sentences} The text gives no numbers: a statement is tested by the comparisons it comes to, a run "
        "being the unit. Probability of being wrong: the tail of Student's distribution at and below a difference of "
        f"0, added over the comparisons. Replicated: at most {1 - LEVEL:.0%}. Differs: the opposite of one comparison "
        f"is wrong with at most that, counted as often as there are comparisons. Else inconclusive. {beside}"
    ).strip()
    return Table(name, pd.DataFrame(rows, columns=list(_DATA)), caption, columns=_COLUMNS)
