"""Checkpoints and traces that are not whole or not ours: set aside, never lost; one line where none can be used."""

from __future__ import annotations

import errno
import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from replication.commands.cli import main
from replication.evidence.trace_file import read_trace
from replication.foundation.errors import ReplicationError
from replication.training.checkpoints import checkpoint_folders, restore_newest, save_checkpoint
from replication.training.off_policy.trainee import Trainee
from tests.support.bad_input import SMOKE, content, refused, seal_checkpoint, train
from tests.support.lanes import advance, build, fingerprint, smoke_run

pytestmark = pytest.mark.slow

MAIN = "dqn_quickstart"
"""The smallest network."""
FILES = ["tensors.safetensors", "lane.json", "decisions.bin", "training.trace", "manifest.json"]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of some runs, by variant and seed; those of MAIN and `dqn_dopamine` are at steps 60 and 260."""
    folder = tmp_path_factory.mktemp("stored")
    for variant, seed in ((MAIN, 1), (MAIN, 2), ("dqn", 1), ("dqn_dopamine", 1)):
        trainee = build(smoke_run(variant, seed=seed))
        for steps in (60,) if variant == "dqn" else (60, 200):
            advance([trainee], steps)
            save_checkpoint(trainee, folder / f"{variant}{seed}")
    return folder


@pytest.fixture
def state(tmp_path: Path, stored: Path) -> Path:
    """A copy of one run's checkpoints that a test may spoil; its variant records no trace of the training."""
    shutil.copytree(stored / f"{MAIN}1", tmp_path / "state")
    return tmp_path / "state"


def newest(state: Path) -> Path:
    return checkpoint_folders(state)[-1]


@cache
def some_trainee(variant: str) -> Trainee:
    """One for all tests: restoring overwrites whatever an attempt before has left in it."""
    return build(smoke_run(variant))


def assert_set_aside(state: Path, spoilt: dict[Path, bytes], capsys, *words: str, variant: str = MAIN) -> None:
    """The newest checkpoint is not used and not lost, the one before serves."""
    assert restore_newest(some_trainee(variant), state) == 60
    (warning,) = capsys.readouterr().err.splitlines()
    assert warning.startswith(f"warning: {state}/checkpoint_0000000260") and warning.endswith("; set aside")
    assert all(word in warning for word in words), warning
    (aside,) = state.glob("damaged_checkpoint_0000000260_*")
    assert content(aside) == {aside / path.name: data for path, data in spoilt.items()}


@pytest.mark.parametrize("damage", ["truncated", "empty", "missing", "of another run", "of another variant"])
@pytest.mark.parametrize("name", FILES)
def test_a_file_of_a_checkpoint_that_is_not_whole_or_foreign_sets_it_aside(
    tmp_path: Path, stored: Path, capsys, name: str, damage: str
) -> None:
    variant = "dqn_dopamine" if name == "training.trace" else MAIN
    shutil.copytree(stored / f"{variant}1", tmp_path / "state")
    path = newest(tmp_path / "state") / name
    others = {"of another run": f"{MAIN}2", "of another variant": "dqn1"}
    if damage == "missing":
        path.unlink()
    elif damage in others:
        source = newest(stored / others[damage])
        path.write_bytes((source / (name if name != "training.trace" else "decisions.bin")).read_bytes())
    else:
        path.write_bytes(path.read_bytes()[: 0 if damage == "empty" else path.stat().st_size // 2])
    assert_set_aside(tmp_path / "state", content(path.parent), capsys, name, variant=variant)


def spoil_json(path: Path, where: tuple[Any, ...], value: Any) -> None:
    whole = inner = json.loads(path.read_bytes())
    for key in where[:-1]:
        inner = inner[key]
    if value is None:
        del inner[where[-1]]
    else:
        inner[where[-1]] = value
    path.write_text(json.dumps(whole))


@pytest.mark.parametrize(
    ("where", "value", "expected"),
    [
        (("step",), "260", "step: expected a whole number, found '260'"),
        (("step",), -1, "step: expected a number greater than or equal to 0, found -1"),
        (("step",), 10**15, "step: expected a number less than"),
        (("step",), 261, "decisions"),
        (("step",), None, "step: field required"),
        (("steps",), 3, "steps: there is no key 'steps'; did you mean 'step'?"),
        (("seconds",), "long", "seconds: expected a number, found 'long'"),
        (("episodes",), {}, "episodes: expected a list, found {}"),
        (("episodes", 0), [], "episodes.0: expected keys with values, found []"),
        (("episodes", 0, "raw_return"), "3", "episodes.0.raw_return: expected a number, found '3'"),
        (
            ("episodes", 0, "ending"),
            "won",
            "episodes.0.ending: expected one of 'terminated' or 'truncated', found 'won'",
        ),
        (("episodes", 0, "color"), 3, "color"),
        (("episodes", 0, "raw_return"), 99.5, "ended elsewhere"),
        (("curve", 0, "is_best"), 1, "curve.0.is_best: expected true or false, found 1"),
        (("streams",), {}, "streams: found [], expected ['exploration',"),
        (("streams", "replay"), {}, "cannot be continued"),
        (("streams", "replay", "state"), {"state": -1, "inc": 1}, "cannot be continued"),
        (("streams", "noop_starts", "state", "state"), 12345, "ended elsewhere"),
        (("keyframe",), [], "keyframe: expected keys with values, found []"),
        (("keyframe", "step"), -5, "decisions"),
        (("keyframe", "rows_appended"), 7, "ended elsewhere"),
        (("keyframe", "streams"), {}, "streams: found [], expected ['noop_starts', 'stickiness']"),
        (("keyframe", "game"), {}, "cannot be continued (KeyError: 'emulator')"),
        (("keyframe", "game", "emulator"), {"bytes": "!"}, "not the record of a lane"),
        (("keyframe", "game", "emulator"), {"bytes": "AAAA"}, "cannot be continued"),
        (("keyframe", "game", "observation"), 3, "found"),
        (("keyframe", "game", "observation", "shape"), [9, 9], "not the record of a lane"),
        (("keyframe", "game", "observation", "dtype"), "object", "not the record of a lane"),
        (("stack_sha256",), "0" * 64, "ended elsewhere"),
    ],
)
def test_a_record_of_a_lane_that_makes_no_sense_is_set_aside_though_its_digest_is_right(
    state: Path, capsys, where: tuple[Any, ...], value: Any, expected: str
) -> None:
    path = newest(state) / "lane.json"
    spoil_json(path, where, value)
    seal_checkpoint(path.parent)
    if expected == "found":  # one number for a whole screen is a screen, another one than was stored
        assert restore_newest(some_trainee(MAIN), state) in (60, 260)
        return
    assert_set_aside(state, content(path.parent), capsys, expected)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"online.values.bias": None}, "'online.values.bias': found no such tensor, expected float32 [3]"),
        ({"online.values.bias": torch.zeros(4)}, "'online.values.bias': found float32 [4], expected float32 [3]"),
        ({"online.values.bias": torch.zeros(3, dtype=torch.float64)}, "found float64 [3], expected float32 [3]"),
        ({"best.values.bias": None}, "'best.values.bias': found no such tensor, expected float32 [3]"),
        ({"held_out.rows": None}, "'held_out.rows': found no such tensor, expected int64 [20]"),
        (
            {"held_out.states": torch.zeros(2, dtype=torch.uint8)},
            "'held_out.states': found uint8 [2], expected uint8 [20",
        ),
        ({"a\nb": torch.zeros(1)}, r"'a\nb': found float32 [1], expected no such tensor"),
    ],
)
def test_tensors_that_do_not_fit_set_a_checkpoint_aside_though_their_digest_is_right(
    state: Path, capsys, changes: dict[str, torch.Tensor | None], expected: str
) -> None:
    path = newest(state) / "tensors.safetensors"
    tensors = load(path.read_bytes()) | changes
    path.write_bytes(save({name: tensor for name, tensor in tensors.items() if tensor is not None}))
    seal_checkpoint(path.parent)
    assert_set_aside(state, content(path.parent), capsys, expected)


@pytest.mark.parametrize("where", [("keyframe", "rows_appended"), ("episodes", 0, "frames")])
def test_what_a_refused_checkpoint_left_in_a_lane_does_not_stay(
    state: Path, stored: Path, tmp_path: Path, where: tuple[Any, ...]
) -> None:
    spoil_json(newest(state) / "lane.json", where, 7)
    seal_checkpoint(newest(state))
    shutil.copytree(stored / f"{MAIN}1" / "checkpoint_0000000060", tmp_path / "alone" / "checkpoint_0000000060")
    after, alone = build(smoke_run(MAIN)), build(smoke_run(MAIN))
    assert restore_newest(after, state) == restore_newest(alone, tmp_path / "alone") == 60
    for trainee in (after, alone):
        advance([trainee], 80)
    assert fingerprint(after) == fingerprint(alone)


@pytest.mark.parametrize("name", ["tensors.safetensors", "lane.json", "decisions.bin"])
@pytest.mark.parametrize("data", [b"", b"\x00" * 50, b"[" * 100_000, b"null", b"{}", b"\x78\x01\xff"])
def test_a_file_of_nonsense_sets_a_checkpoint_aside_though_its_digest_is_right(
    state: Path, capsys, name: str, data: bytes
) -> None:
    path = newest(state) / name
    path.write_bytes(data)
    seal_checkpoint(path.parent)
    assert_set_aside(state, content(path.parent), capsys, name)


@pytest.mark.parametrize("name", ["tensors.safetensors", "lane.json", "decisions.bin"])
def test_a_file_of_another_run_sets_a_checkpoint_aside_though_its_digest_is_right(
    state: Path, stored: Path, capsys, name: str
) -> None:
    path = newest(state) / name
    path.write_bytes((newest(stored / ("dqn1" if name.startswith("t") else f"{MAIN}2")) / name).read_bytes())
    seal_checkpoint(path.parent)
    assert_set_aside(state, content(path.parent), capsys)


@pytest.mark.parametrize(
    ("where", "value", "expected"),
    [
        (("version",), 2, "version: found 2, this program reads 1"),
        (("version",), "1", "version: expected a whole number, found '1'"),
        (("training_digest",), "a\nb", r"another run's ('a\nb')"),
        (
            ("sha256",),
            ["lane.json", "tensors.safetensors", "decisions.bin"],
            "sha256: expected keys with values, found",
        ),
        (("sha256", "lane.json"), None, "sha256: found ['decisions.bin', 'tensors.safetensors'], expected ['decisions"),
        (("sha256", "../../secret"), "0" * 64, "sha256: found ['../../secret',"),
        (("sha256", "lane.json"), 3, "sha256.lane.json: expected text, found 3"),
    ],
)
def test_a_manifest_that_makes_no_sense_sets_a_checkpoint_aside(
    state: Path, capsys, where: tuple[Any, ...], value: Any, expected: str
) -> None:
    path = newest(state) / "manifest.json"
    spoil_json(path, where, value)
    assert_set_aside(state, content(path.parent), capsys, expected)


def test_where_no_checkpoint_is_whole_nothing_is_lost_and_the_line_says_what_to_do(
    tmp_path: Path, stored: Path, capsys
) -> None:
    place = smoke_run(MAIN).state_folder(tmp_path / "state")
    shutil.copytree(stored / f"{MAIN}1", place)
    for folder in checkpoint_folders(place):
        (folder / "decisions.bin").unlink()
    line = refused(capsys, *train(tmp_path, **SMOKE, variant=MAIN), "--quiet")
    assert f"{place}: no checkpoint is whole, they are set aside as damaged_*" in line
    assert len(list(place.glob("damaged_checkpoint_*/tensors.safetensors"))) == 2
    assert main([*train(tmp_path, **SMOKE, variant=MAIN), "--quiet"]) == 0


def test_a_checkpoint_that_may_not_be_read_is_left_where_it_is(
    state: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, read = content(state), Path.read_bytes

    def forbidden(path: Path) -> bytes:
        if path.name == "tensors.safetensors":
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", forbidden)
    with pytest.raises(ReplicationError, match=r"tensors\.safetensors: cannot be read \(Permission denied\); allow it"):
        restore_newest(some_trainee(MAIN), state)
    monkeypatch.undo()
    assert content(state) == before
    assert restore_newest(some_trainee(MAIN), state) == 260


def test_folders_that_are_no_checkpoints_do_no_harm(state: Path) -> None:
    for name in ("checkpoint_", "checkpoint_new", "checkpoint_²", ".checkpoint_0000000999.part"):
        (state / name).mkdir()
    assert restore_newest(some_trainee(MAIN), state) == 260


# ---------------------------------------------------------------- traces


@pytest.mark.parametrize("data", [b"", b"RPLTRACE", b"\x89PNG\r\n\x1a\n", None])
def test_a_trace_that_is_cut_short_or_foreign_is_one_line(tmp_path: Path, stored: Path, capsys, data: bytes) -> None:
    whole = (newest(stored / "dqn_dopamine1") / "training.trace").read_bytes()
    path = tmp_path / "some.trace"
    path.write_bytes(whole)
    assert read_trace(path).episodes
    path.write_bytes(whole[:-40] if data is None else data)
    before = path.read_bytes()
    assert f"{path}: " in refused(capsys, "film", str(path), "--episode", "0", f"--output={tmp_path / 'film.webp'}")
    assert content(tmp_path) == {path: before}
