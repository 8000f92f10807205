"""The small files of a finished run: what a table or a figure is made from, and what a stranger can check.

run.json (written last: the run is finished when it is there), scores.csv and evaluation.trace (final evaluation),
curve.csv (periodic evaluations), training.csv (training episodes), iterations.csv and training.trace (protocols
whose published quantity is the training return).
"""

from __future__ import annotations

import csv
import io
import math
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from replication.atari.emulator import rom_md5
from replication.evaluation import score
from replication.files import readable_json, write_atomically
from replication.runs import NUMERICS_VERSION, Run
from replication.traces import Trace, serialise_trace

FORMAT = 1


def write_results(
    run: Run,
    results: Path,
    *,
    evaluation: Trace | None,
    training: Trace | None,
    tables: Mapping[str, Sequence[Mapping[str, Any]]],
    facts: Mapping[str, Any],
) -> Path:
    """Write the files of a finished run, run.json last.

    Args:
        run: whose results they are.
        results: root of the results.
        evaluation: trace of the final evaluation, where the protocol has one.
        training: trace of the training episodes, where their returns are the published quantity.
        tables: name to rows; written as CSV unless empty.
        facts: what else run.json records (counts, cost, device, evaluated network).

    Returns: the folder.
    """
    folder = run.results_folder(results)
    if evaluation is not None:
        rows = [
            {
                "episode": number,
                "return": episode.raw_return,
                "frames": episode.scored_frames,
                "ending": episode.ending,
            }
            for number, episode in enumerate(evaluation.episodes)
        ]
        write_atomically(folder / "scores.csv", csv_bytes(rows))
        write_atomically(folder / "evaluation.trace", serialise_trace(evaluation))
    if training is not None:
        write_atomically(folder / "training.trace", serialise_trace(training))
    for name, table in tables.items():
        if table:
            write_atomically(folder / f"{name}.csv", csv_bytes(table))
    write_atomically(folder / "run.json", readable_json(_run_record(run, evaluation) | dict(facts)))
    return folder


def csv_bytes(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows of equal keys as CSV; empty cells for None, shortest exact spelling of numbers."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _run_record(run: Run, evaluation: Trace | None) -> dict[str, Any]:
    final = None if evaluation is None else score(evaluation)
    return {
        "format": FORMAT,
        "result_digest": run.result_digest,
        "training_digest": run.training_digest,
        "numerics_version": NUMERICS_VERSION[run.variant.family],
        "variant": run.variant.variant,
        "config": run.variant.config,
        "protocol": run.protocol.protocol,
        "protocol_settings": run.protocol.model_dump(exclude={"sources", "deviations"}),
        "game": run.game,
        "seed": run.seed,
        "preset": run.preset.preset if run.preset else None,
        "budget": {
            "steps": run.budget.steps,
            "frames": run.budget.steps * run.protocol.training.frame_skip,
            "iterations": run.budget.iterations,
        },
        "deviations": [d.model_dump() for d in (*run.variant.deviations, *run.protocol.deviations)],
        "score": None if final is None or math.isnan(final) else final,
        "provenance": _provenance(run),
    }


def _provenance(run: Run) -> dict[str, Any]:
    return {
        "commit": _git_commit(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "packages": {name: version(name) for name in ("ale-py", "gymnasium", "numpy", "torch")},
        "rom_md5": rom_md5(run.game),
        "command": " ".join(["python -m replication", *sys.argv[1:]]),
    }


def _git_commit() -> str | None:
    """The commit the program was started from, marked when the tree had changes; None outside a repository."""
    here = Path(__file__).resolve().parent
    try:
        answer = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
