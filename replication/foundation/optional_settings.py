"""Settings added after results were made: a field with a default. Absent means the default, which is as before.

In memory every setting is there; what names a run has none that says what its absence says, so that results keep
their digests. A YAML writes such a setting only where it differs.

A setting that may be none is another matter: a YAML may leave it out, but in memory and in what names a run it is
there, as null.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from types import NoneType
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from replication.foundation.validation import Settings, settings_in


def in_force(model: type[Settings], content: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the optional settings that are absent, at any depth.

    Args:
        model: the settings class of `content`.
        content: plain data that the class accepts; keys that are none of its fields stay.
    """
    if not _has_optional(model):
        return dict(content)
    found = dict(content)
    for key, field in _by_key(model).items():
        if key in found:
            found[key] = _filled(field, found[key])
        elif not field.is_required():
            found[key] = _default(field)
    return found


def without_defaults(model: type[Settings], content: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the optional settings whose value is what their absence means, at any depth.

    Args:
        model: the settings class of `content`.
        content: plain data that the class accepts; keys that are none of its fields stay.
    """
    if not _has_optional(model):
        return dict(content)
    fields = _by_key(model)
    return {
        key: _bare(fields[key], value) if key in fields else value
        for key, value in content.items()
        if key not in fields
        or fields[key].is_required()
        or _as_read(_filled(fields[key], value)) != _default(fields[key])
    }


def with_nulls(model: type[Settings], content: Mapping[str, Any]) -> dict[str, Any]:
    """Write null for the settings that are absent, may be null and have no default, at any depth.

    Args:
        model: the settings class of `content`.
        content: plain data as a YAML has it, as yet unchecked.
    """
    found = dict(content)
    for key, field in _by_key(model).items():
        if key in found:
            found[key] = _nulls_within(field.annotation, found[key])
        elif field.is_required() and NoneType in get_args(field.annotation):
            found[key] = None
    return found


def _nulls_within(annotation: Any, value: Any) -> Any:
    if isinstance(value, list):
        return [_nulls_within(annotation, inner) for inner in value]
    if not isinstance(value, Mapping):
        return value
    kinds = [(model, with_nulls(model, value)) for model in settings_in(annotation)]
    if len(kinds) == 1:
        return kinds[0][1]
    # Of several kinds it is the one that accepts it; where none does, the check that follows says what is wrong.
    return next((filled for model, filled in kinds if _accepts(model, filled)), value)


def _accepts(model: type[Settings], content: Mapping[str, Any]) -> bool:
    try:
        model.model_validate_json(json.dumps(content))
    except ValidationError:
        return False
    return True


def _filled(field: FieldInfo, value: Any) -> Any:
    return _with_parts(field, value, in_force)


def _bare(field: FieldInfo, value: Any) -> Any:
    return _with_parts(field, value, without_defaults)


def _with_parts(field: FieldInfo, value: Any, change: Any) -> Any:
    """Return a value in which `change(class, content)` takes the place of each part that has settings of its own."""
    if isinstance(value, Mapping):
        model = _class_of(value, field)
        return value if model is None else change(model, value)
    if isinstance(value, list | tuple):
        return type(value)(_with_parts(field, inner, change) for inner in value)
    return value


def _class_of(content: Mapping[str, Any], field: FieldInfo) -> type[Settings] | None:
    """Find the settings class, of those a field may hold, that accepts the content."""
    models = settings_in(field.annotation)
    if len(models) == 1:
        return models[0]
    return next((model for model in models if _accepts(model, content)), None)


def _default(field: FieldInfo) -> Any:
    """Return what an absent setting means, as a file would say it."""
    found = field.get_default(call_default_factory=True, validated_data={})
    return _as_read(found)


def _as_read(value: Any) -> Any:
    """Return plain data as it comes out of a file: lists for tuples."""
    return json.loads(json.dumps(value, default=lambda settings: settings.model_dump(mode="json")))


def _by_key(model: type[Settings]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


@cache
def _has_optional(model: type[Settings]) -> bool:
    """Return whether the class, or one that a field of it may hold, has a field with a default."""
    return any(
        not field.is_required() or any(map(_has_optional, settings_in(field.annotation)))
        for field in model.model_fields.values()
    )
