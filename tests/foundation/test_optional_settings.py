"""Settings added later: absent means as before, and what names a run does not have them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from replication.foundation.optional_settings import in_force, without_defaults
from replication.foundation.validation import Settings
from replication.specification import loading
from replication.specification.families.off_policy import Convolution, OffPolicyConfig
from replication.specification.families.off_policy_modules import C51Config
from replication.specification.loading import load_preset, load_protocol, load_variant
from replication.specification.variants import FAMILIES
from tests.support.golden_digests import GOLDEN, current_digests

ROOT = Path(__file__).resolve().parents[2]
STORED = json.loads(GOLDEN.read_bytes())
LATER = {
    "replication/specification/families/untrained.py": {
        "class UntrainedConfig(FamilySettings):": "later_sleep_frames: int = 0",
    },
    "replication/specification/protocols.py": {
        "class Protocol(Settings):": "later_pauses: bool = False",
        "class PeriodicEvaluation(Settings):": "later_seeds: tuple[int, int] | None = (1, 2)",
        "class Presentation(Settings):": "later_fire: bool = False",
    },
    "replication/specification/families/off_policy.py": {
        "class Convolution(Settings):": "later_dilation: Count = 1",
        "class NetworkConfig(Settings):": "later_dropout: Probability = 0.0",
        "class AdamConfig(Settings):": "later_hat: bool = False",
        "class CenteredRMSPropConfig(Settings):": "later_hat: bool = False",
        "class ProportionalSampling(PrioritisedSampling):": "later_slices: bool = True",
        "class EpsilonConfig(Settings):": "later_shape: Literal['linear', 'cosine'] = 'linear'",
        "class OffPolicyConfig(FamilySettings):": "later_tau: Probability | None = None",
    },
    "replication/specification/families/off_policy_modules.py": {
        "class C51Config(OffPolicyConfig):": "later_atoms: Annotated[int, Field(ge=0)] = 0",
        "class SPRConfig(C51Config, DrQConfig):": "later_heads: Count = Field(default=1)",
    },
    "replication/specification/families/fitted_q.py": {
        "class RpropSettings(Settings):": "later_weight_decay: float = 0.0"
    },
}
"""Fields with a default, by the file and the class that they are added to."""
WRITTEN = {
    "workflow/algorithms/dqn.yaml": {
        "config.later_tau": None,
        "config.network.later_dropout": 0.0,
        "config.optimizer.later_hat": False,
    },
    "workflow/algorithms/spr.yaml": {"config.later_atoms": 0, "config.later_heads": 1},
    "workflow/protocols/nature.yaml": {"training.later_fire": False, "periodic_evaluation.later_seeds": [1, 2]},
    "workflow/presets/smoke.yaml": {"config.later_tau": None, "config.later_atoms": 0},
}
"""The same settings with the values that they have by default, by the file and the key that they are written under."""


def copy_with(folder: Path, written: dict[str, dict[str, Any]]) -> Path:
    """A copy of the program and its settings, with the fields added later, and with values written in YAMLs."""
    for name in ("replication", "workflow"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder)  # by which a checkout is known
    (folder / "tests" / "support").mkdir(parents=True)
    shutil.copy(ROOT / "tests/support/golden_digests.py", folder / "tests" / "support")
    for file, fields in LATER.items():
        text = (folder / file).read_text(encoding="utf-8")
        for line, field in fields.items():
            assert text.count(line) == 1, f"{file}: {line}"
            text = text.replace(line, f"{line}\n    {field}\n")
        (folder / file).write_text(text, encoding="utf-8")
    for file, values in written.items():
        content = yaml.safe_load((folder / file).read_text(encoding="utf-8"))
        for place, value in values.items():
            *parts, key = place.split(".")
            part = content
            for name in parts:
                part = part[name]
            part[key] = value
        (folder / file).write_text(yaml.safe_dump(content), encoding="utf-8")
    return folder


def digests_of(folder: Path) -> dict[str, Any]:
    """The digests of a copy, at the numerics versions of the golden file."""
    script = (
        "import json; from tests.support.golden_digests import current_digests, keep_versions; "
        f"keep_versions({STORED['numerics_version']!r}); print(json.dumps(current_digests()))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_digests_are_those_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    for family, version in STORED["numerics_version"].items():
        monkeypatch.setitem(FAMILIES, family, replace(FAMILIES[family], numerics_version=version))
    assert current_digests() == STORED


def test_settings_added_later_move_no_digest(tmp_path: Path) -> None:
    assert digests_of(copy_with(tmp_path, {})) == STORED


def test_nor_do_they_where_they_are_written_with_their_default(tmp_path: Path) -> None:
    assert digests_of(copy_with(tmp_path, WRITTEN)) == STORED


def test_a_value_that_differs_from_the_default_moves_the_digests_of_its_variants_alone(tmp_path: Path) -> None:
    other = {
        "workflow/algorithms/dqn.yaml": {"config.network.later_dropout": 0.5},
        "workflow/algorithms/spr.yaml": {"config.later_atoms": 3},
        "workflow/protocols/sticky.yaml": {"training.later_fire": True},
        "workflow/protocols/atari100k.yaml": {"later_pauses": True},
    }
    found, moved = digests_of(copy_with(tmp_path, other))["variants"], set()
    for name, digests in STORED["variants"].items():
        moved |= {name} if found[name]["training_digest"] != digests["training_digest"] else set()
    protocols = {name: load_variant(name).protocol for name in STORED["variants"]}
    expected = {"dqn", "spr"} | {name for name, used in protocols.items() if used in ("sticky", "atari100k")}
    expected |= {name for name in protocols if "_lr_" in name}  # these are like dqn
    assert moved == expected


class Layer(Settings):
    units: int
    dropout: float = 0.0


class Plain(Settings):
    name: str
    layers: tuple[Layer, ...]
    first: Layer | None = None
    extra: Layer | Convolution | None = None


def test_optional_settings_are_filled_in_and_left_out_at_any_depth() -> None:
    bare = {"name": "a", "layers": [{"units": 1}, {"units": 2, "dropout": 0.5}], "extra": {"units": 3}}
    full = in_force(Plain, bare)
    assert full == {
        "name": "a",
        "layers": [{"units": 1, "dropout": 0.0}, {"units": 2, "dropout": 0.5}],
        "extra": {"units": 3, "dropout": 0.0},
        "first": None,
    }
    assert without_defaults(Plain, full) == bare == without_defaults(Plain, bare)
    assert in_force(Plain, full) == full


def test_keys_that_the_class_does_not_have_stay() -> None:
    assert in_force(Plain, {"other": 1})["other"] == without_defaults(Plain, {"other": 1})["other"] == 1


def test_an_optional_settings_class_of_its_own_is_left_out_whole() -> None:
    class Nested(Settings):
        layer: Layer = Layer(units=4)

    assert without_defaults(Nested, {"layer": {"units": 4}}) == {}
    assert without_defaults(Nested, {"layer": {"units": 5, "dropout": 0.0}}) == {"layer": {"units": 5}}


def test_what_is_loaded_has_every_setting_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    class Later(OffPolicyConfig):
        later_tau: float = 1.0

    class LaterC51(Later, C51Config):
        pass

    class Protocol(loading.Protocol):
        later_pauses: bool = False

    facts = replace(FAMILIES["off_policy"], settings=Later, modules={"dqn": Later, "c51": LaterC51})
    monkeypatch.setitem(FAMILIES, "off_policy", facts)
    monkeypatch.setattr(loading, "Protocol", Protocol)
    preset = load_preset("smoke")
    scaled = preset.model_copy(
        update={"config": preset.config | {"later_tau": 0.5}, "protocol": preset.protocol | {"later_pauses": True}}
    )
    assert load_variant("dqn").config["later_tau"] == load_variant("c51").config["later_tau"] == 1.0
    assert load_variant("dqn", scaled).config["later_tau"] == 0.5
    assert loading.identity_config(load_variant("dqn", scaled))["later_tau"] == 0.5
    assert "later_tau" not in loading.identity_config(load_variant("dqn"))
    assert load_protocol("nature", scaled).model_dump()["later_pauses"] is True
