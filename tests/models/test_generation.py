import time

import numpy as np
import pytest
import torch
from transformers import LogitsProcessorList, StoppingCriteriaList

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.models.chatsr import ExpressionGrammar, generate_candidates
from sklearn_chatsr.models.chatsr.generation import (
    DeadlineCriteria,
    beam_sequences,
    sample_sequences,
)


def inputs_of(processor, table):
    return dict(processor([table[0]], [table[1]]))


@pytest.mark.parametrize("max_length", [1, 2, 7, 32])
def test_every_sampled_sequence_is_an_expression_within_the_budget(
    tiny, table, max_length
):
    model, processor = tiny
    grammar = ExpressionGrammar(processor.tokenizer, max_length, n_columns=2)
    sequences, scores = sample_sequences(
        model, inputs_of(processor, table), grammar, 1000, seed=0
    )
    assert len(sequences) == len(scores) == 1000
    for ids in sequences:
        expression = processor.decode_expression(ids)
        assert expression.size <= max_length
        assert set(expression.variables) <= {0, 1}
    # The budget is used, not only kept.
    assert max(map(len, sequences)) == max_length


@pytest.mark.parametrize("max_length", [1, 9])
@pytest.mark.parametrize("n_beams", [1, 24])
def test_every_beam_is_an_expression_within_the_budget(
    tiny, table, max_length, n_beams
):
    model, processor = tiny
    grammar = ExpressionGrammar(processor.tokenizer, max_length, n_columns=2)
    sequences, scores = beam_sequences(
        model, inputs_of(processor, table), grammar, n_beams
    )
    assert 1 <= len(sequences) <= n_beams
    assert scores == sorted(scores, reverse=True)
    assert all(processor.decode_expression(ids).size <= max_length for ids in sequences)


def test_the_grammar_works_in_generate_with_sampling(tiny, table):
    model, processor = tiny
    inputs = inputs_of(processor, table)
    n_prompt = inputs["input_ids"].shape[1]
    grammar = ExpressionGrammar(
        processor.tokenizer, 10, n_columns=2, prompt_length=n_prompt
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        output = model.generate(
            **inputs,
            do_sample=True,
            max_new_tokens=11,
            num_return_sequences=200,
            logits_processor=LogitsProcessorList([grammar]),
        )
    for ids in output[:, n_prompt:].tolist():
        assert processor.decode_expression(ids).size <= 10


def test_forbidden_tokens_and_absent_columns_never_occur(tiny, table):
    model, processor = tiny
    forbidden = {"sin", "x2", "C"}
    grammar = ExpressionGrammar(
        processor.tokenizer, 12, n_columns=2, forbidden=forbidden
    )
    sequences, _ = sample_sequences(
        model, inputs_of(processor, table), grammar, 500, seed=1
    )
    used = {t for ids in sequences for t in processor.decode_expression(ids).tokens}
    assert used.isdisjoint(forbidden)
    assert "cos" in used
    assert used.isdisjoint({f"x{i}" for i in range(3, 11)})


def test_a_grammar_without_leaves_is_an_error(tiny):
    tokenizer = tiny[1].tokenizer
    leaves = {"x1", "C", "pi", "e", *map(str, range(-5, 11))}
    with pytest.raises(ValueError, match="no expression can be written"):
        ExpressionGrammar(tokenizer, 5, n_columns=1, forbidden=leaves)
    with pytest.raises(ValueError, match="`max_length` == 0"):
        ExpressionGrammar(tokenizer, 0, n_columns=1)


def test_the_mask_allows_exactly_what_can_be_closed(tiny):
    tokenizer = tiny[1].tokenizer
    grammar = ExpressionGrammar(tokenizer, 3, n_columns=1)
    add, sin, x1, end = tokenizer.convert_tokens_to_ids(
        ["<|math_add|>", "<|math_sin|>", "<|math_x1|>", "<|end|>"]
    )
    scores = torch.zeros((2, len(tokenizer)))
    masked = grammar(torch.tensor([[sin], [add]]), scores)
    # sin needs one of two places: a unary operator fits. add needs both: leaves only.
    assert masked[0, sin] == 0
    assert masked[0, add] == -torch.inf
    assert masked[1, sin] == -torch.inf
    assert masked[1, x1] == 0
    assert (masked[:, end] == -torch.inf).all()
    complete = grammar(torch.tensor([[x1]]), scores[:1])
    assert torch.isfinite(complete[0]).nonzero().tolist() == [[end]]


@pytest.mark.parametrize("method", ["sample", "beam"])
def test_candidates_are_distinct_simplified_skeletons(tiny, table, method):
    candidates = generate_candidates(*tiny, *table, n_candidates=40, method=method)
    keys = [c.canonical_key() for c in candidates]
    assert candidates
    assert len(set(keys)) == len(keys)
    for candidate in candidates:
        assert isinstance(candidate, Expression)
        assert candidate.is_skeleton
        assert candidate.variables
        assert candidate.simplify() == candidate


def test_same_seed_same_candidates_and_the_global_state_is_untouched(tiny, table):
    before, numpy_before = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    threads = torch.get_num_threads()
    first = generate_candidates(*tiny, *table, n_candidates=64, seed=3)
    torch.rand(5)
    second = generate_candidates(*tiny, *table, n_candidates=64, seed=3)
    other = generate_candidates(*tiny, *table, n_candidates=64, seed=4)
    torch.set_rng_state(before)
    generate_candidates(*tiny, *table, n_candidates=8, seed=5)
    generate_candidates(*tiny, *table, n_candidates=8, method="beam")
    assert first == second
    assert first != other
    assert torch.equal(torch.get_rng_state(), before)
    numpy_after = np.random.get_state()  # noqa: NPY002
    assert numpy_after[2] == numpy_before[2]
    assert torch.get_num_threads() == threads


def test_log_probabilities_are_those_of_the_model(tiny, table):
    model, processor = tiny
    grammar = ExpressionGrammar(processor.tokenizer, 5, n_columns=2)
    inputs = inputs_of(processor, table)
    sequences, scores = sample_sequences(model, inputs, grammar, 20, seed=0)
    for ids, score in zip(sequences[:5], scores, strict=False):
        written = torch.tensor([[*ids, grammar.end_id]])
        total = 0.0
        for i in range(written.shape[1]):
            prefix = torch.cat([inputs["input_ids"], written[:, :i]], dim=1)
            with torch.no_grad():
                logits = model(
                    **{
                        **inputs,
                        "input_ids": prefix,
                        "attention_mask": torch.ones_like(prefix),
                    }
                ).logits[:, -1]
            masked = grammar(written[:, :i], logits)
            total += float(masked.log_softmax(-1)[0, written[0, i]])
        # Cached and full attention round differently in float32.
        assert score == pytest.approx(total, abs=1e-3)


@pytest.mark.parametrize("method", ["sample", "beam"])
def test_a_deadline_ends_generation(tiny, table, method):
    start = time.monotonic()
    candidates = generate_candidates(
        *tiny, *table, n_candidates=200, method=method, deadline=start
    )
    assert time.monotonic() - start < 2.0
    assert all(c.size <= 2 for c in candidates)


def test_the_deadline_criterion_stops_every_sequence():
    ids = torch.zeros((3, 2), dtype=torch.long)
    past = StoppingCriteriaList([DeadlineCriteria(time.monotonic() - 1.0)])
    future = StoppingCriteriaList([DeadlineCriteria(time.monotonic() + 60.0)])
    assert past(ids, None).tolist() == [True] * 3
    assert future(ids, None).tolist() == [False] * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "greedy"}, "`method` == 'greedy'"),
        ({"n_candidates": 0}, "`n_candidates` == 0"),
        ({"temperature": 0.0}, "`temperature` == 0.0"),
    ],
)
def test_wrong_options_are_refused(tiny, table, options, message):
    with pytest.raises(ValueError, match=message):
        generate_candidates(*tiny, *table, **options)


@pytest.mark.parametrize(
    ("required", "max_length"),
    [
        ([{"sin"}, {"exp"}, {"x1"}, {"x2"}], 5),
        ([{"x1"}, {"x2"}], 3),
        ([{"mul", "div"}], 3),
    ],
)
def test_what_is_required_occurs_even_when_it_barely_fits(tiny, required, max_length):
    model, processor = tiny
    X = np.random.default_rng(0).uniform(1, 2, (12, 2))
    inputs = processor([X], [X[:, 0]])
    grammar = ExpressionGrammar(processor.tokenizer, max_length, 2, required=required)

    sequences, _ = sample_sequences(model, dict(inputs), grammar, 64, seed=0)

    assert len(sequences) == 64
    for ids in sequences:
        tokens = set(processor.decode_expression(ids).tokens)
        assert all(tokens & group for group in required)


def test_requirements_that_cannot_be_met_are_refused(tiny):
    tokenizer = tiny[1].tokenizer
    with pytest.raises(ValueError, match="does not fit in 2 tokens"):
        ExpressionGrammar(tokenizer, 2, 2, required=[{"x1"}, {"x2"}])
    with pytest.raises(ValueError, match="has none of these"):
        ExpressionGrammar(tokenizer, 5, 1, required=[{"x2"}])
