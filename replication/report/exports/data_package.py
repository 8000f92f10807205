"""The tables and figures of an experiment as a data package: which CSV holds what, in columns of which types.

Source: Frictionless Data, Data Package and Tabular Data Resource, version 1 (specs.frictionlessdata.io).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from replication.foundation.errors import ReplicationError
from replication.foundation.files import readable_json, sha256, write_atomically
from replication.published.loader import published_table
from replication.report.pages.tables import read_made, read_table
from replication.specification.experiments import Experiment

NAME = "datapackage.json"


def write_data_package(experiment: Experiment, results: Path) -> Path:
    """Write datapackage.json beside the tables and figures of an experiment.

    Returns: the file.
    Raises:
        ReplicationError: a table or figure is not made yet.
    """
    path = results / experiment.experiment / NAME
    write_atomically(path, readable_json(data_package(experiment, results)))
    return path


def data_package(experiment: Experiment, results: Path) -> dict[str, Any]:
    """Describe the tables and figures of an experiment.

    Raises:
        ReplicationError: a table or figure is not made yet, or the experiment has none.
    """
    folder = results / experiment.experiment
    command = f"python -m replication run {experiment.experiment}"
    found = [
        _resource(folder, f"tables/{name}.csv", read_table(folder / "tables", name, command).caption, command)
        for name in experiment.tables
    ]
    for name in experiment.figures:
        caption = read_made(folder / "figures" / f"{name}.txt", command).decode().strip()
        found.append(_resource(folder, f"figures/{name}.csv", caption, command))
    if not found:
        raise ReplicationError(f"{experiment.experiment}: found no table and no figure, expected one to describe")
    return {
        "profile": "tabular-data-package",
        "name": re.sub(r"[^a-z0-9._-]", "-", experiment.experiment.lower()),
        "title": experiment.title,
        "description": experiment.question,
        "licenses": [{"name": "MIT", "title": "MIT License"}],
        "sources": _sources(experiment),
        "resources": found,
    }


def _sources(experiment: Experiment) -> list[dict[str, str]]:
    found = [{"title": experiment.paper}]
    if experiment.published is not None:
        rows = published_table("judges").set_index("name")
        row = rows.loc[experiment.published.source]
        found.append({"title": f"{row['title'] or experiment.published.source}: {row['source']}"})
    return found


def _resource(folder: Path, path: str, caption: str, command: str) -> dict[str, Any]:
    data = read_made(folder / path, command)
    heading, *rows = list(csv.reader(data.decode().splitlines()))
    fields = [{"name": name, "type": column_type([row[place] for row in rows])} for place, name in enumerate(heading)]
    return {
        "profile": "tabular-data-resource",
        "name": path.removesuffix(".csv"),
        "path": path,
        "description": caption,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(data),
        "hash": f"sha256:{sha256(data)}",
        "schema": {"fields": fields, "missingValues": [""]},
    }


def column_type(cells: Sequence[str]) -> str:
    """Return the narrowest type that all cells of a column have: boolean, integer, number or string.

    Args: `cells` with empty ones, which are missing values; a column of nothing else is a string.
    """
    given = [cell for cell in cells if cell]
    if given and set(given) <= {"true", "false"}:
        return "boolean"
    kinds: list[tuple[str, Callable[[str], float]]] = [("integer", int), ("number", float)]
    for name, read in kinds:
        try:
            for cell in given:
                read(cell)
        except ValueError:
            continue
        return name if given else "string"
    return "string"
