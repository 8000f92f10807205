"""The command `describe`: a protocol or a variant in words, with units, meanings and sources."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from replication.foundation.errors import unknown_name
from replication.specification.fidelity import in_words
from replication.specification.loading import known_names, load_protocol, load_variant
from replication.specification.originals import load_original
from replication.specification.protocols import Deviation, Protocol

HELP = "the settings of a protocol or variant in words"
DESCRIPTION = "Print what a protocol or variant does, in words, with units and sources."
FRAMES_PER_SECOND = 60

_UNITS = ("frames", "steps", "rows", "updates", "episodes", "seconds", "cycles")
"""A key ends with the unit of its value."""
_GROUPS = {
    "What a state is": ("frame_", "reward_", "life_loss_clears_frames"),
    "Replay": ("replay_", "stores_end_frame", "truncation_bootstraps", "held_out_"),
    "Loss": ("discount", "n_step", "batch_size", "loss_", "error_loss"),
    "Schedule": ("update_", "updates_", "target_", "acts_before_update", "epsilon", "evaluation_epsilon"),
    "Network": ("network", "precision"),
    "Optimizer": ("optimizer", "gradient_"),
}
"""Heading to how the keys of a variant under it begin; other keys come last, under a heading of their own."""
_SHOWN_ELSEWHERE = ("protocol", "title", "sources", "deviations")
"""Fields of a protocol that are no settings."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `describe`."""
    parser.add_argument("name", help=f"one of: {', '.join(_known())}")


def run(options: argparse.Namespace) -> int:
    """Print the description.

    Returns: exit code 0.
    Raises:
        ReplicationError: no such name.
    """
    print(description(options.name))
    return 0


def description(name: str) -> str:
    """Describe a protocol or a variant in words.

    Raises:
        ReplicationError: no such name; the nearest one is offered.
    """
    if name in known_names("protocols"):
        return "\n".join(_protocol_lines(load_protocol(name)))
    if name in known_names("algorithms"):
        return "\n".join(_variant_lines(name))
    raise unknown_name("protocol or variant", name, _known())


def _known() -> list[str]:
    """Return every name that can be described."""
    return [*known_names("protocols"), *known_names("algorithms")]


def _protocol_lines(protocol: Protocol) -> Iterator[str]:
    step = _frames_a_step(protocol)
    yield f"Protocol {protocol.protocol}: {protocol.title}"
    fields = {key: field for key, field in type(protocol).model_fields.items() if key not in _SHOWN_ELSEWHERE}
    parts = [key for key, field in fields.items() if _is_part(field.annotation)]
    for key, field in fields.items():
        if key not in parts:
            yield from _setting(key, getattr(protocol, key), field.description, protocol.sources.get(key), step)
    for part in parts:
        yield ""
        yield _heading(part)
        content = getattr(protocol, part)
        if content is None:
            yield "  none"
            continue
        if part in protocol.sources:  # a source may stand for a whole part
            yield from _wrapped("  ", f"[{protocol.sources[part]}]")
        yield from _part(content, protocol.sources, f"{part}.", step)
    yield from _deviation_lines(protocol.deviations)


def _variant_lines(name: str) -> Iterator[str]:
    variant = load_variant(name)
    protocol = load_protocol(variant.protocol)
    step = _frames_a_step(protocol)
    yield f"Variant {name}: {variant.title}"
    yield from _wrapped("  ", f"Paper: {variant.paper}")
    yield from _wrapped("  ", f"Held against: {load_original(variant.original).title}")
    yield from _wrapped(
        "  ", f"Protocol of its paper: {variant.protocol} (python -m replication describe {variant.protocol})"
    )
    yield f"  Algorithm: replication/algorithms/{variant.family}/{variant.module}.py"
    if variant.facts.trains and step:
        yield from _wrapped("  ", f"A step is an agent's decision, {step} emulator frames; a row is a frame in memory.")
    fields = variant.settings_class.model_fields
    for heading, keys in _grouped(list(variant.config)).items():
        yield ""
        yield heading
        for key in keys:
            meaning = fields[key].description if key in fields else None
            yield from _setting(key, variant.config[key], meaning, variant.sources.get(key), step)
    yield from _deviation_lines(variant.deviations)


def _frames_a_step(protocol: Protocol) -> int:
    """Return the emulator frames of a step; 0 where there is no emulator."""
    return protocol.training.frame_skip if protocol.kind == "atari" else 0


def _grouped(keys: Sequence[str]) -> dict[str, list[str]]:
    """Return the keys under each heading, each key once."""
    groups = {
        heading: [key for key in keys if key.startswith(beginnings)]
        for heading, beginnings in _GROUPS.items()
        if any(key.startswith(beginnings) for key in keys)
    }
    others = [key for key in keys if not any(key in group for group in groups.values())]
    return groups | ({"Other settings" if groups else "Settings": others} if others else {})


def _part(content: BaseModel, sources: Mapping[str, str], where: str, step: int, indent: str = "  ") -> Iterator[str]:
    """Yield the settings of a part of a protocol; `where` is what its keys begin with among the sources."""
    for key, field in type(content).model_fields.items():
        value, source = getattr(content, key), sources.get(where + key)
        if isinstance(value, BaseModel):
            yield from _wrapped(indent, _with_meaning(key, field.description, source))
            yield from _part(value, sources, f"{where}{key}.", step, indent + "  ")
        else:
            yield from _setting(key, value, field.description, source, step, indent)


def _setting(
    key: str, value: Any, meaning: str | None, source: str | None, step: int, indent: str = "  "
) -> Iterator[str]:
    yield from _wrapped(indent, _with_meaning(f"{key}: {_value(key, value, step)}", meaning, source))


def _with_meaning(text: str, meaning: str | None, source: str | None) -> str:
    if meaning:
        text += f" -- {' '.join(meaning.split())}"
    return f"{text} [{source}]" if source else text


def _value(key: str, value: Any, step: int) -> str:
    """Say a value in words, with the unit the key ends with, and in another unit where that helps."""
    if isinstance(value, Mapping):
        return _nested(value)
    words, unit = in_words(value), key.rpartition("_")[2]
    if unit not in _UNITS or value is None or isinstance(value, bool):
        return words
    if not isinstance(value, int):
        return f"{words} {unit}"
    words = f"{words} {unit.removesuffix('s') if value == 1 else unit}"
    if unit == "frames" and value >= FRAMES_PER_SECOND:
        words += f" = {_time(value / FRAMES_PER_SECOND)} at {FRAMES_PER_SECOND} a second"
    return f"{words} = {value * step:,} frames" if unit == "steps" and step else words


def _nested(value: Mapping[str, Any]) -> str:
    """Say a mapping in one line: in a sentence where its keys are known, else key by key."""
    keys = value.keys()
    if keys == {"start", "end", "decay_starts_after_steps", "decay_steps"}:
        after, over = value["decay_starts_after_steps"], value["decay_steps"]
        return f"{value['start']:g} until step {after:,}, then linear to {value['end']:g} over {over:,} steps"
    if keys == {"count", "unit"}:
        return f"when more than {value['count']:,} {value['unit']} have passed, learning starts"
    if "convolutions" in keys:
        layers = ", ".join(f"{c['channels']}@{c['kernel']}x{c['kernel']}/{c['stride']}" for c in value["convolutions"])
        rest = {key: inner for key, inner in value.items() if key != "convolutions"}
        return f"convolutions {layers} (channels@kernel/stride); {in_words(rest)}"
    if "name" in keys:
        return f"{value['name']}: {in_words({key: inner for key, inner in value.items() if key != 'name'})}"
    return in_words(value)


def _is_part(annotation: Any) -> bool:
    """Return whether a field holds settings of its own, or may."""
    if get_origin(annotation) in (Annotated, Union, UnionType):
        return any(map(_is_part, get_args(annotation)))
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _heading(key: str) -> str:
    return key.replace("_", " ").capitalize()


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
