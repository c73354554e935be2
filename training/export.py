"""Write a trained model as a checkpoint to ship: float16 safetensors and its files.

Run ``python -m training.export runs/small/model FOLDER``.
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path

from sklearn_chatsr.models import load_model


def export(source: Path, target: Path) -> None:
    """Copy a checkpoint with its weights in float16.

    Parameters
    ----------
    source : pathlib.Path
        Folder that training wrote.
    target : pathlib.Path
        Folder to write; other files in it, such as the model card, stay.
    """
    model, processor = load_model(source, "cpu")
    # The loaded model is shared by the process: convert a copy.
    copy.deepcopy(model).half().save_pretrained(target)
    processor.save_pretrained(target)


def main() -> None:
    """Read the arguments and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    args = parser.parse_args()
    export(args.source, args.target)


if __name__ == "__main__":
    main()
