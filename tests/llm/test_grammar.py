from __future__ import annotations

import pytest

from sklearn_chatsr.llm import GrammarLanguageModel, program_grammar
from sklearn_chatsr.proposers.programs import translate


@pytest.mark.parametrize(("variables", "n"), [(["x", "v"], 10), (["b"], 1)])
def test_every_draw_is_a_program_within_the_budget(variables, n):
    for completion in GrammarLanguageModel(variables, n).complete("", 300, seed=0):
        program = translate(completion.text, inputs=variables, n_parameters=n)
        used = [k for k in program.parameters if k is not None]
        assert len(set(used)) == len(used)  # each parameter once


def test_draws_use_all_variables_and_many_forms():
    model = GrammarLanguageModel(["x", "v", "t"], 10)

    programs = [
        translate(c.text, inputs=["x", "v", "t"], n_parameters=10)
        for c in model.complete("", 300, seed=0)
    ]

    tokens = {token for p in programs for token in p.expression.tokens}
    assert {"x1", "x2", "x3", "sin", "cos", "exp", "log", "sqrt", "tanh"} <= tokens
    assert len({p.expression.skeleton() for p in programs}) > 200
    # Short ones are the rule: half of them have one or two terms.
    sizes = sorted(p.expression.size for p in programs)
    assert sizes[150] <= 25


def test_the_seed_decides():
    model = GrammarLanguageModel(["x"], 5)

    assert model.complete("a", 5, seed=1) == model.complete("b", 5, seed=1)
    assert model.complete("a", 5, seed=1) != model.complete("a", 5, seed=2)


@pytest.mark.parametrize(
    ("variables", "n", "message"),
    [
        (["x 1"], 3, "'x 1' is not a name"),
        (["lambda"], 3, "'lambda' is not a name"),
        (["x", "x"], 3, "distinct"),
        (["params"], 3, "distinct"),
        (["x"], 0, "`n_parameters` == 0"),
        ([], 3, "empty"),
    ],
)
def test_what_gives_no_program_is_refused(variables, n, message):
    with pytest.raises(ValueError, match=message):
        GrammarLanguageModel(variables, n)


def test_names_cannot_break_out_of_the_written_grammar():
    with pytest.raises(ValueError, match="not a name"):
        program_grammar(['x" | "import os'], 3)
