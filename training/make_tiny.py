"""Write the tiny random checkpoint of the tests.

Run ``python -m training.make_tiny tests/checkpoints/tiny``. The weights are random, the
files are those of a real checkpoint, at less than 150 KB together.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from sklearn_chatsr.models.chatsr import ChatSRConfig, ChatSRForExpressionGeneration
from sklearn_chatsr.models.chatsr.statistics_chatsr import statistics_size
from training.tokenizer import build_processor, special_ids

_TEXT_VOCABULARY = 759  # fewer words of prompts are one token


def make_tiny(target: Path, seed: int = 0) -> None:
    """Write the checkpoint.

    Parameters
    ----------
    target : pathlib.Path
        Folder to write.
    seed : int, default=0
        Of the weights; the global random state is not touched.
    """
    processor = build_processor(num_feature_tokens=2, text_vocabulary=_TEXT_VOCABULARY)
    tokenizer = processor.tokenizer
    config = ChatSRConfig(
        point_config={
            "statistics_size": statistics_size(10),
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_attention_heads": 2,
            "num_point_layers": 1,
            "num_hidden_layers": 1,
            "num_inducing_points": 4,
            "num_feature_tokens": 2,
        },
        text_config={
            "model_type": "qwen2",
            "vocab_size": len(tokenizer),
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "max_position_embeddings": 256,
            "tie_word_embeddings": False,
            **special_ids(tokenizer),
        },
        point_token_id=tokenizer.convert_tokens_to_ids("<|point|>"),
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = ChatSRForExpressionGeneration(config)
    model.generation_config.update(**special_ids(tokenizer))
    model.half().save_pretrained(target)
    processor.save_pretrained(target)


def main() -> None:
    """Read the arguments and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path)
    make_tiny(parser.parse_args().target)


if __name__ == "__main__":
    main()
