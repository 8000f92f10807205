"""The words of the program: what a docstring begins with, and names that only one program ever used."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "replication"
_VERBS = """
Add Advance Allocate Apply Ask Average Begin Bind Bring Build Call Carry Check Choose Close Compare Compute Continue
Convert Convolve Copy Count Cut Declare Decode Decompress Derive Describe Do Draw Drop Embed End Estimate Evaluate
Execute Expect Fill Find Forget Form Format Gather Give Group Hold Import Insert Judge Keep Kill Lay Learn Leave List
Load Lock Look Make Map Mark Measure Move Name Normalize Normalize Note Open Order Pair Parse Play Power Press Print
Project Put Raise Read Record Reduce Refuse Remove Rename Replace Require Reset Resolve Restore Return Run Say Scale
Score Select Send Separate Set Shift Shorten Solve Split Start Stop Store Sum Take Tell Time Train Update Value Wait
Write Yield
"""
VERBS = frozenset(_VERBS.split())
"""First words of docstrings that are verbs; one that is missing is added here."""
FOREIGN = re.compile(r"\b(lesson|studying|perceive|crew|captured|kit)\b", re.IGNORECASE)
"""Words of the original program, and names that nobody else would guess."""
KEPT = Path("environments/atari/toy_game.py")
"""Its bytes are the game's digest, which traces name."""
PROPERTIES = {"property", "cached_property", "setter"}


def docstrings(path: Path) -> Iterator[tuple[str, str]]:
    """Yield place and docstring of every function and method of a file that is no property, nested ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        # `functools.cached_property` and `name.setter` are attributes, `property` is a name.
        decorators = {getattr(each, "attr", getattr(each, "id", "")) for each in node.decorator_list}
        text = ast.get_docstring(node)
        if text and not decorators & PROPERTIES:
            yield f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}", text


def no_verb(path: Path) -> list[str]:
    return [
        f"{place}: {text.splitlines()[0]}"
        for place, text in docstrings(path)
        if text.split()[0].rstrip(".,:;") not in VERBS
    ]


def test_a_docstring_of_a_function_begins_with_a_verb() -> None:
    assert [line for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / KEPT for line in no_verb(path)] == []


def test_a_docstring_that_begins_with_none_is_found(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    (tmp_path / "some.py").write_text(
        'class A:\n    """Nothing."""\n\n    @property\n    def one(self):\n        """The one."""\n\n'
        '    def two(self):\n        """The two."""\n\n        def three():\n            """Return three."""\n'
    )
    assert no_verb(tmp_path / "some.py") == ["some.py:8 two: The two."]


def test_no_word_is_used_that_only_one_program_knew() -> None:
    """`perceive` may stand in one comment, with its source."""
    found = [
        f"{path.relative_to(PACKAGE)}:{number}: {line.strip()}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if FOREIGN.search(line)
    ]
    sourced = [line for line in found if "perceive" in line and "#" in line and ".lua" in line]
    assert sorted(set(found) - set(sourced[:1])) == []
