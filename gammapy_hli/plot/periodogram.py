"""Power of a periodogram against the period."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from gammapy_hli.plot.style import MUTED, RED, SERIES, light_grid, new_figure

UNITS = (("s", 1.0), ("min", 60.0), ("h", 3600.0), ("d", 86400.0), ("yr", 31557600.0))


def plot_periodogram(
    frequency: np.ndarray,
    power: np.ndarray,
    labels: Sequence[str],
    best: np.ndarray,
    level: float | None,
    chance: float,
) -> Figure:
    """One curve a band, its highest peak marked, and the power that chance reaches.

    Parameters
    ----------
    frequency : array (n,) [Hz]
    power : array (n, n_bands)
    labels : sequence of str
    best : array (n_bands,) [Hz]
        Frequencies of the highest peaks; nan for none.
    level : float or None
        Power that a constant source reaches with a ``chance`` anywhere.
    """
    figure = new_figure()
    axes = figure.subplots()
    name, seconds = period_unit(1 / frequency) if len(frequency) else UNITS[0]
    for band, label in enumerate(labels):
        color = SERIES[band % len(SERIES)]
        if len(frequency) and np.isfinite(power[:, band]).any():
            axes.plot(1 / frequency / seconds, power[:, band], color=color, linewidth=1.0, label=label)
            if np.isfinite(best[band]):
                axes.axvline(1 / best[band] / seconds, color=color, linestyle=":", linewidth=1.0)
    if level is not None and np.isfinite(level):
        axes.axhline(level, color=RED, linewidth=0.9, linestyle="--", label=f"false alarm {chance:g}")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(0, 1.3 * max(axes.get_ylim()[1], level or 0.0) if axes.lines else None)
    axes.set_xlabel(f"Period [{name}]")
    axes.set_ylabel("Power")
    light_grid(axes)
    if axes.lines:
        axes.legend(loc="upper left", labelcolor=MUTED, ncols=2)
    return figure


def period_unit(periods: np.ndarray) -> tuple[str, float]:
    """Name and seconds of the unit in which the middle of some periods [s] is a handy number."""
    middle = float(np.sqrt(np.min(periods) * np.max(periods)))
    return max((each for each in UNITS if each[1] <= max(middle, 1.0)), key=lambda each: each[1])
