from __future__ import annotations

import time

import numpy as np
import pytest

import sklearn_chatsr.estimators.search as chatsr_search
from sklearn_chatsr import ChatSRRegressor
from sklearn_chatsr.estimators.answer import refit_on_all
from sklearn_chatsr.estimators.effort import EFFORTS, PROPOSERS
from sklearn_chatsr.estimators.search import Search, SearchSettings
from sklearn_chatsr.estimators.table import Table
from sklearn_chatsr.expressions import Expression
from sklearn_chatsr.prompts import Constraints
from sklearn_chatsr.selection import Archive


class Speaker:
    """A proposer that tells when it is asked, and pauses where it is told to."""

    def __init__(self, name, texts, told):
        self.name, self.texts, self.told = name, texts, told

    def propose(self, problem, rng):
        for text in self.texts:
            self.told.append((self.name, text))
            yield [] if text is None else [Expression.from_infix(text).skeleton()]


@pytest.fixture
def search():
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 3, size=(60, 2))
    y = X[:, 0] * np.sin(X[:, 1]) + 0.1 * rng.normal(size=60)
    return Search(Table(X, y), settings=SearchSettings(), labels=["x1", "x2"])


def test_an_empty_batch_ends_a_turn_and_the_next_round_goes_on_with_it(search):
    told: list[tuple[str, str | None]] = []
    texts = {"a": ["1.5*x1^2", None, "1.5*x1^3"], "b": ["1.5*x2^2"]}

    search.run([("a", "b"), ("a",)], lambda name: Speaker(name, texts[name], told))

    assert [name for name, _ in told] == ["a", "a", "b", "a"]


def test_a_proposer_that_has_ended_begins_anew(search):
    told: list[tuple[str, str | None]] = []

    search.run([("a",), ("a",)], lambda name: Speaker(name, ["1.5*x1^2"], told))

    assert len(told) == 2


def test_better_values_for_a_known_form_are_fitted_again(search):
    # One start from afar misses the frequency that the second proposal carries.
    X = search.table.X * [1, 40]
    y = X[:, 0] * np.sin(2.345 * X[:, 1])
    search = Search(
        Table(X, y),
        settings=SearchSettings(n_starts=1),
        labels=["x1", "x2"],
    )

    class Two:
        name = "two"

        def propose(self, problem, rng):
            law = Expression.from_infix("1.5*x1*sin(0.001*x2)")
            yield [law]
            yield [law.with_constants([1.0, 2.345])]

    archive = search.run([("two",)], lambda name: Two())

    assert archive.best("r2").r2 > 0.999999


def test_an_oscillation_on_a_grid_has_the_lowest_frequency_that_fits():
    X = np.linspace(-2, 2, 41)[:, None]
    y = 0.3 * X[:, 0] * np.sin(2.1 * X[:, 0])
    search = Search(Table(X, y), settings=SearchSettings(), labels=["x1"])
    fast = Expression.from_infix(f"0.3*x1*sin({2.1 + 60 * np.pi}*x1)")

    search.intake.take([fast], "a")

    exact = [c for c in search.archive if search.archive.cost.at_floor(c.loss)]
    assert exact
    assert all(abs(k) < 10 * np.pi for c in exact for k in c.expression.constants or ())


def test_a_formula_without_room_for_an_offset_is_fitted_without_it():
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 3, size=(60, 1))
    y = 2.5 / X[:, 0] + 0.3 + 0.01 * rng.normal(size=60)
    rules = Constraints.read("at most 3 nodes", ["x1"])
    search = Search(
        Table(X, y), settings=SearchSettings(constraints=rules), labels=["x1"]
    )

    search.intake.take([Expression.from_infix("1/x1")], "a")

    [scaled] = [c for c in search.archive if c.complexity == 3]
    inverse = 1 / X[:, 0]
    assert scaled.expression.constants == pytest.approx(
        [inverse @ y / (inverse @ inverse)]
    )


def test_baselines_are_refitted_on_all_rows_when_the_time_is_over():
    X = np.random.default_rng(0).uniform(1, 3, size=(100, 1))
    y = np.random.default_rng(1).exponential(size=100) ** 4
    settings = SearchSettings(max_time=1e-9)
    search = Search(Table(X, y), settings=settings, labels=["x1"])

    archive = search.run([], lambda name: pytest.fail(name))

    [constant] = [c for c in archive if c.expression.constants]
    assert constant.expression.constants == pytest.approx([y.mean()])


def test_every_preset_asks_every_proposer():
    for effort in EFFORTS.values():
        asked = {name for names in effort.rounds for name in names}
        # Refinement has its turns between those of the others.
        assert asked == set(PROPOSERS) - {"refinement"}


def test_the_table_tells_who_found_what_and_when():
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 3, size=(80, 1))
    y = X[:, 0] ** 2 + 0.3 * rng.normal(size=80)

    regressor = ChatSRRegressor(
        proposers=("templates", "evolution"), effort="fast", max_time=60, random_state=0
    ).fit(X, y)

    table = regressor.candidates_table()
    assert {"baseline", "templates", "evolution"} >= set(table["source"])
    assert table["seconds"].between(0, 60).all()


def test_a_short_law_that_leaves_noise_and_stays_the_best_ends_the_search():
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 3, size=(400, 2))
    y = X[:, 0] * X[:, 1] + 0.01 * rng.normal(size=400)
    search = Search(Table(X, y), settings=SearchSettings(), labels=["x1", "x2"])
    told: list[tuple[str, str | None]] = []
    law, others = "1.5*x1*x2", [f"1.5*x1*x2^{k}" for k in range(2, 12)]

    search.run([("a",)], lambda name: Speaker(name, [law, *others], told))

    assert 2 < len(told) < 6


def test_a_formula_that_leaves_more_than_noise_does_not_end_the_search():
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 3, size=(400, 2))
    y = X[:, 0] * X[:, 1] + 0.1 * X[:, 1] ** 4 + 0.01 * rng.normal(size=400)
    search = Search(Table(X, y), settings=SearchSettings(), labels=["x1", "x2"])
    told: list[tuple[str, str | None]] = []
    texts = ["1.5*x1*x2", *[f"1.5*x1*x2^{k}" for k in range(2, 12)]]

    search.run([("a",)], lambda name: Speaker(name, texts, told))

    assert len(told) == len(texts)


def test_what_explains_a_few_large_values_only_does_not_end_the_search():
    rng = np.random.default_rng(0)
    X = rng.uniform(0.01, 1, size=(400, 2))
    y = X[:, 0] ** -2 + 30 * np.sin(70 * X[:, 1])
    search = Search(Table(X, y), settings=SearchSettings(), labels=["x1", "x2"])
    told: list[tuple[str, str | None]] = []
    texts = ["1.5/x1^2", *[f"1.5*x1*x2^{k}" for k in range(2, 12)]]

    archive = search.run([("a",)], lambda name: Speaker(name, texts, told))

    assert archive.best("r2").r2 > 0.99
    assert len(told) == len(texts)


@pytest.mark.parametrize(
    ("law", "asked"),
    [
        ("3*x1 + 2*x1*x2^2 - 7*x1^2*x2 + x2^3 + 5*x2 - 4", []),
        ("3*x1 + 2*x1*x2^2 - 7*x1^2*x2 + sin(x2^3 + x1) + 5*x2", ["b"]),
    ],
)
def test_a_long_law_ends_the_search_if_it_is_a_polynomial(law, asked):
    X = np.random.default_rng(0).uniform(1, 3, size=(100, 2))
    truth = Expression.from_infix(law)
    search = Search(
        Table(X, truth.evaluate(X)), settings=SearchSettings(), labels=["x1", "x2"]
    )
    told: list[tuple[str, str | None]] = []

    class Knows:
        name = "a"

        def propose(self, problem, rng):
            yield [truth]

    def make(name):
        return Knows() if name == "a" else Speaker(name, ["1.5*x1*x2^5"], told)

    archive = search.run([("a", "b")], make)

    assert archive.best("mdl").fvu < 1e-25
    assert archive.best("mdl").complexity > 14
    assert [name for name, _ in told] == asked


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("float division by zero"),
        IndexError("index 3 is out of bounds, not by zero"),
        TypeError("Improper input: N by zero"),
    ],
)
def test_an_accident_of_a_proposer_is_told_and_the_others_go_on(search, error):
    told: list[tuple[str, str | None]] = []

    class Hurt:
        name = "hurt"

        def propose(self, problem, rng):
            yield [Expression.from_infix("1.5*x1^2")]
            raise error

    def make(name):
        return Hurt() if name == "hurt" else Speaker(name, ["1.5*x2^2"], told)

    with pytest.warns(RuntimeWarning, match="'hurt' ended early .*by zero"):
        archive = search.run([("hurt", "b")], make)

    assert told == [("b", "1.5*x2^2")]
    assert "hurt" in {candidate.source for candidate in archive}


def test_ctrl_c_at_the_end_keeps_what_was_found(monkeypatch):
    X = np.random.default_rng(0).uniform(1, 3, size=(2_000, 1))
    noise = np.random.default_rng(1).normal(0, 0.1, 2_000)

    def stop(*_, **__):
        raise KeyboardInterrupt

    for module, name in ((chatsr_search, "refit_on_all"), (Search, "choose")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, stop)
            model = ChatSRRegressor(proposers=("templates",), max_time=2)
            model.fit(X, 3.3 * X[:, 0] + noise)

        assert model.interrupted_
        assert model.score(X, 3.3 * X[:, 0]) > 0.99
        assert len(model.standard_errors_) == len(model.constants_)


def test_late_formulas_of_many_rows_keep_one_of_every_size():
    X = np.random.default_rng(0).uniform(1, 3, size=(60_000, 1))
    y = X[:, 0] ** 2 + np.random.default_rng(1).normal(size=60_000)
    table = Table(X, y)
    archive = Archive(table.price(np.arange(4_000)))
    for text in ("x1", "x1^2", "3.8*x1 - 3.7"):
        formula = Expression.from_infix(text)
        archive.add(formula, table.loss(formula), "a", 0.0)

    final = refit_on_all(archive, table, time.monotonic() - 1)

    assert final.best(1).complexity == 1


def test_a_lower_frequency_is_taken_only_where_it_says_the_same():
    # The grid begins between two multiples of its step.
    X = 0.25 + np.arange(60.0)[:, None]
    search = Search(
        Table(X, np.sin(5.0 * X[:, 0])), settings=SearchSettings(), labels=["x1"]
    )

    search.intake.take([Expression.from_infix("sin(5.0*x1)")], "a")

    assert search.archive.best("r2").fvu < 1e-20


def test_a_numerical_accident_of_the_search_loses_nothing(search, monkeypatch):
    def hurt(most):
        raise np.linalg.LinAlgError("Eigenvalues did not converge")

    monkeypatch.setattr(search.intake, "prune_best", hurt)

    with pytest.warns(RuntimeWarning, match="ended early .*Eigenvalues"):
        archive = search.run([("a",)], lambda name: Speaker(name, ["1.5*x1*x2^3"], []))

    assert "a" in {candidate.source for candidate in archive}


def test_a_formula_that_only_meets_a_few_large_targets_is_not_the_answer():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 3))
    burst = Expression.from_infix(
        "pi + x1*(x1 + 4) + 1.85489e-13*exp(2*(x3 - x2) + 39.343*sin(0.543692*x1))"
    )
    y = np.where(burst.evaluate(X) > 100, burst.evaluate(X), rng.normal(size=150))
    search = Search(Table(X, y), settings=SearchSettings(), labels=["x1", "x2", "x3"])
    archive = search.run([], lambda name: pytest.fail(name))
    archive.add(burst, search.table.loss(burst, np.arange(150)))

    assert archive.best("mdl").expression == burst
    assert search.choose(archive).expression != burst


def test_a_line_that_the_archive_has_dropped_can_be_the_answer():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(60, 3))
    y = X @ [1.37, -0.84, 0.66] + 0.5 * rng.normal(size=60)
    search = Search(Table(X, y), settings=SearchSettings(), labels=["x1", "x2", "x3"])
    search.run([], lambda name: pytest.fail(name))
    archive = Archive(search.archive.cost)
    archive.add(Expression(["x1"]), float(np.mean((X[:, 0] - y) ** 2)))

    assert search.choose(archive).expression.variables == (0, 1, 2)


@pytest.mark.parametrize(
    ("rule", "taken", "kept"),
    [
        (None, "3.0*x1/x2^2 + 7e-17*x2 - 3e-16", "3*x1/x2^2"),
        ("avoid sq", "(3.0*x1/x2 - 1e-16)/x2 + 7e-17*x2", "*x1/x2/x2"),
        ("contain sin", "3.0*x1/x2^2 - 1e-16 + 1e-17*sin(x2)", "sin(x2)"),
    ],
)
def test_an_exact_law_is_kept_without_addends_of_rounding_size(rule, taken, kept):
    X = np.random.default_rng(0).uniform(1, 5, size=(60, 2))
    labels = ["x1", "x2"]
    rules = None if rule is None else Constraints.read(rule, labels)
    search = Search(
        Table(X, 3 * X[:, 0] / X[:, 1] ** 2),
        settings=SearchSettings(constraints=rules),
        labels=labels,
    )

    search.intake.take([Expression.from_infix(taken)], "a")

    exact = [c for c in search.archive if search.archive.cost.at_floor(c.loss)]
    assert exact
    for candidate in exact:
        assert str(candidate.expression).endswith(kept)
        assert candidate.expression.n_constants <= (rule == "contain sin") + 1


def test_a_long_exact_law_needs_no_constants_to_be_kept():
    X = np.random.default_rng(0).uniform(1, 5, size=(60, 2))
    law = Expression.from_infix(
        "x1/(x1 + cos(x2)^2) + (x1 - x2)^2/sqrt(x1 + x2*exp(x1))"
    )
    search = Search(
        Table(X, law.evaluate(X)),
        settings=SearchSettings(max_size=law.size - 5),
        labels=["x1", "x2"],
    )

    search.intake.take([law], "a")

    assert any(search.archive.cost.at_floor(c.loss) for c in search.archive)


def test_what_is_fitted_on_all_rows_obeys_and_has_no_addend_of_rounding_size():
    X = np.random.default_rng(0).uniform(1, 5, size=(90, 2))
    table = Table(X, 3 * X[:, 0] / X[:, 1] ** 2)
    rules = Constraints.read("avoid sq", ["x1", "x2"])
    archive = Archive(table.price(np.arange(90)))
    nearly = Expression.from_infix("2.99999*x1/x2^2.00001 + 1e-6*x2 - 1e-7")
    archive.add(nearly, table.loss(nearly, np.arange(90)))

    refitted = refit_on_all(archive, table, time.monotonic() + 60, rules)

    (candidate,) = refitted
    assert "sq" not in candidate.expression.tokens
    assert refitted.cost.at_floor(candidate.loss)
    assert candidate.expression.n_constants == 2
