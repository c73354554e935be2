import numpy as np
import pytest

from benchmarks.excluded_forms import excluded_forms, form_of
from benchmarks.problems import Problem
from sklearn_chatsr.expressions import Expression
from training.exclusions import EXCLUDED_FORMS, Exclusions, load_exclusions
from training.generator import GeneratorConfig, build_pool


def test_the_file_is_what_the_tables_of_problems_give():
    written = [
        Expression(line.split())
        for line in EXCLUDED_FORMS.read_text().splitlines()
        if not line.startswith("#")
    ]

    assert written == excluded_forms()


def test_renamed_variables_and_other_constants_are_excluded_too():
    problem = Problem("p", "g", ("a", "b", "c"), "3*c*sin(2.2*a)/(b+1.7) - 4")
    exclusions = Exclusions([form_of(problem)])
    same = Expression.from_infix("x3*sin(0.7*x2)/(x1+5.1)").skeleton().simplify()
    other = Expression.from_infix("x3*cos(0.7*x2)/(x1+5.1)").skeleton().simplify()

    assert exclusions.excludes(same)
    assert not exclusions.excludes(other)


@pytest.mark.parametrize(("held_out", "size"), [(False, 400), (True, 40)])
def test_excluded_forms_are_in_no_pool(held_out, size, monkeypatch):
    config = GeneratorConfig(pool_size=size)
    rng = np.random.default_rng(0)
    monkeypatch.setattr("training.generator.load_exclusions", lambda: Exclusions([]))
    before = build_pool(rng, config, held_out=held_out)
    monkeypatch.undo()
    # Forms that this very stream draws, so that the rule has something to do
    forms = {s.expression for s in before if s.expression.size > 3}
    exclusions = Exclusions(sorted(forms, key=str)[::4])
    assert sum(exclusions.excludes(s.expression) for s in before) > size // 20
    monkeypatch.setattr("training.generator.load_exclusions", lambda: exclusions)

    pool = build_pool(np.random.default_rng(0), config, held_out=held_out)

    assert not any(exclusions.excludes(s.expression) for s in pool)


def test_the_default_pool_avoids_the_committed_forms():
    exclusions = load_exclusions()

    pool = build_pool(np.random.default_rng(5), GeneratorConfig(pool_size=2000))

    assert len(exclusions) > 100
    assert not any(exclusions.excludes(s.expression) for s in pool)


def test_a_line_that_is_no_expression_is_named(tmp_path):
    path = tmp_path / "forms.txt"
    path.write_text("# forms\nsin x1\nadd x1\n")

    with pytest.raises(ValueError, match="line 3"):
        load_exclusions(path)
