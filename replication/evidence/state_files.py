"""What training keeps of a run in its state: checkpoints, networks, activations, and why it failed.

It needs neither torch nor pandas.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from replication.evidence.records import finished_folder
from replication.foundation.errors import ReplicationError
from replication.specification.run import Run

_FAILURE = "failed.json"
LIVE = "live"
"""The folder, in the state of a run, of what it shows of itself while it trains (live_files.py)."""


def checkpoint_step(run: Run, state: Path) -> int:
    """Return the agent steps that the newest checkpoint of a run has behind it; 0 where it has no checkpoint."""
    return max((step for step, _ in checkpoints(run.state_folder(state))), default=0)


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """List step and place of each checkpoint of a run, oldest first; leftovers of interrupted writes do not count."""
    named = [(path.name.removeprefix("checkpoint_"), path) for path in folder.glob("checkpoint_*")]
    return sorted((int(step), path) for step, path in named if step.isascii() and step.isdigit())


def evaluation_name(step: int) -> str:
    """Return the name, in the state of a run, of the trace of its periodic evaluation at an agent step."""
    return f"evaluations/step_{step:010d}.trace"


def evaluation_traces(run: Run, state: Path, steps: Sequence[int]) -> dict[str, bytes]:
    """Read the traces of a run's periodic evaluations that are in its state, by name; one that was removed is absent.

    Args:
        run: whose state it is.
        state: root of the state.
        steps: agent steps at which it was evaluated.
    """
    folder, names = run.state_folder(state), map(evaluation_name, steps)
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}


def network_path(run: Run, state: Path) -> Path:
    """Return where the network lies that played the final evaluation."""
    return run.state_folder(state) / f"evaluated_{run.result_digest[:12]}.safetensors"


def activations_path(run: Run, state: Path) -> Path:
    """Return where training leaves the activations of its final evaluation."""
    return run.state_folder(state) / f"activations_{run.result_digest[:12]}.npz"


def lacks_views(run: Run, results: Path, state: Path) -> bool:
    """Return whether a finished run was made here and lacks something that `embed` or `film` makes."""
    wanted = ["embedding.csv", "embedding_screens.csv", "clip.webp"]
    if network_path(run, state).exists():
        wanted += ["value_stretch.csv", "embedding_policies.csv"]
    folder = finished_folder(run, results)
    return activations_path(run, state).exists() and not all((folder / name).exists() for name in wanted)


def failure_path(run: Run, state: Path) -> Path:
    """Return the file that says a run cannot go on; it lies beside the checkpoints."""
    return run.state_folder(state) / _FAILURE


def read_failure(run: Run, state: Path) -> dict[str, Any] | None:
    """Read why a run stopped for good (`reason`, `checkpoint_step`); None where it did not.

    Raises:
        ReplicationError: the file is not such a record.
    """
    return failure_in(run.state_folder(state))


def failure_in(folder: Path) -> dict[str, Any] | None:
    """Read why the run with this state folder stopped for good, as `read_failure` does."""
    path = folder / _FAILURE
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_bytes())
        reason = " ".join(str(record["reason"]).split())
        return {"reason": reason, "checkpoint_step": int(record["checkpoint_step"])}
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError, OSError) as error:
        raise ReplicationError(f"{path}: not a record of a failure ({error}); remove it to go on") from None
