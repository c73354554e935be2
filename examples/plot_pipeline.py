"""
Pipelines and searches
======================

The regressor is an ordinary estimator: it takes part in pipelines, transformed targets
and grid searches.
"""

# %%
# A law over many decades
# -----------------------
# Periods of planets reach from half a day to 248 years. Least squares on days listens
# to the outermost planets only; on logarithms every planet counts alike.
# :class:`~sklearn.compose.ColumnTransformer` and
# :class:`~sklearn.compose.TransformedTargetRegressor` do the rest. ``set_output`` hands
# the names of the columns on to the formula.

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_chatsr import ChatSRRegressor
from sklearn_chatsr.datasets import load_planets

X, y = load_planets(return_X_y=True)

logarithm = FunctionTransformer(np.log10, feature_names_out="one-to-one")
columns = ColumnTransformer([("log", logarithm, ["semi_major_axis", "star_mass"])])
pipeline = make_pipeline(
    columns.set_output(transform="pandas"),
    ChatSRRegressor(proposers=("templates",), random_state=0),
)
model = TransformedTargetRegressor(
    pipeline, func=np.log10, inverse_func=lambda z: 10.0**z
)
model.fit(X, y)
print("log10(period) =", model.regressor_[-1].formula_)

# %%
# With the slopes 3/2 and -1/2 this is a power law, and the catalogue's scatter shows in
# their errors.

model.regressor_[-1].confidence_intervals()

# %%
# Searching parameters
# --------------------
# How long a formula may be is decided by description length. Cross-validation can be
# asked instead: ``selection`` takes a largest number of nodes. The rows are sorted by
# period, so the folds are shuffled.

from sklearn.model_selection import GridSearchCV, KFold

from sklearn_chatsr.datasets import load_cepheids

X, y = load_cepheids(return_X_y=True)
search = GridSearchCV(
    ChatSRRegressor(proposers=("templates",), random_state=0),
    {"selection": ["mdl", 1, 3, 7, 15]},
    scoring="neg_root_mean_squared_error",
    cv=KFold(5, shuffle=True, random_state=0),
)
search.fit(X, y)

import pandas as pd

results = pd.DataFrame(search.cv_results_)
results[["param_selection", "mean_test_score", "std_test_score"]]

# %%
# The winner, fitted to all rows:

print(search.best_params_, "magnitude =", search.best_estimator_.formula_)
