"""A table of text cells as LaTeX: booktabs, escaped, with caption and label, ready to be input in a paper."""

from __future__ import annotations

import re

import pandas as pd

MOST_ROWS_IN_A_FLOAT = 30
"""A longer table breaks across pages (longtable)."""
_WIDE_CHARACTERS = 28
"""Text columns with longer cells wrap."""
_LONG_HEADING_CHARACTERS = 14
"""Longer headings above numbers wrap."""
_NUMBER = re.compile(r"[-−+±]?[\d.,]+ ?%?( ± [\d.,]+| to [-−]?[\d.,]+)?|missing|not run|none|\d+ of \d+|")
_MINUS = re.compile(r"(?<![\w.)-])-(?=[\d.])")
"""A hyphen that stands before a number."""
_SMALL = r"\footnotesize\setlength{\tabcolsep}{3pt}"
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "ε": r"$\epsilon$",
} | {sign: f"\\{sign}" for sign in "&%$#_{}"}


def escaped(text: object) -> str:
    """Return text in which every sign that LaTeX reads as its own stands for itself."""
    return "".join(_SPECIAL.get(sign, sign) for sign in _MINUS.sub("−", str(text)))


def to_latex(frame: pd.DataFrame, caption: str, label: str) -> str:
    """Write a booktabs table; numbers are set right, long text wraps.

    Args:
        frame: text cells, at least one column.
        caption: plain text; its first sentence alone goes into a list of tables.
        label: what a reference takes.
    """
    cells = frame.astype(str)
    long = len(cells) > MOST_ROWS_IN_A_FLOAT
    alignment = {str(name): _alignment(cells[name].tolist()) for name in cells.columns}

    def heading(name: object) -> str:
        wraps = alignment[str(name)] == "r" and len(str(name)) > _LONG_HEADING_CHARACTERS
        return rf"\parbox[b]{{1.7cm}}{{\raggedleft {escaped(name)}}}" if wraps else escaped(name)

    styler = cells.style.hide(axis="index").format(escaped).format_index(heading, axis="columns")
    short = re.split(r"(?<=\.) (?=[A-Z])", caption, maxsplit=1)[0]
    body = styler.to_latex(
        column_format="".join(alignment.values()),
        hrules=True,
        label=label,
        caption=(escaped(caption), escaped(short)),
        environment="longtable" if long else None,
        position=None if long else "tbp",
        position_float=None if long else "centering",
    )
    if long:
        return f"% \\usepackage{{booktabs, longtable}}\n\\begingroup{_SMALL}\n{body}\\endgroup\n"
    # A float begins with the size of the page's text: the smaller one belongs inside of it.
    return "% \\usepackage{booktabs}\n" + body.replace("\\centering", "\\centering" + _SMALL, 1)


def _alignment(cells: list[str]) -> str:
    if all(_NUMBER.fullmatch(cell) for cell in cells):
        return "r"
    return "p{4cm}" if max(map(len, cells)) > _WIDE_CHARACTERS else "l"
