"""The fidelity tables themselves: complete, each row judged, each departure declared, each testable row tested."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from replication.commands.cli import main
from replication.foundation.errors import ReplicationError
from replication.report.fidelity_text import fidelity_text, judged
from replication.specification import originals
from replication.specification.fidelity import (
    EXACT,
    NOT_APPLICABLE,
    UNCONFIRMED,
    UNDECLARED,
    count_statuses,
    deviations_in_force,
    judge_rows,
)
from replication.specification.loading import known_names, load_preset, load_protocol, load_variant
from replication.specification.originals import RULES, Original, known_originals, load_original, rows_of
from replication.specification.run import resolve_run
from replication.specification.tasks.registry import find_task

TESTS = Path(__file__).resolve().parents[1]
ORIGINALS = [load_original(name) for name in known_originals()]
NATURE_ROWS = {"E": 14, "I": 10, "M": 9, "N": 5, "O": 8, "S": 8, "V": 16}
"""Rows of each section, numbered from 1; E9b and V9b besides."""
UNSEEN = {
    "config.error_loss": "of DQN alone; test_ad1_qd7_no_other_variant_squares_its_error names who has another",
    "config.evaluation_epsilon": "shown as the final evaluation's epsilon where the protocol leaves it to the paper",
    "protocol.protocol": "a name",
    "protocol.title": "a name",
    "protocol.published_quantity": "which of its numbers a paper prints",
    "protocol.iteration_steps": "Dopamine's",
    "protocol.trains_for": "frames, as S1 has it",
    "protocol.evaluation_beside_score": "of protocols whose score is of training episodes; nothing is judged by it",
    "protocol.training_score": "of protocols whose score is of training episodes, as W18 has it",
    "protocol.evaluation_score": "of protocols whose score is of evaluations during training",
    "protocol.solving": "of small tasks, which count as solved by a mean of training episodes",
    "protocol.periodic_evaluation.num_episodes": "of protocols that evaluate by episodes, not by steps as V has it",
    "protocol.periodic_evaluation.at_start": "of protocols that evaluate the untrained policy",
    "protocol.periodic_evaluation.presentation.noops_after_life_loss_frames": "no trajectory ends with a life there",
    "protocol.final_evaluation.presentation.noops_after_life_loss_frames": "no trajectory ends with a life there",
    "protocol.periodic_evaluation.presentation.life_loss_stops_repeat": "no trajectory ends with a life there",
    "protocol.final_evaluation.presentation.life_loss_stops_repeat": "no trajectory ends with a life there",
    "protocol.periodic_evaluation.presentation.last_life_counts": "no trajectory ends with a life there",
    "protocol.final_evaluation.presentation.last_life_counts": "no trajectory ends with a life there",
} | {
    f"protocol.{presentation}.{name}": "of Baselines' protocols and envpool's, which declare E10 and W3"
    for presentation in ("training", "periodic_evaluation.presentation", "final_evaluation.presentation")
    for name in (
        *("fire_on_reset", "fire_frame_on_reset", "noop_step_after_life_loss"),
        *("between_lives_counts", "independent_episodes"),
    )
}
"""Settings that no row on the Nature program shows, and why not."""


def statuses(variant: str, **changes: str | None) -> dict[str, str]:
    return {found.row.row: found.status for found in judged(variant, **changes)}


@cache
def rows_with_tests() -> set[str]:
    """Rows that a test function is named after: test_e1_..., test_i8_i9_..."""
    rows: set[str] = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for word in node.name.removeprefix("test_").split("_"):
                    if not re.fullmatch(r"[a-z]{1,2}[0-9]+b?", word):
                        break
                    rows.add(re.sub("^[a-z]+", lambda letters: letters[0].upper(), word))
    return rows


def test_every_row_is_there() -> None:
    found = [row.row for row in load_original("nature_dqn").rows]
    expected = {f"{section}{number}" for section, last in NATURE_ROWS.items() for number in range(1, last + 1)}
    assert set(found) == expected | {"E9b", "V9b"} and len(found) == len(set(found))
    assert [row.row for row in load_original(RULES).rows] == ["R1", "R2", "R3", "R4", "R5"]
    assert [row.row for row in load_original("dopamine_dqn").rows] == [f"D{n}" for n in range(1, 31)]


@pytest.mark.parametrize("original", ORIGINALS, ids=lambda original: original.original)
def test_every_row_has_a_test_named_after_it_or_a_reason(original: Original) -> None:
    tested = rows_with_tests()
    assert [row.row for row in original.rows if (row.row in tested) == (row.untested is not None)] == []


def test_no_two_originals_number_their_rows_alike() -> None:
    numbers = [row.row for original in ORIGINALS for row in original.rows]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("original", ORIGINALS, ids=lambda original: original.original)
def test_a_row_stands_in_the_place_of_rows_of_the_originals_its_own_one_extends(original: Original) -> None:
    extended = {row.row for base in original.extends for _, row in rows_of(base)}
    replaced = [number for row in original.rows for number in row.replaces]
    assert set(replaced) <= extended and len(replaced) == len(set(replaced))
    found = [row.row for _, row in rows_of(original.original)]
    assert len(found) == len(set(found)) and not set(replaced) & set(found)
    assert {row.row for row in original.rows} <= set(found) <= extended | {row.row for row in original.rows}
    assert len(original.extends) != 1 or len(found) == len(extended) - len(replaced) + len(original.rows)


def test_originals_that_extend_each_other_in_a_circle_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what leads to the circle is refused; one that two others extend is no circle."""
    bases = {"a": ("b", "c"), "b": ("c",), "c": (), "x": ("y",), "y": ("z",), "z": ("y",), "own": ("own",)}
    plain = load_original("suite")
    made = {name: plain.model_copy(update={"original": name, "extends": them}) for name, them in bases.items()}
    monkeypatch.setattr(originals, "load_original", made.__getitem__)
    assert len(rows_of("a")) == 3 * len(plain.rows)
    for name, circle in {"x": "y extends z extends y", "own": "own extends own"}.items():
        with pytest.raises(ReplicationError, match=f"originals/[a-z]+.yaml: extends: {circle}; take one of these out$"):
            rows_of(name)


@pytest.mark.parametrize("original", ORIGINALS, ids=lambda original: original.original)
def test_every_expected_setting_is_shown_and_every_section_named(original: Original) -> None:
    for row in original.rows:
        assert all(f"{{{name}}}" in row.in_force for name in row.expected), row.row
        assert row.section in original.sections
        assert row.confirmed_by is None or row.tag == "paper"


def test_every_setting_stands_in_a_row_or_has_a_reason() -> None:
    """A setting in no row could be changed without any row noticing."""
    variant, protocol = load_variant("dqn"), load_protocol("nature").model_dump(exclude={"sources", "deviations"})
    settings = {*_leaves("config", variant.config), *_leaves("protocol", protocol)}
    shown = {name for row in load_original("nature_dqn").rows for name in re.findall(r"{([a-z0-9_.]+)}", row.in_force)}
    unseen = {name for name in settings if not any(name == one or name.startswith(f"{one}.") for one in shown)}
    assert unseen == UNSEEN.keys()


def _leaves(name: str, content: object) -> list[str]:
    if not isinstance(content, dict):
        return [name]
    return [leaf for key, value in content.items() for leaf in _leaves(f"{name}.{key}", value)]


@pytest.mark.parametrize("variant", known_names("algorithms"))
def test_every_difference_is_declared(variant: str) -> None:
    found = statuses(variant)
    assert [row for row, status in found.items() if status == UNDECLARED] == []


def test_what_differs_is_not_called_exact() -> None:
    declared = {
        "dqn": {"E3", "E7", "E11", "E12", "E13", "I10", "M4", "M5", "M9", "V4", "V6", "V7", "V15", "V16"},
        "random_10hz": {"E3", "E12", "E13"},
    }
    declared["dqn_paper"] = declared["dqn"] | {"S4"}
    declared["dqn_quickstart"] = declared["dqn"] | {"M1", "N1", "O1", "O2", "O3", "O4", "O5", "S2", "S3", "S4", "S5"}
    declared["random_60hz"] = declared["random_10hz"] | {"V11"}
    for variant, rows in declared.items():
        found = {row: status for row, status in statuses(variant).items() if status not in (EXACT, NOT_APPLICABLE)}
        assert found.keys() - {"V9b"} == rows, variant
        assert set(found.values()) - {UNCONFIRMED} <= {
            deviation.id for deviation in (*load_variant(variant).deviations, *load_protocol("nature").deviations)
        }


def test_every_deviation_names_rows_that_exist() -> None:
    rows = {row.row for original in ORIGINALS for row in original.rows}
    declared = [load_variant(name).deviations for name in known_names("algorithms")]
    declared += [load_protocol(name).deviations for name in known_names("protocols")]
    for deviation in (deviation for group in declared for deviation in group):
        assert set(deviation.rows) <= rows, deviation.id


def test_every_deviation_of_a_variant_is_in_force_somewhere() -> None:
    for name in known_names("algorithms"):
        said = {word for status in statuses(name).values() for word in status.split(", ")}
        assert {deviation.id for deviation in load_variant(name).deviations} <= said


def test_a_changed_number_that_nobody_declares_is_found() -> None:
    variant = load_variant("dqn")
    changed = variant.model_copy(update={"config": variant.config | {"discount": 0.98}})
    found = {row.row.row: row for row in judge_rows(changed, load_protocol("nature"))}
    assert found["O1"].status == UNDECLARED and "0.98" in found["O1"].in_force
    assert [row for row, judgment in found.items() if judgment.status == UNDECLARED] == ["O1"]


def test_preset_protocol_and_budget_are_named_where_they_move_a_row() -> None:
    assert statuses("dqn", preset="smoke")["S2"] == "preset-smoke"
    assert statuses("dqn", protocol="noop_30min")["V9"] == "protocol-noop_30min"
    short = resolve_run(variant="dqn", task="pong", seed=1, budget_frames=4_000_000)
    whole = resolve_run(variant="dqn", task="breakout", seed=1, budget_frames=200_000_000)
    ids = [{deviation.id: deviation for deviation in deviations_in_force(run)} for run in (short, whole)]
    assert ids[0].keys() - ids[1].keys() == {"budget", "emulator-pong"}
    assert "4,000,000 frames" in ids[0]["budget"].what and ids[0]["budget"].rows == ("S1",)
    smoke = resolve_run(variant="dqn", task="breakout", seed=1, budget_frames=200_000_000, preset="smoke")
    (preset,) = [deviation for deviation in deviations_in_force(smoke) if deviation.id == "preset-smoke"]
    assert {"S2", "S3", "S4", "M1", "V1", "V2"} <= set(preset.rows)


@pytest.mark.parametrize(
    ("variant", "iterations", "length"),
    [
        ("dqn_dopamine", 1, "1 iteration, at least 1,000,000 frames"),
        ("rainbow_dopamine", 3, "3 iterations, at least 3,000,000 frames"),
        ("quantile_dopamine", 199, "199 iterations, at least 199,000,000 frames"),
        ("munchausen_dqn", 200, None),
    ],
)
def test_d30_a_run_of_fewer_iterations_than_the_program_s_departs_in_its_length(
    variant: str, iterations: int, length: str | None
) -> None:
    run = resolve_run(variant=variant, task="breakout", seed=1, budget_iterations=iterations)
    found = [deviation for deviation in deviations_in_force(run) if deviation.id == "budget"]
    assert [(budget.what.split("; ")[0], budget.rows) for budget in found] == (
        [(f"training stops after {length}", ("D30",))] if length else []
    )


def test_each_of_preset_protocol_and_budget_is_named_for_the_rows_it_moves_alone() -> None:
    both = {"task": "breakout", "seed": 1, "protocol": "noop_30min", "preset": "quickstart", "budget_frames": 400_000}
    found = {deviation.id: deviation.rows for deviation in deviations_in_force(resolve_run(variant="dqn", **both))}
    assert found["preset-quickstart"] == ("V1", "V2")
    assert found["protocol-noop_30min"] == ("V9", "V12")
    assert found["budget"] == ("S1",)
    scale = load_preset("quickstart")
    variant = load_variant("dqn", scale)
    changed = variant.model_copy(update={"config": variant.config | {"discount": 0.98}})
    judgments = {row.row.row: row.status for row in judge_rows(changed, load_protocol("nature", scale), scale)}
    assert judgments["O1"] == UNDECLARED  # the preset does not touch it


def test_epsilon_left_to_the_paper_is_shown_as_it_is_played() -> None:
    (found,) = [judgment for judgment in judged("dqn", protocol="noop_30min") if judgment.row.row == "V3"]
    assert load_protocol("noop_30min").final_evaluation.epsilon is None
    assert found.status == EXACT and "0.05 in the final evaluation" in found.in_force


def test_what_the_article_alone_says_is_unconfirmed_until_a_transcription_is_named() -> None:
    found = judged("dqn")
    assert [judgment.row.row for judgment in found if judgment.status == UNCONFIRMED] == ["V9b"]
    assert {judgment.row.row for judgment in found if judgment.row.confirmed_by} == {"V9", "V11", "V15", "V16"}


def test_the_nine_games_whose_emulator_changed_are_named() -> None:
    differences = load_original("nature_dqn").game_differences
    assert len(differences) == 9
    run = resolve_run(variant="random_10hz", task="qbert", seed=1)
    (known,) = [d for d in deviations_in_force(run) if d.id.startswith("emulator-")]
    assert (known.id, known.rows) == ("emulator-qbert", ("E13",)) and "signed" in known.what
    others = deviations_in_force(replace(run, task=find_task("breakout")))
    assert not [d for d in others if d.id.startswith("emulator-")]
    pong = {d.id for d in deviations_in_force(replace(run, task=find_task("pong")))}
    assert "emulator-pong" in pong and "emulator-qbert" not in pong


def test_a_later_version_of_a_task_is_a_departure() -> None:
    run = resolve_run(variant="td3_2018", task="walker2d_v5", seed=1, budget_steps=100_000)
    (known,) = [d for d in deviations_in_force(run) if d.id.startswith("task-")]
    assert (known.id, known.rows) == ("task-walker2d-v5", ("TA1",)) and "friction" in known.what
    assert not [d for d in deviations_in_force(replace(run, task=find_task("walker2d"))) if d.id.startswith("task-")]


def test_counts_add_up() -> None:
    counts = count_statuses(judged("dqn"))
    assert sum(counts.values()) == 77 and counts[UNDECLARED] == 0 and counts[EXACT] > 50


def test_the_command_prints_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fidelity", "--variant", "dqn_dopamine"]) == 0
    said = capsys.readouterr().out
    assert all(re.search(rf"^D{number} ", said, re.MULTILINE) for number in range(1, 30))
    assert "37 rows: " in said and "sticky-stream" in said and "departs:" in said
    assert main(["fidelity", "--variant", "dqnn"]) == 2
    assert "did you mean 'dqn'" in capsys.readouterr().err


def test_a_row_that_does_not_apply_is_not_claimed() -> None:
    text = fidelity_text("random_10hz")
    assert re.search(r"^O3 +RMSProp: not applicable$", text, re.MULTILINE)
