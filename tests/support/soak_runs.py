"""The runs of the soak: small, with settings and an experiment of their own, and what they leave."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import yaml

from replication.commands.cli import main
from replication.foundation import paths
from replication.foundation.files import sha256
from replication.specification.run import Run, resolve_run
from replication.training.checkpoints import checkpoint_folders, restore_newest
from tests.support.lanes import build

BUDGETS = {"dqn": {"budget_frames": 720}, "dqn_dopamine": {"budget_iterations": 2}, "a2c": {"budget_frames": 2_400}}
BUDGETS |= {"td3_2018": {"budget_steps": 180}}
TASKS = dict.fromkeys(BUDGETS, "catch") | {"td3_2018": "pendulum"}
"""What each is struck on."""
PERIOD_STEPS = 60
"""Agent steps between two periodic evaluations."""
CHECKPOINT_SECONDS = "0.1"
SHOWN = "pong"
"""The game that is rendered: reports know the published games alone."""
RENDERINGS = (("table", "soak", "scores"), ("figure", "soak", "learning_curves"), ("inventory", "soak"))
RENDERINGS += (("page", "soak"), ("index",))  # type: ignore[assignment]


def fingerprint(run: Run, folder: Path) -> dict[str, str]:
    """Return digests of everything a run leaves: results, parameters, optimizer, streams, records, replay memory."""
    newest = checkpoint_folders(run.state_folder(folder / "state"))[-1]
    found = {path.name: sha256(path.read_bytes()) for path in newest.iterdir()}
    (counters,) = found.keys() & {"actors.json", "lane.json"}
    lane = json.loads((newest / counters).read_bytes())
    del lane["seconds"], found["manifest.json"]  # time spent is the one thing that may differ
    found[counters] = sha256(json.dumps(lane).encode())
    for path in run.results_folder(folder / "results").iterdir():
        found[f"results/{path.name}"] = sha256(path.read_bytes())
    record = json.loads((run.results_folder(folder / "results") / "run.json").read_bytes())
    kept = {name: value for name, value in record.items() if name not in ("seal", "cost", "provenance")}
    found["results/run.json"] = sha256(json.dumps(kept).encode())
    if "replay" not in run.family.streams or run.task.kind != "atari":
        return found  # a memory of vectors lies in the checkpoint, whole
    trainee = build(run)
    restore_newest(trainee, run.state_folder(folder / "state"))
    memory = trainee.lane.memory
    stream = trainee.lane.streams["replay"]
    drawn = [memory.sample(stream, 32) for _ in range(50)]
    found["replay memory"] = sha256(b"".join(array.tobytes() for batch in drawn for array in batch))
    return found


def soak_run(variant: str, game: str) -> Run:
    """Return a run at the scale of the preset `soak`."""
    return resolve_run(variant=variant, task=game, seed=1, preset="soak", **BUDGETS[variant])


def command(variant: str, game: str, folder: Path) -> list[str]:
    """Return the words that train the run."""
    ((unit, length),) = BUDGETS[variant].items()
    where = [f"--results={folder / 'results'}", f"--state={folder / 'state'}"]
    run = ["train", "--variant", variant, "--game", game, "--seed", "1", "--preset", "soak"]
    return [
        *run,
        f"--{unit.replace('_', '-')}={length}",
        *where,
        "--quiet",
        f"--checkpoint-seconds={CHECKPOINT_SECONDS}",
    ]


def rendering(what: Sequence[str], folder: Path) -> list[str]:
    """Return the words that render a thing of RENDERINGS."""
    return ["render", *what, "--results", str(folder / "results")]


def written_by(words: Sequence[str], folder: Path) -> list[str]:
    """Return the files that a rendering writes, as they lie below a folder."""
    kind, *_ = words[1:]
    patterns = {"table": "*/tables/*", "figure": "*/figures/*", "inventory": "*/inventory/*"}
    pattern = patterns.get(kind, "soak/index.html" if kind == "page" else "index.html")
    return [str(path.relative_to(folder)) for path in (folder / "results").glob(pattern)]


def files_below(folder: Path) -> dict[str, bytes]:
    """Read every file below; leftovers of a killed write are hidden, and nobody's."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".part", ".lock")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(found)}


def copy_workflow(folder: Path) -> None:
    """Have the program read a copy of its settings, with a preset of a third of a second, and one experiment of it."""
    copy = folder / "workflow"
    shutil.copytree(paths.WORKFLOW, copy)
    for path in (copy / "experiments").glob("*.yaml"):
        path.unlink()
    preset = yaml.safe_load((copy / "presets" / "smoke.yaml").read_text())
    preset |= {"preset": "soak", "title": "Soak: a third of a second"}
    preset["config"] |= {"batch_size": 4, "replay_start": {"count": 50}}
    preset["protocol"] |= {"iteration_steps": PERIOD_STEPS}
    preset["protocol"]["periodic_evaluation"] = {
        "period_steps": PERIOD_STEPS,
        "length_steps": 40,
        "presentation": {"episode_cap_steps": 20},
    }
    preset["protocol"]["evaluation_score"] = {"at_steps": [0, PERIOD_STEPS]}
    for name in ("final_evaluation", "evaluation_beside_score"):
        preset["protocol"][name] = {"num_episodes": 2, "presentation": {"episode_cap_frames": 160}}
    (copy / "presets" / "soak.yaml").write_text(yaml.safe_dump(preset))
    group = {"variants": ["dqn"], "games": [SHOWN], "seeds": [1], "preset": "soak", **BUDGETS["dqn"]}
    named = {"experiment": "soak", "title": "Soak", "paper": "none", "question": "Is anything lost?"}
    known = {"reference_set": "nature49_5min", "published": None}
    made = {"runs": [group], "tables": ["scores"], "figures": ["learning_curves"]}
    (copy / "experiments" / "soak.yaml").write_text(yaml.safe_dump(named | known | made))
    paths.WORKFLOW = copy


def prepare_shown(folder: Path) -> dict[str, bytes]:
    """Train and render a run, undisturbed; returns every file of its results."""
    assert main(command("dqn", SHOWN, folder)) == 0
    shutil.rmtree(folder / "state")
    for what in RENDERINGS:
        assert main(rendering(what, folder)) == 0
    return files_below(folder)
