"""Two processes with FSDP 2 against one."""

from __future__ import annotations

import pytest

pytest.importorskip("accelerate")

from training.sharded import consolidate
from training.show_fsdp import compare


@pytest.mark.slow
def test_two_sharded_processes_train_as_one_does(tmp_path):
    result = compare(tmp_path, n_steps=8)

    assert result["steps"] == 8
    assert result["loss_last"] < result["loss_first"]
    # Float32 sums in another order.
    assert result["loss_difference"] < 1e-4
    assert result["weight_difference"] < 1e-3


def test_only_sharded_runs_are_consolidated(tmp_path):
    with pytest.raises(ValueError, match="No sharded checkpoint"):
        consolidate(tmp_path, tmp_path / "model")
