"""Sketch of the sky: on region, off regions, pointings, exclusion."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from gammapy_hli.plot.style import INK, MUTED, RED, SERIES, light_grid, new_figure


def plot_sky(
    on: tuple[float, float, float],
    runs: Sequence[Mapping],
    center: tuple[float, float],
    excluded: Sequence[tuple[np.ndarray, np.ndarray]] = (),
) -> Figure:
    """On and off regions of all runs as offsets from the target.

    Parameters
    ----------
    on : tuple of float
        Longitude and latitude offset and radius of the on region [deg].
    runs : sequence of mappings
        Each with ``name``, ``pointing`` (offsets [deg]) and ``off``, an array (n, 3) of offsets and radius [deg].
    center : tuple of float
        icrs position of the target [deg]; for the labels.
    excluded : sequence of pairs of ndarray
        Outlines of excluded areas as offsets [deg].
    """
    figure = new_figure(5.2, 5.2)
    ax = figure.subplots()
    for number, (x, y) in enumerate(excluded):
        ax.fill(x, y, color=MUTED, alpha=0.18, linewidth=0, label="excluded" if number == 0 else None)
    for number, run in enumerate(runs):
        color = SERIES[(number + 1) % len(SERIES)]
        patches = PatchCollection([Circle((x, y), r) for x, y, r in run["off"]])
        patches.set(facecolor="none", edgecolor=color, linewidth=0.9, alpha=0.8)
        ax.add_collection(patches)
        label = f"run {run['name']}" if len(runs) <= 8 else None
        ax.plot(*run["pointing"], "+", color=color, markersize=9, markeredgewidth=1.6, label=label)
    ax.add_patch(Circle(on[:2], on[2], facecolor=RED, alpha=0.25, edgecolor=RED, linewidth=1.4, label="on region"))
    reach = _reach(on, runs)
    ax.set_xlim(reach, -reach)  # longitude grows to the left, as on the sky
    ax.set_ylim(-reach, reach)
    ax.set_aspect("equal")
    ax.set_xlabel(f"Offset in right ascension from {center[0]:.3f}° [deg]")
    ax.set_ylabel(f"Offset in declination from {center[1]:+.3f}° [deg]")
    if len(runs) > 8:
        ax.plot([], [], "+", color=INK, label=f"{len(runs)} pointings")
    ax.legend(loc="upper right", fontsize=8)
    light_grid(ax)
    return figure


def _reach(on: tuple[float, float, float], runs: Sequence[Mapping]) -> float:
    """Half width of the sketch that shows every region [deg]."""
    reach = 2.0 * on[2]
    for run in runs:
        if len(run["off"]):
            off = np.asarray(run["off"])
            reach = max(reach, float(np.max(np.abs(off[:, :2]) + off[:, 2:])))
        reach = max(reach, *(abs(value) for value in run["pointing"]))
    return 1.12 * reach
