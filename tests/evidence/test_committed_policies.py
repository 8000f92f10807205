"""The committed trials of NFQ: what was learned before they were runs like all others, to the byte."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

from safetensors.numpy import load

from replication.foundation.paths import WORKFLOW
from replication.specification.experiments import load_experiment
from replication.specification.run import one_a_record

RESULTS = WORKFLOW.parent / "results"
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "nfq.json"
COLUMNS = (
    "seed",
    "score",
    "transitions",
    "test_episodes_balanced",
    "least_balanced_cycles",
    "mean_balanced_cycles",
)


def test_every_weight_and_cell_is_what_the_first_program_learned():
    """Digests of the weights and rows that were committed in September 2026, by variant and training episodes."""
    golden = json.loads(GOLDEN.read_bytes())
    found: dict[str, dict[str, dict[str, str]]] = {}
    experiment = load_experiment("nfq_2005")
    for run in one_a_record(run for run in experiment.runs() if run.variant.variant != experiment.floor):
        folder = run.results_folder(RESULTS)
        policies = load((folder / "policies.safetensors").read_bytes())["policies"]
        assert policies.shape == (50, 56)
        with (folder / "scores.csv").open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        cells = "".join(",".join(row[name] for name in COLUMNS) + "\n" for row in rows)
        found.setdefault(run.variant.variant, {})[str(run.budget.episodes)] = {
            "weights": hashlib.sha256(policies.tobytes()).hexdigest(),
            "rows": hashlib.sha256(cells.encode()).hexdigest(),
        }
    assert found == golden


def test_the_findings_say_what_the_committed_table_says():
    with (RESULTS / "nfq_2005" / "tables" / "nfq_variants.csv").open(newline="", encoding="utf-8") as lines:
        [row] = [row for row in csv.DictReader(lines) if row["training_episodes"] == "50"]
    successes = {name: int(row[name]) for name in row if f"{name}_trials" in row}
    finding, _ = load_experiment("nfq_2005").findings
    assert successes.pop("published") == 23 and "(published: 23)" in finding.what
    for name in ("nfq_short_pole", "nfq_short_pole_new_networks"):
        assert f"{successes[name]} of 50" in finding.what
    assert f"between {min(successes.values())} and {max(successes.values())} of 50" in finding.what
