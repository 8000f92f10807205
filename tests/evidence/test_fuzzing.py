"""Files changed at random: a loader gives what the file says, or one line that names the file; nothing else, ever.

Settings, experiments, finished runs, published tables and traces; checkpoints are in test_fuzzing_checkpoints.py.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import shutil
import struct
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from replication.algorithms.off_policy import dqn
from replication.analysis.finished import FinishedRun, load_runs
from replication.evidence.records import sealed_record
from replication.evidence.step_trace import parse_step_trace, serialise_step_trace
from replication.evidence.trace_file import Episode, Trace, TraceHeader, parse_trace, serialise_trace
from replication.foundation.optional_settings import with_nulls, without_defaults
from replication.foundation.validation import Settings
from replication.published.loader import PUBLISHED, published_scores, published_table
from replication.published.schemas import SCORES, TABLES
from replication.specification.budget import Budget
from replication.specification.experiments import load_experiment
from replication.specification.loading import load_preset, load_protocol, load_variant
from replication.specification.protocols import Protocol
from replication.specification.run import Run
from replication.specification.tasks.registry import find_task
from replication.specification.variants import Preset, Variant
from tests.evidence.test_step_trace import CODES, VECTORS, made_up
from tests.support.bad_input import copy_workflow, loaded, seal_record
from tests.support.finished_runs import finish, made_up_experiment
from tests.support.fuzzing import examples
from tests.support.mutations import mutated_bytes, mutated_lines, mutated_mapping

MANY, SOME = examples(250), examples(120)

pytestmark = [pytest.mark.slow, pytest.mark.fuzz]


@pytest.fixture(scope="module")
def workflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        yield copy_workflow(tmp_path_factory.mktemp("spoilt"), patch)


# ---------------------------------------------------------------- settings

OUTSIDE: dict[type[Settings], set[str]] = {
    Variant: {"title", "paper", "original", "sources", "deviations"},
    Protocol: {"title", "reference_set", "published_quantity", "sources", "deviations"},
}
"""Fields that cannot change a number."""


def digest_of(variant: Variant, protocol: Protocol, preset: Preset | None) -> str:
    return Run(variant, protocol, find_task("pong"), 1, preset, Budget(steps=100)).result_digest


FILES = {"variant": "algorithms/dqn.yaml", "protocol": "protocols/nature.yaml", "preset": "presets/smoke.yaml"}


@cache
def whole() -> tuple[Variant, Protocol, Preset]:
    return load_variant("dqn"), load_protocol("nature"), load_preset("smoke")


def as_written(kind: str, content: dict[str, Any]) -> dict[str, Any]:
    """With the nulls that need not be written, and without the optional settings that are as if they were absent."""
    if kind == "variant":
        return content | {"config": without_defaults(dqn.Config, with_nulls(dqn.Config, content["config"]))}
    return without_defaults(Protocol, with_nulls(Protocol, content)) if kind == "protocol" else content


def check_settings(workflow: Path, kind: str, data: bytes) -> None:
    """The spoilt file of a kind is refused, or gives what it says: then what counts for a number moves the digest."""
    path = workflow / FILES[kind]
    before = path.read_bytes()
    variant, protocol, preset = whole()
    try:
        path.write_bytes(data)
        if kind == "variant":
            changed = loaded(lambda: load_variant("dqn"), path)
        elif kind == "protocol":
            changed = loaded(lambda: load_protocol("nature"), path)
        else:
            changed = loaded(lambda: load_preset("smoke"), path)
            scaled = changed and loaded(lambda: (load_variant("dqn", changed), load_protocol("nature", changed)), path)
    finally:
        path.write_bytes(before)
    if changed is None:
        return
    was = {"variant": variant, "protocol": protocol, "preset": preset}[kind]
    assert as_written(kind, changed.model_dump(mode="json")) == as_written(kind, yaml.safe_load(data))
    different = {name for name in type(was).model_fields if getattr(changed, name) != getattr(was, name)}
    if kind == "preset":  # what dqn and nature do not have may change without consequence for them
        original = load_variant("dqn", preset), load_protocol("nature", preset)
        if scaled is not None and different:
            assert (digest_of(*scaled, changed) == digest_of(*original, preset)) == (scaled == original)
        return
    found = (changed, protocol) if kind == "variant" else (variant, changed)
    if different - OUTSIDE[type(was)]:
        assert digest_of(*found, None) != digest_of(variant, protocol, None), different


@pytest.mark.parametrize("kind", FILES)
@MANY
@given(data=st.data())
def test_settings_with_lines_changed(workflow: Path, kind: str, data: st.DataObject) -> None:
    text = (workflow / FILES[kind]).read_text()
    check_settings(workflow, kind, data.draw(mutated_lines(text)).encode())


@pytest.mark.parametrize("kind", FILES)
@MANY
@given(data=st.data())
def test_settings_with_values_changed(workflow: Path, kind: str, data: st.DataObject) -> None:
    content = yaml.safe_load((workflow / FILES[kind]).read_text())
    spoilt = data.draw(mutated_mapping(content))
    check_settings(workflow, kind, yaml.safe_dump(spoilt, sort_keys=False).encode())


@pytest.mark.parametrize("kind", FILES)
@SOME
@given(data=st.data())
def test_settings_with_bytes_changed(workflow: Path, kind: str, data: st.DataObject) -> None:
    check_settings(workflow, kind, data.draw(mutated_bytes((workflow / FILES[kind]).read_bytes())))


@pytest.mark.parametrize("way", ["lines", "values", "bytes"])
@SOME
@given(data=st.data())
def test_experiments(workflow: Path, way: str, data: st.DataObject) -> None:
    path = workflow / "experiments" / "nature_figure4.yaml"
    before = path.read_bytes()
    if way == "lines":
        spoilt = data.draw(mutated_lines(before.decode())).encode()
    elif way == "values":
        spoilt = yaml.safe_dump(data.draw(mutated_mapping(yaml.safe_load(before)))).encode()
    else:
        spoilt = data.draw(mutated_bytes(before))
    try:
        path.write_bytes(spoilt)
        found = loaded(lambda: load_experiment("nature_figure4"), path)
    finally:
        path.write_bytes(before)
    if found is not None:
        assert found.model_dump(mode="json", by_alias=True, exclude_unset=True) == yaml.safe_load(spoilt)


# ---------------------------------------------------------------- finished runs

EXPERIMENT = made_up_experiment([{}])


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    seal_record(finish(EXPERIMENT.runs()[0], folder))
    return folder


def load_spoilt(results: Path, name: str, data: bytes, *, sealed: bool) -> None:
    """A file of a run is refused, or is what it was; where the record was sealed anew, it may say something else."""
    folder = EXPERIMENT.runs()[0].results_folder(results)
    before = {folder / each: (folder / each).read_bytes() for each in ("run.json", name)}
    original = None if sealed else load_runs(EXPERIMENT, results)[0]
    try:
        (folder / name).write_bytes(data)
        if sealed:
            seal_record(folder)
        found = loaded(lambda: load_runs(EXPERIMENT, results), folder)
    finally:
        for path, content in before.items():
            path.write_bytes(content)
    if found is not None and original is not None:
        assert same_run(found[0], original)


def same_run(one: FinishedRun, other: FinishedRun) -> bool:
    tables = ("episodes", "curve", "training")
    return one.record == other.record and all(getattr(one, t).equals(getattr(other, t)) for t in tables)


@pytest.mark.parametrize("name", ["run.json", "scores.csv", "curve.csv"])
@SOME
@given(data=st.data())
def test_files_of_finished_runs(results: Path, name: str, data: st.DataObject) -> None:
    (path,) = results.glob(f"runs/*/*/*/*/{name}")
    before = path.read_bytes()
    spoilt = data.draw(mutated_bytes(before) | mutated_lines(before.decode()).map(str.encode))
    load_spoilt(results, name, spoilt, sealed=False)
    if name != "run.json":
        load_spoilt(results, name, spoilt, sealed=True)


@SOME
@given(data=st.data())
def test_records_sealed_anew(results: Path, data: st.DataObject) -> None:
    (path,) = results.glob("runs/*/*/*/*/run.json")
    spoilt = data.draw(mutated_mapping(json.loads(path.read_bytes())))
    try:
        written = sealed_record(spoilt)
    except ValueError:  # no JSON: it cannot have been written
        return
    before = path.read_bytes()
    try:
        path.write_bytes(written)
        loaded(lambda: load_runs(EXPERIMENT, results), path.parent)
    finally:
        path.write_bytes(before)


# ---------------------------------------------------------------- published tables

PUBLISHED_FILES = ["nature_2015_table2.csv", "atari100k_aggregates.csv", "aggregates.csv", "scores/pfrl_dqn.csv"]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    (folder / "scores").mkdir()
    for file in PUBLISHED_FILES:
        shutil.copy(PUBLISHED / file, folder / file)
    return folder


def plainly_read(data: bytes, file: str, memory: Callable[[dict[str, str]], bool]) -> list[dict[str, Any]]:
    """What a CSV says, by the simplest reading there is."""
    schema = SCORES if "/" in file else TABLES[Path(file).stem][1]
    rows = [row for row in csv.DictReader(io.StringIO(data.decode(), newline="")) if not memory(row)]
    return [
        {
            name: row[name] if column.kind == "text" else (float(row[name]) if row[name] else None)
            for name, column in schema.columns.items()
        }
        for row in rows
    ]


@pytest.mark.parametrize("file", PUBLISHED_FILES)
@SOME
@given(data=st.data())
def test_published_tables(published: Path, file: str, data: st.DataObject) -> None:
    path = published / file
    before = path.read_bytes()
    spoilt = data.draw(mutated_bytes(before) | mutated_lines(before.decode(), separator=",").map(str.encode))
    load: Callable[[], Any] = lambda: published_table(path.stem, folder=published)  # noqa: E731
    if "/" in file:
        load = lambda: published_scores(path.stem, folder=published)  # noqa: E731
    try:
        path.write_bytes(spoilt)
        found = loaded(load, path)
    finally:
        path.write_bytes(before)
    if found is None:
        return
    expected = plainly_read(spoilt, file, lambda row: row.get("origin") == "memory")
    if "/" in file:
        assert [(s.game, s.algorithm, s.score, s.std, s.source, s.note) for s in found] == [
            (r["game"], r["algorithm"], r["score"], r["std"], r["source"], r["note"]) for r in expected
        ]
    else:
        plain = [
            {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}
            for row in found.to_dict("records")
        ]
        assert plain == expected


# ---------------------------------------------------------------- traces


@MANY
@given(data=st.data())
def test_traces_whose_header_was_changed_and_their_digest_too(data: st.DataObject) -> None:
    header = TraceHeader(
        variant="dqn",
        protocol="nature",
        game="pong",
        seed=1,
        purpose="training",
        rom_md5="0" * 32,
        ale_py_version="0.12.1",
        frame_skip=4,
        sticky_probability=0.0,
        minimal_actions=(0, 1, 3),
        result_digest="0" * 64,
    )
    codes, lengths = np.array([0, 1, 3], dtype=np.uint8), np.array([3, 4, 300], dtype=np.uint32)
    episode = Episode(codes, lengths, (3, 304), 1.0, "terminated", "0" * 16, "0" * 16)
    check_changed_header(serialise_trace(Trace(header, (episode, episode))), parse_trace, data)


@MANY
@given(data=st.data(), actions=st.sampled_from([CODES, VECTORS]))
def test_traces_of_steps_whose_header_was_changed_and_their_digest_too(data: st.DataObject, actions: Any) -> None:
    check_changed_header(serialise_step_trace(made_up(actions)), parse_step_trace, data)


def check_changed_header(whole: bytes, parse: Callable[[bytes, Path], Any], data: st.DataObject) -> None:
    """A changed header is refused in one line, or read as it stands."""
    length = struct.unpack_from("<8sHI", whole)[2]
    content = json.loads(whole[14 : 14 + length])
    spoilt = data.draw(mutated_mapping(content))
    text = json.dumps(spoilt).encode()
    body = struct.pack("<8sHI", b"RPLTRACE", 1, len(text)) + text + whole[14 + length : -32]
    path = Path("some.trace")
    found = loaded(lambda: parse(body + hashlib.sha256(body).digest(), path), path)
    if found is not None:
        assert json.loads(found.header.model_dump_json()) == spoilt["header"]
        assert [e.raw_return for e in found.episodes] == [e["raw_return"] for e in spoilt["episodes"]]
