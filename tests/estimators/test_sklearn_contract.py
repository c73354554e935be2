from __future__ import annotations

import copy
import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_chatsr import ChatSRRegressor

from .conftest import TINY


@pytest.mark.filterwarnings("ignore:X has .* columns, of which the 10")
@parametrize_with_checks(
    [
        ChatSRRegressor(
            proposers=("templates",), max_size=9, n_starts=2, random_state=0
        ),
        ChatSRRegressor(
            model=str(TINY),
            proposers=("model",),
            n_candidates=8,
            n_starts=2,
            random_state=0,
        ),
    ],
    xfail_strict=True,
)
def test_every_check_of_scikit_learn_passes(estimator, check):
    check(estimator)


def test_unfitted_estimators_say_so(regressor):
    with pytest.raises(NotFittedError):
        regressor.predict([[1.0]])
    with pytest.raises(NotFittedError):
        regressor.to_sympy()
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        _ = regressor.formula_
    assert not hasattr(regressor, "formula_")
    assert not hasattr(regressor, "equations_")


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_frames_of_any_kind_give_their_column_names(regressor, power_law, library):
    X, y = power_law
    table = library.DataFrame({"mass [kg]": X[:, 0], "exec('1')": X[:, 1]})

    regressor.fit(table, y)

    assert regressor.formula_ == "3*`mass [kg]`/`exec('1')`^2"
    assert regressor.to_sympy().free_symbols == set(
        map(_symbol, ["mass [kg]", "exec('1')"])
    )
    np.testing.assert_allclose(regressor.predict(table), y)


def _symbol(name):
    import sympy

    return sympy.Symbol(name, real=True)


def test_formulas_know_the_names_that_a_pipeline_hands_on(regressor, power_law):
    X, y = power_law
    frame = pd.DataFrame(X, columns=["a", "b"])
    columns = ColumnTransformer([("kept", "passthrough", ["a", "b"])])
    pipeline = make_pipeline(columns, regressor).set_output(transform="pandas")

    pipeline.fit(frame, y)

    assert pipeline[-1].formula_ == "3*kept__a/kept__b^2"
    assert pipeline.score(frame, y) == pytest.approx(1.0)


def test_grid_search_runs_in_two_processes(power_law):
    X, y = power_law
    grid = GridSearchCV(
        ChatSRRegressor(proposers=("templates",), random_state=0),
        {"max_size": [3, 12]},
        cv=2,
        n_jobs=2,
    )

    grid.fit(X, y)

    assert grid.best_params_ == {"max_size": 12}
    assert grid.best_estimator_.formula_ == "3*x1/x2^2"


def test_cross_validation_and_transformed_targets(regressor, power_law):
    X, y = power_law

    scores = cross_validate(
        make_pipeline(StandardScaler(), regressor), X, X[:, 0], cv=3
    )
    wrapped = TransformedTargetRegressor(regressor, func=np.log, inverse_func=np.exp)
    wrapped.fit(X, y)

    np.testing.assert_allclose(scores["test_score"], 1.0)
    assert wrapped.score(X, y) == pytest.approx(1.0)


def test_unfitted_clones_hold_parameters_and_nothing_else(tiny_regressor):
    twin = clone(tiny_regressor)

    assert twin.get_params() == tiny_regressor.get_params()
    assert len(pickle.dumps(twin)) < 2_000


def test_fitted_estimators_survive_pickle_joblib_and_skops(
    tiny_regressor, noisy_line, tmp_path
):
    import skops.io as sio

    X, y = noisy_line
    fitted = tiny_regressor.fit(X, y)
    expected = fitted.predict(X)

    joblib.dump(fitted, tmp_path / "fitted.joblib")
    dumped = sio.dumps(fitted)
    trusted = sio.get_untrusted_types(data=dumped)
    copies = [
        pickle.loads(pickle.dumps(fitted)),
        joblib.load(tmp_path / "fitted.joblib"),
        sio.loads(dumped, trusted=trusted),
        copy.deepcopy(fitted),
    ]

    assert all(name.startswith("sklearn_chatsr.") for name in trusted)
    assert len(pickle.dumps(fitted)) < 50_000
    for twin in copies:
        np.testing.assert_array_equal(twin.predict(X), expected)
        assert twin.formula_ == fitted.formula_


def test_metadata_routing_asks_for_weights(power_law):
    X, y = power_law
    weight = np.ones(len(y))

    with sklearn.config_context(enable_metadata_routing=True):
        estimator = ChatSRRegressor(proposers=("templates",), random_state=0)
        with pytest.raises(UnsetMetadataPassedError):
            GridSearchCV(estimator, {"max_size": [9]}, cv=2).fit(
                X, y, sample_weight=weight
            )
        estimator.set_fit_request(sample_weight=True)
        estimator.set_score_request(sample_weight=True)
        grid = GridSearchCV(estimator, {"max_size": [9]}, cv=2)
        grid.fit(X, y, sample_weight=weight)

    assert grid.best_score_ == pytest.approx(1.0)


def test_refitting_forgets_the_first_fit(regressor, power_law, noisy_line):
    regressor.fit(*power_law)
    first = regressor.expression_

    regressor.fit(*noisy_line)

    assert regressor.expression_ != first
    assert all(c.expression != first for c in regressor.candidates_)
