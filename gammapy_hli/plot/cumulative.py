"""How excess and significance grow with livetime."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gammapy_hli.plot.style import BLUE, INK, MUTED, light_grid, new_figure


def plot_cumulative(livetime: np.ndarray, excess: np.ndarray, error: np.ndarray, sqrt_ts: np.ndarray) -> Figure:
    """Cumulative excess and significance, run after run.

    Parameters
    ----------
    livetime : ndarray, shape (n,) [h]
        Sum of the livetimes up to and including each run.
    excess, error, sqrt_ts : ndarray, shape (n,)
        Of all runs up to and including each.
    """
    figure = new_figure(height=2.7)
    left, right = figure.subplots(1, 2, gridspec_kw={"wspace": 0.34})
    time = np.concatenate([[0.0], livetime])
    for ax, values, label in ((left, excess, "Excess"), (right, sqrt_ts, "Significance [σ]")):
        last = values[-1] if len(values) else 0.0
        guide = last * (time / time[-1]) ** (1.0 if ax is left else 0.5) if time[-1] > 0 else np.zeros_like(time)
        ax.plot(time, guide, ":", color=MUTED, linewidth=1.0, label="steady source")
        ax.set_ylabel(label)
        ax.set_xlabel("Livetime [h]")
        ax.set_xlim(left=0)
        light_grid(ax)
    left.errorbar(livetime, excess, error, fmt="o-", color=BLUE, ecolor=INK, linewidth=1.2)
    right.plot(livetime, sqrt_ts, "o-", color=BLUE, linewidth=1.2)
    _set_floor(left, excess - error)
    _set_floor(right, sqrt_ts)
    right.legend(loc="lower right")
    return figure


def _set_floor(ax: Axes, values: np.ndarray) -> None:
    """An axis that begins at zero, or below the lowest negative value."""
    lowest = float(np.min(values[np.isfinite(values)], initial=0.0))
    ax.set_ylim(bottom=lowest - (0.05 * (ax.get_ylim()[1] - lowest) if lowest < 0 else 0.0))
