"""Tables, figures and pages, built and written by name: a new table or figure is one module, found by its name."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from replication.foundation.errors import unknown_name
from replication.specification.experiments import NOT_SHOWN, load_experiment

if TYPE_CHECKING:  # pandas and matplotlib are loaded where they are needed
    from replication.analysis.finished import FinishedRuns
    from replication.report.figures.figure import FigureResult
    from replication.report.tables.table import Table


class Rendering:
    """What is shown of one experiment: each table, figure and page by its name, of runs that are read once.

    Attributes:
        tables: names of the experiment's tables.
        figures: names of its figures.
    """

    def __init__(self, experiment: str, results: Path) -> None:
        """Read the experiment; its runs are read when the first table, figure or page is asked for.

        Raises:
            ReplicationError: no such experiment.
        """
        self._experiment = load_experiment(experiment)
        self._results = results
        self.tables, self.figures = self._experiment.tables, self._experiment.figures

    @cached_property
    def _finished(self) -> FinishedRuns:
        from replication.analysis.finished import load_runs

        return load_runs(self._experiment, self._results)

    def table(self, name: str) -> Table:
        """Build the table that tables/NAME.py makes of the finished runs.

        Raises:
            ReplicationError: no such table; a damaged run file.
        """
        from replication.report import tables

        table: Table = _module(tables, "table", name).build(self._experiment, self._finished)
        return replace(table, experiment=self._experiment.experiment)

    def figure(self, name: str) -> FigureResult:
        """Build the figure that figures/NAME.py draws of the finished runs.

        Raises:
            ReplicationError: no such figure; a damaged run file.
        """
        from replication.report import figures

        figure: FigureResult = _module(figures, "figure", name).build(self._experiment, self._finished)
        return figure

    def page(self) -> bytes:
        """Build the page from the files of the tables and figures.

        Raises:
            ReplicationError: a table or figure is missing; a damaged run file.
        """
        from replication.report.pages.experiment import page_html

        return page_html(self._experiment, self._finished).encode()


def build_table(experiment: str, name: str, results: Path) -> Table:
    """Build one table of an experiment's finished runs.

    Raises:
        ReplicationError: no such experiment or table; a damaged run file.
    """
    return Rendering(experiment, results).table(name)


def build_figure(experiment: str, name: str, results: Path) -> FigureResult:
    """Build one figure of an experiment's finished runs.

    Raises:
        ReplicationError: no such experiment or figure; a damaged run file.
    """
    return Rendering(experiment, results).figure(name)


def build_page(experiment: str, results: Path) -> bytes:
    """Build the page of an experiment from the files of its tables and figures.

    Raises:
        ReplicationError: no such experiment; a table or figure is missing; a damaged run file.
    """
    return Rendering(experiment, results).page()


def render_table(experiment: str, name: str, results: Path) -> None:
    """Write results/EXPERIMENT/tables/NAME.csv, .md and .tex."""
    from replication.report.tables.table import write_table

    write_table(build_table(experiment, name, results), results / experiment / "tables")


def render_figure(experiment: str, name: str, results: Path) -> None:
    """Write results/EXPERIMENT/figures/NAME.svg, .png, .csv and .txt."""
    from replication.report.figures.figure import write_figure

    write_figure(build_figure(experiment, name, results), results / experiment / "figures")


def render_pdf(experiment: str, name: str, results: Path, width: str, font: str) -> list[Path]:
    """Write results/EXPERIMENT/figures/NAME.pdf, laid out for an article.

    Args:
        experiment: its name.
        name: of the figure.
        results: root of the results.
        width: a key of `COLUMN_INCHES`.
        font: a key of `FONTS`.

    Returns: the files.
    Raises:
        ReplicationError: no such experiment or figure; a damaged run file.
    """
    from replication.report.figures.figure import write_pdf
    from replication.report.figures.sheet import COLUMN_INCHES, FONTS, Sheet, drawn_on

    with drawn_on(Sheet(COLUMN_INCHES[width], FONTS[font])):
        return write_pdf(build_figure(experiment, name, results), results / experiment / "figures")


def render_page(experiment: str, results: Path) -> None:
    """Write results/EXPERIMENT/index.html."""
    from replication.report.pages.experiment import write_page

    write_page(load_experiment(experiment), results)


def render_index(results: Path) -> None:
    """Write results/index.html, the page of all experiments."""
    from replication.report.pages.index import write_index

    write_index(results)


def render_book(results: Path) -> None:
    """Write results/sutton.html, the page that leads to all figures of the book."""
    from replication.report.pages.book import write_book

    write_book(results)


def _module(package: ModuleType, kind: str, name: str) -> ModuleType:
    known = [module.name for module in pkgutil.iter_modules(package.__path__) if module.name not in NOT_SHOWN]
    if name not in known:
        raise unknown_name(kind, name, known)
    return importlib.import_module(f"{package.__name__}.{name}")
