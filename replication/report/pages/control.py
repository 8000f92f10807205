"""The page of a control experiment: one self-contained HTML file, from the pieces of every page of this project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pandas import DataFrame

from replication.analysis.control_trials import coverage
from replication.analysis.verdicts import MARGIN_POINTS, MARGIN_SHARE
from replication.evidence.control_files import FIGURES, TABLES
from replication.evidence.control_records import read_variant
from replication.report.pages.figures import read_figure
from replication.report.pages.runs import SHOWN_DIGITS, short_commit
from replication.report.pages.tables import ShownTable, read_table
from replication.report.pages.template import fill_page
from replication.specification.control_experiments import ControlExperiment

_MEANINGS = {
    "replicated": "The whole interval of the difference lies within the margin: "
    f"{MARGIN_POINTS:g} points or {MARGIN_SHARE:.0%} of the published share, whichever is larger.",
    "differs": "The whole interval of the difference lies outside the margin.",
    "inconclusive": "The interval reaches across the edge of the margin.",
    "not run": "The repetitions of this row are not finished.",
}


def control_page_html(experiment: ControlExperiment, results: Path, finished: Mapping[str, DataFrame]) -> str:
    """Return the text of the page.

    Raises:
        ReplicationError: a table or figure is not there yet; a damaged file.
    """
    name, folder = experiment.experiment, results / experiment.experiment
    command = f"python -m replication render {{}} {name} {{}}"
    tables = [read_table(folder / "tables", table, command.format("table", table)) for table in TABLES]
    records = [record for variant in finished if (record := read_variant(experiment, variant, results)) is not None]
    return fill_page(
        "control.html",
        experiment=experiment,
        coverage=coverage(experiment, finished),
        complete=len(finished) == len(experiment.variants),
        cost=f"{sum(record['cost']['seconds'] for record in records) / 60:,.1f} minutes of one core" if records else "",
        verdicts=_verdicts(tables[0]),
        tables=tables,
        figures=[read_figure(folder / "figures", figure, command.format("figure", figure)) for figure in FIGURES],
        counts=", ".join(f"{number} {word}" for word, number in Counter(d.status for d in experiment.details).items()),
        settings=_flat(experiment.method.model_dump(mode="json")),
        provenance=[_provenance(record) for record in records],
        commands=_commands(name),
    )


def _verdicts(table: ShownTable) -> list[tuple[str, int, str]]:
    counted = Counter(table.cell(row, "verdict") for row in table.rows)
    return [(word, counted[word], meaning) for word, meaning in _MEANINGS.items() if counted[word]]


def _flat(settings: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Return the settings with the names of the groups they stand in."""
    rows: list[tuple[str, str]] = []
    for name, value in settings.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{before}{name}.")
        elif isinstance(value, list):
            rows.append((before + name, ", ".join(f"{part:g}" for part in value)))
        elif isinstance(value, bool):
            rows.append((before + name, "yes" if value else "no"))
        else:
            rows.append((before + name, f"{value:g}"))
    return rows


def _provenance(record: dict[str, Any]) -> dict[str, str]:
    origin = record["provenance"]
    packages = ", ".join(f"{name} {version}" for name, version in sorted(origin["packages"].items()))
    return {
        "variant": record["variant"],
        "digest": record["result_digest"][:SHOWN_DIGITS],
        "commit": short_commit(origin["commit"]),
        "seconds": f"{record['cost']['seconds']:,.0f}",
        "system": f"{origin['system']}, {origin['cores']} cores",
        "packages": f"Python {origin['python']}, {packages}",
    }


def _commands(name: str) -> list[tuple[str, str]]:
    return [
        ("make venv && . .venv/bin/activate", "Build the environment from the lock."),
        (
            "python -m replication verify results",
            "Play every test episode again from the stored networks, and derive every cell, table and verdict. "
            "The first difference is named.",
        ),
        ("python -m replication verify results --policy", "The same, and learn every network again."),
        (
            f"python -m replication control {name}",
            "Learn and test what is missing, then make tables, figure and page; after an interruption it continues.",
        ),
    ]
