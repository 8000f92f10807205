"""Results of runs that never ran, for tests of tables, figures and pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from replication.evidence.records import sealed_record
from replication.foundation.files import csv_bytes
from replication.specification.run import Run


def write_finished(run: Run, results: Path, returns: list[float], **record: object) -> Path:
    """Files of a finished run whose final evaluation gave these returns."""
    folder = run.results_folder(results)
    folder.mkdir(parents=True, exist_ok=True)
    episodes = [
        {"episode": i, "return": value, "frames": 1000, "ending": "terminated"} for i, value in enumerate(returns)
    ]
    (folder / "scores.csv").write_bytes(csv_bytes(episodes))
    trained = run.family.trains
    if trained:
        curve = [
            {
                "step": 250_000 * k,
                "score": float(np.mean(returns)) * k / 4,
                "episodes": 5,
                "held_out_value": 0.1 * k,
                "held_out_td_error": 0.05,
                "epsilon": 0.5,
                "is_best": True,
            }
            for k in (1, 2, 3, 4)
        ]
        (folder / "curve.csv").write_bytes(csv_bytes(curve))
        training = [
            {"episode": i, "end_step": 500 * (i + 1), "raw_return": float(i), "frames": 2000, "ending": "terminated"}
            for i in range(40)
        ]
        (folder / "training.csv").write_bytes(csv_bytes(training))
    content = {
        "numerics_version": run.numerics_version,
        "result_digest": run.result_digest,
        "evaluated_network": {"network": "best", "step": 250_000} if trained else None,
        "deviations": [d.model_dump() for d in (*run.variant.deviations, *run.protocol.deviations)],
    }
    (folder / "run.json").write_bytes(sealed_record(content | record))
    return folder
