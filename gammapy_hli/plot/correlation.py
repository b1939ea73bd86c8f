"""Correlations of the fitted parameters."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from gammapy_hli.plot.style import INK, new_figure


def plot_correlation(names: Sequence[str], correlation: np.ndarray) -> Figure:
    """The correlation matrix with its numbers.

    Parameters
    ----------
    names : sequence of str
        Names of the n free parameters.
    correlation : ndarray, shape (n, n)
    """
    size = 1.9 + 0.75 * len(names)
    figure = new_figure(size + 0.6, size)
    ax = figure.subplots()
    ax.imshow(correlation, cmap="RdBu_r", vmin=-1, vmax=1)
    ax.set_xticks(range(len(names)), names, rotation=30, ha="right")
    ax.set_yticks(range(len(names)), names)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    for row in range(len(names)):
        for column in range(len(names)):
            value = correlation[row, column]
            color = "white" if abs(value) > 0.6 else INK
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=8.5)
    return figure
