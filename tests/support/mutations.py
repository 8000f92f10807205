"""Random changes of files, for fuzzing: of bytes, of lines of text, and of plain data."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

SCRAPS = [
    *(
        "",
        " ",
        "\t",
        "#",
        "# remark",
        "-",
        ":",
        ",",
        "''",
        '"',
        "'",
        "[",
        "]",
        "{}",
        "[]",
        "[1, 2]",
        "{a: 1}",
        "null",
        "~",
    ),
    *(
        "true",
        "yes",
        "no",
        "0",
        "1",
        "-1",
        "4",
        "0.98",
        "1.5",
        "1e6",
        "1e-4",
        "1.0e+400",
        ".nan",
        ".inf",
        "-.inf",
        "nan",
    ),
    *("0x10", "010", "1_000", "12:30:45", "2015-02-26", "9" * 30, "9" * 5000, "nature", "dqn", "pong", "x" * 300),
    *(
        "&a [*a]",
        "*b",
        "<<: {a: 1}",
        "!!set {a}",
        "!!binary aGk=",
        "!!python/name:os.system",
        "%YAML 1.1",
        "---",
        "...",
    ),
    *("\x00", "\x85", "\u2028", "\ufeff", "\ud7ff", "é", '"\\ud800"', "a\\nb", "\r"),
]
"""What people and machines leave in files."""

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, -1, 2**31, 2**63, 2**64, 10**30])
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1e6", "0.5", "nature", "dqn", "catch", "pong", "a\nb", "x" * 300]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
"""Plain data of any kind."""


@st.composite
def mutated_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """One to three changes of single bytes, or of a stretch of them."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(changed) - 1)))
        way = draw(st.sampled_from(["set", "flip", "insert", "cut off", "take out"]))
        if way == "cut off":
            del changed[at:]
        elif way == "take out":
            del changed[at : at + draw(st.integers(1, 40))]
        elif way == "insert" or not changed:
            changed[at:at] = draw(st.binary(min_size=1, max_size=4))
        elif way == "flip":
            changed[at] ^= 1 << draw(st.integers(0, 7))
        else:
            changed[at] = draw(st.integers(0, 255))
    return bytes(changed)


@st.composite
def mutated_lines(draw: st.DrawFn, text: str, separator: str = ":") -> str:
    """One to three lines deleted, doubled, moved or changed in one of their parts."""
    lines = text.split("\n")
    scrap = st.sampled_from(SCRAPS)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        way = draw(st.sampled_from(["delete", "double", "move", "part", "part", "part", "scrap", "indent", "remark"]))
        if way == "delete" and len(lines) > 1:
            del lines[at]
        elif way == "double":
            lines.insert(draw(st.integers(0, len(lines))), lines[at])
        elif way == "move":
            line = lines.pop(at)
            lines.insert(draw(st.integers(0, len(lines))), line)
        elif way == "part":
            parts = lines[at].split(separator)
            parts[draw(st.integers(0, len(parts) - 1))] = (" " if separator == ":" else "") + draw(scrap)
            lines[at] = separator.join(parts)
        elif way == "scrap":
            lines.insert(at, draw(scrap))
        elif way == "indent":
            lines[at] = "  " + lines[at] if draw(st.booleans()) else lines[at].removeprefix("  ")
        else:
            lines[at] += "  # a remark"
    return "\n".join(lines)


@st.composite
def mutated_mapping(draw: st.DrawFn, content: dict[str, Any]) -> dict[str, Any]:
    """One or two values, keys or entries changed, removed or added, anywhere inside."""
    changed = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, 2))):
        inner: Any = changed
        while True:
            inside = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
            if not inside:
                break
            key = draw(st.sampled_from(inside))
            if isinstance(inner[key], dict | list) and inner[key] and draw(st.integers(0, 3)):
                inner = inner[key]
                continue
            way = draw(st.sampled_from(["value", "value", "value", "take out", "rename"]))
            if way == "value":
                inner[key] = draw(VALUES)
            elif way == "take out" or isinstance(inner, list):
                del inner[key]
            else:
                inner[draw(st.text(max_size=8) | st.sampled_from([f"{key}s", str(key)[:-1]]))] = inner.pop(key)
            break
    return changed


if __name__ == "__main__":
    from tests.support.mutated_inputs import main

    raise SystemExit(main())
