"""Light curve: flux against time, one panel a band of energy."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gammapy_hli.plot.style import INK, MUTED, SERIES, light_grid, new_figure, plain_label

Curve = Mapping[str, np.ndarray]


def plot_light_curve(curve: Curve, labels: list[str], time_label: str = "MJD (TT)") -> Figure:
    """Fluxes with errors, upper limits as arrows, and the mean of each band as a line.

    Parameters
    ----------
    curve : mapping
        ``time_min``, ``time_max`` (n_time,) [d]; ``value``, ``errn``, ``errp``, ``ul`` [cm-2 s-1] and ``is_ul`` (bool),
        each (n_time, n_energy); points that are nan are left out.
    labels : list of str
        One a band.
    time_label : str
        Label of the time axis; days are counted from the whole day before the first point.
    """
    n_bands = np.shape(curve["value"])[1]
    figure = new_figure(7.6, 0.9 + 2.1 * n_bands, left=0.85, bottom=0.55)
    panels = figure.subplots(n_bands, 1, sharex=True, squeeze=False, gridspec_kw={"hspace": 0.12})[:, 0]
    first = float(np.floor(np.min(curve["time_min"]))) if len(curve["time_min"]) else 0.0
    low, high = curve["time_min"] - first, curve["time_max"] - first
    for band, ax in enumerate(panels):
        _draw_band(ax, curve, band, low, high)
        ax.set_ylabel("Flux [cm$^{-2}$ s$^{-1}$]")
        ax.set_title(plain_label(labels[band]), fontsize=9, color=MUTED)
        light_grid(ax)
    panels[-1].set_xlabel(f"{time_label} - {first:.0f} [d]")
    return figure


def _draw_band(ax: Axes, curve: Curve, band: int, low: np.ndarray, high: np.ndarray) -> None:
    value, ul, is_ul = (np.asarray(curve[name])[:, band] for name in ("value", "ul", "is_ul"))
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    real, limit = np.isfinite(value) & ~is_ul, np.isfinite(ul) & is_ul
    color = SERIES[band % len(SERIES)]
    if real.any():
        yerr = np.nan_to_num(np.array([curve["errn"][real, band], curve["errp"][real, band]]))
        ax.errorbar(middle[real], value[real], yerr, xerr=half[real], fmt="o", color=color, linewidth=1.2, zorder=3)
        ax.axhline(float(np.mean(value[np.isfinite(value)])), color=MUTED, linewidth=0.8, linestyle="--")
    if limit.any():
        arrow = {"uplims": True, "fmt": "none", "color": INK, "alpha": 0.65, "linewidth": 1.2}
        ax.errorbar(middle[limit], ul[limit], yerr=0.3 * ul[limit], xerr=half[limit], capsize=2.5, **arrow)
    ax.axhline(0.0, color=MUTED, linewidth=0.6)
