"""A finished run as a notebook has it: settings, episodes, curve, trace, and the policy that was evaluated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from replication.analysis.cells import run_score
from replication.analysis.finished import FinishedRun, finished_run
from replication.environments.contract import Policy, Viewing
from replication.evidence.evaluation import exploration_stream
from replication.evidence.state_files import checkpoints, network_path
from replication.evidence.traces import AnyTrace, read_trace_of
from replication.foundation.errors import ReplicationError
from replication.foundation.stopping import INTERRUPTED_EXIT_CODE
from replication.specification.families.facts import FamilySettings
from replication.specification.protocols import Presentation
from replication.specification.run import Run
from replication.specification.seeds import Seeds


class RunPolicy:
    """The policy of a finished run, as its final evaluation played it: exploration included, from the same stream.

    Args:
        run: whose policy it is.
        choose: the policy as `training.contract.Family.player` gives it.
        viewing: how it sees a game; None: its task is none.
    """

    def __init__(self, run: Run, choose: Policy, viewing: Viewing | None) -> None:
        self.viewing = viewing
        self.choose = choose
        """From what this program sees and a stream to an action."""
        self._stream = exploration_stream(run, "final_evaluation", 0)

    def act(self, observation: NDArray[Any]) -> Any:
        """Choose an action.

        Args:
            observation: of a game uint8 [frames, 84, 84], the newest last, as the run's `environment()` gives it; of
                another task its own.

        Returns: of a game the index into its minimal set of actions; else what the task takes.
        Raises:
            ReplicationError: it has another shape.
        """
        if self.viewing is None:
            return self.choose(np.asarray(observation, np.float32), self._stream)
        seen = np.asarray(observation)
        expected = (self.viewing.frame_stack, 84, 84)
        if seen.shape != expected or seen.dtype != np.uint8:
            raise ReplicationError(
                f"observation: found {seen.dtype} {list(seen.shape)}, expected uint8 {list(expected)}, as the run's "
                "environment() gives it"
            )
        return self.choose(np.ascontiguousarray(seen.transpose(1, 2, 0)), self._stream)


@dataclass(frozen=True)
class LoadedRun:
    """A finished run."""

    finished: FinishedRun
    state: Path
    """Root of the state, where its network lies."""

    @property
    def run(self) -> Run:
        """The run, with its variant, protocol, task, seed and budget."""
        return self.finished.run

    @property
    def folder(self) -> Path:
        """The folder of its record."""
        return self.finished.folder

    @property
    def record(self) -> dict[str, Any]:
        """run.json."""
        return self.finished.record

    @property
    def settings(self) -> FamilySettings:
        """The settings of its algorithm, an object of the algorithm's own class."""
        return self.run.settings

    @property
    def score(self) -> float:
        """Its score at the end of its budget, raw."""
        return run_score(self.finished, self.run.budget)

    @property
    def episodes(self) -> pd.DataFrame | None:
        """The final evaluation, an episode a row; None where its protocol has none, or its record is a bundle's."""
        return self.finished.episodes

    @property
    def curve(self) -> pd.DataFrame | None:
        """Periodic evaluations; of a bundle the means over its seeds."""
        return self.finished.curve

    @property
    def training(self) -> pd.DataFrame | None:
        """The training episodes."""
        return self.finished.training

    @property
    def iterations(self) -> pd.DataFrame | None:
        """The iterations of training, where its protocol has them."""
        return self.finished.iterations

    @cached_property
    def trace(self) -> AnyTrace:
        """What the simulator was given in its final evaluation.

        Raises:
            ReplicationError: its record holds no such trace; it is damaged.
        """
        path = self.folder / "evaluation.trace"
        if not path.exists():
            raise ReplicationError(f"{path}: found no such file, expected a run whose final evaluation leaves a trace")
        return read_trace_of(self.run.task, path)

    @cached_property
    def policy(self) -> RunPolicy:
        """The policy that its final evaluation played, or that its training ended with where there was none.

        Raises:
            ReplicationError: its network is not in the state; its family keeps no policy.
        """
        from replication.training.contract import load_family

        run = self.run
        if run.family.bundles:
            raise ReplicationError(
                f"{run.name}: found evidence of the grade {run.family.evidence}, expected a run that stores a network; "
                "`verify --policy` learns it again"
            )
        family, network = load_family(run.family.name), self.network if run.family.trains else None
        if network is None or network.is_file():
            return RunPolicy(run, *family.player(run, network))
        shown = run.protocol.training
        viewing = family.viewing(run, shown) if isinstance(shown, Presentation) else None
        return RunPolicy(run, family.open_network(run, network).policy(run.final_epsilon(None)), viewing)

    @property
    def network(self) -> Path:
        """The file of the network that was evaluated; where none is, the checkpoint at the end of training.

        Raises:
            ReplicationError: neither is in the state.
        """
        path, steps = network_path(self.run, self.state), self.record.get("counts", {}).get("steps")
        if path.exists():
            return path
        for step, folder in checkpoints(self.run.state_folder(self.state)):
            if step == steps:
                return folder
        raise ReplicationError(
            f"{path}: found no network of {self.run.name}, expected it in the state; name the state, or train the run"
        )

    def environment(self, render_mode: str | None = None) -> Any:
        """Make the environment of its final evaluation, or of its training where its protocol has none.

        Raises:
            ReplicationError: its task is none that Gymnasium can have.
        """
        from replication.environments.atari.env import AtariEnv
        from replication.environments.gymnasium_ids import make

        run = self.run
        final = run.protocol.evaluation_at_end
        shown = final.presentation if final else run.protocol.training
        viewing = self.policy.viewing if run.task.kind == "atari" else None
        if isinstance(shown, Presentation) and viewing is not None:
            shown = shown.model_copy(update={"frame_skip": viewing.frame_skip})
            pipeline = "nature" if viewing.frame_pipeline == "none" else viewing.frame_pipeline
            return AtariEnv(run.task.name, shown, pipeline, viewing.frame_stack, viewing.history_start, render_mode)
        return make(
            run.task.name,
            run.protocol.protocol,
            part="evaluation" if final else "training",
            render_mode=render_mode,
        )


def load_run(folder: Path, seed: int | None, state: Path) -> LoadedRun:
    """Load the finished run whose record lies in a folder.

    Args:
        folder: of the record.
        seed: of the run, where the record is a bundle's; None: its first seed.
        state: root of the state.

    Raises:
        ReplicationError: as `finished_run`.
    """
    return LoadedRun(finished_run(folder, seed), state)


def find_record(run: str, results: Path) -> tuple[Path, int | None]:
    """Find the record of a run by its folder, or by `variant/task/seed`, with `/digest` after it.

    Returns: the folder, and the seed where a name has one.
    Raises:
        ReplicationError: there is none, or several.
    """
    if (Path(run) / "run.json").is_file():
        return Path(run), None
    parts = run.split("/")
    number = parts[2].removeprefix("seed") if len(parts) in (3, 4) else ""
    if not number.isdecimal():
        raise ReplicationError(
            f"run {run!r}: found neither the folder of a record nor a name, expected variant/task/seed, "
            "such as dqn/pong/1"
        )
    seed, digest = int(number), parts[3] if len(parts) == 4 else ""
    task = results / "runs" / parts[0] / parts[1]
    seeds = [path for path in sorted(task.glob("seed*")) if _holds(path.name, seed)]
    found = [path.parent for folder in seeds for path in sorted(folder.glob(f"{digest}*/run.json"))]
    if not found:
        known = ", ".join(sorted(path.name for path in task.glob("seed*"))) or "none"
        raise ReplicationError(f"run {run!r}: found no record in {task}; expected one of its seeds: {known}")
    if len(found) > 1:
        names = ", ".join(f"{path.parent.name}/{path.name}" for path in found)
        raise ReplicationError(f"run {run!r}: found several records ({names}), expected one; give its folder or digest")
    return found[0], seed


def _holds(name: str, seed: int) -> bool:
    """Return whether a folder is that of a seed, or of a bundle that has it."""
    if name == f"seed{seed}":
        return True
    first, dash, last = name.removeprefix("seeds").partition("-")
    return bool(dash) and first.isdecimal() and last.isdecimal() and seed in range(int(first), int(last) + 1)


def train_run(run: Run, results: Path, state: Path, *, device: str, workers: int | None, quiet: bool) -> LoadedRun:
    """Train and evaluate a run, unless it is finished, and load it; one of a family that bundles seeds has its own.

    Raises:
        ReplicationError: as `training.session.execute`.
        KeyboardInterrupt: it was stopped.
    """
    from replication.commands.train import refuse_incomplete
    from replication.evidence.records import finished_folder
    from replication.training.machine.settings import Machine, default_workers
    from replication.training.session import execute

    if run.family.bundles:
        run = replace(run, bundle=Seeds(run.seed, run.seed))
    if run.variant.lies_elsewhere:
        refuse_incomplete(run.variant)
    machine = Machine(
        results=results,
        state=state,
        device=device,
        storage="lz4",
        checkpoint_seconds=600.0,
        max_seconds=None,
        quiet=quiet,
        workers=default_workers(device) if workers is None else workers,
    )
    if execute([run], machine) == INTERRUPTED_EXIT_CODE:
        raise KeyboardInterrupt
    return load_run(finished_folder(run, results), run.seed, state)
