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
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from replication.atari.emulator import rom_md5
from replication.atari.palette import palette_rgb
from replication.evaluation import score
from replication.fidelity import deviations_in_force
from replication.files import sha256, write_atomically
from replication.run_records import sealed_record
from replication.runs import Run
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
    files = {f"{name}.csv": csv_bytes(table) for name, table in tables.items() if table}
    if evaluation is not None:
        files["scores.csv"] = csv_bytes(score_rows(evaluation))
        files["evaluation.trace"] = serialise_trace(evaluation)
    if training is not None:
        files["training.trace"] = serialise_trace(training)
    for name, data in files.items():
        write_atomically(folder / name, data)
    record = _run_record(run, evaluation) | dict(facts)
    record["files"] = {name: sha256(data) for name, data in files.items()}
    write_atomically(folder / "run.json", sealed_record(record))
    return folder


def score_rows(evaluation: Trace) -> list[dict[str, Any]]:
    """The rows of scores.csv, from the trace of the final evaluation."""
    return [
        {
            "episode": number,
            "return": episode.raw_return,
            "frames": episode.scored_frames,
            "ending": episode.ending,
        }
        for number, episode in enumerate(evaluation.episodes)
    ]


def csv_bytes(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows of equal keys as CSV; empty cells for None, shortest exact spelling of numbers."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _run_record(run: Run, evaluation: Trace | None) -> dict[str, Any]:
    final = None if evaluation is None else score(evaluation)
    identity = run.identity()
    frames = run.budget.steps * run.protocol.training.frame_skip
    return identity | {
        "format": FORMAT,
        "result_digest": run.result_digest,
        "training_digest": run.training_digest,
        "budget": identity["budget"] | {"frames": frames},
        "deviations": [deviation.model_dump() for deviation in deviations_in_force(run)],
        "score": None if final is None or math.isnan(final) else final,
        "provenance": provenance(run),
    }


def provenance(run: Run) -> dict[str, Any]:
    """Where results come from: commit, versions, machine, ROM, command."""
    return {
        "commit": git_commit(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "packages": {name: version(name) for name in ("ale-py", "gymnasium", "numpy", "torch")},
        "rom_md5": rom_md5(run.game),
        "palette_sha256": sha256(palette_rgb().tobytes()),
        "command": command_text(sys.argv[1:]),
    }


def command_text(words: Sequence[str]) -> str:
    """The command with these arguments, without the folders of the machine it was given on: they make no number."""
    kept, rest = [], iter(words)
    for word in rest:
        if word in ("--results", "--state"):
            next(rest, None)
        elif not word.startswith(("--results=", "--state=")):
            kept.append(word)
    return shlex.join(["python", "-m", "replication", *kept])


def git_commit() -> str | None:
    """The commit the program was started from, marked when the tree had changes; None outside a repository.

    REPLICATION_COMMIT comes first: it names the commit of a tree that was copied to a machine whose repository, if any,
    is at another.
    """
    if named := os.environ.get("REPLICATION_COMMIT"):
        return named
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
