"""The card of an exported network, in Markdown: what it is, what it scores, and how it is played."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from replication.analysis.cells import run_score
from replication.analysis.finished import FinishedRun
from replication.analysis.intervals import LEVEL, estimate, interval
from replication.report.verdict_frame import verdict_frame

_PLAYED = {
    "safetensors": """import replication as rp

run = rp.load("{name}")                      # where the record and the network lie
observation, _ = (environment := run.environment()).reset(seed=1)
action = run.policy.act(observation)

from safetensors.torch import load_file
tensors = load_file("policy.safetensors")    # the layers are those of {source}""",
    "torchscript": """import torch

policy = torch.jit.load("policy.pt")
output = policy(*inputs)                     # the inputs named above, torch tensors""",
    "onnx": """import onnxruntime

policy = onnxruntime.InferenceSession("policy.onnx")
(output,) = policy.run(None, inputs)         # the inputs named above, by name, NumPy arrays""",
}


def model_card(
    finished: FinishedRun,
    results: Path,
    file_format: str,
    facts: Mapping[str, str],
    inputs: Sequence[tuple[str, str]],
    output: str,
    choice: str,
    tensors: Mapping[str, tuple[str, tuple[int, ...]]],
) -> str:
    """Write the card.

    Args:
        finished: the run.
        results: root of the results, whose tables have the verdicts.
        file_format: of the file beside it.
        facts: of the file and the check, by name.
        inputs: name, dtype and shape of each.
        output: its dtype and shape.
        choice: how an action follows.
        tensors: dtype and shape of each, by name.
    """
    run, record = finished.run, finished.record
    name = f"{run.variant.variant}/{run.task.name}/{run.seed}"
    length = ", ".join(f"{number:,} {unit}" for unit, number in run.training_length.items()) or "nothing"
    lines = [
        f"# {run.variant.title} on {run.task.title}, seed {run.seed}",
        "",
        f"Trained for {length} under the protocol {run.protocol.protocol} ({run.protocol.title}); {run.variant.paper}.",
        "",
        f"- score: {_score(finished)}",
        *(f"- verdict: {line}" for line in _verdicts(finished, results)),
        f"- run: {name}, result digest {record['result_digest']}, training digest {record['training_digest']}",
        f"- made by: commit {record['provenance'].get('commit', 'unknown')}, code {record['provenance'].get('code')}",
        *(f"- {key}: {fact}" for key, fact in facts.items()),
        "",
        "## Play it",
        "",
        *(f"- input `{each}`: {shape}" for each, shape in inputs),
        f"- output: {output}",
        f"- action: {choice}; the evaluation takes a share of {run.final_epsilon(run.protocol.evaluation_at_end):g} "
        "at random",
        f'- observations: `gymnasium.make("{_environment(finished)}")` after `replication.register_environments()`',
        "",
        "```python",
        _PLAYED[file_format].format(
            name=name, source=f"replication/algorithms/{run.variant.family}/{run.variant.module}.py"
        ),
        "```",
        "",
        "## Tensors",
        "",
        *(f"- `{each}`: {kind} {list(shape)}" for each, (kind, shape) in tensors.items()),
        "",
        "## Settings",
        "",
        "```json",
        json.dumps(run.variant.config, indent=1, sort_keys=True),
        "```",
        "",
        "## Departures from the published program",
        "",
        *(f"- {each['id']}: {each['what']}; expected: {each['expected_effect']}" for each in record["deviations"]),
    ]
    return "\n".join(lines) + "\n"


def _score(finished: FinishedRun) -> str:
    score = run_score(finished, finished.run.budget)
    found = None if finished.episodes is None else estimate(finished.episodes["return"].tolist())
    if found is None or finished.episodes is None:
        return f"{score:,.2f}"
    low, high = interval(found, LEVEL)
    return (
        f"{score:,.2f}, {100 * LEVEL:g} % interval {low:,.2f} to {high:,.2f} over the {len(finished.episodes)} "
        "episodes of one seed, which say nothing of other seeds"
    )


def _verdicts(finished: FinishedRun, results: Path) -> Iterator[str]:
    """Yield the verdicts of tables on agents and tasks of this name, each of all its seeds."""
    title, task = finished.run.variant.title, finished.run.task.title
    frame = verdict_frame(results)
    ours = frame[frame["agent"].str.startswith(title) & (frame["task"] == task)]
    for row in ours.to_dict("records"):
        yield f"{row['verdict']} in {row['experiment']} ({row['agent']}, {row['at']}; {row['reason']})"
    if ours.empty:
        yield "none: no table that is made judges it"


def _environment(finished: FinishedRun) -> str:
    from replication.environments.gymnasium_ids import environment_id

    return environment_id(finished.run.task.name, finished.run.protocol.protocol)
