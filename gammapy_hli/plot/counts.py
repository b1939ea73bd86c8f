"""Counts in bins of energy with background, model and residuals."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from gammapy_hli.plot.style import BLUE, INK, MUTED, ORANGE, energy_axis, light_grid, new_figure

MANY = 1e4
"""Ticks from here on are written as powers of ten."""


def plot_counts(
    edges: np.ndarray,
    counts: np.ndarray,
    counts_unused: np.ndarray,
    background: np.ndarray,
    npred: np.ndarray,
    residuals: np.ndarray,
    used: np.ndarray,
    color: str = BLUE,
) -> Figure:
    """Observed counts over the predicted ones, and the residual of each bin in units of sigma.

    Parameters
    ----------
    edges : ndarray, shape (n + 1,) [TeV]
        Edges of reconstructed energy.
    counts, counts_unused : ndarray, shape (n,)
        Counts in the on region that the fit used, and those that it did not; the latter are drawn pale.
    background, npred : ndarray, shape (n,)
        Background that is expected there, and background and source together.
    residuals : ndarray, shape (n,)
        Signed root of the deviance; nan where there is none.
    used : ndarray of bool, shape (n,)
        Bins that the fit used.
    color : str
        Of the model.
    """
    figure = new_figure(height=4.2)
    top, low = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 1.15), "hspace": 0.07})
    shown_npred, shown_background = (np.where(used, values, np.nan) for values in (npred, background))
    if np.isfinite(shown_npred).any():
        top.stairs(shown_background, edges, color=ORANGE, linewidth=1.2, fill=True, alpha=0.3, label="background")
        top.stairs(shown_npred, edges, color=color, linewidth=1.8, label="source + background", baseline=None)
    _draw_counts(top, edges, counts, used, INK, "counts")
    _draw_counts(top, edges, counts_unused, counts_unused > 0, MUTED, "counts not in the fit")
    highest = max(np.max(values[np.isfinite(values)], initial=1.0) for values in (counts, counts_unused, shown_npred))
    highest_error = highest + np.sqrt(highest)
    top.set_yscale("symlog", linthresh=1.0, linscale=0.6)
    top.set_ylim(-0.12, 2.5 * highest_error)
    ticks = [0, *(10.0**k for k in range(int(np.floor(np.log10(2.5 * highest_error))) + 1))]
    top.set_yticks(ticks, [f"{tick:g}" if tick < MANY else f"$10^{{{np.log10(tick):.0f}}}$" for tick in ticks])
    top.set_ylabel("Counts per bin")
    figure.align_ylabels()
    if top.get_legend_handles_labels()[0]:
        top.legend(loc="upper right")
    light_grid(top)
    _draw_residuals(low, edges, residuals)
    energy_axis(low, "Reconstructed energy [TeV]")
    low.set_xlim(edges[0], edges[-1])
    return figure


def _draw_counts(ax: Axes, edges: np.ndarray, counts: np.ndarray, shown: np.ndarray, color: str, label: str) -> None:
    """Counts with Poisson errors: the roots of the counts, for none where the deviance has grown by one."""
    if not shown.any():
        return
    center = np.sqrt(edges[:-1] * edges[1:])
    number = counts[shown]
    span = [(center - edges[:-1])[shown].tolist(), (edges[1:] - center)[shown].tolist()]
    errors = [np.sqrt(number).tolist(), np.where(number > 0, np.sqrt(number), 0.5).tolist()]
    # lists: matplotlib 3.10 takes rows of arrays of one bin for numbers
    ax.errorbar(center[shown], number, errors, xerr=span, fmt="o", color=color, label=label, zorder=3, clip_on=True)


def _draw_residuals(ax: Axes, edges: np.ndarray, residuals: np.ndarray) -> None:
    center = np.sqrt(edges[:-1] * edges[1:])
    there = np.isfinite(residuals)
    ax.axhspan(-1, 1, color=MUTED, alpha=0.14, linewidth=0)
    ax.axhline(0, color=MUTED, linewidth=0.8)
    ax.vlines(center[there], 0, residuals[there], color=INK, linewidth=0.9)
    ax.plot(center[there], residuals[there], "o", color=INK)
    limit = max(3.4, 1.2 * np.max(np.abs(residuals[there]), initial=0.0))
    ax.set_ylim(-limit, limit)
    ax.yaxis.set_major_locator(MultipleLocator(2 * max(1, round(limit / 4))))
    ax.set_ylabel("Residual [σ]")
    light_grid(ax)
