"""Counts in bins of energy with background, model and residuals."""

import numpy as np
from matplotlib.figure import Figure

from gammapy_hli.plot.style import BLUE, INK, MUTED, ORANGE, energy_axis, light_grid, new_figure


def plot_counts(
    edges: np.ndarray,
    counts: np.ndarray,
    background: np.ndarray,
    npred: np.ndarray,
    residuals: np.ndarray,
    used: np.ndarray,
) -> Figure:
    """Observed counts over the predicted ones, and the residual of each bin in units of sigma.

    Parameters
    ----------
    edges : ndarray, shape (n + 1,) [TeV]
        Edges of reconstructed energy.
    counts, background, npred, residuals : ndarray, shape (n,)
        Counts in the on region, background expected there, source and background of the model, signed root of the
        deviance.
    used : ndarray of bool, shape (n,)
        Bins that the fit used; the others are drawn pale.
    """
    figure = new_figure(6.4, 4.6)
    top, low = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.15))
    center = np.sqrt(edges[:-1] * edges[1:])
    shown_npred, shown_background = (np.where(used, values, np.nan) for values in (npred, background))
    top.stairs(shown_npred, edges, color=BLUE, linewidth=1.8, label="source + background", baseline=None)
    top.stairs(shown_background, edges, color=ORANGE, linewidth=1.2, fill=True, alpha=0.25, label="background")
    for mask, color, label in ((used & (counts > 0), INK, "counts"), (~used & (counts > 0), MUTED, "not in the fit")):
        if mask.any():
            span = (center - edges[:-1])[mask], (edges[1:] - center)[mask]
            top.errorbar(
                center[mask], counts[mask], np.sqrt(counts[mask]), xerr=span, fmt="o", color=color, label=label
            )
    top.set_yscale("log")
    positive = np.concatenate([counts[counts > 0], shown_npred[shown_npred > 0]])
    top.set_ylim(max(0.3, 0.4 * positive.min(initial=1.0)), 2.2 * positive.max(initial=1.0))
    top.set_ylabel("Counts per bin")
    top.legend(loc="upper right")
    light_grid(top)
    low.axhspan(-1, 1, color=MUTED, alpha=0.12, linewidth=0)
    low.axhline(0, color=MUTED, linewidth=0.8)
    low.plot(center[used], residuals[used], "o", color=INK)
    limit = max(3.4, 1.15 * np.nanmax(np.abs(residuals[used]), initial=0.0))
    low.set_ylim(-limit, limit)
    low.set_ylabel("Residual [σ]")
    light_grid(low)
    energy_axis(low, "Reconstructed energy [TeV]")
    return figure
