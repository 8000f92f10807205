"""Checkpoints changed at random: used as they were stored, or refused in one line; nothing else, and nothing lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication.foundation.errors import ReplicationError
from replication.training.checkpoints import restore_newest, save_checkpoint
from replication.training.off_policy.trainee import Trainee
from tests.support.bad_input import seal_checkpoint
from tests.support.fuzzing import examples
from tests.support.lanes import advance, build, fingerprint, smoke_run
from tests.support.mutations import mutated_bytes, mutated_mapping

SOME = examples(120)
FILES = ["tensors.safetensors", "lane.json", "decisions.bin", "manifest.json"]

pytestmark = [pytest.mark.slow, pytest.mark.fuzz]


@dataclass
class Stored:
    """A checkpoint that is spoilt over and over."""

    folder: Path
    files: dict[str, bytes]
    trainee: Trainee
    whole: dict[str, object]
    """What a lane is that was restored from it unspoilt."""
    step: int


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    folder = tmp_path_factory.mktemp("state")
    trainee = build(smoke_run("dqn_quickstart"))
    advance([trainee], 110)
    place = save_checkpoint(trainee, folder)
    restored = build(smoke_run("dqn_quickstart"))
    assert restore_newest(restored, folder) == 110
    files = {path.name: path.read_bytes() for path in place.iterdir()}
    yield Stored(place, files, trainee, fingerprint(restored), 110)


def restore_spoilt(stored: Stored, changed: dict[str, bytes], capsys: Any, *, sealed: bool) -> None:
    """Restore a lane from files some of which were changed, and look at what comes of it."""
    state = stored.folder.parent
    for name, data in (stored.files | changed).items():
        stored.folder.mkdir(exist_ok=True)
        (stored.folder / name).write_bytes(data)
    if sealed:
        seal_checkpoint(stored.folder)
    written = {path.name: path.read_bytes() for path in stored.folder.iterdir()}
    try:
        step = restore_newest(stored.trainee, state)
    except ReplicationError as error:
        warnings = capsys.readouterr().err.splitlines()
        assert len(str(error).splitlines()) == 1 and str(state) in str(error)
        assert len(warnings) <= 1 and all(str(stored.folder) in line for line in warnings)
    else:
        if sealed:
            assert step == stored.step
        else:
            assert fingerprint(stored.trainee) == stored.whole
    (kept,) = state.iterdir()
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == written
    kept.rename(stored.folder)


@pytest.mark.parametrize("name", FILES)
@SOME
@given(data=st.data())
def test_a_file_with_bytes_changed(stored: Stored, capsys, name: str, data: st.DataObject) -> None:
    restore_spoilt(stored, {name: data.draw(mutated_bytes(stored.files[name]))}, capsys, sealed=False)


@pytest.mark.parametrize("name", FILES[:3])
@SOME
@given(data=st.data())
def test_a_file_with_bytes_changed_and_its_digest_too(stored: Stored, capsys, name: str, data: st.DataObject) -> None:
    restore_spoilt(stored, {name: data.draw(mutated_bytes(stored.files[name]))}, capsys, sealed=True)


@pytest.mark.parametrize("name", ["lane.json", "manifest.json"])
@examples(400)
@given(data=st.data())
def test_a_record_with_values_changed_and_its_digest_too(
    stored: Stored, capsys, name: str, data: st.DataObject
) -> None:
    spoilt = data.draw(mutated_mapping(json.loads(stored.files[name])))
    restore_spoilt(stored, {name: json.dumps(spoilt).encode()}, capsys, sealed=name == "lane.json")


@SOME
@given(data=st.data())
def test_files_in_the_place_of_others(stored: Stored, capsys, data: st.DataObject) -> None:
    name, source = data.draw(st.permutations(FILES))[:2]
    restore_spoilt(stored, {name: stored.files[source]}, capsys, sealed=name != "manifest.json")


@SOME
@given(data=st.data())
def test_the_head_of_the_tensors_changed_and_its_digest_too(stored: Stored, capsys, data: st.DataObject) -> None:
    whole = stored.files["tensors.safetensors"]
    length = 8 + int.from_bytes(whole[:8], "little")
    head = data.draw(mutated_bytes(whole[:length]))
    restore_spoilt(stored, {"tensors.safetensors": head + whole[length:]}, capsys, sealed=True)
