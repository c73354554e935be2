"""Checkpoints of a sharded training, and the ordinary model folder made from one.

Run ``python -m training.sharded RUN FOLDER`` to write the model of the last checkpoint
of a run, or of a given checkpoint. Everything is safetensors and JSON: nothing that is
read here can hold code, which the pickled index of torch's default format could.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import torch
from torch.distributed.checkpoint.hf_storage import (
    HuggingFaceStorageReader,
    HuggingFaceStorageWriter,
)
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save

from sklearn_chatsr.models.chatsr import (
    ChatSRConfig,
    ChatSRForExpressionGeneration,
    ChatSRProcessor,
)
from training.progress import last_checkpoint
from training.tokenizer import special_ids

MODEL_SHARDS = "model_shards"
OPTIMIZER_SHARDS = "optimizer_shards"

_FLAT = StateDictOptions(flatten_optimizer_state_dict=True)


def is_sharded(checkpoint: Path) -> bool:
    """Tell whether a checkpoint was written by a sharded training."""
    return (checkpoint / MODEL_SHARDS).is_dir()


def save_shards(
    folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Write the shard of this process; all processes call it together."""
    for name, state in _states(model, optimizer).items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        writer = HuggingFaceStorageWriter(str(folder / name), save_distributed=True)
        save(_tensors(state), storage_writer=writer)


def load_model_shards(folder: Path, model: torch.nn.Module) -> None:
    """Read the weights, whatever the number of processes that wrote them."""
    state = get_model_state_dict(model)
    load(state, storage_reader=HuggingFaceStorageReader(str(folder / MODEL_SHARDS)))
    set_model_state_dict(model, state)


def load_optimizer_shards(
    folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Read the moments of the optimizer; its settings are those of this run."""
    state = get_optimizer_state_dict(model, optimizer, options=_FLAT)
    reader = HuggingFaceStorageReader(str(folder / OPTIMIZER_SHARDS))
    tensors = _tensors(state)
    load(tensors, storage_reader=reader)
    set_optimizer_state_dict(model, optimizer, {**state, **tensors}, options=_FLAT)


def full_weights(model: torch.nn.Module) -> dict[str, Any]:
    """Gather the whole weights in the first process; all processes call it."""
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    return get_model_state_dict(model, options=options)


def _states(
    model: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> dict[str, dict[str, Any]]:
    return {
        MODEL_SHARDS: get_model_state_dict(model),
        OPTIMIZER_SHARDS: get_optimizer_state_dict(model, optimizer, options=_FLAT),
    }


def _tensors(state: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in state.items() if isinstance(v, torch.Tensor)}


def consolidate(source: Path, target: Path) -> Path:
    """Write the model of a sharded checkpoint as `save_pretrained` would.

    Parameters
    ----------
    source : pathlib.Path
        A run, whose last checkpoint is taken, or a checkpoint.
    target : pathlib.Path
        Folder to write, for `sklearn_chatsr.models.load_model`.

    Returns
    -------
    pathlib.Path
        The checkpoint that was read.

    Raises
    ------
    ValueError
        If there is no sharded checkpoint.
    """
    checkpoint = source
    if not is_sharded(source):
        checkpoint = last_checkpoint(source) or source
    if not is_sharded(checkpoint):
        raise ValueError(
            f"No sharded checkpoint in '{source}'. Pass the --out of a training under "
            "FSDP. A training in one process writes its model to the folder 'model'."
        )
    config = ChatSRConfig.from_pretrained(checkpoint)
    model = ChatSRForExpressionGeneration(config)
    state = model.state_dict()
    reader = HuggingFaceStorageReader(str(checkpoint / MODEL_SHARDS))
    with warnings.catch_warnings():
        # That one process reads what several wrote is the intent.
        warnings.filterwarnings("ignore", "torch.distributed is disabled")
        load(state, storage_reader=reader, no_dist=True)
    model.load_state_dict(state)
    processor = ChatSRProcessor.from_pretrained(checkpoint)
    model.generation_config.update(**special_ids(processor.tokenizer))
    model.save_pretrained(target)
    processor.save_pretrained(target)
    return checkpoint


def main() -> None:
    """Read the arguments and consolidate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="a run or a checkpoint")
    parser.add_argument("target", type=Path)
    args = parser.parse_args()
    checkpoint = consolidate(args.source, args.target)
    print(f"{checkpoint} -> {args.target}")


if __name__ == "__main__":
    main()
