"""Sketch of the sky: on region, off regions, pointings, exclusion."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Patch

from gammapy_hli.plot.style import BLUE, HALF_WIDTH, MUTED, RED, SERIES, light_grid, new_figure, plain_label

MOST_COLORS = 6
"""Runs that get a color and a line in the legend each; more share one color."""
GRID = 201
LEGEND_COLUMNS = 4


def plot_sky(
    on: tuple[float, float, float],
    runs: Sequence[Mapping[str, Any]],
    center: tuple[float, float],
    excluded: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> Figure:
    """On and off regions of all runs as offsets from the target.

    Parameters
    ----------
    on : tuple of float
        Longitude and latitude offset and radius of the on region [deg].
    runs : sequence of mappings
        Each with ``name``, ``pointings``, an array (m, 2) of offsets [deg], and ``off``, an array (n, 3) of offsets and
        radius [deg].
    center : tuple of float
        icrs position of the target [deg]; for the labels.
    excluded : callable, optional
        From offsets (x, y) [deg] whether the sky there is excluded, as bool.
    """
    n_rows = -(-(2 + min(len(runs), MOST_COLORS)) // LEGEND_COLUMNS)
    side = HALF_WIDTH - 0.9
    figure = new_figure(HALF_WIDTH, side + 0.7 + 0.22 * n_rows, bottom=0.55 + 0.22 * n_rows, right=0.18)
    ax = figure.subplots()
    reach = _reach(on, runs)
    handles: list[Any] = []
    if excluded is not None and _draw_excluded(ax, excluded, reach):
        handles.append(Patch(facecolor=MUTED, alpha=0.3, label="excluded"))
    several = len(runs) <= MOST_COLORS
    for number, run in enumerate(runs):
        color = SERIES[number % len(SERIES)] if several else BLUE
        patches = PatchCollection([Circle((x, y), r) for x, y, r in run["off"]])
        patches.set(facecolor="none", edgecolor=color, linewidth=0.9, alpha=0.8 if several else 0.35)
        ax.add_collection(patches)
        pointings = np.asarray(run["pointings"], dtype=float).reshape(-1, 2)
        ax.plot(pointings[:, 0], pointings[:, 1], "+", color=color, markersize=9, markeredgewidth=1.6)
        if several:
            handles.append(_cross(color, plain_label(f"run {run['name']}")))
    if runs and not several:
        handles.append(_cross(BLUE, "pointings"))
    ax.add_patch(Circle(on[:2], on[2], facecolor=(*_rgb(RED), 0.3), edgecolor=RED, linewidth=1.4))
    handles.insert(0, Patch(facecolor=(*_rgb(RED), 0.3), edgecolor=RED, label="on region"))
    ax.set_xlim(reach, -reach)  # longitude grows to the left, as on the sky
    ax.set_ylim(-reach, reach)
    ax.set_aspect("equal")
    ax.set_xlabel(f"Offset in right ascension from {center[0]:.3f}° [deg]")
    ax.set_ylabel(f"Offset in declination from {center[1]:+.3f}° [deg]".replace("-", "−"))
    light_grid(ax)
    figure.legend(handles=handles, loc="lower center", ncols=LEGEND_COLUMNS, handlelength=1.2)
    return figure


def _draw_excluded(ax: Axes, excluded: Callable[[np.ndarray, np.ndarray], np.ndarray], reach: float) -> bool:
    """Gray areas; False where nothing in sight is excluded."""
    line = np.linspace(-reach, reach, GRID)
    x, y = np.meshgrid(line, line)
    is_excluded = np.asarray(excluded(x, y), dtype=float)
    if is_excluded.any():
        ax.contourf(x, y, is_excluded, levels=(0.5, 1.5), colors=[MUTED], alpha=0.3)
    return bool(is_excluded.any())


def _cross(color: str, label: str) -> Line2D:
    return Line2D([], [], color=color, marker="+", markersize=8, markeredgewidth=1.6, linestyle="none", label=label)


def _rgb(color: str) -> tuple[float, float, float]:
    red, green, blue = (int(color[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return red, green, blue


def _reach(on: tuple[float, float, float], runs: Sequence[Mapping[str, Any]]) -> float:
    """Half width of the sketch that shows every region [deg]."""
    reach = max(abs(on[0]), abs(on[1])) + 2.0 * on[2]
    for run in runs:
        off = np.asarray(run["off"], dtype=float).reshape(-1, 3)
        reach = max(reach, float(np.max(np.abs(off[:, :2]) + off[:, 2:], initial=0.0)))
        reach = max(reach, float(np.max(np.abs(run["pointings"]), initial=0.0)))
    return 1.12 * reach if reach > 0 else 1.0
