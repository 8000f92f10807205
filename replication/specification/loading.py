"""Loading of the YAML files in workflow/ as validated settings.

This module imports neither torch nor ale-py, so that plans, digests and pages can be made from it in milliseconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from replication.foundation import paths
from replication.foundation.errors import ReplicationError, unknown_name
from replication.foundation.files import listed
from replication.foundation.optional_settings import in_force, with_nulls, without_defaults
from replication.foundation.validation import (
    overridden,
    read_yaml,
    shown,
    validate_part,
    validated,
)
from replication.specification.changed_settings import (
    as_written,
    changed,
    changes_in_words,
    changes_of,
    name_of,
    value_at,
)
from replication.specification.inheritance import inherited
from replication.specification.own_algorithms import own_algorithms
from replication.specification.own_settings import own_settings
from replication.specification.protocols import Protocol
from replication.specification.variants import FAMILIES, Preset, Variant


def known_names(kind: Literal["algorithms", "protocols", "presets"]) -> list[str]:
    """List the names of the YAML files of one kind; of algorithms those outside this package too."""
    names = {path.stem for path in listed(paths.WORKFLOW / kind, "*.yaml")}
    return sorted(names | own_algorithms().keys()) if kind == "algorithms" else sorted(names)


def load_protocol(name: str, preset: Preset | None = None) -> Protocol:
    """Read workflow/protocols/NAME.yaml, scaled by a preset.

    Raises:
        ReplicationError: no such protocol; an unknown, missing or mistyped key.
    """
    path, said = _read("protocols", "protocol", name)
    content = with_nulls(Protocol, said)
    protocol = validated(Protocol, content, path)
    _check_name(path, "protocol", protocol.protocol)
    if preset is None:
        return protocol
    scaled = overridden(in_force(Protocol, content), preset.protocol)
    return validated(Protocol, scaled, paths.WORKFLOW / "presets" / f"{preset.preset}.yaml", "protocol")


def load_variant(name: str, preset: Preset | None = None) -> Variant:
    """Read workflow/algorithms/NAME.yaml, its `config` scaled by a preset; optional settings are filled in.

    Args:
        name: of the YAML; `+KEY=VALUE` after it changes settings, after the preset.
        preset: overrides of scale.

    Raises:
        ReplicationError: no such variant; an unknown, missing or mistyped key.
    """
    base, changes = changes_of(name)
    path, content = _read("algorithms", "variant", base)
    variant = _variant(path, _whole(path, content), own_algorithms().get(base), preset)
    return _changed(variant, changes) if changes else variant


def _changed(variant: Variant, changes: dict[str, Any]) -> Variant:
    """Make a variant of its own, by name and title too, of one with settings changed."""
    for key, value in changes.items():
        before = value_at(variant.config, key)
        changes = changes | {key: as_written(before, value)}
        if before == changes[key] and type(before) is type(changes[key]):
            raise ReplicationError(f"--set {key}: found {shown(value)}, which {variant.variant} has; leave it out")
    model = variant.settings_class
    config = with_nulls(model, changed(variant.config, changes))
    validated(model, config, _place_of(changes), "config")
    return variant.model_copy(
        update={
            "variant": name_of(variant.variant, changes),
            "title": f"{variant.title}, {changes_in_words(changes)}",
            "config": in_force(model, config),
        }
    )


def _place_of(changes: dict[str, Any]) -> Path:
    """Say where changed settings stand, in the place of a file."""
    return Path(f"--set {name_of('', changes)[1:].replace('+', ' --set ')}")


def variant_path(variant: str) -> Path:
    """Return the YAML that a variant is read from, or made of by changing its settings."""
    base = changes_of(variant)[0]
    own = own_algorithms().get(base)
    return own.with_suffix(".yaml") if own else paths.WORKFLOW / "algorithms" / f"{base}.yaml"


def read_variant(path: Path, source: Path, preset: Preset | None = None) -> Variant:
    """Read a variant of an algorithm outside this package, from a YAML that may lie anywhere.

    Args:
        path: the YAML.
        source: the algorithm's Python file, whose name `module` must give.
        preset: overrides of scale for its `config`.

    Raises:
        ReplicationError: as `load_variant`.
    """
    return _variant(path, _whole(path, read_yaml(path)), source, preset)


def _whole(path: Path, content: dict[str, Any], through: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Fill the content of a variant's YAML with that of the variant it is `like`, which may be like another.

    Args:
        path: the YAML.
        content: what it says.
        through: the YAMLs whose `like` led to it.
    """
    if "like" not in content:
        return content
    name, known = content["like"], known_names("algorithms")
    if name not in known:
        raise ReplicationError(f"{path}: like: {unknown_name('variant', str(name), known)}")
    other = variant_path(name)
    if other in (chain := (*through, path)):
        circle = " like ".join(one.stem for one in (*chain[chain.index(other) :], other))
        raise ReplicationError(f"{path}: like: found a circle, {circle}; write one of them out")
    whole = _whole(other, read_yaml(other), chain)
    _variant(other, whole, own_algorithms().get(name), None)  # so that what is wrong there is not said of this file
    return inherited(whole, content)


def _variant(path: Path, content: dict[str, Any], source: Path | None, preset: Preset | None) -> Variant:
    variant = validated(Variant, content, path)
    _check_name(path, "variant", variant.variant)
    if variant.protocol not in (known := known_names("protocols")):
        raise ReplicationError(f"{path}: protocol: {unknown_name('protocol', variant.protocol, known)}")
    known_modules = _algorithm_modules(variant.family)
    if source is None and variant.module not in known_modules:
        raise ReplicationError(f"{path}: module: {unknown_name('module', variant.module, known_modules)}")
    if source is not None and variant.module != source.stem:
        raise ReplicationError(f"{path}: module: found {variant.module!r}, expected {source.stem!r}, as in {source}")
    if source is not None:
        variant = variant.of_file(source)
    model = variant.settings_class
    said = with_nulls(model, variant.config)
    validated(model, said, path, "config")
    config = in_force(model, said)
    validated(model, config, path, "config")  # again: nobody has checked a default yet
    if preset is not None:
        config = overridden(config, preset.config)
        validated(model, config, paths.WORKFLOW / "presets" / f"{preset.preset}.yaml", "config")
    return variant.model_copy(update={"config": config})


def load_preset(name: str) -> Preset:
    """Read workflow/presets/NAME.yaml.

    Raises:
        ReplicationError: no such preset; a key that no variant or protocol can have; a mistyped value.
    """
    path, content = _read("presets", "preset", name)
    preset = validated(Preset, content, path)
    _check_name(path, "preset", preset.preset)
    _check_preset(preset, path)
    validate_part((Protocol,), preset.protocol, path, "protocol")
    return preset


def identity_config(variant: Variant) -> dict[str, Any]:
    """Return the `config` of a variant as digests have it: without optional settings that are as if absent."""
    return without_defaults(variant.settings_class, variant.config)


def _check_preset(preset: Preset, path: Path) -> None:
    """Check that some variant could have what a preset says; users' own algorithms are imported only where need be."""
    bundled = [model for facts in FAMILIES.values() for model in (facts.settings, *facts.modules.values())]
    try:
        validate_part(bundled, preset.config, path, "config")
    except ReplicationError:
        own = [
            own_settings(facts, module, None)
            for name, facts in FAMILIES.items()
            for module in _algorithm_modules(name)
            if module not in facts.modules
        ]
        validate_part([*bundled, *own], preset.config, path, "config")


def _algorithm_modules(family: str) -> list[str]:
    found = listed(paths.ALGORITHMS / family, "*.py")
    return sorted(path.stem for path in found if path.stem not in ("__init__", "contract"))


def _check_name(path: Path, key: str, found: str) -> None:
    if found != path.stem:
        raise ReplicationError(f"{path}: {key}: found {found!r}, expected the file's own name {path.stem!r}")


def _read(folder: Literal["algorithms", "protocols", "presets"], kind: str, name: str) -> tuple[Path, dict[str, Any]]:
    if name not in known_names(folder):
        raise unknown_name(kind, name, known_names(folder))
    path = variant_path(name) if folder == "algorithms" else paths.WORKFLOW / folder / f"{name}.yaml"
    return path, read_yaml(path)
