"""Settings changed by hand for several variants at once (`run --set`): each that has the setting is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from replication.foundation.errors import ReplicationError, unknown_name
from replication.foundation.validation import shown
from replication.specification.changed_settings import as_written, changes_of, has_key, name_of, value_at
from replication.specification.loading import load_preset, load_variant
from replication.specification.variants import Variant


def changed_variants(
    named: Sequence[tuple[str, str | None]], changes: Mapping[str, Any]
) -> tuple[dict[tuple[str, str | None], str], dict[str, Any]]:
    """Name the variants that settings make of those that have them, and not yet these values; the others stay.

    Args:
        named: variants, each with its preset.
        changes: settings by dotted key.

    Returns: the names of the changed variants by those of `named`, and the changes as these variants write them.
    Raises:
        ReplicationError: a key that no variant has, a value that all have or that is not accepted.
    """
    names: dict[tuple[str, str | None], str] = {}
    made: dict[str, Any] = {}
    loaded = {one: load_variant(one[0], load_preset(one[1]) if one[1] else None) for one in named}
    for one, variant in loaded.items():
        base, before = changes_of(one[0])
        if own := _own_changes(variant, changes):
            names[one] = name_of(base, before | own)
            load_variant(names[one], load_preset(one[1]) if one[1] else None)  # so that a bad value is said here
            made |= own
    for key in changes.keys() - made.keys():
        place = f"--set {name_of('', {key: changes[key]})[1:]}"
        known = dict.fromkeys(name for variant in loaded.values() for name in _keys("", variant.config))
        if not any(has_key(variant.config, key) for variant in loaded.values()):
            raise ReplicationError(f"{place}: {unknown_name('key', key, known)}")
        raise ReplicationError(f"{place}: found {shown(changes[key])}, which its variants have; leave it out")
    return names, made


def _own_changes(variant: Variant, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes of settings that a variant has, or gets where another change makes a part of another kind."""
    found = {}
    for key, value in changes.items():
        before = value_at(variant.config, key)
        written = as_written(before, value)
        same = before == written and type(before) is type(written)
        if _becomes_another_kind(variant, key, changes) or (has_key(variant.config, key) and not same):
            found[key] = written
    return found


def _becomes_another_kind(variant: Variant, key: str, changes: Mapping[str, Any]) -> bool:
    """Return whether the part that a setting lies in is exchanged for one of another name, which is written whole."""
    name = f"{key.rpartition('.')[0]}.name"
    return name in changes and has_key(variant.config, name) and value_at(variant.config, name) != changes[name]


def _keys(name: str, content: Any) -> Iterator[str]:
    if not isinstance(content, Mapping):
        yield name
        return
    for key, value in content.items():
        yield from _keys(f"{name}.{key}" if name else key, value)
