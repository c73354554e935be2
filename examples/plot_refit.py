"""
A formula of your own
=====================

``refit`` fits the constants of a formula that you bring, on the same engine.
"""

# %%
# Is the exponent 3/2?
# --------------------
# A power law with open exponents, fitted to the planets. A number with a point, or
# ``C``, is a constant to fit; whole numbers stay as they are.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_chatsr import ChatSRRegressor
from sklearn_chatsr.datasets import load_cepheids, load_planets

X, y = load_planets(return_X_y=True)
planets = ChatSRRegressor().refit("C*semi_major_axis^C*star_mass^C", X, y)
print("period =", planets.formula_)
planets.confidence_intervals()

# %%
# The intervals assume rows that scatter alike. Here they do not: the outermost planets
# weigh most on a scale of days and are known best. With weights of one over the square
# of the period, every planet counts by its relative error.

planets.refit("C*semi_major_axis^C*star_mass^C", X, y, sample_weight=1 / y**2)
print("period =", planets.formula_)
planets.confidence_intervals()

# %%
# Leavitt's line
# --------------
# The brightness of a Cepheid against the logarithm of its period.

X, y = load_cepheids(return_X_y=True)
cepheids = ChatSRRegressor().refit("C + C*log(period)", X, y)
print("magnitude =", cepheids.formula_)
cepheids.confidence_intervals()

# %%
# The tree of the formula, and the line through the stars.

from sklearn_chatsr.inspection import ExpressionTreeDisplay

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
ExpressionTreeDisplay.from_estimator(cepheids, ax=left)
right.scatter(X["period"], y)
line = pd.DataFrame({"period": np.geomspace(1, 150, 100)})
right.plot(line["period"], cepheids.predict(line))
right.set(xscale="log", xlabel="Period [days]", ylabel="Magnitude")
right.invert_yaxis()
