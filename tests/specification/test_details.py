"""A short table must not look like a faithful one: every detail of the engine is shown beside every original."""

from __future__ import annotations

from pathlib import Path

import pytest

from replication.foundation.paths import ALGORITHMS
from replication.report.fidelity_text import judged
from replication.specification.fidelity import NOT_COMPARED, NOT_STATED, deviations_in_force, judge_rows
from replication.specification.loading import known_names, load_protocol, load_variant
from replication.specification.originals import details_not_stated, known_originals, lineage, load_original, rows_of
from replication.specification.protocols import Deviation
from replication.specification.run import resolve_run
from replication.specification.variants import Variant

GAMES = [name for name in known_names("algorithms") if load_variant(name).facts.details]
PROTOCOLS = [name for name in known_names("protocols") if load_protocol(name).kind == "atari"]


def details_of(variant: Variant) -> dict[str, bool]:
    """Number of each detail of the variant's family, and whether a row of its original speaks of it."""
    family = load_original(str(variant.facts.details))
    originals = lineage(variant.original)
    covered = {number for original in originals for row in original.rows for number in row.covers}
    extended = family.original in {original.original for original in originals}
    return {row.row: extended or row.row in covered for row in family.rows if not row.of_its_article}


@pytest.mark.parametrize("name", GAMES)
def test_every_detail_of_the_engine_has_a_row_or_is_said_not_to_be_stated(name: str) -> None:
    variant = load_variant(name)
    shown = {found.row.row: found for found in judged(name)}
    missing = {number for number, covered in details_of(variant).items() if not covered}
    rows = {row.row: row for _, row in details_not_stated(variant)}
    assert rows.keys() == missing
    for number in missing - shown.keys():  # of evaluations that the protocol does not play
        assert load_protocol(variant.protocol).periodic_evaluation is None
        assert "{protocol.periodic_evaluation." in rows[number].in_force
    for number in missing & shown.keys():
        assert shown[number].row.value == "not stated"
        assert shown[number].status == NOT_STATED or "-" in shown[number].status  # or the id of a departure


def test_rows_speak_of_details_that_exist_and_only_where_they_are_not_extended() -> None:
    known = {row.row for row in load_original("nature_dqn").rows if not row.of_its_article}
    for name in known_originals():
        covers = {number for row in load_original(name).rows for number in row.covers}
        assert covers <= known, name
        assert not covers or "nature_dqn" not in {original.original for original in lineage(name)}, name


def is_hidden(deviation: Deviation, variant: Variant) -> bool:
    """Whether a protocol's departure has no place to show: every row it names is compared otherwise, or is none."""
    details, own = details_of(variant), {row.row for _, row in rows_of(variant.original)}
    return not any(number in own or not details.get(number, True) for number in deviation.rows)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", GAMES)
def test_every_departure_of_a_protocol_shows_with_every_variant(name: str, protocol: str) -> None:
    """It is hidden only where rows of the variant's original are about the same details, and are judged themselves."""
    variant, loaded = load_variant(name), load_protocol(protocol)
    said = {word for found in judge_rows(variant, loaded) for word in found.status.split(", ")}
    for deviation in loaded.deviations:
        assert deviation.id in said or is_hidden(deviation, variant), deviation.id


@pytest.mark.parametrize(
    ("variant", "ids"),
    [
        ("rainbow", {"noop30-emulator", "noop30-periodic-epsilon", "noop30-first-start", "noop30-eval-history"}),
        ("noisy_dqn", {"noop30-emulator", "noop30-cap", "noop30-seeds", "noop30-eval-apart"}),
        ("der_2019", {"atari100k-emulator", "atari100k-seeds", "atari100k-eval-history"}),
        ("der_dopamine", {"atari100k-emulator", "atari100k-seeds", "atari100k-no-periodic"}),
        ("spr", {"atari100k_spr-emulator", "atari100k_spr-no-periodic"}),
        ("dqn_dopamine", {"sticky-emulator", "sticky-stream", "sticky-no-eval", "sticky-seeds"}),
        ("rainbow_dopamine", {"sticky-emulator", "sticky-stream", "sticky-no-eval", "sticky-seeds"}),
    ],
)
def test_departures_that_once_never_showed(variant: str, ids: set[str]) -> None:
    units = {"budget_iterations": 1} if "_dopamine" in variant and "der" not in variant else {"budget_frames": 400_000}
    found = {each.id for each in deviations_in_force(resolve_run(variant=variant, task="breakout", seed=1, **units))}
    assert ids <= found


def test_a_departure_names_the_rows_that_its_original_has() -> None:
    run = resolve_run(variant="dqn_dopamine", task="breakout", seed=1, budget_iterations=1)
    rows = {each.id: each.rows for each in deviations_in_force(run)}
    assert rows["sticky-emulator"] == ("D27",) and rows["sticky-no-eval"] == ("D24",)


def test_of_a_users_own_code_what_it_decides_is_not_claimed(tmp_path: Path) -> None:
    """The rest of the table stands: the engine is the same."""
    mine = tmp_path / "dqn.py"
    mine.write_text((ALGORITHMS / "off_policy" / "dqn.py").read_text(encoding="utf-8") + "\nSCALE = 2\n", "utf-8")
    variant = load_variant("dqn").of_file(mine)
    before = {found.row.row: found.status for found in judged("dqn")}
    after = {found.row.row: found.status for found in judge_rows(variant, load_protocol("nature"))}
    assert {row for row in before if after[row] != before[row]} == {"N1", "N3", "O1", "O2", "V14"}
    assert {after[row] for row in ("N1", "N3", "O1", "O2", "V14")} == {NOT_COMPARED}


def test_ak1_ak2_ak3_ak4_ak7_p12_p13_sp18_h14_what_protocols_of_100k_and_of_thirty_minutes_present() -> None:
    for name in ("atari100k", "atari100k_spr"):
        protocol = load_protocol(name)
        training = protocol.training
        assert (training.frame_skip, training.sticky_probability, training.life_loss_ends_trajectory) == (4, 0.0, True)
        assert protocol.periodic_evaluation is None
    training = load_protocol("atari100k").training
    assert training.life_loss_stops_repeat and training.last_life_counts and training.episode_cap_frames == 4 * 27_000
    long = load_protocol("noop_30min").training
    assert long.life_loss_ends_trajectory and long.episode_cap_frames == 30 * 60 * 60


def test_h13_h15_p14_p16_p17_sp20_ak6_settings_are_those_of_the_programs() -> None:
    rainbow, der = load_variant("rainbow").config, load_variant("der_2019").config
    assert (rainbow["frame_stack"], rainbow["reward_clip"]) == (4, 1.0)
    assert not der["stores_end_frame"] and der["network"]["initialisation"] == "torch7_uniform"
    for variant, frames in {"rainbow": 200_000_000, "der_2019": 400_000, "spr": 400_000}.items():
        whole, half = (
            {
                each.id
                for each in deviations_in_force(resolve_run(variant=variant, task="pong", seed=1, budget_frames=n))
            }
            for n in (frames, frames // 2)
        )
        assert half - whole == {"budget"}
    assert {load_variant(name).config["precision"] for name in ("der_dopamine", "otrainbow", "der_2019")} == {"float32"}


def test_mi4_munchausen_iqn_draws_uniformly_over_all_rows() -> None:
    assert load_variant("munchausen_iqn").config["replay_sampling"] == {"name": "uniform"}
