"""A control experiment of seconds: few repetitions and short tests. Its YAML lies in a folder of the test's own."""

from __future__ import annotations

from pathlib import Path

import yaml

from replication.foundation.paths import WORKFLOW
from replication.foundation.validation import overridden
from replication.specification import control_experiments
from replication.specification.control_experiments import ControlExperiment, load_control_experiment

TEST = {"episodes": 20, "cycles": 300}


def small_experiment(monkeypatch, folder: Path, changes: dict | None = None, **fields) -> ControlExperiment:
    """nfq_2005 with two repetitions of 50 and 100 episodes and its first two variants, under its own name."""
    content = yaml.safe_load((WORKFLOW / "control" / "nfq_2005.yaml").read_text(encoding="utf-8"))
    content |= {"training_episodes": [50, 100], "repetitions": 2}
    content["variants"] = {name: content["variants"][name] for name in ("as_printed", "short_pole")}
    content["method"] = overridden(content["method"], {"test": TEST} | (changes or {}))
    content |= fields
    (folder / "control").mkdir(parents=True, exist_ok=True)
    (folder / "control" / "nfq_2005.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    monkeypatch.setattr(control_experiments, "WORKFLOW", folder)
    return load_control_experiment("nfq_2005")
