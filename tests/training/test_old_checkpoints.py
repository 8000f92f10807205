"""Checkpoints that are kept go on as those written today: whatever is rebuilt around them, runs that began stay whole.

golden/checkpoints/numerics_version_N holds, for each of a few runs, a checkpoint in the middle of its training, and
what the run leaves that was never interrupted. `python -m tests.training.test_old_checkpoints` writes them for the
present version: after a bump of NUMERICS_VERSION, or where bytes were meant to move within it.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load

from replication.evidence.state_files import checkpoints, network_path
from replication.foundation.files import plain, readable_json
from replication.specification.families.off_policy import NUMERICS_VERSION
from replication.specification.run import Run
from replication.training.checkpoints import restore_newest, save_checkpoint
from replication.training.machine.settings import Machine
from replication.training.off_policy.lane_contract import Past
from replication.training.session import execute
from tests.support.fingerprints import machine_kind
from tests.support.lanes import advance, build, smoke_run

FOLDER = Path(__file__).resolve().parents[1] / "golden" / "checkpoints" / f"numerics_version_{NUMERICS_VERSION}"
RUNS = {
    "dqn_pong": {"variant": "dqn", "game": "pong", "held_out_transitions": 1},
    "dqn_dopamine_catch": {"variant": "dqn_dopamine", "game": "catch", "held_out_transitions": 0},
    "rainbow_catch": {"variant": "rainbow", "game": "catch", "held_out_transitions": 0},
}
"""An emulator's state, a held-out set and a best network; traces of training and iterations; priorities."""
STOP_STEPS = 270
"""Learning began after 100, the first evaluation was at 200."""
TINY = {
    "convolutions": [{"channels": 2, "kernel": 8, "stride": 8}, {"channels": 4, "kernel": 4, "stride": 3}],
    "hidden_units": 8,
}
"""A network of a few kilobytes."""
CLOSE = 1e-3
"""Of a parameter's mean magnitude on another kind of machine, relative."""
with_roms = [pytest.param(name, marks=[pytest.mark.rom] if "pong" in name else []) for name in RUNS]


def tiny_run(name: str) -> Run:
    """A run at the scale of the smoke preset, and with a smaller network."""
    named = dict(RUNS[name])
    held_out = named.pop("held_out_transitions")
    run = smoke_run(**named)  # type: ignore[arg-type]
    config = run.variant.config
    changed = config | {"network": config["network"] | TINY, "held_out_transitions": held_out}
    return replace(run, variant=run.variant.model_copy(update={"config": changed}))


def machine_in(folder: Path) -> Machine:
    return Machine(folder / "results", folder / "state", "cpu", "lz4", 600.0, None, quiet=True, workers=1)


def left_by(run: Run, folder: Path) -> dict[str, bytes]:
    """What a finished run left, but for the record: it tells of machine, time and commit."""
    files = {path.name: path.read_bytes() for path in run.results_folder(folder / "results").iterdir()}
    del files["run.json"]
    return (
        files | {"evaluated.safetensors": network_path(run, folder / "state").read_bytes()} if evaluates(run) else files
    )


def evaluates(run: Run) -> bool:
    return run.protocol.final_evaluation is not None


def magnitudes(network: bytes) -> dict[str, float]:
    return {name: float(tensor.double().abs().mean()) for name, tensor in load(network).items()}


def rows_before(table: bytes, step: int) -> list[dict[str, str]]:
    """Training episodes that ended by a step: no arithmetic but the emulator's is in them once they are stored."""
    return [row for row in csv.DictReader(io.StringIO(table.decode())) if int(row["end_step"]) <= step]


@pytest.fixture
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Run, Path]:
    """A run, and its kept files, of which the checkpoint lies in the state below `tmp_path`."""
    run, folder = tiny_run(request.param), FOLDER / request.param
    shutil.copytree(folder / "state", run.state_folder(tmp_path / "state"))
    return run, folder


@pytest.mark.parametrize("kept", with_roms, indirect=True)
def test_a_kept_checkpoint_is_read_as_it_was_written(kept: tuple[Run, Path], tmp_path: Path) -> None:
    run, folder = kept
    trainee = build(run)
    assert restore_newest(trainee, run.state_folder(tmp_path / "state")) == STOP_STEPS
    again = save_checkpoint(trainee, tmp_path / "again")
    for name in ("lane.json", "decisions.bin"):
        stored = (folder / "state" / again.name / name).read_bytes()
        assert again.joinpath(name).read_bytes() == stored, name
    past: Past = trainee.lane.past()
    stored_lane = json.loads((folder / "state" / again.name / "lane.json").read_bytes())
    assert plain(past.streams) == stored_lane["streams"]


@pytest.mark.slow
@pytest.mark.parametrize("kept", with_roms, indirect=True)
def test_a_kept_checkpoint_goes_on_to_the_bytes_of_the_run_that_was_never_interrupted(
    kept: tuple[Run, Path], tmp_path: Path
) -> None:
    run, folder = kept
    assert execute([run], machine_in(tmp_path)) == 0
    found, stored = left_by(run, tmp_path), stored_files(folder)
    assert found.keys() == stored.keys()
    if json.loads((FOLDER / "made_on.json").read_bytes())["machine_kind"] == machine_kind():
        assert {name for name in found if found[name] != stored[name]} == set()
        return
    episodes = [rows_before(files.get("training.csv", b""), STOP_STEPS) for files in (found, stored)]
    assert episodes[0] == episodes[1]
    if evaluates(run):
        networks = [magnitudes(files["evaluated.safetensors"]) for files in (found, stored)]
        assert networks[0] == pytest.approx(networks[1], rel=CLOSE, abs=1e-6)


def stored_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "finished").iterdir()}


def write_checkpoints() -> None:
    """Write the checkpoint and the finished files of every run, in place of those there are."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name in RUNS:
        run, place = tiny_run(name), FOLDER / name
        with tempfile.TemporaryDirectory() as folder:
            execute([run], machine_in(Path(folder)))
            (place / "finished").mkdir(parents=True)
            for file, data in left_by(run, Path(folder)).items():
                (place / "finished" / file).write_bytes(data)
        trainee = build(run)
        advance([trainee], STOP_STEPS)
        save_checkpoint(trainee, place / "state")
        assert [step for step, _ in checkpoints(place / "state")] == [STOP_STEPS]
    (FOLDER / "made_on.json").write_bytes(readable_json({"machine_kind": machine_kind()}))


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    write_checkpoints()
