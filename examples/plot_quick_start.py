"""
Quick start
===========

From a table of planets to a formula: fit, read, predict, plot.
"""

# %%
# The data
# --------
# The period of a planet in days, from the semi-major axis of its orbit in astronomical
# units and the mass of its star in solar masses. These are rows of a catalogue, with
# the scatter that it has.

from sklearn.model_selection import train_test_split

from sklearn_chatsr.datasets import load_planets

X, y = load_planets(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
X_train.join(y_train).head()

# %%
# The fit
# -------

from sklearn_chatsr import ChatSRRegressor

regressor = ChatSRRegressor(random_state=0).fit(X_train, y_train)
print("period =", regressor.formula_)
print(f"R2 on held-out rows: {regressor.score(X_test, y_test):.5f}")

# %%
# The search keeps a formula for every size that pays for itself.

regressor.equations_[["complexity", "r2", "bits", "equation", "source"]]

# %%
# Its Pareto front, with the chosen formula ringed, and the predictions for rows that
# the fit has not seen.

import matplotlib.pyplot as plt
from sklearn.metrics import PredictionErrorDisplay

from sklearn_chatsr.inspection import ParetoFrontDisplay

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
ParetoFrontDisplay.from_estimator(regressor, ax=left)
PredictionErrorDisplay.from_estimator(
    regressor, X_test, y_test, kind="actual_vs_predicted", ax=right
)
right.set(xscale="log", yscale="log")

# %%
# The formula elsewhere
# ---------------------
# A fitted regressor holds a formula and no network. It leaves as LaTeX, as a SymPy
# expression, or as the source of a Python function.

print(regressor.to_latex())
print(repr(regressor.to_sympy()))
print(regressor.to_python())
