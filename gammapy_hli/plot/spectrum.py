"""Spectral energy distribution: flux points, limits, best-fit model with its error band."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from gammapy_hli.plot.style import INK, PALE_BLUE, SERIES, energy_axis, light_grid, new_figure

E2DNDE_LABEL = r"$E^2\,\mathrm{d}N/\mathrm{d}E$ [erg cm$^{-2}$ s$^{-1}$]"


def plot_spectrum(curves: Sequence[Mapping[str, np.ndarray | str]], points: Mapping[str, np.ndarray] | None) -> Figure:
    """E² dN/dE of models and flux points.

    Parameters
    ----------
    curves : sequence of mappings
        Each with ``label``, ``energy`` [TeV] and ``value``, ``low``, ``high`` [erg cm-2 s-1], all of one shape; low and
        high bound the one sigma band.
    points : mapping or None
        ``energy``, ``energy_min``, ``energy_max`` [TeV], ``value``, ``errn``, ``errp``, ``ul`` [erg cm-2 s-1] and
        ``is_ul`` (bool), one entry a point; points that are nan are left out.
    """
    figure = new_figure(6.4, 4.6)
    ax = figure.subplots()
    tops: list[float] = []
    bottoms: list[float] = []
    for number, curve in enumerate(curves):
        color = SERIES[number % len(SERIES)]
        energy, value = np.asarray(curve["energy"]), np.asarray(curve["value"])
        low, high = np.asarray(curve["low"]), np.asarray(curve["high"])
        tiny = 1e-3 * np.nanmax(value)
        ax.fill_between(
            energy, np.maximum(low, tiny), high, color=PALE_BLUE if number == 0 else color, alpha=0.55, linewidth=0
        )
        ax.plot(energy, value, color=color, label=str(curve["label"]))
        tops.append(float(np.nanmax(high)))
        bottoms.append(float(np.nanmin(value)))
    if points is not None:
        _draw_points(ax, points, tops, bottoms)
    ax.set_yscale("log")
    energy_axis(ax)
    if tops:
        ax.set_ylim(0.4 * min(bottoms), 2.2 * max(tops))
    ax.set_ylabel(E2DNDE_LABEL)
    ax.legend(loc="lower left")
    light_grid(ax)
    return figure


def _draw_points(ax, points: Mapping[str, np.ndarray], tops: list[float], bottoms: list[float]) -> None:
    """Measured points as dots with error bars, limits as arrows that point down."""
    energy, value, is_ul, ul = (np.asarray(points[key]) for key in ("energy", "value", "is_ul", "ul"))
    xerr = np.array([energy - points["energy_min"], points["energy_max"] - energy])
    real = np.isfinite(value) & ~is_ul.astype(bool)
    limit = np.isfinite(ul) & is_ul.astype(bool)
    if real.any():
        yerr = np.array([points["errn"], points["errp"]])[:, real]
        ax.errorbar(
            energy[real], value[real], yerr, xerr=xerr[:, real], fmt="o", color=INK, label="flux points", zorder=4
        )
        tops.append(float(np.max(value[real] + yerr[1])))
        bottoms.append(float(np.min(np.maximum(value[real] - yerr[0], 0.5 * value[real]))))
    if limit.any():
        ax.errorbar(
            energy[limit],
            ul[limit],
            yerr=0.3 * ul[limit],
            xerr=xerr[:, limit],
            uplims=True,
            fmt="none",
            color=INK,
            alpha=0.65,
            label="upper limits",
            zorder=3,
        )
        tops.append(float(np.max(ul[limit])))
        bottoms.append(float(np.min(0.6 * ul[limit])))
