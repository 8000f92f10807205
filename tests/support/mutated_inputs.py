"""Mutated inputs of every kind that the suite reads, and what comes of each: refused in a line, or known to be another.

`python -m tests.support.mutations --count 10000 --seed 1` makes them; the same seed makes the same ones.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from replication.evidence import manifest, records
from replication.evidence.step_trace import parse_step_trace, serialise_step_trace
from replication.evidence.traces import read_trace_of_game
from replication.foundation import paths
from replication.foundation.errors import ReplicationError
from replication.published import curves
from replication.published.loader import PUBLISHED, published_table
from replication.specification.budget import Budget
from replication.specification.experiments import load_experiment
from replication.specification.loading import load_protocol, load_variant
from replication.specification.run import Run
from replication.specification.tasks.own_tasks import read_own_task
from replication.specification.tasks.registry import find_task
from tests.evidence.test_step_trace import CODES, VECTORS, made_up

OWN_TASK = "task: half_pendulum\ntitle: Half a pendulum\nenvironment_id: Pendulum-v1\ncap_steps: 200\n"
REFUSED, SAME, ANOTHER = "refused in a line", "the same content", "another identity or table"


@dataclass(frozen=True)
class Subject:
    """A file that is read.

    Attributes:
        kind: of file, in words.
        path: the file to mutate.
        read: reads it as the suite does.
        value: everything that is read from it and can change what is shown.
        identity: what a change of the value must change too; None: no change may be accepted.
    """

    kind: str
    path: Path
    read: Callable[[], Any]
    value: Callable[[Any], object]
    identity: Callable[[Any], object] | None = None


@contextmanager
def subjects() -> Iterator[list[Subject]]:
    """Lay out a file of each kind in a folder that is removed afterwards."""
    real = paths.WORKFLOW
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(real, folder / "workflow")
        paths.WORKFLOW = folder / "workflow"
        try:
            yield [*_of_runs(folder / "results"), *_settings(folder / "workflow"), *_tables(folder / "published")]
        finally:
            paths.WORKFLOW = real


def _of_runs(results: Path) -> Iterator[Subject]:
    committed = real_results() / "runs"
    found = next((committed / "random_10hz" / "breakout").glob("*/*/run.json")).parent
    bundle = next((committed / "q_learning" / "cliff_walking").glob("*/*/run.json")).parent
    trained = next((committed / "dqn_dopamine" / "kung_fu_master").glob("*/*/run.json")).parent
    folders = []
    for source in (found, bundle, trained):
        folders.append(results / "runs" / source.relative_to(committed))
        shutil.copytree(source, folders[-1])
    lines = {folder.relative_to(results / "runs").as_posix(): sealed(folder) for folder in folders}
    manifest.note(results, "finished", lines)
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if path.suffix in (".json", ".csv", ".trace"):
                kind = f"{path.name} of {folder.relative_to(results / 'runs').parts[0]}"
                yield Subject(kind, path, lambda folder=folder: records.read(folder), lambda record: record)
    trace = folders[0] / "evaluation.trace"
    yield Subject("trace read alone", trace, lambda: read_trace_of_game(trace), lambda found: found)
    log = results / manifest.NAME
    yield Subject("manifest line", log, lambda: checked_entries(results, folders), str)
    for name, actions in (("codes", CODES), ("vectors", VECTORS)):
        path = results / f"{name}.trace"
        path.write_bytes(serialise_step_trace(made_up(actions)))
        yield Subject(
            "step trace", path, lambda path=path: parse_step_trace(path.read_bytes(), path), serialise_step_trace
        )


def sealed(folder: Path) -> str:
    """Return the result digest of a record."""
    return str(json.loads((folder / "run.json").read_bytes())["result_digest"])


def checked_entries(results: Path, folders: Sequence[Path]) -> list[manifest.Entry]:
    """Check a manifest and return its lines; the commit of the last one, which nothing holds, is left out."""
    manifest.check_manifest(results, folders)
    *before, last = manifest.read_manifest(results) or []
    return [*before, replace(last, commit="", own="")]


def real_results() -> Path:
    """Return the committed results."""
    return Path(__file__).resolve().parents[2] / "results"


def _settings(workflow: Path) -> Iterator[Subject]:
    def digest(variant: Any, protocol: Any) -> str:
        return Run(variant, protocol, find_task("pong"), 1, None, Budget(steps=100)).result_digest

    dqn, nature = load_variant("dqn"), load_protocol("nature")
    yield Subject(
        "YAML of a variant",
        workflow / "algorithms" / "dqn.yaml",
        lambda: load_variant("dqn"),
        lambda found: (found.config, found.module, found.family),
        lambda found: digest(found, nature),
    )
    outside = {"title", "reference_set", "published_quantity", "sources", "deviations"}
    yield Subject(
        "YAML of a protocol",
        workflow / "protocols" / "nature.yaml",
        lambda: load_protocol("nature"),
        lambda found: found.model_dump(exclude=outside),
        lambda found: digest(dqn, found),
    )
    yield Subject(
        "YAML of an experiment",
        workflow / "experiments" / "nature_short.yaml",
        lambda: [run.result_digest for run in load_experiment("nature_short").runs()],
        tuple,
        tuple,
    )
    task = workflow / "tasks" / "half_pendulum.yaml"
    task.parent.mkdir(exist_ok=True)
    task.write_text(OWN_TASK)
    yield Subject("YAML of a task", task, lambda: read_own_task(task), repr, repr)


def _tables(folder: Path) -> Iterator[Subject]:
    shutil.copytree(PUBLISHED, folder)
    for name in ("nature_2015_table2", "nfq_2005_table1"):
        # Its numbers stand in tables that `verify` derives again: what changes them changes a committed table.
        yield Subject(
            "published CSV",
            folder / f"{name}.csv",
            lambda name=name: published_table(name, folder=folder).to_csv(),
            lambda table: table,
            lambda table: table,
        )
    yield Subject(
        "published CSV, compressed",
        folder / "dopamine_curves.csv.gz",
        lambda: _read_curve(folder),
        lambda table: table,
        lambda table: table,
    )


def _read_curve(folder: Path) -> str:
    curves._all_curves.cache_clear()  # a file of another content lies at the same place
    return str(curves.training_curve("dopamine_curves", "pong", "DQN", folder=folder).to_csv())


def mutated(data: bytes, stream: random.Random) -> bytes:
    """Return a file with one thing changed: bits, digits, types, lines, or its end."""
    way = stream.choice(["flip", "cut", "digits", "swap", "double", "drop", "type", "insert"])
    at = stream.randrange(max(1, len(data)))
    if way == "cut":
        return data[:at]
    if way == "flip":
        return data[:at] + bytes([data[at] ^ 1 << stream.randrange(8)]) + data[at + 1 :] if data else b"\x00"
    if way == "insert":
        return data[:at] + stream.choice([b"\x00", b"\xff", b"\n", b" ", b",", b'"', b"{", b"0", b"-"]) + data[at:]
    digits = [place for place, byte in enumerate(data) if 48 <= byte <= 57]
    if way in ("digits", "swap", "type") and digits:
        place = stream.choice(digits)
        if way == "type":
            return data[:place] + stream.choice([b"null", b"true", b'"x"', b"[]", b"nan", b"1e999"]) + data[place + 1 :]
        other = stream.choice(digits)
        changed = bytearray(data)
        if way == "swap":
            changed[place], changed[other] = changed[other], changed[place]
        else:
            changed[place] = stream.choice(b"0123456789")
        return bytes(changed)
    lines = data.splitlines(keepends=True)
    if not lines:
        return b"\n"
    number = stream.randrange(len(lines))
    return b"".join([*lines[:number], *([lines[number]] * 2 if way == "double" else []), *lines[number + 1 :]])


def outcome(subject: Subject, data: bytes, before: tuple[object, object]) -> str:
    """Read a mutated file and say what came of it; anything that is none of three words is a fault."""
    whole = subject.path.read_bytes()
    try:
        subject.path.write_bytes(data)
        found = subject.read()
    except ReplicationError as error:
        return REFUSED if "\n" not in str(error) else f"FAULT: refused in several lines: {error}"
    except Exception as error:  # that none comes is what is tested
        return f"FAULT: {type(error).__name__}: {error}"
    finally:
        subject.path.write_bytes(whole)
    value, identity = before
    if subject.value(found) == value:
        return SAME
    if subject.identity is not None and subject.identity(found) != identity:
        return ANOTHER
    return "FAULT: a change passed in silence"


def try_mutations(count: int, seed: int) -> tuple[Counter[tuple[str, str]], list[str]]:
    """Mutate `count` times, in turn through all files.

    Returns: how often each kind of file had each outcome; and a line for each fault, with what repeats it.
    """
    counted: Counter[tuple[str, str]] = Counter()
    faults = []
    with subjects() as every:
        known = []
        for subject in every:
            found = subject.read()
            known.append((subject.value(found), subject.identity(found) if subject.identity else None))
        for number in range(count):
            place = number % len(every)
            subject, stream = every[place], random.Random(f"{seed} {number}")
            said = outcome(subject, mutated(subject.path.read_bytes(), stream), known[place])
            counted[subject.kind, said if said in (REFUSED, SAME, ANOTHER) else "FAULT"] += 1
            if said.startswith("FAULT"):
                faults.append(f"seed {seed}, number {number}, {subject.kind}: {said}")
    return counted, faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; exit code 1 where there was a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.mutations", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    counted, faults = try_mutations(options.count, options.seed)
    said = io.StringIO()
    for (kind, word), number in sorted(counted.items()):
        said.write(f"{number:7,}  {kind}: {word}\n")
    print(said.getvalue() + "\n".join(faults[:50]))
    return 1 if faults else 0
