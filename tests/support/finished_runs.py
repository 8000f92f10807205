"""Result folders as finished runs leave them, made up from a seed, for tests of figures and pages."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from replication.evidence.records import sealed_record
from replication.specification.experiments import Experiment
from replication.specification.run import Run


def made_up_experiment(runs: Sequence[Mapping[str, object]], **changes: object) -> Experiment:
    """An experiment of these groups of runs, each given by what differs from one short run."""
    group = {
        "variants": ["dqn"],
        "games": ["pong"],
        "seeds": [1],
        "budget_frames": 400_000,
        "budget_iterations": None,
        "protocol": None,
        "preset": None,
    }
    variants = {name for changed in runs for name in changed.get("variants", group["variants"])}  # type: ignore[attr-defined]
    named = {"dqn": "dqn", "random_10hz": "random"}
    agents = {variant: agent for variant, agent in named.items() if variant in variants}
    content = {
        "experiment": "made_up",
        "title": "A made-up experiment",
        "paper": "None",
        "question": "Is it drawn?",
        "reference_set": "nature49_5min",
        "published": {"source": "nature_2015_table2", "algorithm": "dqn", "agents": agents},
        "runs": [group | dict(changed) for changed in runs],
        "tables": ["scores"],
        "figures": ["learning_curves", "embedding"],
    }
    return Experiment.model_validate_json(json.dumps(content | changes))


def finish(run: Run, results: Path, *, points: int = 0) -> Path:
    """Write the files of a finished run; equal runs get equal files."""
    stream = np.random.default_rng(int(run.result_digest[:8], 16))
    folder = run.results_folder(results)
    folder.mkdir(parents=True)
    skip = run.protocol.training.frame_skip
    steps = run.training_steps
    level = 100.0 * (1 + len(run.task.name))
    if run.protocol.final_evaluation is not None:
        returns = np.round(level * (1 + stream.random(run.protocol.final_evaluation.num_episodes)), 0)
        rows = [(i, value, 1000, "terminated") for i, value in enumerate(returns)]
        _write(folder / "scores.csv", ["episode", "return", "frames", "ending"], rows)
    if steps:
        ends = np.sort(stream.integers(1, steps, size=60))
        returns = np.round(level * ends / steps * (0.5 + stream.random(len(ends))))
        rows = [(i, end, value, 900, "terminated") for i, (end, value) in enumerate(zip(ends, returns, strict=True))]
        _write(folder / "training.csv", ["episode", "end_step", "raw_return", "frames", "ending"], rows)
    if run.protocol.periodic_evaluation is not None and steps:
        at = np.linspace(steps / 5, steps, 5).astype(int)
        header = ["step", "score", "episodes", "held_out_value", "held_out_td_error", "epsilon", "is_best"]
        scores = ["", *np.round(level * at[1:] / steps, 1)]
        _write(
            folder / "curve.csv", header, [(a, s, 3, 0.1, 0.01, 0.05, True) for a, s in zip(at, scores, strict=True)]
        )
    if run.budget.iterations:
        rows = [
            (i, (i + 1) * 250_300, 250_300, 100, round(-20.5 + 0.8 * i + stream.random(), 3))
            for i in range(run.budget.iterations)
        ]
        _write(folder / "iterations.csv", ["iteration", "end_step", "steps", "episodes", "mean_return"], rows)
    if points:
        cloud = stream.normal(size=(points, 2)) + 6 * stream.integers(0, 4, size=(points, 1))
        rows = [(round(x, 4), round(y, 4), round(x + 3, 3), i // 50, 4 * i) for i, (x, y) in enumerate(cloud)]
        _write(folder / "embedding.csv", ["x", "y", "value", "episode", "frame"], rows)
    record = {
        "format": 1,
        "numerics_version": run.numerics_version,
        "result_digest": run.result_digest,
        "variant": run.variant.variant,
        "protocol": run.protocol.protocol,
        "game": run.task.name,
        "seed": run.seed,
        "preset": run.preset.preset if run.preset else None,
        "budget": {"steps": run.budget.steps, "frames": run.budget.steps * skip, "iterations": run.budget.iterations},
        "deviations": [d.model_dump() for d in (*run.variant.deviations, *run.protocol.deviations)],
        "counts": {"steps": steps, "frames_nominal": steps * skip, "training_episodes": 60},
        "cost": {"seconds": 313.1},
        "machine": {"device": "cpu", "lanes": 1},
        "evaluated_network": {"network": "best", "step": steps} if steps else None,
        "embedding": {"perplexity": 30, "seed": 0, "most_points": 1500},
        "provenance": {
            "commit": "e867ffca26db942e735e7c6039141be83a45e58e",
            "cores": 2,
            "packages": {"numpy": "2.4.6", "torch": "2.13.0+cpu"},
            "python": "3.11.7",
            "system": "Linux x86_64",
            "rom_md5": "5b92a93b23523ff16e2789b820e2a4c5",
            "command": "python -m replication train",
        },
    }
    (folder / "run.json").write_bytes(sealed_record(record))
    return folder


def change_record(folder: Path, old: str, new: str) -> None:
    """Write a run's record anew with some words replaced, as if the run had written it so."""
    path = folder / "run.json"
    path.write_bytes(sealed_record(json.loads(path.read_text().replace(old, new))))


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
