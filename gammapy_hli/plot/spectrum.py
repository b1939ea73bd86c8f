"""Spectral energy distribution: flux points, limits, best-fit model with its error band."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MultipleLocator

from gammapy_hli.plot.style import (
    GREEN,
    INK,
    MUTED,
    PALE_BLUE,
    SERIES,
    energy_axis,
    light_grid,
    new_figure,
    plain_label,
)

E2DNDE_LABEL = r"$E^2\,\mathrm{d}N/\mathrm{d}E$ [erg cm$^{-2}$ s$^{-1}$]"
Curve = Mapping[str, np.ndarray | str]
Points = Mapping[str, np.ndarray]


def plot_spectrum(curves: Sequence[Curve], points: Points | None, intrinsic: Points | None = None) -> Figure:
    """E² dN/dE of models and flux points; below, the distances of the points from the first model.

    Parameters
    ----------
    curves : sequence of mappings
        Each with ``label``, ``energy`` [TeV] and ``value``, ``low``, ``high`` [erg cm-2 s-1], all of one shape; low and
        high bound the one sigma band. The first is the main one: its band is filled, others are broken lines.
    points : mapping or None
        ``energy``, ``energy_min``, ``energy_max`` [TeV], ``value``, ``errn``, ``errp``, ``ul`` [erg cm-2 s-1] and
        ``is_ul`` (bool), one entry a point; points that are nan are left out. With ``pull``, the distance of each point
        from the first curve in units of its error, there is a second panel. With ``sensitivity`` [erg cm-2 s-1] the
        flux that would just be detected is drawn as steps where it is known.
    intrinsic : mapping or None
        As points, without the absorption on the way: open dots.
    """
    has_pulls = points is not None and bool(np.isfinite(points.get("pull", np.nan)).any())
    figure = new_figure(7.6, 5.2 if has_pulls else 4.4, left=0.85)
    if has_pulls:
        ratios = {"height_ratios": (3.6, 1), "hspace": 0.07}
        ax, low = figure.subplots(2, 1, sharex=True, gridspec_kw=ratios)
    else:
        ax = low = figure.subplots()
    handles: list[Line2D | Patch] = []
    for number, curve in enumerate(curves):
        handles += _draw_curve(ax, curve, number)
    if points is not None:
        handles += _draw_points(ax, points)
        handles += _draw_sensitivity(ax, points)
    if intrinsic is not None:
        handles += _draw_points(ax, intrinsic, "intrinsic ", is_open=True)
    if has_pulls:
        assert points is not None
        _draw_pulls(low, points)
        figure.align_ylabels()
    energy_axis(low)
    bounds = _bounds(curves, [each for each in (points, intrinsic) if each is not None])
    if bounds is not None:
        ax.set_yscale("log")
        ax.set_ylim(*bounds)
    ax.set_ylabel(E2DNDE_LABEL)
    if handles:
        ax.legend(handles=handles, loc="lower left")
    light_grid(ax)
    return figure


def _draw_curve(ax: Axes, curve: Curve, number: int) -> list[Line2D | Patch]:
    color = SERIES[number % len(SERIES)]
    energy, value, low, high = (np.asarray(curve[key], dtype=float) for key in ("energy", "value", "low", "high"))
    label = plain_label(str(curve["label"]))
    if number:
        (line,) = ax.plot(energy, value, "--", color=color, linewidth=1.2, label=label)
        return [line]
    (line,) = ax.plot(energy, value, color=color, label=label)
    if not (high > low).any():
        return [line]
    floor = 1e-6 * np.max(value[np.isfinite(value)], initial=1e-30)
    ax.fill_between(energy, np.maximum(low, floor), high, color=PALE_BLUE, alpha=0.75, linewidth=0)
    return [line, Patch(facecolor=PALE_BLUE, alpha=0.75, label="1 σ band")]


def _draw_sensitivity(ax: Axes, points: Points) -> list[Line2D]:
    """The flux that would just be detected in the bins of the points."""
    value = np.asarray(points.get("sensitivity", np.nan), dtype=float)
    there = np.isfinite(value)
    if not there.any():
        return []
    low, high = (np.asarray(points[key], dtype=float)[there] for key in ("energy_min", "energy_max"))
    ax.hlines(value[there], low, high, color=GREEN, linewidth=1.4, linestyle=":")
    return [Line2D([], [], color=GREEN, linewidth=1.4, linestyle=":", label="sensitivity")]


def _draw_points(ax: Axes, points: Points, kind: str = "", is_open: bool = False) -> list[Line2D | Patch]:
    """Measured points as dots with error bars, limits as arrows that point down."""
    look = {"markerfacecolor": "white"} if is_open else {}
    color = SERIES[1] if is_open else INK
    energy, value, ul = (np.asarray(points[key]) for key in ("energy", "value", "ul"))
    xerr = np.array([energy - points["energy_min"], points["energy_max"] - energy])
    real, limit = _real(points), _limits(points)
    handles: list[Line2D | Patch] = []
    if real.any():
        yerr = np.nan_to_num(np.array([points["errn"], points["errp"]])[:, real])
        bars = {"fmt": "o", "color": color, "linewidth": 1.2, "zorder": 3.5 if is_open else 4, **look}
        ax.errorbar(energy[real], value[real], yerr, xerr=xerr[:, real], **bars)
        handles.append(Line2D([], [], color=color, marker="o", linewidth=1.2, label=f"{kind}flux points", **look))
    if limit.any():
        arrow = {"uplims": True, "fmt": "none", "color": color, "alpha": 0.65, "linewidth": 1.2, "zorder": 3}
        ax.errorbar(energy[limit], ul[limit], yerr=0.3 * ul[limit], xerr=xerr[:, limit], capsize=2.5, **arrow)
        label = f"{kind}upper limits"
        handles.append(
            Line2D([], [], color=color, alpha=0.65, marker=r"$\downarrow$", markersize=9, linestyle="none", label=label)
        )
    return handles


def _real(points: Points) -> np.ndarray:
    return np.isfinite(points["value"]) & (np.asarray(points["value"]) > 0) & ~np.asarray(points["is_ul"], dtype=bool)


def _limits(points: Points) -> np.ndarray:
    return np.isfinite(points["ul"]) & (np.asarray(points["ul"]) > 0) & np.asarray(points["is_ul"], dtype=bool)


def _draw_pulls(ax: Axes, points: Points) -> None:
    pull = np.asarray(points["pull"], dtype=float)
    real = np.isfinite(pull) & _real(points)
    faint = np.isfinite(pull) & ~real
    ax.axhspan(-1, 1, color=MUTED, alpha=0.14, linewidth=0)
    ax.axhline(0, color=MUTED, linewidth=0.8)
    for mask, alpha in ((real, 1.0), (faint, 0.4)):
        ax.vlines(points["energy"][mask], 0, pull[mask], color=INK, linewidth=0.9, alpha=alpha)
        ax.plot(points["energy"][mask], pull[mask], "o", color=INK, alpha=alpha)
    limit = max(3.4, 1.2 * np.max(np.abs(pull[real | faint]), initial=0.0))
    ax.set_ylim(-limit, limit)
    ax.yaxis.set_major_locator(MultipleLocator(2 * max(1, round(limit / 4))))
    ax.set_ylabel("Pull [σ]")
    light_grid(ax)


def _bounds(curves: Sequence[Curve], sets: Sequence[Points]) -> tuple[float, float] | None:
    """Limits of the flux axis: all points and limits; of the curves not what falls far below them."""
    tops: list[float] = []
    bottoms: list[float] = []
    for points in sets:
        real, limit = _real(points), _limits(points)
        value = np.asarray(points["value"])[real]
        tops += [*(value + np.nan_to_num(np.asarray(points["errp"])[real])), *np.asarray(points["ul"])[limit]]
        bottoms += [*np.maximum(value - np.nan_to_num(np.asarray(points["errn"])[real]), 0.3 * value)]
        bottoms += [*(0.5 * np.asarray(points["ul"])[limit])]
        sensitivity = np.asarray(points.get("sensitivity", []), dtype=float)
        tops += [*sensitivity[np.isfinite(sensitivity)]]
    floors = [0.15 * min(bottoms)] if bottoms else []
    for curve in curves:
        value = np.asarray(curve["value"], dtype=float)
        value = value[np.isfinite(value) & (value > 0)]
        if len(value):
            tops.append(float(np.max(value)))
            bottoms.append(float(max(np.min(value), 1e-4 * np.max(value), *floors)))
    if not tops:
        return None
    return 0.5 * min(bottoms), 2.0 * max(tops)
