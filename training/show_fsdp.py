"""Show on one CPU that sharded processes train as one process does.

Run ``python -m training.show_fsdp``. One process, then two with FSDP 2 train the same
small model on the same batches in float32; both stop half-way and resume. Printed is
the largest difference of their losses. The last sharded checkpoint is made an ordinary
model folder and compared with the model of the one process.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from sklearn_chatsr.models import load_model
from training.curves import curves_data
from training.sharded import consolidate, is_sharded

_ROOT = Path(__file__).parent.parent


def compare(folder: Path, n_steps: int = 40) -> dict[str, float]:
    """Train both ways and compare.

    Parameters
    ----------
    folder : pathlib.Path
        For the runs.
    n_steps : int, default=40
        Steps of each; both stop after half of them and resume.

    Returns
    -------
    dict of str to float
        ``loss_first``, ``loss_last`` of the one process, ``loss_difference`` and
        ``weight_difference``, the largest over all steps and all weights.
    """
    config = str(_ROOT / "training" / "fsdp.yaml")
    launch = ["-m", "accelerate.commands.launch", "--config_file", config]
    for name, start in (("one", []), ("two", launch)):
        for _ in range(2):
            _train(folder / name, start, n_steps)
    if not is_sharded(folder / "two" / f"checkpoint-{n_steps}"):
        raise RuntimeError("The two processes did not shard the model.")
    consolidate(folder / "two", folder / "consolidated")
    losses = [curves_data(folder / name).steps["loss"] for name in ("one", "two")]
    models = [
        load_model(path, "cpu")[0].state_dict()
        for path in (folder / "one" / "model", folder / "consolidated")
    ]
    return {
        "steps": len(losses[0]),
        "loss_first": float(losses[0][0]),
        "loss_last": float(losses[0][-1]),
        "loss_difference": float(np.abs(losses[0] - losses[1]).max()),
        "weight_difference": max(
            float((models[0][name] - models[1][name]).abs().max()) for name in models[0]
        ),
    }


def _train(out: Path, start: list[str], n_steps: int) -> None:
    command = [
        *(sys.executable, *start, "-m", "training.train", "--out", str(out)),
        *("--seconds", "inf", "--max-steps", str(n_steps)),
        *("--stop-after", str(n_steps // 2), "--precision", "float32"),
        *("--same-batches", "--batch-size", "32", "--warmup-steps", "5"),
        *("--pool-size", "2000", "--log-steps", "1"),
        *("--loss-tables", "64", "--eval-tables", "0"),
    ]
    path = os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    subprocess.run(command, check=True, env=environment, cwd=_ROOT)


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--out", type=Path, help="keep the runs here")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        result = compare(args.out or Path(temporary), args.steps)
    for name, value in result.items():
        print(f"{name:20s} {value:.3g}")


if __name__ == "__main__":
    main()
