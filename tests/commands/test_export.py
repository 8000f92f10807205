"""Networks for other programs: checked against the original before they are written, with a card."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import replication as rp
from replication.commands import exporting
from replication.commands.cli import main
from replication.training.exported import exported

RUNS = {
    "dqn/catch": {"budget_frames": 1_200},
    "c51_dopamine/catch": {"budget_iterations": 1},
    "ppo_baselines/catch": {"budget_frames": 2_400},
    "td3_2018/pendulum": {"budget_steps": 200},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("export")


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.slow) if "ppo" in name else name for name in RUNS], scope="module"
)
def run(request: pytest.FixtureRequest, folder: Path):
    variant, task = request.param.split("/")
    places = {"results": folder / "results", "state": folder / "state"}
    return rp.train(variant, task, 1, preset="smoke", **RUNS[request.param], **places)


@pytest.fixture(autouse=True)
def few_states(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting.played_states, "__defaults__", (30,))


def export(run, folder: Path, file_format: str) -> int:
    places = ["--state", str(run.state), "--results", str(run.state.parent / "results"), "--output", str(folder)]
    return main(["export", str(run.folder), "--format", file_format, *places])


@pytest.mark.parametrize("file_format", ["safetensors", "torchscript"])
def test_what_is_written_gives_the_outputs_of_the_original(run, tmp_path: Path, file_format: str) -> None:
    assert export(run, tmp_path, file_format) == 0
    card = (tmp_path / "card.md").read_text()
    assert run.record["result_digest"] in card and "verdict: none" in card and run.run.protocol.title in card
    found = exported(run.run, run.network)
    state = exporting.played_states(run, 1)[0]
    stream = exporting._stream(run)
    inputs = found.prepared(state, stream)
    expected = torch.from_numpy(found.original(state, exporting._stream(run)))
    if file_format == "torchscript":
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch advises another format
            written = torch.jit.load(str(tmp_path / "policy.pt"))(*inputs)[0]
        torch.testing.assert_close(written, expected, rtol=1e-4, atol=1e-6)
    else:
        tensors = load_file(tmp_path / "policy.safetensors")
        own = found.module.state_dict()
        assert tensors.keys() == own.keys() and all(torch.equal(tensors[name], own[name]) for name in own)


def test_a_network_that_gives_other_outputs_is_not_written(run, tmp_path: Path, monkeypatch, capsys) -> None:
    as_tensors = exporting._FORMATS["safetensors"]

    def spoilt(*given):
        data, read = as_tensors(*given)
        return data, lambda inputs: read(inputs) + 0.01

    monkeypatch.setitem(exporting._FORMATS, "safetensors", spoilt)
    assert export(run, tmp_path, "safetensors") == 2
    assert "written as safetensors it gives other outputs" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(importlib.util.find_spec("onnx") is not None, reason="onnx is installed here")
def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it(run, tmp_path: Path, capsys) -> None:
    assert export(run, tmp_path, "onnx") == 2
    said = capsys.readouterr().err
    assert 'package onnx is not installed; `pip install "replication-suite[onnx]"`' in said


def test_a_run_without_a_network_is_one_line(folder: Path, tmp_path: Path, capsys) -> None:
    places = {"results": folder / "results", "state": folder / "state"}
    random = rp.train("random_10hz", "catch", 1, preset="smoke", **places)
    assert export(random, tmp_path, "safetensors") == 2
    assert "family untrained has no network to export" in capsys.readouterr().err
