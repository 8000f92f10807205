"""Settings files: every shipped one loads; bad ones give one line that names the file, the key and what is accepted."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from replication.foundation import paths
from replication.foundation.errors import ReplicationError
from replication.specification.fidelity import judge_rows
from replication.specification.loading import known_names, load_preset, load_protocol, load_variant


@pytest.fixture
def workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the settings that a test may spoil."""
    for kind in ("algorithms", "protocols", "presets"):
        (tmp_path / kind).mkdir()
        for source in (paths.WORKFLOW / kind).glob("*.yaml"):
            (tmp_path / kind / source.name).write_text(source.read_text())
    monkeypatch.setattr(paths, "WORKFLOW", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", known_names("protocols"))
def test_every_protocol_loads_and_is_named_as_its_file(name: str) -> None:
    assert load_protocol(name).protocol == name


@pytest.mark.parametrize("name", known_names("algorithms"))
def test_every_variant_loads_with_a_protocol_that_exists_and_sources_for_keys_that_exist(name: str) -> None:
    variant = load_variant(name)
    assert variant.protocol in known_names("protocols")
    for key in variant.sources:
        assert key in variant.config, f"{name}: source given for {key}, which is no key"


def test_a_deviation_id_stands_for_one_departure() -> None:
    loaded = [*map(load_protocol, known_names("protocols")), *map(load_variant, known_names("algorithms"))]
    for one in loaded:
        assert len(one.deviations) == len({deviation.id for deviation in one.deviations})
    departures = {deviation for one in loaded for deviation in one.deviations}
    ids = [deviation.id for deviation in departures]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("protocol", [name for name in known_names("protocols") if load_protocol(name).kind == "atari"])
@pytest.mark.parametrize(
    ("variant", "rows"),
    [
        ("dqn", {"E3", "E12", "E13", "I10", "V4", "V7", "V15", "V16"}),
        ("dqn_dopamine", {"D19", "D24", "D27", "D28", "D29"}),
    ],
)
def test_what_differs_under_every_protocol_is_declared_under_each(variant: str, rows: set[str], protocol: str) -> None:
    loaded, shown = load_variant(variant), load_protocol(protocol)
    ids = {deviation.id for deviation in (*loaded.deviations, *shown.deviations)}
    found = {judged.row.row: judged.status for judged in judge_rows(loaded, shown)}
    assert {row: found[row] for row in rows if not set(found[row].split(", ")) <= ids} == {}


def test_dqn_paper_differs_from_dqn_in_the_target_period_alone() -> None:
    ours, paper = load_variant("dqn").config, load_variant("dqn_paper").config
    assert {key for key in ours if ours[key] != paper[key]} == {"target_update_period_steps"}
    assert (ours["target_update_period_steps"], paper["target_update_period_steps"]) == (10_000, 40_000)


def test_v3_evaluation_epsilon_of_nature_is_five_percent_in_both_evaluations() -> None:
    nature = load_protocol("nature")
    assert nature.periodic_evaluation is not None
    assert nature.final_evaluation is not None
    assert nature.periodic_evaluation.epsilon == nature.final_evaluation.epsilon == 0.05
    assert nature.periodic_evaluation.period_steps == 250_000
    assert nature.periodic_evaluation.length_steps == 125_000
    assert nature.final_evaluation.num_episodes == 30
    assert nature.final_evaluation.presentation.episode_cap_frames == 5 * 60 * 60


def test_a_preset_overrides_scale_and_leaves_absent_parts_absent() -> None:
    smoke = load_preset("smoke")
    assert load_variant("dqn", smoke).config["replay_start"] == {"count": 100, "unit": "steps"}
    assert load_variant("dqn_dopamine", smoke).config["replay_start"] == {"count": 100, "unit": "rows"}
    assert load_protocol("nature", smoke).iteration_steps is None
    assert load_protocol("sticky", smoke).iteration_steps == 200
    assert load_protocol("sticky", smoke).final_evaluation is None


def test_misspelt_names_offer_the_nearest() -> None:
    with pytest.raises(ReplicationError, match="did you mean 'dqn_paper'"):
        load_variant("dqn_papr")
    with pytest.raises(ReplicationError, match="did you mean 'nature'"):
        load_protocol("natur")


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("batch_size", "1e2", r"dqn.yaml: config.batch_size: expected a whole number, found '1e2': write 100$"),
        ("batch_size", 32.5, "config.batch_size"),
        ("batch_size", 0, r"config.batch_size: expected a number greater than or equal to 1, found 0$"),
        ("discount", 1.5, "config.discount"),
        ("stores_end_frame", False, "truncation_bootstraps needs stores_end_frame"),
        ("loss_reduction", "average", "config.loss_reduction.*'sum' or 'mean'"),
    ],
)
def test_bad_values_are_one_line(workflow: Path, key: str, value: object, expected: str) -> None:
    path = workflow / "algorithms" / "dqn.yaml"
    content = yaml.safe_load(path.read_text())
    content["config"][key] = value
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ReplicationError, match=expected) as caught:
        load_variant("dqn")
    assert "\n" not in str(caught.value)


def test_unknown_and_missing_keys_are_named(workflow: Path) -> None:
    path = workflow / "algorithms" / "dqn.yaml"
    content = yaml.safe_load(path.read_text())
    content["config"]["batchsize"] = 32
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ReplicationError, match=r"config.batchsize: .*did you mean 'batch_size'"):
        load_variant("dqn")
    del content["config"]["batchsize"], content["config"]["optimizer"]["decay"]
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ReplicationError, match=r"config.optimizer.*decay: field required"):
        load_variant("dqn")
    path.write_text("variant: [")
    with pytest.raises(ReplicationError, match="not readable as YAML"):
        load_variant("dqn")
    path.write_text("- a\n- b\n")
    with pytest.raises(ReplicationError, match="expected a mapping"):
        load_variant("dqn")
