"""Flux against time, one panel a band of energy."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gammapy_hli.plot.style import INK, MUTED, SERIES, label_with_power, light_grid, new_figure


def plot_light_curve(
    time_min: np.ndarray, time_max: np.ndarray, bands: Sequence[Mapping[str, np.ndarray | str | float]], unit: str
) -> Figure:
    """Fluxes of all intervals, limits as arrows, and the mean as a line.

    Parameters
    ----------
    time_min, time_max : arrays (n,) [MJD, TT]
        Edges of the intervals.
    bands : sequence of mappings
        Each with ``label``, ``flux``, ``errn``, ``errp``, ``ul`` (n,), ``is_ul`` (bool, n) and ``mean``.
    unit : str
        Unit of the fluxes, for the label.
    """
    figure = new_figure(8.6, 1.2 + 2.1 * len(bands))
    panels = np.atleast_1d(figure.subplots(len(bands), 1, sharex=True))
    zero = float(np.floor(np.min(time_min))) if len(time_min) else 0.0
    middle, half = 0.5 * (time_min + time_max) - zero, 0.5 * (time_max - time_min)
    for number, (panel, band) in enumerate(zip(panels, bands, strict=True)):
        draw_band(panel, middle, half, band, number)
        light_grid(panel)
    figure.supylabel(label_with_power(list(panels), "Flux", unit), fontsize=9.5)
    panels[-1].set_xlabel(f"Time [MJD − {zero:.0f}, TT]")
    return figure


def draw_band(
    panel: Axes, middle: np.ndarray, half: np.ndarray, band: Mapping[str, np.ndarray | str | float], number: int
) -> None:
    """Fluxes, limits, mean and label of one band in its panel; x is what the caller takes it for."""
    flux, ul, is_ul = (np.asarray(band[key]) for key in ("flux", "ul", "is_ul"))
    color = SERIES[number % len(SERIES)]
    real, limit = np.isfinite(flux) & ~is_ul.astype(bool), np.isfinite(ul) & is_ul.astype(bool)
    if np.isfinite(float(band["mean"])):  # type: ignore[arg-type]
        panel.axhline(float(band["mean"]), color=MUTED, linestyle=":", linewidth=1.0)  # type: ignore[arg-type]
    if real.any():
        yerr = np.array([band["errn"], band["errp"]], dtype=float)[:, real]
        panel.errorbar(middle[real], flux[real], np.nan_to_num(yerr), half[real], fmt="o", color=color, ecolor=INK)
    if limit.any():
        panel.errorbar(
            middle[limit], ul[limit], 0.2 * ul[limit], half[limit], uplims=True, fmt="none", color=INK, alpha=0.6
        )
    panel.set_ylim(0, panel.get_ylim()[1] / 0.86)  # the label stands above all points
    panel.text(0.99, 0.97, str(band["label"]), transform=panel.transAxes, ha="right", va="top", color=INK)
