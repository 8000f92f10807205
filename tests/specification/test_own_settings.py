"""A user's own algorithm: its settings class stands in its file, which is imported when asked for, and not before.

Beside the bundled algorithms or anywhere else; what such a class adds is checked, filled in and digested like theirs.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import replication.algorithms.off_policy as beside
from replication.foundation import paths
from replication.foundation.errors import ReplicationError
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.loading import identity_config, load_preset, load_variant, read_variant
from replication.specification.run import resolve_run
from replication.specification.variants import FAMILIES, Variant
from tests.support.bad_input import copy_workflow

OWN = """
from typing import Annotated
from pydantic import Field
from replication.specification.families.off_policy import NetworkConfig
from replication.foundation.validation import Settings
from replication.algorithms.off_policy import c51

NUMBER = 3


class Wide(NetworkConfig):
    width: int = 2


class Part(Settings):
    rate: float = 0.1
    scale: float | None


class Config(c51.Config):
    network: Wide
    part: Part | None = None
    own_count: int = Field(NUMBER, ge=0)
    needed: Annotated[int, Field(ge=0)]
    may_be_none: int | None
"""
PLAIN = "from replication.specification.families.off_policy import OffPolicyConfig\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of algorithms in the place of the bundled ones, and a copy of the settings."""
    copy_workflow(tmp_path, monkeypatch)
    algorithms = tmp_path / "algorithms" / "off_policy"
    algorithms.mkdir(parents=True)
    for module in FAMILIES["off_policy"].modules:  # whoever lists the folder finds the bundled ones too
        (algorithms / f"{module}.py").touch()
    monkeypatch.setattr(paths, "ALGORITHMS", tmp_path / "algorithms")
    monkeypatch.setattr(beside, "__path__", [*beside.__path__, str(algorithms)])
    return algorithms


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Afterwards the names of users' files are free again."""
    known = set(sys.modules)
    yield
    for name in set(sys.modules) - known:
        if name == "own" or name.startswith("replication.algorithms.off_policy.own"):
            del sys.modules[name]
            vars(beside).pop("own", None)


def own_yaml(path: Path, like: str = "c51", **config: Any) -> Path:
    """A variant of the module `own` that is like a bundled one, with some settings."""
    content = {"variant": path.stem, "like": like, "title": "Own", "module": "own", "config": config}
    path.write_text(yaml.safe_dump(content))
    return path


Load = Callable[..., Variant]


@pytest.fixture(params=["beside the bundled ones", "elsewhere"])
def load(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Load:
    """Write a source and load a variant of it with some settings."""

    def loaded(source: str, **config: Any) -> Variant:
        if request.param == "elsewhere":
            (tmp_path / "own.py").write_text(source)
            return read_variant(own_yaml(tmp_path / "own.yaml", **config), tmp_path / "own.py")
        (folder / "own.py").write_text(source)
        own_yaml(paths.WORKFLOW / "algorithms" / "own.yaml", **config)
        return load_variant("own")

    return loaded


def test_own_settings_are_in_force_and_out_of_the_identity_where_they_are_as_if_absent(load: Load) -> None:
    variant = load(OWN, needed=1, part={"rate": 0.1})
    config, identity = variant.config, identity_config(variant)
    assert (config["own_count"], config["network"]["width"], config["part"]) == (3, 2, {"rate": 0.1, "scale": None})
    assert "own_count" not in identity and "width" not in identity["network"]
    assert identity["part"] == {"scale": None} and identity["may_be_none"] is None and identity["needed"] == 1


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, "config.needed: field required"),
        ({"needed": -1}, "config.needed: expected a number greater than or equal to 0, found -1"),
        ({"needed": 1, "neded": 1}, "config.neded: there is no key 'neded'; did you mean 'needed'?"),
        ({"needed": 1, "value_min": 20.0}, "value_min: expected less than value_max"),
    ],
)
def test_own_settings_are_checked_when_the_variant_is_loaded(load: Load, config: Any, expected: str) -> None:
    with pytest.raises(ReplicationError) as caught:
        load(OWN, **config)
    assert "own.yaml: " in str(caught.value) and expected in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import troch\n", "own.py: cannot be imported (ModuleNotFoundError: No module named 'troch'); mend the file"),
        ("Config = dict\n", "own.py: Config: found <class 'dict'>, expected a subclass of OffPolicyConfig"),
        (
            f"{PLAIN}class Config(OffPolicyConfig):\n    a: complex = 1j\n",
            "own.py: Config: found a default that is no plain data, expected numbers, words, True, False, None, lists",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(load: Load, source: str, expected: str) -> None:
    with pytest.raises(ReplicationError) as caught:
        load(source)
    assert expected in str(caught.value) and "\n" not in str(caught.value)


def test_a_default_is_checked_like_a_written_value(load: Load) -> None:
    with pytest.raises(ReplicationError, match=r"config.own: expected a whole number, found 'three'"):
        load(f"{PLAIN}class Config(OffPolicyConfig):\n    own: int = 'three'\n", like="dqn")


def test_a_file_without_a_config_uses_its_family_s(load: Load) -> None:
    with pytest.raises(ReplicationError, match=r"config.num_atoms: there is no key 'num_atoms'"):
        load("PAPER = 'none'\n")
    assert load("PAPER = 'none'\n", like="dqn").settings_class is OffPolicyConfig


def test_a_preset_may_scale_settings_of_a_user_s_own_algorithm(folder: Path) -> None:
    (folder / "own.py").write_text(OWN)
    own_yaml(paths.WORKFLOW / "algorithms" / "own.yaml", needed=7)
    path = paths.WORKFLOW / "presets" / "smoke.yaml"
    path.write_text(path.read_text().replace("batch_size: 8", "needed: 5"))
    assert (
        resolve_run(variant="own", task="pong", seed=1, preset="smoke", budget_frames=4).variant.config["needed"] == 5
    )
    path.write_text(path.read_text().replace("needed: 5", "neded: 5"))
    with pytest.raises(ReplicationError, match=r"smoke.yaml: config.neded: there is no key 'neded'; did you mean"):
        load_preset("smoke")


def test_planning_runs_of_bundled_variants_imports_no_torch() -> None:
    program = (
        "import sys\nfrom replication.specification.loading import known_names, load_preset\n"
        "from tests.support.golden_digests import current_digests\n"
        "digests = current_digests()\n[load_preset(name) for name in known_names('presets')]\n"
        "sys.exit('torch' in sys.modules or set(known_names('algorithms')) != set(digests['variants']))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
