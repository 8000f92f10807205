"""Protocols and variants in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from replication.commands import describe
from replication.commands.cli import main
from replication.commands.describe import description
from replication.foundation.validation import Count
from replication.specification.loading import known_names, load_protocol, load_variant
from replication.specification.protocols import Protocol

PARTS = {
    "training": "Training",
    "periodic_evaluation": "Periodic evaluation",
    "final_evaluation": "Final evaluation",
    "evaluation_beside_score": "Evaluation beside score",
    "training_score": "Training score",
    "evaluation_score": "Evaluation score",
    "solving": "Solving",
}


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "2000")  # a setting is a line


def plain(value: Any) -> Iterator[str]:
    """Every number and word in a value, as people write it."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from plain(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from plain(inner)
    elif isinstance(value, bool) or value is None:
        yield {True: "yes", False: "no", None: "none"}[value]
    elif isinstance(value, str):
        yield value
    else:
        yield f"{value:,}" if isinstance(value, int) else f"{value:g}"


def line_of(key: str, text: str) -> str:
    """The one line of a setting."""
    (line,) = [line for line in text.splitlines() if line.strip().startswith(f"{key}: ")]
    return line


def leaves(part: dict[str, Any]) -> list[tuple[str, Any]]:
    """The settings of a part of a protocol, and of the parts it has."""
    nested = [leaf for name in ("presentation", "plant") if name in part for leaf in leaves(part[name])]
    return [*((key, value) for key, value in part.items() if key not in ("presentation", "plant")), *nested]


def check_values(key: str, value: Any, text: str) -> None:
    shown = line_of(key, text).partition(" -- ")[0].partition(": ")[2]
    for words in plain(value):
        assert re.search(rf"(?<![\d.,]){re.escape(words)}(?![\d])", shown), (key, words, shown)


@pytest.mark.parametrize("name", known_names("algorithms"))
def test_a_variant_is_told_whole(name: str) -> None:
    text, variant = description(name), load_variant(name)
    for key, value in variant.config.items():
        check_values(key, value, text)
    for key, source in variant.sources.items():
        assert line_of(key, text).endswith(f"[{source}]")
    for deviation in variant.deviations:
        rows = ", ".join(deviation.rows)
        whole = f"{deviation.what}; why: {deviation.why}; expected: {deviation.expected_effect}"
        assert f"  {deviation.id} ({rows}): {whole}" in text
    assert variant.paper in text and f"Protocol of its paper: {variant.protocol}" in text
    assert "\n  Held against: the " in text


@pytest.mark.parametrize("name", known_names("protocols"))
def test_a_protocol_is_told_whole(name: str) -> None:
    text, protocol = description(name), load_protocol(name)
    assert list(PARTS) == [key for key, value in Protocol.model_fields.items() if describe._is_part(value.annotation)]
    sections = dict(zip(["top", *PARTS], re.split(rf"\n\n(?:{'|'.join(PARTS.values())})\n", text), strict=True))
    settings = protocol.model_dump(exclude={"protocol", "title", "sources", "deviations"})
    for key, value in settings.items():
        if key not in PARTS:
            check_values(key, value, sections["top"])
        elif value is None:
            assert sections[key].partition("\n\n")[0] == "  none"
        else:
            for inner, content in leaves(value):
                check_values(inner, content, sections[key])
    for key, source in protocol.sources.items():
        part, _, inner = key.rpartition(".")
        if key in PARTS:
            assert sections[key].startswith(f"  [{source}]\n")
        else:
            assert line_of(inner, sections[part or "top"]).endswith(f"[{source}]")
    for deviation in protocol.deviations:
        assert f"  {deviation.id} ({', '.join(deviation.rows)}): {deviation.what}; why: {deviation.why}" in text


@pytest.mark.parametrize("name", ["nature", "dqn"])
def test_lines_fit_the_terminal(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = description(name).splitlines()
    assert max(map(len, lines)) < 80 and len(lines) > len(load_protocol("nature").deviations)


def test_numbers_carry_units_and_a_second_unit_where_it_helps() -> None:
    nature, dqn = description("nature"), description("dqn")
    assert "episode_cap_frames: 18,000 frames = 5 minutes at 60 a second" in nature
    assert "noops_after_game_over_frames: 1 to 30 frames" in nature
    assert "period_steps: 250,000 steps = 1,000,000 frames" in nature
    assert "num_episodes: 30 episodes" in nature
    assert "epsilon: 1 until step 50,000, then linear to 0.1 over 1,000,000 steps" in dqn
    assert "replay_start: when more than 50,000 steps have passed" in dqn
    assert "convolutions 32@8x8/4, 64@4x4/2, 64@3x3/1 (channels@kernel/stride); padding valid, hidden units 512" in dqn
    assert "optimizer: centered_rmsprop: learning rate 0.00025, decay 0.95" in dqn
    assert "replay_capacity_rows: 1,000,000 rows" in dqn
    assert "update_period_steps: 1 step = 4 frames" in description("dqn_quickstart")


def test_settings_stand_under_headings() -> None:
    lines = description("dqn").splitlines()
    headings = ["What a state is", "Replay", "Loss", "Schedule", "Network", "Optimizer", "Deviations"]
    assert [line for line in lines[1:] if line and not line.startswith(" ")] == headings
    assert "\nSettings\n" in description("random_10hz") and "A step is" not in description("random_10hz")


def test_settings_that_an_algorithm_has_beside_its_family_s_have_their_meaning_too() -> None:
    assert "num_atoms: 51 -- Values the return can have, evenly spaced. [" in description("c51")


def test_keys_unknown_to_this_program_are_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    dqn = load_variant("dqn")
    added = {"warm_up_updates": 2_000, "noise": {"scale": 0.5, "kept_rows": 7}}
    wider = dqn.model_copy(update={"config": dqn.config | added, "sources": {"noise": "a paper"}})
    monkeypatch.setattr(describe, "load_variant", lambda name: wider)
    text = description("dqn")
    assert "\nOther settings\n  warm_up_updates: 2,000 updates\n  noise: scale 0.5, kept rows 7 [a paper]\n" in text


def test_parts_and_fields_a_protocol_may_get_are_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class WiderProtocol(Protocol):
        rest_seconds: Count
        """Between two games."""

    nature = load_protocol("nature")
    inner = "final_evaluation.presentation.episode_cap_frames"
    content = nature.model_dump() | {"rest_seconds": 90, "sources": {inner: "a source"}}
    monkeypatch.setattr(describe, "load_protocol", lambda name: WiderProtocol.model_validate(content))
    text = description("nature")
    assert line_of("rest_seconds", text) == "  rest_seconds: 90 seconds -- Between two games."
    *others, last = [line for line in text.splitlines() if line.strip().startswith("episode_cap_frames")]
    assert last.endswith("[a source]") and not any("[" in line for line in others)


def test_a_misspelt_name_offers_the_nearest_of_both_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong, right in (("natur", "nature"), ("dqn_papr", "dqn_paper")):
        assert main(["describe", wrong]) == 2
        assert capsys.readouterr().err == f"error: there is no protocol or variant {wrong!r}; did you mean {right!r}?\n"


def test_a_choice_has_no_unit_whatever_its_name_ends_with(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "dqn"]) == 0
    assert "life_loss_clears_frames: yes -- " in capsys.readouterr().out
