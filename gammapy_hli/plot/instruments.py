"""How well one model describes each of several instruments."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from gammapy_hli.plot.style import MUTED, ORANGE, SERIES, energy_axis, light_grid, new_figure, plain_label

COLORS = tuple(color for color in SERIES if color != ORANGE)
"""Of instruments; the color of backgrounds is none of them."""


@dataclass(frozen=True)
class InstrumentBins:
    """Excess of one instrument over what the model predicts there, in bins of reconstructed energy; arrays (n,).

    Attributes
    ----------
    name : str
    low, high : ndarray [TeV]
        Edges of the bins.
    ratio, error : ndarray
        Excess divided by the predicted signal, nuisances included; nan where there is none.
    """

    name: str
    low: np.ndarray
    high: np.ndarray
    ratio: np.ndarray
    error: np.ndarray


def instrument_color(number: int) -> str:
    """Color of an instrument by its place."""
    return COLORS[number % len(COLORS)]


def plot_instruments(instruments: Sequence[InstrumentBins]) -> Figure:
    """Excess over predicted signal of each instrument; one where the model is right."""
    figure = new_figure(height=3.0)
    ax = figure.subplots()
    ax.axhline(1.0, color=MUTED, linewidth=0.9)
    highest = 2.0
    for number, bins in enumerate(instruments):
        there = np.isfinite(bins.ratio)
        # a little beside each other, so that equal bins do not hide each other
        shift = (number - 0.5 * (len(instruments) - 1)) * 0.12
        center = np.sqrt(bins.low * bins.high) * (bins.high / bins.low) ** shift
        span = (center - bins.low)[there], (bins.high - center)[there]
        color = instrument_color(number)
        ax.errorbar(
            center[there], bins.ratio[there], bins.error[there], xerr=np.maximum(span, 0), fmt="o", color=color,
            label=plain_label(bins.name), linewidth=1.2,
        )  # fmt: skip
        sure = there & (bins.error < 1.0)
        highest = max(highest, float(np.max((bins.ratio + bins.error)[sure], initial=highest)))
    ax.set_ylim(-0.5, min(highest * 1.1, 5.0))
    ax.set_ylabel("Excess / predicted signal")
    energy_axis(ax, "Reconstructed energy [TeV]")
    ax.legend(loc="upper left")
    light_grid(ax)
    return figure
