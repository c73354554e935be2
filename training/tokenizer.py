"""Build the tokenizer and the processor of a model that is trained from scratch."""

from __future__ import annotations

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
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

PAD_TOKEN, UNKNOWN_TOKEN, END_TOKEN = "<|pad|>", "<|unknown|>", "<|end|>"
INTEGERS = (*range(11), *range(-1, -6, -1))

# Words of prompts about laws; what is not among them is spelled in bytes.
_SENTENCES = (
    DEFAULT_PROMPT,
    "the formula contains sin and avoids log",
    "it uses x1 and ignores x2, x3, x4, x5, x6, x7, x8, x9, x10",
    "a product, a ratio, a difference, a sum of two variables appears",
    "periodic, even, odd, monotone, bounded, positive, symmetric in x1 and x2",
    "at most 10 nodes; a power law; a decay, an oscillation, growth that saturates",
    "no exponential, no logarithm, no square root, only polynomial terms",
    "increasing, decreasing, linear, quadratic, trigonometric, constant",
    "the law is proportional to the square of the variable; find an expression for y",
)


def math_tokens(max_variables: int) -> list[str]:
    """List the math tokens of a vocabulary for ``max_variables`` columns."""
    tokens = [
        *OPERATORS,
        *(variable(i) for i in range(max_variables)),
        CONSTANT,
        *map(str, INTEGERS),
    ]
    return [math_token(token) for token in tokens]


def build_tokenizer(max_variables: int = 10) -> PreTrainedTokenizerFast:
    """Build a byte-level BPE tokenizer for text with the math tokens added.

    Any text can be encoded: bytes are in the vocabulary, common words of prompts are
    one token each.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
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
        vocab_size=640,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_SENTENCES, trainer)
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
    max_variables: int = 10, max_points: int = 128, num_feature_tokens: int = 8
) -> ChatSRProcessor:
    """Build the processor that belongs to a fresh tokenizer."""
    return ChatSRProcessor(
        ChatSRFeatureExtractor(max_variables=max_variables, max_points=max_points),
        build_tokenizer(max_variables),
        num_feature_tokens=num_feature_tokens,
    )
