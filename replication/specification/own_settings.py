"""The settings class of a user's own algorithm, which may stand in the algorithm's file.

Asking for it imports the file, and torch with it. Nobody asks where the class is one of this package's
(specification/families).
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from replication.foundation import paths
from replication.foundation.errors import ReplicationError
from replication.foundation.optional_settings import in_force
from replication.specification.families.facts import FamilyFacts, FamilySettings


def own_settings(facts: FamilyFacts, module: str, source: Path | None) -> type[FamilySettings]:
    """Import a user's algorithm for its settings class: the `Config` of the file, or its family's where it has none.

    Args:
        facts: of the algorithm's family.
        module: name of the algorithm, a file beside those of this package.
        source: its file, where that lies elsewhere.

    Raises:
        ReplicationError: the file cannot be imported; its `Config` is no settings class of the family, or has a
            default that no YAML could say.
    """
    imported = _imported_beside(facts.name, module) if source is None else imported_file(source)
    place = source or paths.ALGORITHMS / facts.name / f"{module}.py"
    found = getattr(imported, "Config", facts.settings)
    if not (isinstance(found, type) and issubclass(found, facts.settings)):
        raise ReplicationError(f"{place}: Config: found {found!r}, expected a subclass of {facts.settings.__name__}")
    try:
        in_force(found, {})
    except (AttributeError, TypeError, ValueError):
        raise ReplicationError(
            f"{place}: Config: found a default that is no plain data, expected numbers, words, True, False, None, "
            "lists or settings classes of them: it is compared with what a YAML says; mend the default"
        ) from None
    return found


def imported_file(source: Path) -> ModuleType:
    """Import a Python file outside this package under the file's own name, anew where its content has changed.

    Raises:
        ReplicationError: no such file, a name that is taken, or whatever importing it runs into.
    """
    name = source.stem
    if source.suffix != ".py" or not source.is_file():
        raise ReplicationError(f"{source}: expected a Python file with an algorithm, found none")
    taken = importlib.util.find_spec(name) if name.isidentifier() else None
    if not name.isidentifier() or (taken is not None and taken.origin != str(source.resolve())):
        raise ReplicationError(
            f"{source}: {name!r} cannot be its module's name, it is taken or no word; rename the file"
        )
    return _imported(name, source.resolve(), source.read_bytes())


@lru_cache(maxsize=16)  # of the content too: two imports of one file would be two classes for the same settings
def _imported(name: str, source: Path, content: bytes) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, source)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # settings classes look up their annotations there
    sys.path.append(folder := str(source.parent))  # a file may use others beside it
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _import_error(source, error) from None
    finally:
        sys.path.remove(folder)
    return module


def _imported_beside(family: str, module: str) -> ModuleType:
    try:
        return importlib.import_module(f"replication.algorithms.{family}.{module}")
    except Exception as error:
        raise _import_error(paths.ALGORITHMS / family / f"{module}.py", error) from None


def _import_error(source: Path, error: Exception) -> ReplicationError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return ReplicationError(f"{source}: cannot be imported ({reason}); mend the file")
