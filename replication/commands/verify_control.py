"""The check of a control experiment's results: every test episode is played again from the stored networks.

The arithmetic of plant and network is additions, multiplications and divisions in a fixed order, so any machine that
keeps IEEE 754 must get every cell again, not nearly but exactly. With `learn_again` the networks are derived too, from
the random streams alone.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replication.evidence.control_records import NETWORKS, REPETITIONS, read_networks, read_record
from replication.evidence.records import finished_folders
from replication.foundation.errors import ReplicationError
from replication.foundation.processes import map_in_processes
from replication.foundation.progress import progress_bar
from replication.foundation.validation import validated
from replication.specification.control_experiments import Method

_ENDED = "verify: a process that played test episodes was ended from outside; give --cores 1"


@dataclass(frozen=True)
class CheckedControl:
    """Counts of what was checked."""

    variants: int = 0
    networks: int = 0
    episodes: int = 0
    cells: int = 0


@dataclass(frozen=True)
class _Task:
    """The repetitions of one number of training episodes, as plain data for a process."""

    folder: Path
    training_episodes: int
    learn_again: bool


def control_folders(results: Path) -> list[Path]:
    """Find the folders of finished variants.

    Raises:
        ReplicationError: files lie where a record is missing.
    """
    return finished_folders((results / "control").glob("*/*/*"))


def check_control(
    folders: Sequence[Path], processes: int, *, learn_again: bool = False, quiet: bool = False
) -> CheckedControl:
    """Check variants; of several differences, the first in the order given is raised.

    Args:
        folders: of finished variants.
        processes: how many play at a time.
        learn_again: also make the transitions and learn every network again, and compare its weights to the bit.
        quiet: no progress bar.

    Raises:
        ReplicationError: the first difference: file, row and cell.
    """
    tasks = []
    for folder in folders:
        record = read_record(folder)
        _check_keys(folder, record)
        tasks += [_Task(folder, episodes, learn_again) for episodes in record["training_episodes"]]
    total = CheckedControl(variants=len(folders))
    with progress_bar(len(tasks), "rows", "verify control", quiet=quiet, mininterval=0.5) as bar:
        for checked in map_in_processes(_check_task, tasks, processes, ended=_ENDED):
            total = CheckedControl(
                total.variants,
                total.networks + checked.networks,
                total.episodes + checked.episodes,
                total.cells + checked.cells,
            )
            bar.update()
    return total


def _check_keys(folder: Path, record: dict[str, Any]) -> None:
    """Check that the rows are the repetitions that the record asks for, in order."""
    asked = [
        (str(episodes), str(repetition))
        for episodes in record["training_episodes"]
        for repetition in range(1, record["repetitions"] + 1)
    ]
    found = [(row.get("training_episodes"), row.get("repetition")) for row in _rows(folder)]
    for number, (one, other) in enumerate(zip(found, asked, strict=False), start=2):
        if one != other:
            raise ReplicationError(
                f"{folder / REPETITIONS}: row {number}: found repetition {one[1]} of {one[0]} episodes, expected "
                f"{other[1]} of {other[0]}"
            )
    if len(found) != len(asked):
        raise ReplicationError(f"{folder / REPETITIONS}: found {len(found)} repetitions, expected {len(asked)}")


def _check_task(task: _Task) -> CheckedControl:
    from replication.training.fitted_q.repetitions import check_repetition

    record = read_record(task.folder)
    method = validated(Method, record["method"], task.folder / "run.json", "method")
    rows = _rows(task.folder)
    weights = read_networks(task.folder, len(rows))
    networks = cells = 0
    for number, (row, network) in enumerate(zip(rows, weights, strict=True), start=2):
        if row["training_episodes"] != str(task.training_episodes):
            continue
        derived, learned = check_repetition(
            method, task.training_episodes, int(row["repetition"]), network, learn_again=task.learn_again
        )
        for name, expected in derived.items():
            if row.get(name) != str(expected):
                raise ReplicationError(
                    f"{task.folder / REPETITIONS}: row {number}: {name}: found {row.get(name)}, the stored network "
                    f"gives {expected}"
                )
        if not learned:
            raise ReplicationError(
                f"{task.folder / NETWORKS}: row {number - 2}: not the network that repetition {row['repetition']} of "
                f"{task.training_episodes} episodes learns"
            )
        networks += 1
        cells += len(derived)
    return CheckedControl(networks=networks, episodes=networks * method.test.episodes, cells=cells)


def _rows(folder: Path) -> list[dict[str, str]]:
    path = folder / REPETITIONS
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReplicationError(f"{path}: not readable as CSV ({error}); fetch it again") from None
