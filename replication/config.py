"""From the YAML files of workflow/ to validated settings.

This module imports neither torch nor ale-py, so that plans, digests and pages can be made from it in milliseconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from replication.errors import ReplicationError, unknown_name
from replication.settings import FAMILIES, Preset, Protocol, Variant
from replication.validation import SettingsT, added_settings, overridden, read_yaml, validate_part, validated

WORKFLOW = Path(__file__).resolve().parent.parent / "workflow"
ALGORITHMS = Path(__file__).resolve().parent / "algorithms"


def known_names(kind: Literal["algorithms", "protocols", "presets"]) -> list[str]:
    """Names of the YAML files of one kind."""
    return sorted(path.stem for path in (WORKFLOW / kind).glob("*.yaml"))


def load_protocol(name: str, preset: Preset | None = None) -> Protocol:
    """Read workflow/protocols/NAME.yaml, scaled by a preset.

    Raises:
        ReplicationError: no such protocol; an unknown, missing or mistyped key.
    """
    path, content = _read("protocols", "protocol", name)
    protocol = validated(Protocol, content, path)
    _check_name(path, "protocol", protocol.protocol)
    if preset is None:
        return protocol
    return validated(
        Protocol, overridden(content, preset.protocol), WORKFLOW / "presets" / f"{preset.preset}.yaml", "protocol"
    )


def load_variant(name: str, preset: Preset | None = None) -> Variant:
    """Read workflow/algorithms/NAME.yaml, its `config` scaled by a preset.

    Raises:
        ReplicationError: no such variant; an unknown, missing or mistyped key. Only the values of settings that an
            algorithm adds to those of its family are left to `variant_config`, before its training starts.
    """
    _, content = _read("algorithms", "variant", name)
    return _variant(WORKFLOW / "algorithms" / f"{name}.yaml", content, None, preset)


def read_variant(path: Path, source: Path, preset: Preset | None = None) -> Variant:
    """Read a variant of an algorithm outside this package, from a YAML that may lie anywhere.

    Args:
        path: the YAML.
        source: the algorithm's Python file, whose name `module` must give.
        preset: overrides of scale for its `config`.

    Raises:
        ReplicationError: as `load_variant`.
    """
    return _variant(path, read_yaml(path), source, preset)


def _variant(path: Path, content: dict[str, Any], source: Path | None, preset: Preset | None) -> Variant:
    variant = validated(Variant, content, path)
    _check_name(path, "variant", variant.variant)
    if variant.protocol not in (known := known_names("protocols")):
        raise ReplicationError(f"{path}: protocol: {unknown_name('protocol', variant.protocol, known)}")
    if source is None and variant.module not in _algorithm_modules():
        raise ReplicationError(f"{path}: module: {unknown_name('module', variant.module, _algorithm_modules())}")
    if source is not None and variant.module != source.stem:
        raise ReplicationError(f"{path}: module: found {variant.module!r}, expected {source.stem!r}, as in {source}")
    added = _added_settings(variant.module) if source is None else _added_settings_in(source)
    _check_config(variant, added, path)
    if preset is not None:
        variant = variant.model_copy(update={"config": overridden(variant.config, preset.config)})
        _check_config(variant, added, WORKFLOW / "presets" / f"{preset.preset}.yaml")
    return variant


def load_preset(name: str) -> Preset:
    """Read workflow/presets/NAME.yaml.

    Raises:
        ReplicationError: no such preset; a key that no variant or protocol can have; a mistyped value.
    """
    path, content = _read("presets", "preset", name)
    preset = validated(Preset, content, path)
    _check_name(path, "preset", preset.preset)
    added = {key for module in _algorithm_modules() for key in _added_settings(module) or ()}
    shared = {key: value for key, value in preset.config.items() if key not in added}
    validate_part(tuple(FAMILIES.values()), shared, path, "config")
    validate_part((Protocol,), preset.protocol, path, "protocol")
    return preset


def variant_config(variant: Variant, model: type[SettingsT]) -> SettingsT:
    """The `config` of a variant, checked against the settings class of its algorithm.

    Raises:
        ReplicationError: an unknown, missing or mistyped key.
    """
    return validated(model, variant.config, WORKFLOW / "algorithms" / f"{variant.variant}.yaml", "config")


def _check_config(variant: Variant, added: frozenset[str] | None, path: Path) -> None:
    """Check all of a variant's `config` that can be checked without its algorithm, whose import takes torch.

    `added`: settings of the algorithm's own; None: its source does not tell.
    """
    family = FAMILIES[variant.family]
    left = family.model_fields if added is None else (key for key in variant.config if key not in added)
    validated(family, {key: variant.config[key] for key in left if key in variant.config}, path, "config")


def _algorithm_modules() -> list[str]:
    return sorted(path.stem for path in ALGORITHMS.glob("*.py") if path.stem not in ("__init__", "contract"))


def _added_settings(module: str) -> frozenset[str] | None:
    return _added_settings_in(ALGORITHMS / f"{module}.py")


def _added_settings_in(source: Path) -> frozenset[str] | None:
    return added_settings(source, frozenset(family.__name__ for family in FAMILIES.values()))


def _check_name(path: Path, key: str, found: str) -> None:
    if found != path.stem:
        raise ReplicationError(f"{path}: {key}: found {found!r}, expected the file's own name {path.stem!r}")


def _read(folder: Literal["algorithms", "protocols", "presets"], kind: str, name: str) -> tuple[Path, dict[str, Any]]:
    if name not in known_names(folder):
        raise unknown_name(kind, name, known_names(folder))
    path = WORKFLOW / folder / f"{name}.yaml"
    return path, read_yaml(path)
