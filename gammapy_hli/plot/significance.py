"""Distribution of the significance of the pixels of a map, beside the normal one."""

import numpy as np
from matplotlib.figure import Figure

from gammapy_hli.plot.style import BLUE, INK, MUTED, PALE_BLUE, light_grid, new_figure

REACH = (-6.0, 12.0)


def plot_significance(
    edges: np.ndarray, everywhere: np.ndarray, off: np.ndarray | None, mean: float, std: float
) -> Figure:
    """Pixels per bin of significance.

    Parameters
    ----------
    edges : ndarray, shape (n + 1,)
    everywhere : ndarray, shape (n,)
        Of all pixels.
    off : ndarray, shape (n,), or None
        Of those outside of the excluded sky.
    mean, std : float
        Normal distribution of the latter (of all where there is no exclusion).
    """
    figure = new_figure(height=3.4)
    ax = figure.subplots()
    fitted = everywhere if off is None else off
    ax.stairs(everywhere, edges, fill=True, color=PALE_BLUE, label="all pixels")
    ax.stairs(everywhere, edges, color=BLUE, linewidth=1.0)
    if off is not None:
        ax.stairs(off, edges, color=INK, linewidth=1.3, label="off the exclusion")
    widths = np.diff(edges)
    fine = np.linspace(*REACH, 400)
    area = float(fitted.sum() * np.mean(widths))
    if np.isfinite(mean) and std > 0 and area > 0:
        text = f"normal: mean {mean:.2f}, width {std:.2f}".replace("-", "−")
        ax.plot(fine, area * _normal(fine, mean, std), color="#b3324b", linewidth=1.6, label=text)
        ax.plot(fine, area * _normal(fine, 0.0, 1.0), ":", color=MUTED, linewidth=1.3, label="mean 0, width 1")
    highest = max(float(np.max(everywhere, initial=1.0)), 1.0)
    ax.set_yscale("log")
    ax.set_ylim(0.6, 12 * highest)
    ax.set_xlim(max(edges[0], REACH[0]), max(min(edges[-1], REACH[1]), 6.0))
    ax.set_xlabel("Significance [σ]")
    ax.set_ylabel("Pixels per bin")
    ax.legend(loc="upper right", ncols=2)
    light_grid(ax)
    return figure


def _normal(x: np.ndarray, mean: float, std: float) -> np.ndarray:
    return np.asarray(np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2 * np.pi)))
