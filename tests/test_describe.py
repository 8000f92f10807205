"""Protocols and variants in words."""

from __future__ import annotations

import pytest

from replication.cli import main
from replication.config import known_names, load_protocol, load_variant
from replication.describe import description


def text_of(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "2000")
    return description(name)


@pytest.mark.parametrize("name", known_names("algorithms"))
def test_a_variant_is_told_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, variant = text_of(name, monkeypatch), load_variant(name)
    for key in variant.config:
        assert f"  {key}: " in text, key
    for source in variant.sources.values():
        assert f"[{source}]" in text
    for deviation in variant.deviations:
        assert f"{deviation.id} ({', '.join(deviation.rows)}): {deviation.what}" in text
    assert variant.paper in text and f"Protocol of its paper: {variant.protocol}" in text


@pytest.mark.parametrize("name", known_names("protocols"))
def test_a_protocol_is_told_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, protocol = text_of(name, monkeypatch), load_protocol(name)
    for part in ("Training", "Periodic evaluation", "Final evaluation"):
        assert f"\n{part}\n" in text
    for source in protocol.sources.values():
        assert source in text
    for deviation in protocol.deviations:
        assert deviation.id in text


def test_numbers_carry_units_and_a_second_unit_where_it_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    nature, dqn = text_of("nature", monkeypatch), text_of("dqn", monkeypatch)
    assert "episode_cap_frames: 18,000 frames = 5 minutes" in nature
    assert "noops_after_game_over_frames: 1 to 30 frames" in nature
    assert "period_steps: 250,000 steps = 1,000,000 frames" in nature
    assert "epsilon: 1 until step 50,000, then linear to 0.1 over 1,000,000 steps" in dqn
    assert "replay_start: when more than 50,000 steps have passed" in dqn
    assert "convolutions 32@8x8/4, 64@4x4/2, 64@3x3/1; padding valid, hidden units 512" in dqn
    assert "replay_capacity_rows: 1,000,000 rows" in dqn


def test_a_misspelt_name_offers_the_nearest_of_both_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong, right in (("natur", "nature"), ("dqn_papr", "dqn_paper")):
        assert main(["describe", wrong]) == 2
        assert capsys.readouterr().err == f"error: there is no protocol or variant {wrong!r}; did you mean {right!r}?\n"
