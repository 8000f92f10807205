"""Plain data from YAML and JSON, checked against settings classes; whatever is wrong becomes one line."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from replication.foundation.errors import ReplicationError, unknown_name

MOST_VALUES = 100_000
"""Keys, entries and values of one YAML; what is larger, or refers to itself, is none of ours."""
_FOUND_CHARACTERS = 60
"""Of a value that is shown in a message."""
_EXPECTED = {
    "bool_type": "true or false",
    "dataclass_type": "keys with values",
    "dict_type": "keys with values",
    "finite_number": "a finite number",
    "float_type": "a number",
    "greater_than": "a number greater than {gt}",
    "greater_than_equal": "a number greater than or equal to {ge}",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "int_type": "a whole number",
    "less_than": "a number less than {lt}",
    "less_than_equal": "a number less than or equal to {le}",
    "list_type": "a list",
    "literal_error": "one of {expected}",
    "model_attributes_type": "keys with values",
    "model_type": "keys with values",
    "none_required": "null",
    "string_pattern_mismatch": "text of the form {pattern}",
    "string_type": "text",
    "too_long": "a list of at most {max_length}",
    "too_short": "a list of at least {min_length}",
    "tuple_type": "a list",
    "union_tag_invalid": "{discriminator}: one of {expected_tags}",
    "union_tag_not_found": "keys with values, among them {discriminator}",
}
"""Plain words for what pydantic finds wrong, by its name for the kind of error; other kinds keep pydantic's words."""


class Settings(BaseModel):
    """Frozen settings; unknown keys and values of another type are errors (`1e6` is a string to YAML, not a number)."""

    # The sentence under a field is its description: `describe` prints it.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


SettingsT = TypeVar("SettingsT", bound=Settings)
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]


def validated(model: type[SettingsT], content: object, path: Path, *where: str) -> SettingsT:
    """Check plain data against a settings class; the first problem becomes one line.

    Raises:
        ReplicationError: names the file, the key, what was found and what is accepted.
    """
    try:
        # Through JSON, so that YAML's lists are accepted as tuples while types stay strict.
        return model.model_validate_json(json.dumps(content))
    except ValidationError as error:
        first = _first_of([dict(found) for found in error.errors()])
        location = _keys_of(first["loc"], content, first["type"])
        key = ".".join([*where, *(_name(part) for part in location)]) or "the whole file"
        raise ReplicationError(f"{path}: {key}: {_in_words(first, model, location)}") from None
    except (TypeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ReplicationError(f"{path}: {reason}; use plain numbers, words and lists") from None


def validate_part(models: Sequence[type[Settings]], content: dict[str, Any], path: Path, *where: str) -> None:
    """Check a part of what settings classes hold: each key is one of theirs, and its value is accepted there.

    Raises:
        ReplicationError: names the file, the key, what was found and what is accepted.
    """
    for key, value in content.items():
        fields = [model.model_fields[key] for model in models if key in model.model_fields]
        if not fields:
            known = {name for model in models for name in model.model_fields}
            raise ReplicationError(f"{path}: {'.'.join([*where, _name(key)])}: {unknown_name('key', key, known)}")
        nested = [found for field in fields for found in settings_in(field.annotation)]
        if nested and isinstance(value, dict):
            validate_part(nested, value, path, *where, key)
        else:
            alone: Any = {key: (fields[0].annotation, fields[0])}
            validated(create_model("Part", __base__=Settings, **alone), {key: value}, path, *where)


def overridden(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Replace values of `base` by those of `changes`, key by key; keys that `base` lacks or has empty stay so.

    So does a word or number that has the name of a mapping in `changes`: it is another setting.
    """
    result = dict(base)
    for key, value in changes.items():
        current = result.get(key)
        if isinstance(value, dict):
            if isinstance(current, dict):
                result[key] = overridden(current, value)
        elif current is not None and current != []:
            result[key] = value
    return result


def number_hint(text: object) -> str:
    """Say how to write a number that YAML does not take for one: 1_000_000 for `1e6`; empty where that is unclear."""
    try:
        value = float(text) if isinstance(text, str | float) else math.nan
    except ValueError:
        return ""
    return f": write {int(value):_}" if value.is_integer() and abs(value) < 1e15 else ""


def _in_words(error: dict[str, Any], model: type[Settings], location: Sequence[int | str]) -> str:
    """Say what is wrong, what was expected and what was found."""
    kind, found = error["type"], error["input"]
    if kind == "missing":
        return "field required: it has no default, add it"
    if kind == "extra_forbidden":
        return str(unknown_name("key", str(location[-1]), _keys_at(model, location[:-1])))
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind not in _EXPECTED:
        return f"{' '.join(error['msg'].lower().split())}, found {shown(found)}"
    expected = _EXPECTED[kind].format(**error.get("ctx", {}))
    hint = number_hint(found) if kind in {"int_type", "int_from_float"} else ""
    if kind == "float_type" and isinstance(found, str):
        hint = _decimal_hint(found)
    return f"expected {expected}, found {shown(found)}{hint}"


def shown(value: object) -> str:
    """Write a value as a YAML might spell it, on one line and not too long."""
    text = json.dumps(value) if isinstance(value, dict | list | bool | None) else repr(value)
    return text if len(text) <= _FOUND_CHARACTERS else text[: _FOUND_CHARACTERS - 3] + "..."


def _decimal_hint(text: str) -> str:
    """Say how to write `1e-4`, which YAML takes for a word: it wants a point and a sign."""
    try:
        value = float(text)
    except ValueError:
        return ""
    if not math.isfinite(value):
        return ""
    plain = repr(value)
    return f": write {plain if '.' in plain else plain.replace('e', '.0e')}"


def _name(part: int | str) -> str:
    """Write a part of a key for people; a file may hold anything in the place of one."""
    text = str(part)
    return text if text.isprintable() and len(text) <= _FOUND_CHARACTERS else shown(text)


def _first_of(errors: list[dict[str, Any]]) -> dict[str, Any]:
    """Choose the first problem; where a value may be of several kinds, that of the kind it is nearest to."""
    first = errors[0]
    if first["type"] == "missing":  # a misspelt key says more than the one that is missing for it
        beside = (e for e in errors if e["type"] == "extra_forbidden" and e["loc"][:-1] == first["loc"][:-1])
        return next(beside, first)
    at = next((i for i, part in enumerate(first["loc"]) if isinstance(part, str) and "[" in part), None)
    if at is None:
        return first
    alternatives = [error for error in errors if error["loc"][:at] == first["loc"][:at]]
    return max(alternatives, key=lambda e: (len(e["loc"]), e["type"] != "literal_error" or isinstance(e["input"], str)))


def _keys_of(location: Sequence[int | str], content: object, kind: str) -> list[int | str]:
    """Keep the parts of pydantic's location that are keys of the content; the others name kinds of values."""
    keys: list[int | str] = []
    for number, part in enumerate(location, start=1):
        if isinstance(content, dict):
            inside = part in content
        else:
            inside = isinstance(content, list | tuple) and isinstance(part, int) and part < len(content)
        if inside:
            content = cast(Any, content)[part]
        elif number < len(location) or kind != "missing":
            continue
        keys.append(part)
    return keys


def _keys_at(model: type[Settings], location: Sequence[int | str]) -> list[str]:
    """List the keys that the nested settings class at `location` accepts; of all classes where there are several."""
    models = [model]
    for part in location:
        if isinstance(part, int):
            continue
        fields = [field for one in models for name, field in one.model_fields.items() if part in (name, field.alias)]
        models = [nested for field in fields for nested in settings_in(field.annotation)]
    return list(dict.fromkeys(field.alias or name for one in models for name, field in one.model_fields.items()))


def settings_in(annotation: Any) -> list[type[Settings]]:
    """Return the settings classes that an annotation mentions, in order."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    return [found for part in get_args(annotation) for found in settings_in(part)]


# ---------------------------------------------------------------- YAML


class _StrictLoader(yaml.SafeLoader):
    """YAML's safe loader, without its surprises: by itself it would keep the last of two equal keys silently.

    Merged mappings (`<<`) are refused too: one that merges itself keeps the loader busy for minutes.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                problem = ""
                if key_node.tag == "tag:yaml.org,2002:merge":
                    problem = "found a merged mapping (<<); write its keys out"
                elif key_node.value in seen:
                    problem = f"key {shown(key_node.value)} stands there a second time; remove one of them"
                if problem:
                    raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
                seen.add(key_node.value)
        return super().construct_mapping(node, deep)


@lru_cache(maxsize=1_000)
def _parsed(data: bytes) -> Any:
    """Parse a YAML once; the result must not be changed.

    A file takes ten milliseconds, and planning an experiment reads many, and often.
    """
    return yaml.load(data.decode("utf-8"), _StrictLoader)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read the mapping that a YAML file holds: words as keys; words, finite numbers, lists and mappings as values.

    Raises:
        ReplicationError: the file cannot be read, is no YAML, or holds something else.
    """
    try:
        content = copy.deepcopy(_parsed(path.read_bytes()))
    except OSError as error:
        raise ReplicationError(f"{path}: cannot be read ({error.strerror}); allow reading it") from None
    except UnicodeDecodeError as error:
        raise ReplicationError(f"{path}: byte {error.start}: not UTF-8; save the file in that encoding") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ReplicationError(f"{path}: {_yaml_problem(error)}") from None
    if not isinstance(content, dict):
        found = "an empty file" if content is None else shown(content)
        raise ReplicationError(f"{path}: expected a mapping of keys to values, found {found}")
    _check_plain(content, path)
    return content


def _yaml_problem(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        problem = " ".join(f"{error.context or ''} {error.problem or ''}".split())
        return f"line {error.problem_mark.line + 1}: not readable as YAML: {problem}"
    return f"not readable as YAML: {' '.join(str(error).split())}"


def _check_plain(content: dict[Any, Any], path: Path) -> None:
    """Refuse keys that are no words, and values that JSON and the digests cannot hold."""
    left: list[tuple[str, Any]] = [("", content)]
    count = 0
    while left:
        where, value = left.pop()
        count += 1
        if count > MOST_VALUES:
            raise ReplicationError(f"{path}: expected at most {MOST_VALUES:,} values, found more, or one within itself")
        if isinstance(value, dict):
            for key, inner in value.items():
                if not isinstance(key, str):
                    found = f"{where}: " if where else ""
                    raise ReplicationError(f"{path}: {found}expected a word as key, found {shown(key)}: put quotes")
                left.append((f"{where}.{_name(key)}" if where else _name(key), inner))
        elif isinstance(value, list):
            left += [(f"{where}.{number}", inner) for number, inner in enumerate(value)]
        elif isinstance(value, float) and not math.isfinite(value):
            raise ReplicationError(f"{path}: {where}: expected a finite number, found {shown(value)}")
        elif not isinstance(value, str | int | float | None):
            raise ReplicationError(
                f"{path}: {where}: expected words, numbers and lists, found {shown(value)}: put quotes"
            )
