from __future__ import annotations

import gzip

import numpy as np
import pytest

from benchmarks.formulas import read_formula
from benchmarks.problems import read_folder, read_table, select_problems
from benchmarks.problems.sampling import Spec, draw
from benchmarks.problems.selection import packaged_problems, srbench_selections
from benchmarks.problems.tables import read_rows

# Published rows (x, y, dx/dt, dy/dt): the first and the 51st of the first trajectory.
STROGATZ_ROWS = {
    "bacres": (9.01502740318998, 12.8015055992981, 8.21314775719214, 7.22817516038212),
    "barmag": (4.26461875246862, 4.76102165511013, 0.663281890181218, 1.23695051144928),
    "glider": (5.603272452842469, 1.8551204022395, -2.52968458368514, 5.65333404285131),
    "lv": (1.0, 3.0, -4.0, -6.0),
    "predprey": (
        *(4.86070775030401, 11.5069474930959),
        *(-13.727190542118098, -0.387196336196291),
    ),
    "shearflow": (
        *(-1.40163422326322, -1.42574462518204),
        *(-0.024593114806583, -0.11710778319483399),
    ),
    "vdp": (
        *(0.35730070503580397, 0.21669793236700896),
        *(3.20593379532575, -0.0357300705035804),
    ),
}


def by_name(name):
    (problem,) = [p for p in packaged_problems() if p.name == name]
    return problem


def test_the_tables_hold_the_published_numbers_of_problems():
    groups = [p.group for p in packaged_problems()]
    counts = {group: groups.count(group) for group in set(groups)}

    assert counts["feynman"] == 100
    assert counts["feynman-bonus"] == 20
    assert counts["strogatz"] == 14
    assert counts["keijzer"] == 15
    assert counts["vladislavleva"] == 8
    assert len({p.name for p in packaged_problems()}) == len(groups)


def test_srbench_selects_116_feynman_and_14_strogatz_problems():
    names = srbench_selections()["srbench-2021-groundtruth"]

    assert sum(n.startswith("feynman_") for n in names) == 116
    assert sum(n.startswith("strogatz_") for n in names) == 14
    assert "feynman_test_10" not in names
    assert len(srbench_selections()["srbench-2021-blackbox"]) == 122
    problems, absent = select_problems(["srbench-2021-groundtruth"])
    assert len(problems) == 130
    assert not absent
    assert all(p.in_srbench for p in problems)


@pytest.mark.parametrize("problem", packaged_problems(), ids=lambda p: p.name)
def test_every_formula_has_values_on_its_own_ranges(problem):
    X, y = problem.draw(50, seed=0)

    assert X.shape == (50, len(problem.variables))
    assert np.isfinite(y).all()
    lows, highs = np.transpose(problem.ranges)
    assert ((lows <= X) & (highs >= X)).all()


def test_the_same_seed_draws_the_same_rows_and_another_one_others():
    problem = by_name("feynman_I_12_1")

    assert np.array_equal(problem.draw(5, 0)[0], problem.draw(5, 0)[0])
    assert not np.array_equal(problem.draw(5, 0)[0], problem.draw(5, 1)[0])


def test_feynman_units_balance_newtons_law_of_gravitation():
    problem = by_name("feynman_I_9_18")
    units = dict(zip(problem.variables, problem.units, strict=True))

    force = (
        np.array(units["G"])
        + np.array(units["m1"])
        + np.array(units["m2"])
        - 2 * np.array(units["x1"])
    )
    assert force.tolist() == list(problem.target_unit)


@pytest.mark.parametrize("system", STROGATZ_ROWS)
def test_strogatz_laws_reproduce_published_derivatives(system):
    x, y, dx, dy = STROGATZ_ROWS[system]
    for number, derivative in ((1, dx), (2, dy)):
        law = by_name(f"strogatz_{system}{number}").expression
        # The published rows are printed with 15 digits.
        assert law.evaluate([[x, y]])[0] == pytest.approx(derivative, rel=1e-11)


@pytest.mark.parametrize("system", STROGATZ_ROWS)
def test_strogatz_trajectories_start_as_published_and_follow_their_law(system):
    problem = by_name(f"strogatz_{system}1")
    X, y = problem.trajectories()

    assert X.shape == (400, 2)
    np.testing.assert_allclose(X[0], STROGATZ_ROWS[system][:2], rtol=1e-12)
    # Fifth-order central differences of the states are the derivative that is learned,
    # away from the fast turns that a step of 0.1 cannot resolve.
    x = X[:100, 0]
    slope = (x[:-4] - 8 * x[1:-3] + 8 * x[3:-1] - x[4:]) / (12 * problem.system["step"])
    error = np.abs(slope - y[2:98])
    assert np.median(error) < 2e-3 * (1 + np.abs(y[:100]).max())


@pytest.mark.parametrize(
    ("text", "names", "row", "value"),
    [
        ("cot(y)*cos(x)", ["x", "y"], [0.3, 0.7], np.cos(0.3) / np.tan(0.7)),
        ("a/cot(x)", ["a", "x"], [2.0, 0.5], 2 * np.tan(0.5)),
        ("ln(C)**2", ["C"], [3.0], np.log(3) ** 2),
        ("I + e*pi", ["I"], [1.0], 1 + np.e * np.pi),
        ("1./3+x1", ["x1"], [1.0], 4 / 3),
        ("div(pow(x1,3),x2)", ["x1", "x2"], [2.0, 4.0], 2.0),
        ("arcsin(n)", ["n"], [0.5], np.arcsin(0.5)),
        ("`two words`*2", ["two words"], [1.5], 3.0),
        ("-(1)/(10) * x", ["x", "y"], [5.0, 0.0], -0.5),
        ("aq(x, y)", ["x", "y"], [3.0, 2.0], 3 / np.sqrt(5)),
    ],
)
def test_formulas_of_other_sources_are_read(text, names, row, value):
    found = read_formula(text, names).evaluate([row])[0]

    assert found == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("text", ["x.__class__", "__import__('os')", "f(x)", "x +"])
def test_text_that_is_no_formula_is_refused(text):
    with pytest.raises(ValueError, match="Cannot read"):
        read_formula(text, ["x"])


def test_a_grid_is_crossed_and_a_step_as_long_as_the_range_is_a_count():
    crossed = draw(
        Spec.from_mapping({"x1": {"E": [0, 1, 0.5]}, "x2": {"E": [0, 4, 1]}}),
        2,
        np.random.default_rng(0),
    )
    counted = draw(
        Spec.from_mapping({"all": {"E": [-10, 10, 20]}}), 1, np.random.default_rng(0)
    )

    assert len(np.unique(crossed, axis=0)) == 3 * 5
    assert len(counted) == 20


def test_suites_keep_their_own_training_and_test_rows():
    problem = by_name("Keijzer-6")

    X_train, y_train = problem.draw_published("train", seed=0)
    X_test, _ = problem.draw_published("test", seed=0)

    assert X_train.ravel().tolist() == list(range(1, 51))
    assert X_test.max() == 120
    assert y_train[3] == 10.0  # 1 + 2 + 3 + 4


def test_a_table_of_ones_own_is_read(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "group: mine\nproblems:\n"
        "- {name: fall, formula: 4.9*t**2, variables: {t: [0, 3]}}\n"
    )

    ((problem,), _) = select_problems([str(path)])

    assert problem.group == "mine"
    assert problem.expression.evaluate([[2.0]])[0] == pytest.approx(19.6)


def test_an_entry_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "problems:\n- {name: bad, formula: open('x'), variables: {x: [0, 1]}}\n"
    )

    with pytest.raises(ValueError, match="cannot read problem 'bad'"):
        read_table(path)


def test_a_folder_of_data_files_becomes_problems(tmp_path):
    with gzip.open(tmp_path / "one.tsv.gz", "wt") as file:
        file.write("a.b\ttarget\tc\n1\t5\t2\n3\t6\t4\n")
    (tmp_path / "two.csv").write_text("u,v\n1,2\n3,4\n")
    (tmp_path / "notes.txt").write_text("not data")

    problems = read_folder(tmp_path)
    X, y, names = read_rows(problems[0].path)

    assert [p.name for p in problems] == ["one", "two"]
    assert names == ("a_b", "c")
    assert X.tolist() == [[1, 2], [3, 4]]
    assert y.tolist() == [5, 6]
    assert read_rows(problems[1].path)[1].tolist() == [2, 4]


def test_measured_data_sets_without_rows_are_told_absent():
    problems, absent = select_problems(["srbench-2025-blackbox"])

    assert not problems
    assert "--data-dir" in absent["192_vineyard"]


def test_a_pointer_to_large_storage_is_not_taken_for_data(tmp_path):
    path = tmp_path / "big.tsv"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")

    with pytest.raises(ValueError, match="Git LFS pointer"):
        read_rows(path)


def test_an_unknown_problem_is_an_error():
    with pytest.raises(ValueError, match="Unknown problem 'atlantis'"):
        select_problems(["atlantis"])
