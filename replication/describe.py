"""A protocol or a variant in words: every setting with its unit, its meaning and its source."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from replication.config import (
    Deviation,
    OffPolicyConfig,
    Protocol,
    UntrainedConfig,
    known_names,
    load_protocol,
    load_variant,
)
from replication.errors import unknown_name
from replication.fidelity import in_words, load_original
from replication.validation import Settings

FRAMES_PER_SECOND = 60
FRAMES_PER_STEP = 4
"""Of every protocol there is."""
_HEADED = ("training", "periodic_evaluation", "final_evaluation")
"""Parts of a protocol that get a heading of their own."""


def description(name: str) -> str:
    """A protocol or a variant in words.

    Raises:
        ReplicationError: no such protocol or variant; the nearest name is offered.
    """
    if name in known_names("protocols"):
        return "\n".join(_protocol_lines(load_protocol(name)))
    if name in known_names("algorithms"):
        return "\n".join(_variant_lines(name))
    raise unknown_name("protocol or variant", name, known_names("protocols") + known_names("algorithms"))


def _protocol_lines(protocol: Protocol) -> Iterator[str]:
    yield f"Protocol {protocol.protocol}: {protocol.title}"
    plain = {"reference_set", "published_quantity", "iteration_steps"}
    yield from _settings(protocol, protocol.sources, only=plain)
    for part in _HEADED:
        yield ""
        yield part.replace("_", " ").capitalize()
        content = getattr(protocol, part)
        if content is None:
            yield "  none"
            continue
        # A source may stand for a whole part.
        sources = {key.removeprefix(f"{part}."): text for key, text in protocol.sources.items() if key.startswith(part)}
        if part in sources:
            yield from _wrapped("  ", f"[{sources[part]}]")
        yield from _settings(content, sources)
    yield from _deviation_lines(protocol.deviations)


def _variant_lines(name: str) -> Iterator[str]:
    variant = load_variant(name)
    yield f"Variant {name}: {variant.title}"
    yield from _wrapped("  ", f"Paper: {variant.paper}")
    yield from _wrapped("  ", f"Held against: {load_original(variant.original).title}")
    yield from _wrapped(
        "  ", f"Protocol of its paper: {variant.protocol} (python -m replication describe {variant.protocol})"
    )
    yield f"  Algorithm: replication/algorithms/{variant.module}.py"
    yield ""
    yield "Settings (a step is an agent's decision, 4 emulator frames)"
    known: dict[str, type[Settings]] = {"off_policy": OffPolicyConfig, "untrained": UntrainedConfig}
    family = known[variant.family]
    for key, value in variant.config.items():
        field = family.model_fields.get(key)
        meaning = field.description if field is not None else None
        yield from _setting(key, value, meaning, variant.sources.get(key))
    yield from _deviation_lines(variant.deviations)


def _settings(
    content: BaseModel, sources: Mapping[str, str], only: set[str] | None = None, indent: str = "  "
) -> Iterator[str]:
    for key, field in type(content).model_fields.items():
        if only is not None and key not in only:
            continue
        value = getattr(content, key)
        if isinstance(value, BaseModel):
            yield f"{indent}{key}"
            yield from _settings(value, sources, indent=indent + "  ")
        else:
            yield from _setting(key, value, field.description, sources.get(key), indent)


def _setting(key: str, value: Any, meaning: str | None, source: str | None, indent: str = "  ") -> Iterator[str]:
    text = f"{key}: {_value(key, value)}"
    if meaning:
        text += f" -- {' '.join(meaning.split())}"
    if source:
        text += f" [{source}]"
    yield from _wrapped(indent, text)


def _value(key: str, value: Any) -> str:
    """In words, with the unit the key ends with, and in another unit where that helps."""
    if key == "convolutions" or (isinstance(value, Mapping) and "convolutions" in value):
        return _network(value)
    if key == "epsilon" and isinstance(value, Mapping):
        after, over = value["decay_starts_after_steps"], value["decay_steps"]
        return f"{value['start']:g} until step {after:,}, then linear to {value['end']:g} over {over:,} steps"
    if key == "replay_start":
        return f"when more than {value['count']:,} {value['unit']} have passed"
    words = in_words(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if key.endswith("_frames") and value is not None:
        seconds = f" = {_time(value / FRAMES_PER_SECOND)}" if whole and value >= FRAMES_PER_SECOND else ""
        return f"{words} frames{seconds}"
    if key.endswith("_steps") and whole:
        return f"{words} steps = {value * FRAMES_PER_STEP:,} frames"
    if key.endswith("_rows") and whole:
        return f"{words} rows"
    return words


def _network(value: Any) -> str:
    layers = value["convolutions"]
    shown = ", ".join(f"{c['channels']}@{c['kernel']}x{c['kernel']}/{c['stride']}" for c in layers)
    rest = in_words({key: inner for key, inner in value.items() if key != "convolutions"})
    return f"convolutions {shown}; {rest}"


def _time(seconds: float) -> str:
    return f"{seconds / 60:g} minutes" if seconds >= 60 else f"{seconds:g} seconds"


def _deviation_lines(deviations: tuple[Deviation, ...]) -> Iterator[str]:
    yield ""
    yield "Deviations" if deviations else "Deviations: none"
    for deviation in deviations:
        rows = ", ".join(deviation.rows)
        text = f"{deviation.id} ({rows}): {deviation.what}; why: {deviation.why}; expected: {deviation.expected_effect}"
        yield from _wrapped("  ", text)


def _wrapped(indent: str, text: str) -> list[str]:
    width = max(60, shutil.get_terminal_size((110, 24)).columns - 1)
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent + "    ", break_on_hyphens=False)
