"""The code of an algorithm is part of what a run is, unless the fingerprints have shown it to learn the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from replication.foundation.errors import ReplicationError
from replication.foundation.paths import ALGORITHMS
from replication.specification.algorithm_code import code_digest, unknown_code
from replication.specification.run import resolve_run
from tests.support.known_code import bundled_algorithms

DQN = (ALGORITHMS / "off_policy" / "dqn.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(("family", "module", "source"), bundled_algorithms(), ids=lambda part: str(part)[-30:])
def test_the_bundled_code_is_known_to_learn_the_stored_numbers(family: str, module: str, source: Path) -> None:
    """Where it fails: `python -m tests.support.known_code`, which runs the fingerprints first."""
    assert unknown_code(family, module, source) is None


def digest_of(text: str, tmp_path: Path, name: str = "mine.py") -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return code_digest(path)


def test_words_layout_and_imports_are_no_code(tmp_path: Path) -> None:
    plain = digest_of("import torch\n\ndef loss(q):\n    return q * 2\n", tmp_path)
    for same in (
        '"""Words."""\nfrom torch import nn\n\n\ndef loss(q):\n    """More words."""\n    # why\n    return (q * 2)\n',
        "import torch as t\ndef loss( q ):\n  return q*2",
    ):
        assert digest_of(same, tmp_path) == plain


@pytest.mark.parametrize(
    "changed",
    [
        "def loss(q):\n    return q * 3\n",
        "def loss(q):\n    return q + 2\n",
        "def loss(p):\n    return p * 2\n",
        "def loss(q, r=0.5):\n    return q * 2\n",
        "SCALE = 1.0\ndef loss(q):\n    return q * 2\n",
        "def loss(q):\n    return q * 2.0\n",
    ],
)
def test_anything_that_computes_is_code(changed: str, tmp_path: Path) -> None:
    assert digest_of(changed, tmp_path) != digest_of("def loss(q):\n    return q * 2\n", tmp_path)


def test_what_a_file_uses_is_its_code_too(tmp_path: Path) -> None:
    text = "from mathematics import double\n\ndef loss(q):\n    return double(q)\n"
    digest_of("def double(x):\n    return x * 2\n", tmp_path, "mathematics.py")
    before = digest_of(text, tmp_path)
    digest_of("def double(x):\n    return x + x\n", tmp_path, "mathematics.py")
    assert digest_of(text, tmp_path) != before
    uses_dqn = "from replication.algorithms.off_policy.dqn import {}\n\ndef loss(q):\n    return chosen(q)\n"
    assert digest_of(uses_dqn.format("chosen"), tmp_path) != digest_of("def loss(q):\n    return chosen(q)\n", tmp_path)


def test_an_edited_bundled_algorithm_is_another_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundled = resolve_run(variant="dqn", task="pong", seed=1, budget_frames=4_000)
    assert "code" not in bundled.identity()
    digests = (bundled.training_digest, bundled.result_digest)
    edited = tmp_path / "dqn.py"
    edited.write_text(DQN.replace("1.0", "1.5", 1), encoding="utf-8")
    monkeypatch.setattr(type(bundled.variant), "source", property(lambda variant: edited))
    mine = resolve_run(variant="dqn", task="pong", seed=1, budget_frames=4_000)
    assert mine.identity()["code"] == code_digest(edited)
    assert mine.training_digest != digests[0] and mine.result_digest != digests[1]


def test_a_file_that_is_no_python_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ReplicationError, match=r"mine.py: line 1: not readable as Python"):
        digest_of("def loss(:\n", tmp_path)
