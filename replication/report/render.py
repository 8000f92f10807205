"""Tables, figures and pages, built and written by name: a new table or figure is one module, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from replication.foundation.errors import unknown_name
from replication.foundation.files import write_atomically
from replication.specification.control_experiments import known_control_experiments, load_control_experiment
from replication.specification.experiments import NOT_SHOWN, load_experiment

if TYPE_CHECKING:  # pandas and matplotlib are loaded where they are needed
    from replication.report.figures.figure import FigureResult
    from replication.report.tables.table import Table


def build_table(experiment: str, name: str, results: Path) -> Table:
    """Build the table that tables/NAME.py makes of an experiment's finished runs.

    Raises:
        ReplicationError: no such experiment or table; a damaged run file.
    """
    if experiment in known_control_experiments():
        from replication.report import control_tables

        return control_tables.build_table(load_control_experiment(experiment), name, results)
    from replication.report import tables

    table: Table = _module(tables, "table", name).build(load_experiment(experiment), results)
    return replace(table, experiment=experiment)


def build_figure(experiment: str, name: str, results: Path) -> FigureResult:
    """Build the figure that figures/NAME.py draws of an experiment's finished runs.

    Raises:
        ReplicationError: no such experiment or figure; a damaged run file.
    """
    if experiment in known_control_experiments():
        from replication.report import control_figures

        return control_figures.build_figure(load_control_experiment(experiment), name, results)
    from replication.report import figures

    figure: FigureResult = _module(figures, "figure", name).build(load_experiment(experiment), results)
    return figure


def build_page(experiment: str, results: Path) -> bytes:
    """Build the page of an experiment from the files of its tables and figures.

    Raises:
        ReplicationError: no such experiment; a table or figure is missing; a damaged run file.
    """
    if experiment in known_control_experiments():
        from replication.report.pages.control import control_page_html

        return control_page_html(load_control_experiment(experiment), results).encode()
    from replication.report.pages.experiment import page_html

    return page_html(load_experiment(experiment), results).encode()


def render_table(experiment: str, name: str, results: Path) -> None:
    """Write results/EXPERIMENT/tables/NAME.csv, .md and .tex."""
    from replication.report.tables.table import write_table

    write_table(build_table(experiment, name, results), results / experiment / "tables")


def render_figure(experiment: str, name: str, results: Path) -> None:
    """Write results/EXPERIMENT/figures/NAME.svg, .png, .csv and .txt."""
    from replication.report.figures.figure import write_figure

    write_figure(build_figure(experiment, name, results), results / experiment / "figures")


def render_page(experiment: str, results: Path) -> None:
    """Write results/EXPERIMENT/index.html."""
    if experiment in known_control_experiments():
        write_atomically(results / experiment / "index.html", build_page(experiment, results))
        return
    from replication.report.pages.experiment import write_page

    write_page(load_experiment(experiment), results)


def render_index(results: Path) -> None:
    """Write results/index.html, the page of all experiments."""
    from replication.report.pages.index import write_index

    write_index(results)


def _module(package: ModuleType, kind: str, name: str) -> ModuleType:
    known = [module.name for module in pkgutil.iter_modules(package.__path__) if module.name not in NOT_SHOWN]
    if name not in known:
        raise unknown_name(kind, name, known)
    return importlib.import_module(f"{package.__name__}.{name}")
