"""Variants made by hand: `dqn+optimizer.learning_rate=0.0001` is dqn with one setting changed (`train --set`).

Experiments are named alike: `quickstart+discount=0.9` has it changed in all its variants that have it (`run --set`).

The name holds all of the change, so that whoever reads it (a record, a command, an experiment) finds the same variant.
It is safe in paths and shells: a value is one word or number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from replication.foundation.errors import ReplicationError
from replication.foundation.validation import shown
from replication.specification.inheritance import replaced

_KEY = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
_WORD = re.compile(r"[A-Za-z0-9_.-]+")
_LONGEST_NAME = 200
"""File systems end at 255 bytes, and files beside it are named after it."""


def changed_name(name: str, settings: Sequence[str]) -> str:
    """Name a variant, or an experiment, with settings changed, each as `KEY=VALUE`.

    Raises:
        ReplicationError: a setting that is none, or is changed twice.
    """
    base, changes = changes_of(name)
    for setting in settings:
        key, value = _read(setting)
        if key in changes:
            raise ReplicationError(f"--set {setting}: {key}: found a second value, expected one; leave one out")
        changes[key] = value
    return name_of(base, changes)


def changes_of(name: str) -> tuple[str, dict[str, Any]]:
    """Split the name of a variant or experiment: that it was made of, and its changed settings by dotted key.

    Raises:
        ReplicationError: a part after a `+` is no setting.
    """
    base, *parts = name.split("+")
    return base, dict(_read(part) for part in parts)


def name_of(base: str, changes: Mapping[str, Any]) -> str:
    """Write the name of what has changed settings: in the order of their keys, whatever order they came in.

    Raises:
        ReplicationError: the name is too long for a folder.
    """
    name = "+".join([base, *(f"{key}={_text(value)}" for key, value in sorted(changes.items()))])
    if len(name) > _LONGEST_NAME:
        raise ReplicationError(
            f"{name}: found a name of {len(name)} characters, expected at most {_LONGEST_NAME}; write a YAML that "
            f"says like: {base}"
        )
    return name


def changed(config: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with those changed that are named by dotted keys, as yet unchecked."""
    nested: dict[str, Any] = {}  # whole first: what a part of another kind needs may be among them
    for key, value in sorted(changes.items()):
        *parts, last = key.split(".")
        one: dict[str, Any] = {last: value}
        for part in reversed(parts):
            one = {part: one}
        nested = _joined(nested, one)
    return replaced(config, nested)


def _joined(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    result = dict(first)
    for key, value in second.items():
        current = result.get(key)
        both = isinstance(current, dict) and isinstance(value, dict)
        result[key] = _joined(current or {}, value) if both else value
    return result


def value_at(config: Mapping[str, Any], key: str) -> Any:
    """Return the value that a dotted key names; None where there is none."""
    found: Any = config
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def has_key(config: Mapping[str, Any], key: str) -> bool:
    """Return whether there is a setting that a dotted key names, none included."""
    *parts, last = key.split(".")
    inside = value_at(config, ".".join(parts)) if parts else config
    return isinstance(inside, Mapping) and last in inside


def as_written(before: Any, value: Any) -> Any:
    """Return a value as the setting it changes has it: 1 and 1.0 are one change, of one name and digest."""
    return float(value) if isinstance(before, float) and type(value) is int else value


def changes_in_words(changes: Mapping[str, Any]) -> str:
    """Say which settings are changed, and to what."""
    return ", ".join(f"{key} {_text(value)}" for key, value in sorted(changes.items()))


def _read(setting: str) -> tuple[str, Any]:
    """Read `KEY=VALUE`, the value as YAML has it; numbers with an exponent are numbers, which to YAML are words."""
    key, equals, text = setting.partition("=")
    if not equals or not _KEY.fullmatch(key):
        raise ReplicationError(f"--set {setting}: found {setting!r}, expected KEY=VALUE, such as discount=0.9")
    try:
        value = _number(yaml.safe_load(text)) if 0 < len(text) <= _LONGEST_NAME else []
    except (yaml.YAMLError, ValueError):
        value = []  # which is refused
    accepted = value is None or isinstance(value, bool | int)
    accepted = accepted or (isinstance(value, str) and _WORD.fullmatch(value) is not None)
    if not accepted and not (isinstance(value, float) and math.isfinite(value)):
        raise ReplicationError(
            f"--set {setting}: {key}: found {shown(text)}, expected a number, a word, true, false or null; for lists "
            "and parts write a YAML that says like: and what differs"
        )
    return key, value


def _number(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _text(value: Any) -> str:
    """Write a value as YAML does, without a plus sign, which begins the next setting in a name."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value).replace("e+", "e") if isinstance(value, float) else str(value)
