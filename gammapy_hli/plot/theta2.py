"""Distribution of the squared angle between events and the source position."""

import numpy as np
from matplotlib.figure import Figure

from gammapy_hli.plot.style import BLUE, INK, MUTED, ORANGE, light_grid, new_figure


def plot_theta2(edges: np.ndarray, on: np.ndarray, off: np.ndarray, off_error: np.ndarray, cut: float | None) -> Figure:
    """Events near the source over the normalized ones of the off positions.

    Parameters
    ----------
    edges : ndarray, shape (n + 1,) [deg2]
    on, off, off_error : ndarray, shape (n,)
        Events at the source; at the off positions, normalized; error of the latter.
    cut : float or None
        Squared radius of the on region [deg2], drawn as a line.
    """
    figure = new_figure(height=3.4)
    ax = figure.subplots()
    center = 0.5 * (edges[:-1] + edges[1:])
    ax.stairs(off, edges, fill=True, color=ORANGE, alpha=0.25, label="off, normalized")
    ax.errorbar(center, off, off_error, fmt="none", color=ORANGE, linewidth=1.0)
    ax.stairs(on, edges, color=BLUE, linewidth=1.2)
    ax.errorbar(center, on, np.sqrt(on), fmt="o", color=INK, markersize=3.5, label="on")
    if cut is not None:
        ax.axvline(cut, color=MUTED, linestyle="--", linewidth=1.0, label="edge of the on region")
    ax.set_xlim(0, edges[-1])
    ax.set_ylim(0, 1.3 * max(np.max(on + np.sqrt(on), initial=1.0), np.max(off + off_error, initial=1.0)))
    ax.set_xlabel(r"$\theta^2$ [deg$^2$]")
    ax.set_ylabel("Events per bin")
    ax.legend(loc="upper right")
    light_grid(ax)
    return figure
