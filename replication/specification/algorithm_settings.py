"""The settings class of an algorithm as its source tells it: importing the algorithm itself would import torch.

Read from the syntax tree of its file: the names of the fields that its `Config` has beside those of its family, and
their defaults. What values they accept is left to the class itself, before training starts.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Union

from pydantic import ConfigDict, create_model

from replication.foundation.errors import ReplicationError
from replication.foundation.validation import Settings

_PACKAGE = "replication.algorithms."


class _Told(Settings):
    """A class that was read from a source; only few of them are ever asked to check anything."""

    model_config = ConfigDict(defer_build=True)


def told_settings(source: Path, folder: Path, known: Mapping[str, type[Settings]]) -> type[Settings] | None:
    """Read the settings class of an algorithm from its source.

    Args:
        source: the algorithm's file.
        folder: of the bundled algorithms, a folder for each family, whose settings another algorithm may extend.
        known: settings classes by the names under which files import them.

    Returns: a class with the fields and defaults of the algorithm's `Config`, whose own fields accept any value; None
        where the source does not tell.
    Raises:
        ReplicationError: a default that is not written out.
    """
    return _told(source, source.read_text(encoding="utf-8"), folder, tuple(known.items()))


@cache
def _told(
    source: Path, text: str, folder: Path, known: tuple[tuple[str, type[Settings]], ...]
) -> type[Settings] | None:
    return _Source(source, ast.parse(text), folder, dict(known)).settings("Config")


class _Source:
    """The settings classes of one file, by name."""

    def __init__(self, path: Path, tree: ast.Module, folder: Path, known: Mapping[str, type[Settings]]) -> None:
        self._path, self._folder, self._known = path, folder, known
        self._classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        self._same: dict[str, ast.expr] = {}
        """Second names: `Config = OffPolicyConfig`."""
        self._modules: dict[str, tuple[str, str]] = {}
        """Algorithms that the file imports, family and module, by the names it gives them."""
        self._imported: dict[str, tuple[str, str, str]] = {}
        """What it imports of algorithms: family and module of the algorithm, and the name there."""
        self._built: dict[str, type[Settings] | None] = {}
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self._same[node.targets[0].id] = node.value
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_PACKAGE):
                family, _, module = str(node.module).removeprefix(_PACKAGE).partition(".")
                for name in node.names:
                    if module:
                        self._imported[name.asname or name.name] = (family, module, name.name)
                    else:
                        self._modules[name.asname or name.name] = (family, name.name)

    def settings(self, name: str) -> type[Settings] | None:
        """Return the settings class that the file knows by a name; None where the file does not tell."""
        if name not in self._built:
            self._built[name] = None  # a class that leads to itself is none
            self._built[name] = self._build(name)
        return self._built[name]

    def _build(self, name: str) -> type[Settings] | None:
        if name in self._classes:
            return self._class(self._classes[name])
        if name in self._same:
            return self._named(self._same[name])
        if name in self._imported:
            return self._elsewhere(*self._imported[name])
        return self._known.get(name)

    def _named(self, expression: ast.expr) -> type[Settings] | None:
        if isinstance(expression, ast.Name):
            return self.settings(expression.id)
        if isinstance(expression, ast.Attribute) and isinstance(expression.value, ast.Name):
            module = self._modules.get(expression.value.id)
            return None if module is None else self._elsewhere(*module, expression.attr)
        return None

    def _elsewhere(self, family: str, module: str, name: str) -> type[Settings] | None:
        path = self._folder / family / f"{module}.py"
        if not path.is_file():
            return None
        return _Source(path, ast.parse(path.read_text(encoding="utf-8")), self._folder, self._known).settings(name)

    def _class(self, node: ast.ClassDef) -> type[Settings] | None:
        bases = [self._named(base) for base in node.bases]
        if not bases or None in bases:
            return None
        fields: dict[str, Any] = {
            part.target.id: (self._type(part.annotation), self._default(node, part))
            for part in node.body
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and _is_field(part)
        }
        parents = tuple(base for base in bases if base is not None and not issubclass(_Told, base))
        return create_model(node.name, __base__=(*parents, _Told), **fields)

    def _type(self, annotation: ast.expr) -> Any:
        """Return a type of any value that names what of an annotation YAMLs may leave unsaid.

        These are its settings classes, which may have defaults, and None.
        """
        names = [part.id for part in ast.walk(annotation) if isinstance(part, ast.Name)]
        models = [found for name in names if (found := self.settings(name)) is not None]
        return Union[(*models, Any, *[None] * _may_be_none(annotation))]

    def _default(self, node: ast.ClassDef, part: ast.AnnAssign) -> Any:
        """Return the default of a field; Ellipsis where it has none."""
        value = part.value
        if isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] == "Field":
            given = {word.arg: word.value for word in value.keywords}
            value = given.get("default", given.get("default_factory", value.args[0] if value.args else None))
        if value is None:
            return ...
        try:
            return ast.literal_eval(value)
        except ValueError:
            raise ReplicationError(
                f"{self._path}: line {part.lineno}: {node.name}.{ast.unparse(part.target)}: the default is found as "
                f"{ast.unparse(value)}, expected a number, a word, True, False, None or a list of them: plans read it "
                "without running the file; write it out"
            ) from None


def _may_be_none(annotation: ast.expr) -> bool:
    if isinstance(annotation, ast.BinOp):
        return _may_be_none(annotation.left) or _may_be_none(annotation.right)
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).endswith("Annotated"):
        inner = annotation.slice
        return isinstance(inner, ast.Tuple) and _may_be_none(inner.elts[0])
    return isinstance(annotation, ast.Constant) and annotation.value is None


def _is_field(part: ast.AnnAssign) -> bool:
    name = ast.unparse(part.target)
    return not name.startswith("_") and not ast.unparse(part.annotation).startswith("ClassVar")
