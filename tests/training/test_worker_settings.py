"""What a worker is sent of a variant's settings: whatever their class, it imports no torch for them."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.loading import load_preset, load_variant, read_variant
from replication.specification.variants import FAMILIES
from replication.training.machine.settings import Machine
from replication.training.off_policy.lane_host import sent_settings
from replication.training.off_policy.lane_in_worker import open_lanes
from tests.support.lanes import maps_of_workers, smoke_run

OWN = """
import torch
from replication.specification.families.off_policy import OffPolicyConfig


class Config(OffPolicyConfig):
    own: int = 2

    @property
    def future_steps(self) -> int:
        return self.own
"""


def test_bundled_settings_are_sent_as_they_are() -> None:
    settings = load_variant("spr").settings
    assert isinstance(settings, OffPolicyConfig) and settings.future_steps == 5
    assert sent_settings(settings, FAMILIES["off_policy"]) is settings
    assert pickle.loads(pickle.dumps(settings)) == settings


@pytest.mark.slow
def test_a_user_s_own_class_in_a_file_outside_the_package_stays_out_of_the_workers(tmp_path: Path) -> None:
    source, settings = tmp_path / "mine_in_workers.py", tmp_path / "mine_in_workers.yaml"
    source.write_text(OWN)
    said = {"variant": settings.stem, "like": "dqn", "title": "Mine", "module": source.stem}
    settings.write_text(yaml.safe_dump(said))
    run = replace(smoke_run(), variant=read_variant(settings, source, load_preset("smoke")))
    config = run.settings_as(OffPolicyConfig)
    assert type(config).__module__ == source.stem and config.future_steps == 2
    machine = Machine(Path(), Path(), "cpu", "lz4", 600.0, None, quiet=True, workers=1)
    with open_lanes([run], config, machine) as (lane,):
        (maps,) = maps_of_workers().values()
        assert "torch" not in maps
        lane.begin_play(0)
        lane.end_step()
        assert lane.at_end in (False, True)
