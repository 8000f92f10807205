"""What lies side by side in page-locked memory goes to a device in one copy, and from nowhere else."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from replication.training.off_policy.cuda_graphs import Inputs
from replication.training.off_policy.page_locking import adjoining, page_locked


def test_arrays_that_lie_side_by_side_are_joined() -> None:
    shared, other = np.arange(60).reshape(6, 2, 5), np.zeros((2, 5), np.int64)
    given = [shared[0], shared[1], None, shared[2], other, shared[5], shared[4]]
    found = list(adjoining(given))
    assert [(place, len(block)) for place, block in found] == [(0, 2), (3, 1), (4, 1), (5, 1), (6, 1)]
    for place, block in found:
        for number, part in enumerate(block):
            assert np.shares_memory(part, given[place + number]) and np.array_equal(part, given[place + number])
    ((place, block),) = adjoining([None, *shared[2:]])
    assert place == 1 and np.array_equal(block, shared[2:]) and list(adjoining([None])) == []


def test_page_locked_blocks_go_to_the_device_at_once_and_others_by_way_of_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copies: list[tuple[str, bool]] = []
    plain = torch.Tensor.copy_
    monkeypatch.setattr(
        torch.Tensor,
        "copy_",
        lambda to, given, non_blocking=False: copies.append((to.device.type, non_blocking)) or plain(to, given),
    )
    inputs = Inputs({"pixels": ((4, 3), torch.uint8), "weights": ((4,), torch.float32)}, torch.device("meta"))
    copies.clear()
    monkeypatch.setattr(torch.Tensor, "is_pinned", lambda tensor: tensor.dtype == torch.uint8)
    inputs.fill("pixels", [(0, torch.ones(2, 3, dtype=torch.uint8)), (3, torch.ones(1, 3, dtype=torch.uint8))])
    inputs.fill("weights", [(1, torch.ones(2))])
    assert copies == [("meta", True)] * 2 + [("cpu", False)]
    assert not inputs.host["pixels"].any() and inputs.host["weights"].tolist() == [0.0, 1.0, 1.0, 0.0]
    inputs.send()
    assert copies[3:] == [("meta", True)]  # the weights alone
    inputs.send()
    assert len(copies) == 6


def test_pages_are_locked_while_the_block_lasts_and_as_far_as_the_system_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    locked: dict[int, int] = {}
    one, refused = np.zeros((2, 8), np.uint8), np.zeros(3)

    def register(address: int, size: int, flags: int) -> int:
        if address == refused.ctypes.data:
            return 2
        locked[address] = size
        return 0

    cudart = SimpleNamespace(cudaHostRegister=register, cudaHostUnregister=locked.pop)
    monkeypatch.setattr(torch.cuda, "cudart", lambda: cudart)
    with page_locked([one, refused], "cuda:0"):
        assert locked == {one.ctypes.data: 16}
    assert locked == {}
    with page_locked([one], "cpu"):
        assert locked == {}
