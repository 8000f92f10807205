"""The entries of queue.json: which runs the queue trains and in which order, and how they are put into it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from replication.foundation.errors import ReplicationError
from replication.foundation.validation import Settings
from replication.specification.experiments import Experiment
from replication.specification.loading import load_protocol
from replication.specification.run import Run, resolve_run

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Number = Annotated[int, Field(ge=0, lt=2**53)]


class Entry(Settings):
    """One run to train."""

    id: _Number
    """Its number in the queue; never given twice."""
    variant: _Name
    game: _Name
    seed: _Number
    protocol: _Name
    preset: _Name | None
    budget_steps: _Number
    """Agent steps, for protocols that count them or frames; otherwise 0."""
    budget_iterations: _Number
    """Iterations, for protocols that have them; otherwise 0."""
    least_steps: _Number
    """Agent steps of the whole budget; an iteration counts as its least number of steps."""
    frame_skip: Annotated[int, Field(ge=1)]
    """Emulator frames an agent step."""
    training_digest: _Digest
    result_digest: _Digest

    @property
    def name(self) -> str:
        """Variant, game and seed, for people."""
        return f"{self.variant} {self.game} seed {self.seed}"

    @property
    def place(self) -> Path:
        """The folder of its results, below results/runs."""
        return Path(self.variant, self.game, f"seed{self.seed}", self.result_digest[:12])

    @property
    def state_place(self) -> Path:
        """The folder of its checkpoints, below the state."""
        return Path(self.variant, self.game, f"seed{self.seed}", self.training_digest[:12])

    def run(self) -> Run:
        """Resolve the run, with the settings that the running program has.

        Raises:
            ReplicationError: this program does not have them; or they are not those the entry was added with.
        """
        counts_steps = load_protocol(self.protocol).budget_unit == "steps"
        run = resolve_run(
            variant=self.variant,
            task=self.game,
            seed=self.seed,
            protocol=self.protocol,
            preset=self.preset,
            budget_frames=None if counts_steps else self.budget_steps * self.frame_skip or None,
            budget_steps=self.budget_steps if counts_steps else None,
            budget_iterations=self.budget_iterations or None,
        )
        if run.result_digest != self.result_digest:
            raise ReplicationError(
                f"result_digest: found {run.result_digest[:12]}, expected {self.result_digest[:12]}: its settings or "
                "the version of the numerics are not those it was added with"
            )
        return run


class Queue(Settings):
    """The content of queue.json."""

    format: Literal[1] = 1
    next_id: _Number = 1
    entries: tuple[Entry, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> Queue:
        ids = [entry.id for entry in self.entries]
        if len(set(ids)) < len(ids) or max(ids, default=-1) >= self.next_id:
            raise ValueError(f"expected different ids below next_id {self.next_id}, found {sorted(ids)}")
        return self

    def entry(self, number: int) -> Entry:
        """Find an entry by its id.

        Raises:
            ReplicationError: the queue has none of this id.
        """
        for entry in self.entries:
            if entry.id == number:
                return entry
        known = ", ".join(str(entry.id) for entry in self.entries) or "none, it is empty"
        raise ReplicationError(f"the queue has no entry {number}; its entries: {known}")


def new_entry(number: int, run: Run) -> Entry:
    """Build the entry of a run."""
    steps = run.training_steps
    found: dict[str, Any] = {
        "id": number,
        "variant": run.variant.variant,
        "game": run.task.name,
        "seed": run.seed,
        "protocol": run.protocol.protocol,
        "preset": run.preset.preset if run.preset else None,
        "budget_steps": run.budget.steps,
        "budget_iterations": run.budget.iterations,
        "least_steps": steps,
        "frame_skip": run.protocol.training.frame_skip,
        "training_digest": run.training_digest,
        "result_digest": run.result_digest,
    }
    return Entry(**found)


def with_runs(queue: Queue, runs: Sequence[Run], before: int | None) -> tuple[Queue, tuple[Entry, ...]]:
    """Add runs that the queue does not have.

    Args:
        queue: as it is.
        runs: in the order in which they are to be trained; each different from those in the queue.
        before: id of the entry they go in front of; None: at the end.

    Returns: the new queue, and the entries that were added.
    Raises:
        ReplicationError: no entry `before`.
    """
    added = tuple(new_entry(queue.next_id + number, run) for number, run in enumerate(runs))
    entries = _inserted(queue, queue.entries, added, before)
    return Queue(next_id=queue.next_id + len(added), entries=entries), added


def moved(queue: Queue, numbers: Sequence[int], before: int | None) -> Queue:
    """Put entries, in the order given, in front of another one, or at the end.

    Raises:
        ReplicationError: no such entry.
    """
    chosen = tuple(queue.entry(number) for number in dict.fromkeys(numbers))
    rest = tuple(entry for entry in queue.entries if entry not in chosen)
    return Queue(next_id=queue.next_id, entries=_inserted(queue, rest, chosen, before))


def without(queue: Queue, numbers: Sequence[int]) -> Queue:
    """Remove entries.

    Raises:
        ReplicationError: no such entry.
    """
    chosen = [queue.entry(number) for number in numbers]
    return Queue(next_id=queue.next_id, entries=tuple(entry for entry in queue.entries if entry not in chosen))


def _inserted(queue: Queue, rest: Sequence[Entry], new: Sequence[Entry], before: int | None) -> tuple[Entry, ...]:
    if before is None:
        return (*rest, *new)
    place = queue.entry(before)
    if place in new:
        raise ReplicationError(f"entry {before} cannot be put before itself; name another one")
    at = rest.index(place)
    return (*rest[:at], *new, *rest[at:])


def first_seeds_first(experiment: Experiment, seeds: Sequence[int] | None = None) -> list[Run]:
    """Order the runs of an experiment: as its YAML does, but the first seeds of all cells before the second ones.

    Args:
        experiment: names the runs.
        seeds: only runs of these; None: all.

    Raises:
        ReplicationError: a seed that no run of it has.
    """
    runs = experiment.runs()
    known = sorted({run.seed for run in runs})
    for seed in seeds or ():
        if seed not in known:
            shown = ", ".join(map(str, known))
            raise ReplicationError(f"--seeds {seed}: {experiment.experiment} has no such seed; it has {shown}")
    met: dict[object, int] = {}
    ranked = []
    for run in runs:
        preset = run.preset.preset if run.preset else None
        cell = (run.variant.variant, run.protocol.protocol, run.task.name, run.budget, preset)
        met[cell] = met.get(cell, 0) + 1
        if seeds is None or run.seed in seeds:
            ranked.append((met[cell], run))
    return [run for _, run in sorted(ranked, key=lambda pair: pair[0])]
