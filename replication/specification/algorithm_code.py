"""The code of an algorithm, as a digest: who edits a loss and trains again has another run.

The digest is over the syntax tree of the algorithm's file and of the files that it uses: those of `algorithms/`, and
those beside a user's own. Docstrings, comments, layout and import lines are left out, so that words and moves change
nothing. What an algorithm must provide (contract.py) is no part of it.

A digest that the fingerprint test showed to learn the same numbers stands in `known_code.json`, and names no run: the
numerics version of the family does. Any other is part of what names a run.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

from replication.foundation import paths
from replication.foundation.errors import ReplicationError
from replication.foundation.files import canonical_json, sha256

DIGITS = 16
"""Of a digest as it is kept."""
_PACKAGE = "replication.algorithms"
_NO_CODE = frozenset({"contract", "__init__"})


def code_digest(source: Path) -> str:
    """Compute the digest of an algorithm's file and of what it uses.

    Raises:
        ReplicationError: a file cannot be read, or is no Python.
    """
    folders = [source.parent, paths.ALGORITHMS, *(entry for entry in os.scandir(paths.ALGORITHMS) if entry.is_dir())]
    return _digest(source, *map(_stamp, folders))


@lru_cache(maxsize=1_000)  # an experiment has hundreds of runs of one algorithm
def _digest(source: Path, *stamps: tuple[tuple[str, int, int], ...]) -> str:
    """Compute the digest; `stamps` tell apart what files it may use held at another time."""
    own, *used = [_of_text(path.read_text(encoding="utf-8"), path) for path in _files(source)]
    return sha256(canonical_json([own, sorted(used)]))[:DIGITS]


def _stamp(folder: os.PathLike[str]) -> tuple[tuple[str, int, int], ...]:
    """Return name, time and size of each Python file of a folder."""
    files = [(entry.name, entry.stat()) for entry in os.scandir(folder) if entry.name.endswith(".py")]
    return tuple(sorted((name, found.st_mtime_ns, found.st_size) for name, found in files))


def unknown_code(family: str, module: str, source: Path) -> str | None:
    """Return the digest of an algorithm's code where it is part of what names a run.

    Args:
        family: of the algorithm.
        module: its name.
        source: its file.

    Returns: None where the fingerprint test has shown this code to learn the numbers of its numerics version, and
        where there is no file (a policy of another program).
    """
    if not source.is_file():
        return None
    digest = code_digest(source)
    return None if digest in known_digests().get(family, {}).get(module, ()) else digest


@cache
def known_digests() -> dict[str, dict[str, tuple[str, ...]]]:
    """Read the digests of this package's algorithms that are known to learn the same, by family and module."""
    content = json.loads((Path(__file__).parent / "known_code.json").read_bytes())
    return {
        family: {module: tuple(digests) for module, digests in modules.items()} for family, modules in content.items()
    }


def _files(source: Path) -> list[Path]:
    """List the file and those it uses, each once, the file itself first."""
    found: dict[Path, None] = {}
    left = [source]
    while left:
        path = left.pop(0)
        if path not in found:
            found[path] = None
            left += _used_by(path)
    return list(found)


def _used_by(path: Path) -> Iterator[Path]:
    for name in _imported(path.read_text(encoding="utf-8"), path):
        inside = name.removeprefix(f"{_PACKAGE}.").split(".")
        known = paths.ALGORITHMS.joinpath(*inside).with_suffix(".py")
        beside = path.with_name(f"{name}.py")
        for used in [known] if name.startswith(f"{_PACKAGE}.") else [beside] if "." not in name else []:
            if used.is_file() and used.stem not in _NO_CODE:
                yield used


@lru_cache(maxsize=1_000)
def _imported(text: str, path: Path) -> tuple[str, ...]:
    """List the full names of what a file imports: modules, and names that may be modules."""
    names: list[str] = []
    for node in ast.walk(_tree(text, path)):
        if isinstance(node, ast.Import):
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            names += [node.module] if node.module else [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
    return tuple(sorted(set(names)))


@lru_cache(maxsize=1_000)  # a plan asks for the same few files again and again
def _of_text(text: str, path: Path) -> str:
    return sha256(canonical_json(_plain(_tree(text, path))))


@lru_cache(maxsize=1_000)
def _tree(text: str, path: Path) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise ReplicationError(f"{path}: line {error.lineno}: not readable as Python ({error.msg}); mend it") from None


def _plain(node: object) -> object:
    """Return a syntax tree as plain data: what is empty is left out, since versions of Python differ in it."""
    if isinstance(node, ast.AST):
        fields = {name: _plain(value) for name, value in ast.iter_fields(node)}
        return {"": type(node).__name__} | {name: value for name, value in fields.items() if value not in (None, [])}
    if isinstance(node, list):
        return [_plain(each) for each in node if not _says_nothing(each)]
    return node if isinstance(node, str | bool | int | None) else repr(node)


def _says_nothing(node: object) -> bool:
    """Return whether a statement is a docstring, or another string that stands alone, or an import."""
    words = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return words or isinstance(node, ast.Import | ast.ImportFrom)
