"""The module of an algorithm by its name: one of this package, or a user's own that lies elsewhere."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from replication.foundation.errors import unknown_name
from replication.specification.own_algorithms import own_algorithms
from replication.specification.own_settings import imported_file


def algorithm_module(family: str, name: str) -> ModuleType:
    """Import the module of an algorithm.

    Args:
        family: of the algorithm.
        name: of its file.

    Raises:
        ReplicationError: there is no such module; a user's own cannot be imported.
    """
    own = own_algorithms().get(name)
    if own is not None:
        return imported_file(own)
    package = importlib.import_module(f"{__package__}.{family}")
    known = [module.name for module in pkgutil.iter_modules(package.__path__) if module.name != "contract"]
    if name not in known:
        raise unknown_name("algorithm module", name, known)
    return importlib.import_module(f"{package.__name__}.{name}")
