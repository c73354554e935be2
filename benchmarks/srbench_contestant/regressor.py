"""ChatSRRegressor as a contestant of SRBench (``algorithms/<name>/regressor.py``)."""

from __future__ import annotations

from typing import Any

from sklearn_chatsr import ChatSRRegressor

# SRBench stops a fit after 3,600 seconds; the regressor keeps its limit to a second.
est = ChatSRRegressor(effort="thorough", max_time=3_500, random_state=0, n_jobs=1)

# Nothing to tune: the budget goes into one search.
hyper_params: list[dict[str, list[Any]]] = [{}]


def model(est: Any, X: Any = None) -> str:
    """Write the fitted formula as text that SymPy parses.

    Parameters
    ----------
    est : ChatSRRegressor
        Fitted.
    X : DataFrame or ndarray of shape (n_samples, n_features), optional
        The training data; a frame's column names stand in the formula. Without names
        the columns are ``x_0``, ``x_1``, ...

    Returns
    -------
    str
    """
    names = getattr(X, "columns", getattr(est, "feature_names_in_", None))
    if names is None:
        names = [f"x_{i}" for i in range(est.n_features_in_)]
    return str(est.expression_.to_sympy([str(name) for name in names]))


def complexity(est: Any) -> int:
    """Count the nodes of the formula's tree."""
    return int(est.expression_.size)


def get_best_solution(est: Any) -> Any:
    """Give the regressor itself; it predicts with the formula that it chose."""
    return est


def pre_train_fn(est: Any, X: Any, y: Any) -> None:
    """Compile the kernels and load the weights, once, outside the timed fit."""
    from sklearn_chatsr.fitting import warm_up

    warm_up()
    if "model" in est.proposers:
        from sklearn_chatsr.models.loading import load_model

        load_model(est.model, est.device)


# A law has its simplest form in the units it was measured in: no scaling.
eval_kwargs = {
    "test_params": {"max_time": 5},
    "max_train_samples": 0,
    "scale_x": False,
    "scale_y": False,
    "pre_train": pre_train_fn,
    "use_dataframe": True,
}
