"""Find laws in the measurements that ship with the package; `make demo` runs this."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
from sklearn.metrics import PredictionErrorDisplay
from sklearn.model_selection import train_test_split

from sklearn_chatsr import ChatSRRegressor
from sklearn_chatsr.datasets import load_nebulae, load_planets
from sklearn_chatsr.fitting import warm_up
from sklearn_chatsr.inspection import ParetoFrontDisplay

OUTPUT = Path("demo-output")


def main() -> None:
    """Fit both data sets, print what was found, save the plots."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("sklearn_chatsr").setLevel(logging.INFO)
    warm_up()
    OUTPUT.mkdir(exist_ok=True)
    for name, title, data in (
        ("planets", "Period of a planet [days]", load_planets()),
        ("nebulae", "Velocity of a nebula [km/s]", load_nebulae()),
    ):
        headline = f"{title}, from {' and '.join(data.feature_names)}"
        print(f"\n{headline}\n{'=' * len(headline)}")
        report(name, data)


def report(name, data) -> None:
    """Fit on two thirds of the rows and judge on the rest."""
    X_train, X_test, y_train, y_test = train_test_split(
        data.data, data.target, test_size=1 / 3, random_state=0
    )
    # A ceiling that a slow machine does not reach, so that the result is the same.
    alone = ChatSRRegressor(proposers=("model",), max_time=60, random_state=0)
    alone.fit(X_train, y_train)
    found = alone.equations_.loc[alone.equations_["chosen"], "source"].item()
    print("With the ChatSR model as the only proposer beside a line and a constant:")
    print(f"{data.target_name} = {alone.formula_} (from: {found})")
    print(f"R2 on {len(y_test)} held-out rows:  {alone.score(X_test, y_test):.6f}\n")
    print("Together with the searches:")
    model = ChatSRRegressor(max_time=60, random_state=0)
    started = time.perf_counter()
    model.fit(X_train, y_train)
    seconds = time.perf_counter() - started

    table = model.equations_[["complexity", "r2", "bits", "equation", "source"]]
    table["equation"] = [shorten(text) for text in table["equation"]]
    print(table.to_string(index=False, float_format="{:.6g}".format))
    print(f"\n{data.target_name} = {model.formula_}\n")
    if len(model.constants_):
        print(model.confidence_intervals().to_string(index=False), "\n")
    print(f"R2 on {len(y_train)} rows of the fit: {model.score(X_train, y_train):.6f}")
    print(f"R2 on {len(y_test)} held-out rows:  {model.score(X_test, y_test):.6f}")
    print(f"Seconds: {seconds:.1f}")
    plot(name, model, X_test, y_test)


def shorten(text, width=66) -> str:
    """Cut a long formula for the table."""
    return text if len(text) <= width else text[: width - 4] + " ..."


def plot(name, model, X, y) -> None:
    """Save the Pareto front and the predictions for held-out rows."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    ParetoFrontDisplay.from_estimator(model, ax=left)
    PredictionErrorDisplay.from_estimator(
        model, X, y, kind="actual_vs_predicted", ax=right
    )
    if y.min() > 0 and y.max() > 100 * y.min():
        right.set(xscale="log", yscale="log")
    path = OUTPUT / f"{name}.png"
    figure.savefig(path, dpi=150)
    plt.close(figure)
    print(f"Plots: {path}")


if __name__ == "__main__":
    main()
