"""Import matplotlib late, with an error that says what to install."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def resolve_axes(ax: Axes | None) -> Axes:
    """Give the axes to draw on, new ones when there are none.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Plotting needs matplotlib. Install it with: "
            "pip install 'sklearn-chatsr[plot]'"
        ) from error
    return plt.subplots()[1] if ax is None else ax
