"""Records of runs that are judged by their evaluations, as trainings would leave them, with scores as given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from replication.evidence.records import sealed_record
from replication.foundation.files import csv_bytes, sha256
from replication.specification.experiments import Experiment
from replication.specification.run import Run


def control_experiment(groups: Sequence[Mapping[str, object]], **changes: object) -> Experiment:
    """An experiment of TD3 beside the runs of its authors, its groups given by what differs from one short one."""
    group = {"variants": ["td3_2018"], "tasks": ["half_cheetah"], "seeds": [1, 2, 3, 4, 5], "budget_steps": 100_000}
    content = {
        "experiment": "made_up",
        "title": "A made-up experiment",
        "paper": "None",
        "question": "Is it judged?",
        "published": {"source": "sfujim_td3", "algorithm": "TD3", "agents": {"td3_2018": "TD3"}},
        "runs": [group | dict(changed) for changed in groups],
        "tables": ["scores_by_step"],
        "figures": ["curves_by_step"],
    }
    return Experiment.model_validate_json(json.dumps(content | changes))


def write_control_run(run: Run, results: Path, scores: Mapping[int, float]) -> Path:
    """Write the record of a run with a score at each of these steps, by a line between them; its folder.

    Args:
        run: under a protocol that scores periodic evaluations.
        results: root of the results.
        scores: by step; the first at step 0, the last at the end of the budget.
    """
    protocol = run.protocol
    assert protocol.periodic_evaluation is not None and protocol.evaluation_score is not None
    period = protocol.periodic_evaluation.period_steps
    known = sorted(scores)

    def at(step: int) -> float:
        after = next(other for other in known if other >= step)
        before = max(other for other in known if other <= step)
        share = (step - before) / (after - before) if after > before else 0.0
        return scores[before] + share * (scores[after] - scores[before])

    curve = [
        {"step": step, "score": at(step), "episodes": 10, "held_out_value": None, "held_out_td_error": None}
        | {"epsilon": 0.0, "is_best": False}
        for step in range(0, run.training_steps + 1, period)
    ]
    kept = [
        {"step": step, "episode": number, "raw_return": at(step), "steps": 1000, "ending": "truncated"}
        for step in protocol.evaluation_score.points_steps(run.training_steps)
        for number in range(10)
    ]
    folder = run.results_folder(results)
    folder.mkdir(parents=True, exist_ok=True)
    training = [{"episode": 0, "end_step": 1000, "raw_return": -5.0, "steps": 1000, "ending": "truncated"}]
    tables = {"curve": curve, "evaluations": kept, "training": training}
    files = {f"{name}.csv": csv_bytes(rows) for name, rows in tables.items()}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    record = {
        "numerics_version": run.numerics_version,
        "result_digest": run.result_digest,
        "deviations": [each.model_dump() for each in (*run.variant.deviations, *protocol.deviations)],
        "files": {name: sha256(data) for name, data in files.items()},
        "counts": {"steps": run.training_steps},
        "cost": {"seconds": 700.0},
        "machine": {"device": "cpu", "lanes": 1},
        "provenance": {
            "commit": "e867ffca26db942e735e7c6039141be83a45e58e",
            "cores": 2,
            "packages": {"numpy": "2.4.6", "torch": "2.13.0+cpu"},
            "python": "3.11.7",
            "system": "Linux x86_64",
            "command": "python -m replication train",
        },
    }
    (folder / "run.json").write_bytes(sealed_record(record))
    return folder
