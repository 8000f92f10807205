"""The network of a run in the formats of other programs, checked against the original before anything is written."""

from __future__ import annotations

import importlib.util
import io
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from replication.commands.loaded_run import LoadedRun
from replication.evidence.evaluation import EvaluationRequest, evaluate
from replication.foundation.errors import ReplicationError
from replication.foundation.files import sha256, write_atomically
from replication.foundation.random_streams import named_stream
from replication.report.model_card import model_card
from replication.training.exported import Exported, exported

STATES = 1_000
"""Of the run's own play, on which what is written is compared."""
MOST_APART = 1e-4
"""The largest difference of an output, as a share of the largest in the state: kernels round in another order."""
_NAMES = {"safetensors": "policy.safetensors", "torchscript": "policy.pt", "onnx": "policy.onnx"}
_PACKAGES = {"onnx": ("onnx", "onnxscript", "onnxruntime")}
"""What a format needs beside this program."""
_Inputs = tuple[Tensor, ...]
_Read = Callable[[_Inputs], NDArray[np.float32]]


def export(loaded: LoadedRun, file_format: str, output: Path | None, results: Path) -> list[Path]:
    """Write the network of a run and its card.

    Args:
        loaded: the run.
        file_format: safetensors, torchscript or onnx.
        output: the folder; None: one here, named after the run.
        results: root of the results, whose tables have the verdicts.

    Returns: the files.
    Raises:
        ReplicationError: its network is not in the state; a package is missing; what would be written is not the
            original.
    """
    for package in _PACKAGES.get(file_format, ()):
        if importlib.util.find_spec(package) is None:
            raise ReplicationError(
                f'--format {file_format}: package {package} is not installed; `pip install "replication-suite[onnx]"`'
            )
    run = loaded.run
    if not run.family.trains:
        raise ReplicationError(f"{run.name}: family {run.family.name} has no network to export; name another run")
    states = played_states(loaded)
    network = loaded.network
    found = exported(run, network)
    example = found.prepared(states[0], _stream(loaded))
    data, read = _FORMATS[file_format](found, example, lambda: exported(run, network))
    apart = largest_difference(found, read, states, lambda: _stream(loaded))
    if not apart <= MOST_APART:
        raise ReplicationError(
            f"{network}: written as {file_format} it gives other outputs (by {apart:.1e} of the largest, expected at "
            f"most {MOST_APART:.0e}); nothing was written"
        )
    folder = output or Path(f"exported_{run.variant.variant}_{run.task.name}_{run.seed}")
    stored = network / "tensors.safetensors" if network.is_dir() else network
    path = folder / _NAMES[file_format]
    write_atomically(path, data)
    facts = {
        "file": f"{path.name}, {len(data):,} bytes, SHA-256 {sha256(data)}",
        "network": f"SHA-256 {sha256(stored.read_bytes())} of {network.name}",
        "checked": f"on {len(states):,} states of its own play: outputs apart by at most {apart:.1e} of the largest",
    }
    tensors = {name: (str(tensor.dtype), tuple(tensor.shape)) for name, tensor in found.module.state_dict().items()}
    card = model_card(loaded.finished, results, file_format, facts, found.inputs, found.output, found.choice, tensors)
    write_atomically(folder / "card.md", card.encode())
    return [path, folder / "card.md"]


def played_states(loaded: LoadedRun, steps: int = STATES) -> list[NDArray[Any]]:
    """Play so many steps with the policy of a run, as its final evaluation does, and return what it saw.

    A run whose protocol has no final evaluation plays by the presentation of its training.
    """
    run, policy, seen = loaded.run, loaded.policy, []

    def choose(state: NDArray[Any], stream: np.random.Generator) -> Any:
        seen.append(state.copy())
        return policy.choose(state, stream)

    final = run.protocol.evaluation_at_end
    shown = final.presentation if final else run.protocol.training
    evaluate(choose, run, policy.viewing, EvaluationRequest(shown, "final_evaluation", num_steps=steps))
    return seen


def largest_difference(
    found: Exported, read: _Read, states: Sequence[NDArray[Any]], stream: Callable[[], np.random.Generator]
) -> float:
    """Return the largest difference of an output from the original, as a share of the largest output in its state."""
    for_inputs, for_original = stream(), stream()  # equal: both draw the same
    worst = 0.0
    for state in states:
        ours, original = read(found.prepared(state, for_inputs)), found.original(state, for_original)
        apart = float(np.abs(ours - original).max() / max(1e-6, float(np.abs(original).max())))
        worst = max(worst, apart) if np.isfinite(apart) else np.inf
    return worst


def _stream(loaded: LoadedRun) -> np.random.Generator:
    return named_stream(loaded.run.seed, loaded.run.task.name, "export")


def _as_tensors(found: Exported, example: _Inputs, again: Callable[[], Exported]) -> tuple[bytes, _Read]:
    """Write the tensors alone; read, they fill a module of the same layers that held zeros."""
    data = save_tensors({name: tensor.contiguous() for name, tensor in found.module.state_dict().items()})
    module = again().module
    with torch.no_grad():
        for tensor in module.state_dict().values():
            tensor.zero_()
    module.load_state_dict(load_tensors(data))
    return data, _called(module)


def _as_torchscript(found: Exported, example: _Inputs, again: Callable[[], Exported]) -> tuple[bytes, _Read]:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch advises another format, and tells what it cannot follow
        torch.jit.save(torch.jit.trace(found.module, example, check_trace=False), file)
        module = torch.jit.load(io.BytesIO(file.getvalue()))
    return file.getvalue(), _called(module)


def _as_onnx(found: Exported, example: _Inputs, again: Callable[[], Exported]) -> tuple[bytes, _Read]:
    import onnxruntime

    names = [name for name, _ in found.inputs]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "policy.onnx"
        axes = {name: {0: "batch"} for name in (names[0], "output")}
        torch.onnx.export(
            found.module,
            example,
            str(path),
            input_names=names,
            output_names=["output"],
            dynamic_axes=axes,
            dynamo=False,
        )
        data = path.read_bytes()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])

    def read(inputs: _Inputs) -> NDArray[np.float32]:
        given = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
        output: NDArray[np.float32] = session.run(None, given)[0][0]
        return output

    return data, read


def _called(module: Any) -> _Read:
    def read(inputs: _Inputs) -> NDArray[np.float32]:
        with torch.no_grad():
            output: NDArray[np.float32] = module(*inputs)[0].numpy()
        return output

    return read


_FORMATS: Mapping[str, Callable[[Exported, _Inputs, Callable[[], Exported]], tuple[bytes, _Read]]] = {
    "safetensors": _as_tensors,
    "torchscript": _as_torchscript,
    "onnx": _as_onnx,
}
