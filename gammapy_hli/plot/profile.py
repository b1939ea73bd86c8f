"""Counts along longitude and latitude through a source."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gammapy_hli.plot.style import BLUE, INK, MUTED, ORANGE, light_grid, new_figure


@dataclass(frozen=True, eq=False)
class Profile:
    """Counts in a band through a source, bin by bin along it.

    Attributes
    ----------
    label : str
        Of the axis, with the unit.
    edges : ndarray, shape (n + 1,) [deg]
        Offsets from the source; falling where they grow to the left.
    counts, background : ndarray, shape (n,)
    npred : ndarray, shape (n,), or None
        Background and sources together.
    """

    label: str
    edges: np.ndarray
    counts: np.ndarray
    background: np.ndarray
    npred: np.ndarray | None = None


def plot_profiles(profiles: Sequence[Profile]) -> Figure:
    """One panel a profile, with common counts."""
    figure = new_figure(2 * 5.4, 3.5, left=0.72)
    axes = np.atleast_1d(figure.subplots(1, len(profiles), sharey=True, gridspec_kw={"wspace": 0.06}))
    for ax, profile in zip(axes, profiles, strict=True):
        _draw(ax, profile)
    top = max(float(np.max(p.counts + np.sqrt(np.maximum(p.counts, 0)), initial=1.0)) for p in profiles)
    axes[0].set_ylim(0, 1.12 * top)
    axes[0].set_ylabel("Counts per bin")
    axes[-1].legend(loc="upper right")
    return figure


def _draw(ax: Axes, profile: Profile) -> None:
    low, high = np.minimum(profile.edges[:-1], profile.edges[1:]), np.maximum(profile.edges[:-1], profile.edges[1:])
    order = np.argsort(low)
    edges = np.append(low[order], high[order][-1])
    ax.stairs(profile.background[order], edges, color=ORANGE, linewidth=1.2, fill=True, alpha=0.3, label="background")
    if profile.npred is not None:
        ax.stairs(profile.npred[order], edges, color=BLUE, linewidth=1.8, baseline=None, label="model")
    center = 0.5 * (low + high)
    errors = np.sqrt(np.maximum(profile.counts, 0.0))
    ax.errorbar(center, profile.counts, errors, fmt="o", color=INK, markersize=3.2, linewidth=0.9, label="counts")
    ax.axvline(0.0, color=MUTED, linestyle="--", linewidth=0.9)
    ax.set_xlim(profile.edges[0], profile.edges[-1])
    ax.set_xlabel(profile.label)
    light_grid(ax)
