"""Build the tokenizer and the processor of a model that is trained from scratch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    trainers,
)
from transformers import PreTrainedTokenizerFast

from sklearn_chatsr.expressions import CONSTANT, OPERATORS, math_token, variable
from sklearn_chatsr.models.chatsr.processing_chatsr import (
    ASSISTANT_TOKEN,
    DEFAULT_PROMPT,
    POINT_TOKEN,
    USER_TOKEN,
    ChatSRFeatureExtractor,
    ChatSRProcessor,
)
from sklearn_chatsr.prompts import FAMILIES, WORDINGS, Property, write_predicate
from training.paraphrases import training_phrasing

PAD_TOKEN, UNKNOWN_TOKEN, END_TOKEN = "<|pad|>", "<|unknown|>", "<|end|>"
INTEGERS = (*range(11), *range(-1, -6, -1))

# Merges are learned from the wordings of training, so a usual word is one token and a
# property five; what is not among them is spelled in bytes.
_TEXT_VOCABULARY = 2048
_CORPUS_ROUNDS = 12


def _corpus(max_variables: int) -> Iterator[str]:
    """Give prompts that use every wording, noun, variable and number of training."""
    rng = np.random.default_rng(0)
    families = list(FAMILIES)
    phrasing = training_phrasing()
    for _ in range(_CORPUS_ROUNDS):
        yield DEFAULT_PROMPT
        for kind, wording in phrasing.wordings.items():
            for template in wording.seen:
                for family in families if kind in ("contains", "avoids") else [""]:
                    a, b = rng.integers(1, max_variables + 1, size=2)
                    item = _example(kind, family, f"x{a}", f"x{b}")
                    yield " " + write_predicate([item], template, rng)
        yield from (frame.replace("{p}", "is even") for frame in phrasing.frames)
        yield from (
            f" {sign}x{i + 1}" for sign in ("", "(") for i in range(max_variables)
        )
        for number in range(1, 31):
            yield f" {number} nodes"


def _example(kind: str, family: str, a: str, b: str) -> Property:
    """Give some property of a kind."""
    if family:
        return Property(kind, (family,))
    if kind in ("size", "term"):
        return Property(kind, ("9" if kind == "size" else f"sin(C*{a})",))
    plainest = WORDINGS[kind].seen[0]
    if "{v}" in plainest:
        return Property(kind, (a,))
    return Property(kind, (a, b) if "{a}" in plainest else ())


def math_tokens(max_variables: int) -> list[str]:
    """List the math tokens of a vocabulary for ``max_variables`` columns."""
    tokens = [
        *OPERATORS,
        *(variable(i) for i in range(max_variables)),
        CONSTANT,
        *map(str, INTEGERS),
    ]
    return [math_token(token) for token in tokens]


def special_ids(tokenizer: PreTrainedTokenizerFast) -> dict[str, int]:
    """Give the ids that a configuration needs to begin, end and fill up a sequence."""
    return {
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }


def build_tokenizer(
    max_variables: int = 10, text_vocabulary: int = _TEXT_VOCABULARY
) -> PreTrainedTokenizerFast:
    """Build a byte-level BPE tokenizer for text with the math tokens added.

    Any text can be encoded: bytes are in the vocabulary, common words of prompts are
    one token each.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            # "x2" stays one piece, signs of formulas are pieces of their own.
            pre_tokenizers.Split(Regex(r" ?[^\W_]+| ?[^\w\s]|_|\s+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [
        PAD_TOKEN,
        UNKNOWN_TOKEN,
        END_TOKEN,
        ASSISTANT_TOKEN,
        POINT_TOKEN,
        USER_TOKEN,
    ]
    trainer = trainers.BpeTrainer(
        vocab_size=text_vocabulary,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(max_variables), trainer)
    tokenizer.add_special_tokens(
        [AddedToken(t, normalized=False) for t in math_tokens(max_variables)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD_TOKEN,
        unk_token=UNKNOWN_TOKEN,
        eos_token=END_TOKEN,
        bos_token=USER_TOKEN,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def build_processor(
    max_variables: int = 10,
    max_points: int = 128,
    num_feature_tokens: int = 8,
    text_vocabulary: int = _TEXT_VOCABULARY,
) -> ChatSRProcessor:
    """Build the processor that belongs to a fresh tokenizer."""
    return ChatSRProcessor(
        ChatSRFeatureExtractor(max_variables=max_variables, max_points=max_points),
        build_tokenizer(max_variables, text_vocabulary),
        num_feature_tokens=num_feature_tokens,
    )
