import numpy as np
import pytest
import torch
from transformers import AutoProcessor

from sklearn_chatsr.expressions import OPERATORS, Expression
from sklearn_chatsr.models.chatsr import ChatSRProcessor
from sklearn_chatsr.models.chatsr.statistics_chatsr import (
    fit_statistics,
    statistics_size,
)


def test_processor_round_trips_through_a_folder(tiny, table, tmp_path):
    _, processor = tiny
    processor.save_pretrained(tmp_path)
    again = AutoProcessor.from_pretrained(tmp_path)
    assert isinstance(again, ChatSRProcessor)
    assert again.num_feature_tokens == processor.num_feature_tokens
    first, second = (
        p([table[0]], [table[1]], prompt="odd") for p in (processor, again)
    )
    assert sorted(first) == sorted(second)
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_every_operator_and_leaf_is_one_token_that_decodes_to_itself(tiny):
    _, processor = tiny
    for name, row in OPERATORS.items():
        expression = Expression([name, *["x10"] * row.arity])
        ids = processor.encode_expression(expression)
        assert len(ids) == expression.size + 1
        assert processor.decode_expression(ids) == expression
    leaves = Expression(["add", "C", "add", "10", "add", "-5", "x1"])
    assert processor.decode_expression(processor.encode_expression(leaves)) == leaves


def test_a_token_outside_the_vocabulary_is_named(tiny):
    with pytest.raises(ValueError, match=r"<\|math_const_777\|>"):
        tiny[1].encode_expression(Expression(["777"]))


@pytest.mark.parametrize("prompt", ["periodic", "Ωmega é ∂t → x", "<|point|><|end|>"])
def test_any_text_can_be_a_prompt(tiny, table, prompt):
    _, processor = tiny
    plain = processor([table[0]], [table[1]])
    batch = processor([table[0]], [table[1]], prompt=prompt)
    unknown = processor.tokenizer.unk_token_id
    assert unknown not in batch["input_ids"]
    # Text never adds placeholders or ends the sequence.
    for token in ("<|point|>", "<|end|>", "<|assistant|>"):
        index = processor.tokenizer.convert_tokens_to_ids(token)
        assert (batch["input_ids"] == index).sum() == (
            plain["input_ids"] == index
        ).sum()


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.ones((3, 2)), np.ones(4), "Expected X of shape"),
        (np.ones(3), np.ones(3), "Expected X of shape"),
        (np.ones((0, 1)), np.ones(0), "takes 1 to 128"),
        (np.ones((129, 1)), np.ones(129), "Got 129 points"),
        (np.ones((5, 11)), np.ones(5), "Got 11 columns"),
        (np.full((5, 1), np.nan), np.ones(5), "NaN or infinity"),
        (np.ones((5, 1)), np.full(5, np.inf), "NaN or infinity"),
    ],
)
def test_tables_that_do_not_fit_are_refused(tiny, X, y, message):
    with pytest.raises(ValueError, match=message):
        tiny[1]([X], [y])


def test_prompts_must_match_the_tables(tiny, table):
    with pytest.raises(ValueError, match="2 prompts for 1 tables"):
        tiny[1]([table[0]], [table[1]], prompt=["a", "b"])


@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e200])
@pytest.mark.parametrize("n_columns", [1, 2, 6, 10])
def test_statistics_are_finite_and_bounded_for_any_table(scale, n_columns):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4, 20, n_columns))
    X[1] = 0.0
    X[2, :, 0] = np.round(X[2, :, 0])
    y = scale * rng.normal(size=(4, 20))
    y[3] = 7.0
    mask = np.ones((4, 20), dtype=bool)
    mask[0, 3:] = False
    statistics = fit_statistics(X, y, mask, 10)
    assert statistics.shape == (4, 1 + n_columns, statistics_size(10))
    assert statistics.dtype == np.float32
    assert np.isfinite(statistics).all()
    assert np.abs(statistics).max() <= 8.0


def test_statistics_ignore_padding_rows():
    rng = np.random.default_rng(1)
    X, y = rng.uniform(1, 2, size=(1, 12, 2)), rng.uniform(1, 2, size=(1, 12))
    mask = np.arange(30)[None] < 12
    far = np.concatenate([X, rng.normal(0, 1e6, size=(1, 18, 2))], axis=1)
    padded = fit_statistics(far, np.pad(y, ((0, 0), (0, 18))), mask, 10)
    alone = fit_statistics(X, y, np.ones((1, 12), dtype=bool), 10)
    np.testing.assert_allclose(padded, alone, atol=1e-4)


def test_statistics_name_the_powers_of_a_power_law():
    rng = np.random.default_rng(2)
    X = rng.uniform(0.5, 3.0, size=(1, 40, 2))
    y = 5.0 * X[:, :, 0] ** 1.5 / X[:, :, 1] ** 2
    statistics = fit_statistics(X, y, np.ones((1, 40), dtype=bool), 10)
    # After 8 base features, one for each power -4, -3.5, ..., 4
    powers = statistics[0, 1:, 8:25]
    assert np.arange(-4, 4.5, 0.5)[powers.argmax(axis=1)].tolist() == [1.5, -2.0]
    np.testing.assert_allclose(powers.max(axis=1), 1.0, atol=1e-3)
