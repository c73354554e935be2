from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sympy
import yaml
from sympy.parsing.sympy_parser import parse_expr

import benchmarks

FOLDER = Path(benchmarks.__file__).parent / "srbench_contestant"


@pytest.fixture(scope="module")
def algorithm():
    """Import the file by its path, as SRBench does."""
    spec = importlib.util.spec_from_file_location("regressor", FOLDER / "regressor.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_srbenchs_evaluation_runs(algorithm):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.uniform(1, 5, (80, 2)), columns=["lambd", "C"])
    y = (2.5 * X["lambd"] / X["C"]).to_numpy()
    settings = algorithm.eval_kwargs
    est = algorithm.est

    assert hasattr(est, "random_state")
    assert est.max_time < 3600
    est.set_params(**settings["test_params"])
    est.set_params(random_state=23654)
    settings["pre_train"](est, X, y)
    est.fit(X, y)
    assert "X" in inspect.signature(algorithm.model).parameters
    text = algorithm.model(est, X)

    parsed = parse_expr(text, local_dict={n: sympy.Symbol(n) for n in X.columns})
    values = sympy.lambdify([sympy.Symbol(n) for n in X.columns], parsed)
    found = values(X["lambd"].to_numpy(), X["C"].to_numpy())
    np.testing.assert_allclose(found, est.predict(X), rtol=1e-9)
    np.testing.assert_allclose(found, y, rtol=1e-6)
    assert isinstance(algorithm.complexity(est), int)
    assert algorithm.complexity(est) <= 8
    best = algorithm.get_best_solution(est)
    np.testing.assert_array_equal(best.predict(X), est.predict(X))
    # An array has no names: the columns are counted from 0.
    assert "x_0" in algorithm.model(est, X.to_numpy()) or "lambd" in text


def test_the_folder_holds_what_srbench_asks_for():
    metadata = yaml.safe_load((FOLDER / "metadata.yml").read_text())

    assert metadata["name"] == "ChatSRRegressor"
    assert metadata["authors"]
    assert metadata["description"]
    environment = yaml.safe_load((FOLDER / "environment.yml").read_text())
    assert environment["dependencies"]
    assert (FOLDER / "install.sh").stat().st_mode & 0o100
    assert "sklearn-chatsr" in (FOLDER / "requirements.txt").read_text()
