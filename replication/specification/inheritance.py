"""What a variant takes from another, of which its YAML says `like: dqn` and only what differs."""

from __future__ import annotations

from typing import Any

_OF_ITS_OWN = ("variant", "title", "like")
"""Keys that no variant takes from another: two of one name, or one title, could not be told apart."""


def inherited(other: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a variant that is like another: the other's, and what the variant says in its place.

    Parts are taken key by key at any depth, lists whole. A part of another kind, which its `name` tells (Adam in the
    place of RMSProp), is taken whole too. Deviations are told apart by their ids: those of the variant come first, and
    those it takes are named after it, `dqn-memory` as `mine-memory`.

    Args:
        other: the whole content of the other variant's YAML, which is known to be good.
        own: the content of the variant's YAML, as yet unchecked.
    """
    taken = {key: value for key, value in other.items() if key not in _OF_ITS_OWN}
    said = {key: value for key, value in own.items() if key != "like"}
    result = replaced(taken, said)
    declared = said.get("deviations", [])
    if isinstance(declared, list):
        ids = [one.get("id") for one in declared if isinstance(one, dict)]
        renamed = (_renamed(one, other["variant"], own.get("variant")) for one in taken["deviations"])
        result["deviations"] = [*declared, *(one for one in renamed if one["id"] not in ids)]
    return result


def replaced(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Put the values of `changes` in the place of those of `base`, key by key at any depth; new keys are added."""
    result = dict(base)
    for key, value in changes.items():
        current = result.get(key)
        if isinstance(current, dict) and isinstance(value, dict) and _same_kind(current, value):
            value = replaced(current, value)
        result[key] = value
    return result


def _same_kind(base: dict[str, Any], changes: dict[str, Any]) -> bool:
    return "name" not in changes or changes["name"] == base.get("name")


def _renamed(deviation: dict[str, Any], other: str, name: object) -> dict[str, Any]:
    """Name a deviation after the variant that takes it; an id that does not begin with the other's name stays."""
    rest = str(deviation["id"]).removeprefix(f"{other}-")
    return deviation if rest == deviation["id"] else deviation | {"id": f"{name}-{rest}"}
