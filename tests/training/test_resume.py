"""A run stopped at any step and continued from its checkpoint ends as one never interrupted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from replication.evidence.recording import new_trace
from replication.evidence.trace_file import serialise_trace
from replication.foundation.errors import ReplicationError
from replication.training.checkpoints import checkpoint_folders, restore_newest, save_checkpoint
from tests.support.lanes import advance, build, fingerprint, smoke_run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "game", "stop"),
    [
        ("dqn", "catch", 57),
        pytest.param("dqn", "catch", 555, marks=pytest.mark.slow),
        pytest.param("dqn_quickstart", "catch", 333, marks=pytest.mark.slow),
        pytest.param("dqn_dopamine", "catch", 222, marks=pytest.mark.slow),
    ],
)
def test_r2_m9_s8_continuing_equals_never_stopping(tmp_path: Path, variant: str, game: str, stop: int) -> None:
    # A memory smaller than the run, so that the ring has wrapped when the run is stopped.
    whole = build(smoke_run(variant, game), replay_capacity_rows=150)
    advance([whole])
    first = build(smoke_run(variant, game), replay_capacity_rows=150)
    advance([first], stop)
    save_checkpoint(first, tmp_path)
    second = build(smoke_run(variant, game), replay_capacity_rows=150)
    assert restore_newest(second, tmp_path) == stop
    assert second.lane.memory.rows_appended == first.lane.memory.rows_appended
    rng_states = [np.random.default_rng(0), np.random.default_rng(0)]
    samples = [t.lane.memory.sample(r, 64) for t, r in zip((first, second), rng_states, strict=True)]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(*samples, strict=True))
    advance([second])
    one, other = fingerprint(whole), fingerprint(second)
    # The log of decisions is kept from a keyframe on, which may be another one.
    one["decisions"] = other["decisions"] = None
    assert one == other
    assert whole.lane.held_out is not None and second.lane.held_out is not None
    pairs = zip(whole.lane.held_out, second.lane.held_out, strict=True)
    assert all(a.tobytes() == b.tobytes() for a, b in pairs)
    if whole.lane.recorder is not None:
        traces = [
            serialise_trace(new_trace(t.lane.recorder, t.lane.run, t.lane.run.protocol.training, 4, "training"))
            for t in (whole, second)
        ]
        assert traces[0] == traces[1]


def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_serves(tmp_path: Path, capsys) -> None:
    trainee = build(smoke_run())
    for _ in range(3):
        advance([trainee], 60)
        save_checkpoint(trainee, tmp_path)
    assert [path.name for path in checkpoint_folders(tmp_path)] == ["checkpoint_0000000120", "checkpoint_0000000180"]
    damaged = tmp_path / "checkpoint_0000000180" / "tensors.safetensors"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    again = build(smoke_run())
    assert restore_newest(again, tmp_path) == 120
    assert "tensors.safetensors: its digest is not the manifest's" in capsys.readouterr().err
    (tmp_path / "checkpoint_0000000120" / "manifest.json").write_text("{")
    with pytest.raises(ReplicationError, match="no checkpoint is whole"):
        restore_newest(build(smoke_run()), tmp_path)


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path, capsys) -> None:
    trainee = build(smoke_run(seed=1))
    advance([trainee], 60)
    save_checkpoint(trainee, tmp_path)
    with pytest.raises(ReplicationError, match="no checkpoint is whole"):
        restore_newest(build(smoke_run(seed=2)), tmp_path)
    assert "another run's" in capsys.readouterr().err


def test_no_checkpoint_is_a_fresh_start(tmp_path: Path) -> None:
    assert restore_newest(build(smoke_run()), tmp_path) is None
