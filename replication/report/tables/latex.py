"""A table of text cells as LaTeX: booktabs, escaped, one column of an article wide, ready to be input in a paper.

The caption has two sentences at most; what else must be said stands in notes below the table.
"""

from __future__ import annotations

import re

import pandas as pd

MOST_ROWS_IN_A_FLOAT = 30
"""A longer table breaks across pages (longtable)."""
LINE_POINTS = 345.0
"""The width of text in a plain article of ten points."""
_SPARE_POINTS = 8.0
"""Letters are not all of one width."""
_SIZES = {"footnotesize": 4.45, "scriptsize": 3.9}
"""Sizes of letters, and about the points that a character takes; a capital or a digit takes no more."""
_GAP_POINTS = 6.0
"""Between two columns."""
_NUMBER = re.compile(
    r"± ?[\d.,]+|[-−+]?[\d.,]+ ?%?( ± [\d.,]+| to [-−+]?[\d.,]+)?( \([^a-z]*( to [^a-z]*)?\))?|\d+/\d+( \([\d,]+\))?"
    r"|missing|not run|none|not finite|\d+ of \d+|"
)
_MINUS = re.compile(r"(?<![\w.)-])-(?=[\d.])")
"""A hyphen that stands before a number."""
_SENTENCES_OF_A_CAPTION = 2
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
    """Write a booktabs table; numbers are set right, words wrap where all columns do not fit a line.

    Args:
        frame: text cells, at least one column.
        caption: plain text; its first two sentences stand above the table, the others below it.
        label: what a reference takes.
    """
    cells = frame.astype(str)
    size, points = _size(cells)
    widths = _widths(cells, points)
    columns = "".join(_column(cells[name].tolist(), widths[str(name)]) for name in cells.columns)
    rows = [[escaped(cell) for cell in row] for row in cells.to_numpy().tolist()]
    head = " & ".join(_heading(str(name), cells[name].tolist(), widths[str(name)], points) for name in cells.columns)
    body = "".join(f"{' & '.join(row)} \\\\\n" for row in rows)
    sentences = re.split(r"(?<=\.) (?=[A-Z])", caption)
    above = " ".join(sentences[:_SENTENCES_OF_A_CAPTION])
    notes = " ".join(sentences[_SENTENCES_OF_A_CAPTION:])
    title = f"\\caption[{escaped(sentences[0])}]{{{escaped(above)}}}\n\\label{{{label}}}"
    small = f"\\{size}\\setlength{{\\tabcolsep}}{{3pt}}"
    below = f"\\par\\smallskip\\noindent\\parbox{{\\linewidth}}{{\\scriptsize {escaped(notes)}}}\n" if notes else ""
    # The outer gaps are left out: a table is as wide as the text.
    columns = f"@{{}}{columns}@{{}}"
    if len(cells) > MOST_ROWS_IN_A_FLOAT:
        headed = f"\\toprule\n{head} \\\\\n\\midrule\n"
        return (
            f"% \\usepackage{{array, booktabs, longtable}}\n\\begingroup{small}\n\\begin{{longtable}}{{{columns}}}\n"
            f"{title} \\\\\n{headed}\\endfirsthead\n{headed}\\endhead\n\\bottomrule\n\\endlastfoot\n"
            f"{body}\\end{{longtable}}\n{below}\\endgroup\n"
        )
    return (
        f"% \\usepackage{{array, booktabs}}\n\\begin{{table}}[tbp]\n\\centering\n{title}\n{small}\n"
        f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{head} \\\\\n\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n"
        f"{below}\\end{{table}}\n"
    )


def _is_number(cells: list[str]) -> bool:
    return all(_NUMBER.fullmatch(cell) for cell in cells)


def _widths(cells: pd.DataFrame, points: float) -> dict[str, float | None]:
    """Return for each column the points at which its cells wrap; None where they need not.

    Args:
        cells: of the table.
        points: that a character takes.
    """
    needed, least = {}, {}
    for name in map(str, cells.columns):
        found = cells[name].tolist()
        needed[name] = _natural(found, name, points)
        if not _is_number(found):
            least[name] = points * max(map(len, " ".join([name, *found]).split()))
    room = _room(len(needed))
    widths: dict[str, float | None] = dict.fromkeys(needed)
    if sum(needed.values()) <= room:
        return widths
    left = room - sum(width for name, width in needed.items() if name not in least)
    for place, name in enumerate(sorted(least, key=lambda word: needed[word])):
        share = max(least[name], left / (len(least) - place))
        if needed[name] > share:
            widths[name] = share
        left -= min(needed[name], share)
    return widths


def _size(cells: pd.DataFrame) -> tuple[str, float]:
    """Return the size of the letters, the larger one where a line has room, and the points that a character takes."""
    sizes = [*_SIZES.items()]
    for size, points in sizes[:-1]:
        widths = _widths(cells, points)
        natural = {str(name): _natural(cells[name].tolist(), str(name), points) for name in cells.columns}
        taken = sum(natural[name] if width is None else width for name, width in widths.items())
        if taken <= _room(len(widths)):
            return size, points
    return sizes[-1]


def _room(columns: int) -> float:
    """Return the points that the cells of a line may take."""
    return LINE_POINTS - _SPARE_POINTS - _GAP_POINTS * (columns - 1)


def _natural(cells: list[str], heading: str, points: float) -> float:
    """Return the width of a column that does not wrap; above numbers its heading does."""
    return points * max([_longest_part(heading) if _is_number(cells) else len(heading), *map(len, cells)])


def _column(cells: list[str], width: float | None) -> str:
    if width is not None:
        return f">{{\\raggedright\\arraybackslash}}p{{{width:.0f}pt}}"
    return "r" if _is_number(cells) else "l"


def _heading(name: str, cells: list[str], width: float | None, points: float) -> str:
    """Return a heading; above numbers it wraps at the width of the numbers, or of its longest word."""
    longest = max([_longest_part(name), *map(len, cells)])
    if width is not None or not _is_number(cells) or len(name) <= longest:
        return escaped(name)
    wrapping = escaped(name).replace("\\_", "\\_\\allowbreak{}")
    return f"\\parbox[b]{{{points * longest:.0f}pt}}{{\\raggedleft {wrapping}}}"


def _longest_part(heading: str) -> int:
    """Return the characters of the longest part that does not break."""
    return max(map(len, re.split(r"(?<=_)| ", heading)))
