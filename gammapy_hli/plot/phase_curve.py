"""Flux against phase, one panel a band of energy."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from gammapy_hli.plot.light_curve import draw_band
from gammapy_hli.plot.style import label_with_power, light_grid, new_figure


def plot_phase_curve(
    phase_min: np.ndarray, phase_max: np.ndarray, bands: Sequence[Mapping[str, np.ndarray | str | float]], unit: str
) -> Figure:
    """Fluxes of all bins of phase, limits as arrows, and the mean as a line; bands as in `plot_light_curve`."""
    figure = new_figure(height=1.0 + 1.9 * max(len(bands), 1))
    panels = np.atleast_1d(figure.subplots(max(len(bands), 1), 1, sharex=True))
    for number, (panel, band) in enumerate(zip(panels, bands, strict=False)):
        draw_band(panel, 0.5 * (phase_min + phase_max), 0.5 * (phase_max - phase_min), band, number)
    for panel in panels:
        light_grid(panel)
    figure.supylabel(label_with_power(list(panels), "Flux", unit), fontsize=9.5)
    panels[-1].set_xlabel("Phase")
    if len(phase_min):
        panels[-1].set_xlim(float(phase_min[0]), float(phase_max[-1]))
    return figure
