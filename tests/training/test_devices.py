"""Leases of GPUs, with torch's view of the machine replaced: there need be none here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from replication.foundation.errors import ReplicationError
from replication.training.machine import devices
from replication.training.machine.devices import card, lease_path, leased_device
from replication.training.off_policy.device_memory import check_device_memory


@pytest.fixture(autouse=True)
def two_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid=f"card-{index}"))
    monkeypatch.setattr(devices.tempfile, "gettempdir", lambda: str(tmp_path))


def test_cohorts_take_devices_that_nobody_holds_and_give_them_back() -> None:
    with leased_device("cuda") as first:
        with leased_device("cuda") as second:
            assert (first, second) == ("cuda:0", "cuda:1")
            with pytest.raises(ReplicationError, match="each of the 2 CUDA devices is leased"), leased_device("cuda"):
                pass
            with leased_device("cuda:1") as shared:  # who names a device has it
                assert shared == "cuda:1"
        with leased_device("cuda") as again:
            assert again == "cuda:1"
    with leased_device("cpu") as processor:
        assert processor == "cpu"


def test_a_lease_ends_with_its_process() -> None:
    held = (
        "import fcntl, sys, time; file = open(sys.argv[1], 'w'); fcntl.flock(file, fcntl.LOCK_EX); "
        "print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", held, str(lease_path(0))], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"held\n"
            with leased_device("cuda") as device:
                assert device == "cuda:1"
        finally:
            process.kill()
    with leased_device("cuda") as device:
        assert device == "cuda:0"


def test_a_card_is_one_card_however_it_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA_VISIBLE_DEVICES=1 makes the second card the first."""
    with leased_device("cuda:1"):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: SimpleNamespace(uuid="card-1"))
        with pytest.raises(ReplicationError, match="each of the 1 CUDA devices is leased"), leased_device("cuda"):
            pass


@pytest.mark.parametrize(("number", "device", "words"), [(0, "cuda", "no CUDA device"), (2, "cuda:2", "sees 2 CUDA")])
def test_a_device_that_is_not_there_is_one_line(number: int, device: str, words: str, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: number)
    with pytest.raises(ReplicationError, match=words), leased_device(device):
        pass


def test_a_record_names_the_card_and_the_build_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H200")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert card("cuda:0") == {"card": "NVIDIA H200", "torch_build": f"{torch.__version__} (CUDA 13.0)"}
    assert card("cpu") == {}


def test_a_cohort_that_does_not_fit_is_told_how_many_lanes_would() -> None:
    check_device_memory(4, 250, 1_000, "cuda:0")
    with pytest.raises(ReplicationError, match=r"5 lanes .* train at most 4 at a time"):
        check_device_memory(5, 250, 1_000, "cuda:0")
    with pytest.raises(ReplicationError, match="take a larger device"):
        check_device_memory(1, 2_000, 1_000, "cuda:0")
