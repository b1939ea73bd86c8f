"""Correlations of the fitted parameters."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from gammapy_hli.plot.style import HALF_WIDTH, INK, new_figure, plain_label


def plot_correlation(names: Sequence[str], correlation: np.ndarray) -> Figure:
    """The correlation matrix with its numbers.

    Parameters
    ----------
    names : sequence of str
        Names of the n free parameters.
    correlation : ndarray, shape (n, n)
    """
    side = min(3.4, 0.9 + 0.5 * len(names))
    longest = max((len(name) for name in names), default=0)
    margin = 0.25 + 0.075 * longest
    rest = max(0.2, HALF_WIDTH - side - margin)
    figure = new_figure(
        HALF_WIDTH, side + 0.25 + 0.6 * margin, left=margin + rest / 2, right=rest / 2, bottom=0.15 + 0.6 * margin
    )
    ax = figure.subplots()
    edges = np.arange(len(names) + 1) - 0.5
    ax.pcolormesh(edges, edges, np.nan_to_num(correlation), cmap="RdBu_r", vmin=-1, vmax=1, edgecolor="white")
    ax.set_aspect("equal")
    ax.invert_yaxis()
    labels = [plain_label(name) for name in names]
    ax.set_xticks(range(len(names)), labels, rotation=30, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(names)), labels)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    size = min(8.5, 20 * side / max(len(names), 1))  # "−0.12" stays inside its square
    for row in range(len(names)):
        for column in range(len(names)):
            value = correlation[row, column]
            color = "white" if abs(value) > 0.6 else INK
            text = f"{value:z.2f}".replace("-", "−") if np.isfinite(value) else "–"
            ax.text(column, row, text, ha="center", va="center", color=color, fontsize=size)
    return figure
