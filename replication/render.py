"""Tables, figures and pages by name: a new one is one module, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

from replication.errors import unknown_name
from replication.experiments import load_experiment


def render_table(experiment: str, name: str, results: Path) -> None:
    """Write results/EXPERIMENT/tables/NAME.csv and .md.

    Raises:
        ReplicationError: no such experiment or table; a damaged run file.
    """
    from replication import tables

    table = _module(tables, "table", name).build(load_experiment(experiment), results)
    tables.write_table(table, results / experiment / "tables")


def render_figure(experiment: str, name: str, results: Path) -> None:
    """Write results/EXPERIMENT/figures/NAME.svg, .png, .csv and .txt.

    Raises:
        ReplicationError: no such experiment or figure; a damaged run file.
    """
    from replication import figures

    figure = _module(figures, "figure", name).build(load_experiment(experiment), results)
    figures.write_figure(figure, results / experiment / "figures")


def render_page(experiment: str, results: Path) -> None:
    """Write results/EXPERIMENT/index.html.

    Raises:
        ReplicationError: no such experiment; a damaged run file.
    """
    from replication.page import write_page

    write_page(load_experiment(experiment), results)


def _module(package: ModuleType, kind: str, name: str) -> ModuleType:
    known = [module.name for module in pkgutil.iter_modules(package.__path__)]
    if name not in known:
        raise unknown_name(kind, name, known)
    return importlib.import_module(f"{package.__name__}.{name}")
