from __future__ import annotations

import math

import numpy as np
import pytest

from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.selection import Archive, DescriptionLength


@pytest.fixture
def archive():
    return Archive(DescriptionLength(100, 1.0, 1e-24, n_features=3), per_complexity=2)


def add(archive, text, loss):
    return archive.add(Expression.from_infix(text), loss, source="test")


def test_the_best_few_of_a_size_are_kept(archive):
    kept = [add(archive, f"sin(x{j})", loss) for j, loss in ((1, 0.3), (2, 0.2))]
    kept.append(add(archive, "sin(x3)", 0.1))

    assert kept == [True, True, True]
    assert [str(c.expression) for c in archive] == ["sin(x3)", "sin(x2)"]


def test_what_is_worse_than_all_kept_is_refused(archive):
    for j, loss in ((1, 0.1), (2, 0.2)):
        add(archive, f"sin(x{j})", loss)

    assert not add(archive, "sin(x3)", 0.3)
    assert not add(archive, "sin(x3)", math.nan)


def test_rewritings_of_a_formula_are_kept_once(archive):
    assert add(archive, "2.0*x1 + x2", 0.2)
    assert not add(archive, "x2 + x1*2.1", 0.3)
    assert add(archive, "x2 + x1*2.05", 0.1)

    assert len(archive) == 1
    assert next(iter(archive)).loss == 0.1


def test_the_most_exact_of_a_size_stays_however_dear(archive):
    add(archive, "3*x1", 1e-3)
    add(archive, "4*x1", 2e-3)

    add(archive, "3.0012345678901*x1", 0.99e-3)

    assert 0.99e-3 in [c.loss for c in archive]


def test_the_front_falls_with_size(archive):
    for text, loss in (
        ("x1", 0.5),
        ("x1 + x2", 0.1),
        ("sin(x1 + x2)", 0.3),
        ("sin(x1) + x2^2", 0.01),
    ):
        add(archive, text, loss)

    front = archive.pareto_front()

    assert [str(c.expression) for c in front] == ["x1", "x1 + x2", "sin(x1) + x2^2"]


def test_the_front_ends_where_the_target_ends(archive):
    add(archive, "x1 + x2", 1e-26)
    add(archive, "sin(x1) + x2^2", 1e-30)

    assert [c.complexity for c in archive.pareto_front()] == [3]


def test_the_answer_is_on_the_front_when_asked(archive):
    add(archive, "x1 + x2", 0.1)
    add(archive, "sin(x1 + x2)", 0.3)
    chosen = list(archive)[1]

    assert chosen not in archive.pareto_front()
    assert chosen in archive.pareto_front(including=chosen)


def test_what_does_not_pay_for_its_length_has_no_place_when_asked(archive):
    add(archive, "x1", 0.5)
    add(archive, "x1 + x2^2", 1e-4)
    add(archive, "sin(x1) + x2^2", 0.99e-4)
    add(archive, "sin(1.2345678*x1 + 2.3456789*x2)/(x3 + 3.7654321)", 0.98e-4)
    *_, longest = archive

    def shown(**settings):
        return [c.loss for c in archive.pareto_front(**settings)]

    assert shown() == [0.5, 1e-4, 0.99e-4, 0.98e-4]
    assert shown(dearer=12.0) == [0.5, 1e-4, 0.99e-4]
    assert shown(dearer=12.0, including=longest) == shown()


def test_one_that_does_not_pay_hides_no_other_of_its_size():
    X = np.random.default_rng(0).uniform(size=(100, 3))
    archive = Archive(DescriptionLength(100, 1.0, 1e-24, n_features=3, X=X))
    add(archive, "x1", 0.5)
    add(archive, "x1*sin(x2) + x3", 0.25)
    # Some thousand waves, in as many nodes.
    add(archive, "x1*sin(43210.0*x2)", 0.2)

    assert [c.loss for c in archive.pareto_front()] == [0.5, 0.2]
    assert [c.loss for c in archive.pareto_front(dearer=12.0)] == [0.5, 0.25]


def test_selection_rules(archive):
    add(archive, "x1", 0.5)
    add(archive, "x1 + x2", 1e-4)
    add(archive, "sin(1.2345678*x1 + 2.3456789*x2)/(x3 + 3.7654321)", 0.99e-4)

    assert str(archive.best("mdl").expression) == "x1 + x2"
    assert archive.best("r2").loss == 0.99e-4
    assert str(archive.best(2).expression) == "x1"


def test_choosing_from_nothing_is_an_error(archive):
    with pytest.raises(ValueError, match="archive is empty"):
        archive.best()
    add(archive, "x1 + x2", 0.1)
    with pytest.raises(ValueError, match="No formula has at most 2 nodes"):
        archive.best(2)
