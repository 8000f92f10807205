"""Scores and learning curves of all finished runs as tidy data frames: a row a run, a row a point."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from replication.analysis.finished import BUNDLE_CURVE, COLUMNS, read_run_table
from replication.evidence import records
from replication.specification.experiments import load_experiment

_RUN = ("variant", "task", "protocol", "preset", "budget", "budget_unit")
SCORE_COLUMNS = (*_RUN, "seed", "score", "evidence", "numerics_version", "digest", "folder")
CURVE_COLUMNS = (*_RUN, "seed", "seeds", "measured", "at", "unit", "score", "deviation", "episodes", "digest")
_WHOLE = {"budget": "Int64", "seed": "Int64"}
_WHOLE_OF_CURVES = _WHOLE | {"seeds": "Int64", "at": "Int64", "episodes": "Int64"}


def finished_records(
    results: Path, experiment: str | None = None, variant: str | None = None, task: str | None = None
) -> list[Path]:
    """List the folders of the finished runs that are asked for.

    Args:
        results: root of the results.
        experiment: only runs that it names; None: all.
        variant: only its runs; None: of all.
        task: only runs of it; None: of all.

    Raises:
        ReplicationError: no such experiment; files lie where a record is missing.
    """
    folders = records.finished_folders(results.glob(f"runs/{variant or '*'}/{task or '*'}/*/*"))
    if experiment is None:
        return folders
    named = {records.finished_folder(run, results) for run in load_experiment(experiment).runs()}
    return [folder for folder in folders if folder in named]


def score_frame(folders: Iterable[Path]) -> pd.DataFrame:
    """Read the scores of finished runs.

    Args:
        folders: of their records; a bundle has a row for each seed that it keeps one of.

    Returns: `SCORE_COLUMNS`, by variant, task, seed and digest.
    Raises:
        ReplicationError: a record or a table of it is damaged.
    """
    rows = [row for folder in folders for row in _scores(folder, records.read(folder))]
    return _frame(rows, SCORE_COLUMNS, _WHOLE, ["variant", "task", "seed", "digest"])


def curve_frame(folders: Iterable[Path]) -> pd.DataFrame:
    """Read what was measured along the training of finished runs.

    Args:
        folders: of their records; of a bundle the means over its seeds.

    Returns: `CURVE_COLUMNS`, by variant, task, seed, digest, what was measured, and where.
    Raises:
        ReplicationError: a record or a table of it is damaged.
    """
    rows = [row for folder in folders for row in _points(folder, records.read(folder))]
    order = ["variant", "task", "seed", "digest", "measured", "at"]
    return _frame(rows, CURVE_COLUMNS, _WHOLE_OF_CURVES, order)


def _frame(
    rows: list[dict[str, Any]], columns: tuple[str, ...], whole: Mapping[str, str], order: list[str]
) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(columns)).astype(dict(whole)).astype({"score": "float64"})
    return frame.sort_values(order, kind="stable", ignore_index=True)


def _run(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record says of its run; the length of an untrained agent's is missing."""
    length = {unit: number for unit, number in record["budget"].items() if number}
    unit = next((unit for unit in ("iterations", "frames", *length) if unit in length), None)
    return {
        "variant": record["variant"],
        "task": records.task_name(record),
        "protocol": record["protocol"],
        "preset": record["preset"],
        "budget": length[unit] if unit else None,
        "budget_unit": unit,
        "seed": record.get("seed"),
        "digest": record["result_digest"][:12],
    }


def _scores(folder: Path, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    facts = _run(record) | {
        "evidence": records.evidence_of(record),
        "numerics_version": record["numerics_version"],
        "folder": str(folder),
    }
    if "seeds" in record:
        table = _table(folder, record, "scores", None)
        for seed, score in zip(table["seed"], table["score"], strict=True):
            yield facts | {"seed": int(seed), "score": float(score)}
        return
    score = record["score"]
    if score is None and "iterations.csv" in record["files"]:  # what is scored is the last iteration of training
        score = float(_table(folder, record, "iterations", COLUMNS["iterations"])["mean_return"].iloc[-1])
    yield facts | {"score": score}


def _points(folder: Path, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    run, files = _run(record), record["files"]
    if "seeds" in record:
        if "curve.csv" in files:
            by_steps = record["protocol_settings"]["training"].get("measured") == "finished_episodes"
            of_bundle = run | {"measured": "learning", "unit": "steps" if by_steps else "episodes"}
            for at, count, mean, deviation in _table(folder, record, "curve", BUNDLE_CURVE).itertuples(index=False):
                yield of_bundle | {"at": at, "seeds": count, "score": mean, "deviation": deviation}
        return
    run |= {"seeds": 1}
    for name, (measured, unit, at, score) in _CURVES.items():
        if f"{name}.csv" in files:
            table = _table(folder, record, name, COLUMNS[name])
            for place, mean, episodes in zip(table[at], table[score], table["episodes"], strict=True):
                yield run | {"measured": measured, "unit": unit, "at": place, "score": mean, "episodes": episodes}


_CURVES = {
    "curve": ("evaluation", "steps", "step", "score"),
    "iterations": ("iteration", "steps", "end_step", "mean_return"),
    "training_curve": ("last training episodes", "frames", "frames", "mean_return"),
}
"""Tables of a run that are curves: what they measure, the unit they are drawn by, and the columns of both."""


def _table(folder: Path, record: Mapping[str, Any], name: str, columns: list[str] | None) -> pd.DataFrame:
    table = read_run_table(folder / f"{name}.csv", columns, record["files"][f"{name}.csv"])
    assert table is not None, "its record names it"
    return table
