"""A spectral parameter of intervals against their flux, and against time."""

import numpy as np
from matplotlib.figure import Figure

from gammapy_hli.plot.style import BLUE, INK, MUTED, label_with_power, light_grid, new_figure, plain_label


def plot_against_flux(
    flux: np.ndarray, flux_err: np.ndarray, value: np.ndarray, error: np.ndarray, label: str, unit: str, mean: float
) -> Figure:
    """Values with errors against fluxes with errors, (n,) each; nan is left out. The line is the value of the fit."""
    figure = new_figure()
    axes = figure.subplots()
    axes.errorbar(flux, value, error, flux_err, fmt="o", color=BLUE, ecolor=MUTED, elinewidth=0.9)
    _finish(axes, label, mean)
    axes.set_xlabel(label_with_power([axes], "Flux", unit, axis="x"))
    return figure


def plot_against_time(
    time_min: np.ndarray, time_max: np.ndarray, value: np.ndarray, error: np.ndarray, label: str, mean: float
) -> Figure:
    """Values with errors against time [MJD], (n,) each. The line is the value of the fit."""
    figure = new_figure()
    axes = figure.subplots()
    zero = float(np.floor(np.min(time_min))) if len(time_min) else 0.0
    middle, half = 0.5 * (time_min + time_max) - zero, 0.5 * (time_max - time_min)
    axes.errorbar(middle, value, error, half, fmt="o", color=BLUE, ecolor=INK)
    _finish(axes, label, mean)
    axes.set_xlabel(f"Time [MJD − {zero:.0f}, TT]")
    return figure


def _finish(axes: object, label: str, mean: float) -> None:
    if np.isfinite(mean):
        axes.axhline(mean, color=MUTED, linestyle=":", linewidth=1.0)  # type: ignore[attr-defined]
    axes.set_ylabel(plain_label(label))  # type: ignore[attr-defined]
    light_grid(axes)  # type: ignore[arg-type]
