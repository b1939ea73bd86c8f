"""A map of the sky in its own projection: colors, contours, coordinates, sources, excluded sky, pointings.

Everything is drawn in pixel coordinates of the map, integers at the centers of pixels; the coordinates on the frame
come from the WCS.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import AsinhNorm, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse
from matplotlib.patheffects import withStroke

from gammapy_hli.plot.style import HALF_WIDTH, INK, MUTED, new_figure, plain_label

RISING, DIVERGING, PALE = "inferno", "RdBu_r", "pale"
_COLORS = {PALE: LinearSegmentedColormap.from_list(PALE, ["#fbfdff", "#cfe0f0", "#8fb4da", "#5c8fc4"])}
BAD = "#d9dee5"
"""Color of pixels without a value."""
LEVELS = (3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0, 75.0, 100.0, 150.0, 200.0)
SPECK = 6
"""Areas of fewer pixels above a level have no line around them: single pixels of noise."""
STEEP = 25.0
"""A peak that is this many times higher than the scatter is drawn with a stretch that keeps the faint part visible."""
LEFT, RIGHT, BOTTOM, TOP, BAR, GAP = 0.88, 0.7, 0.5, 0.14, 0.13, 0.09


@dataclass(frozen=True)
class Scale:
    """Colors and the values that they stand for; values beyond are drawn in the last color.

    Attributes
    ----------
    colors : str
        Name of a colormap.
    low, high : float
    width : float or None
        Where given, the stretch is linear up to here and logarithmic beyond (asinh).
    """

    colors: str
    low: float
    high: float
    width: float | None = None

    @property
    def is_dark(self) -> bool:
        """Whether the empty sky is dark, so that what is drawn on it must be light."""
        return self.colors == RISING

    def norm(self) -> Normalize:
        """As matplotlib takes it."""
        if self.width is None:
            return Normalize(self.low, self.high)
        return AsinhNorm(self.width, self.low, self.high)


def rising_scale(image: np.ndarray, colors: str = RISING) -> Scale:
    """For counts, excess, exposure: from the lowest to the highest value, without single deep pixels."""
    values = image[np.isfinite(image)]
    if not values.size or values.max() <= values.min():
        middle = float(values[0]) if values.size else 0.0
        return Scale(colors, middle - 0.5, middle + 0.5)
    low, high = float(np.percentile(values, 0.5)), float(values.max())
    scatter = float(np.percentile(values, 84) - np.percentile(values, 50))
    is_steep = colors == RISING and scatter > 0 and high - low > STEEP * scatter
    return Scale(colors, low, high if high > low else low + 1.0, 3.0 * scatter if is_steep else None)


def diverging_scale(image: np.ndarray, least: float = 5.0, most: float = 10.0) -> Scale:
    """For significances and residuals: white at zero, equal reach on both sides."""
    values = np.abs(image[np.isfinite(image)])
    reach = float(np.clip(values.max(initial=0.0), least, most))
    return Scale(DIVERGING, -reach, reach)


@dataclass(frozen=True, eq=False)
class Mark:
    """A source: its name, its pixel, and the closed line around an extended one, pixels of shape (n, 2)."""

    name: str
    x: float
    y: float
    outline: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Overlay:
    """What is drawn on top of a map; each part may be missing.

    Attributes
    ----------
    contours : ndarray, shape (ny, nx), or None
        Values whose lines of equal height are drawn.
    levels : tuple of float
        Their heights; those that the map does not reach are left out.
    allowed : ndarray of bool, shape (ny, nx), or None
        False where the sky is excluded from the background.
    marks : sequence of Mark
    pointings : ndarray, shape (n, 2)
        Pixels (x, y).
    circle : float or None
        Radius [pixels] of the correlation disk, drawn in a corner.
    """

    contours: np.ndarray | None = None
    levels: tuple[float, ...] = LEVELS
    allowed: np.ndarray | None = None
    marks: Sequence[Mark] = ()
    pointings: np.ndarray | None = None
    circle: float | None = None


def plot_sky_map(wcs: Any, image: np.ndarray, scale: Scale, label: str, overlay: Overlay | None = None) -> Figure:
    """One map with its color bar.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Celestial, of two axes.
    image : ndarray, shape (ny, nx)
    scale : Scale
    label : str
        Of the color bar, with the unit.
    overlay : Overlay, optional
    """
    from astropy.visualization.wcsaxes import WCSAxes  # late: only pages with maps need it

    ny, nx = image.shape
    room = HALF_WIDTH - LEFT - RIGHT - BAR - GAP
    width = min(room, 1.25 * room * nx / ny)
    height = width * ny / nx
    total = height + BOTTOM + TOP
    figure = new_figure(HALF_WIDTH, total)
    left = LEFT + 0.5 * (room - width)
    ax = WCSAxes(figure, (left / HALF_WIDTH, BOTTOM / total, width / HALF_WIDTH, height / total), wcs=wcs)
    figure.add_axes(ax)
    colors = (_COLORS.get(scale.colors) or mpl.colormaps[scale.colors]).with_extremes(bad=BAD)
    shown = np.ma.masked_invalid(image)
    drawn = ax.imshow(shown, cmap=colors, norm=scale.norm(), origin="lower", interpolation="none", aspect="auto")
    bar = figure.add_axes(((left + width + GAP) / HALF_WIDTH, BOTTOM / total, BAR / HALF_WIDTH, height / total))
    _draw_bar(figure, drawn, bar, scale, image, label)
    ax.set_xlim(-0.5, nx - 0.5)
    ax.set_ylim(-0.5, ny - 0.5)
    _draw_coordinates(ax, wcs, scale)
    _draw_overlay(ax, image.shape, scale, overlay or Overlay())
    return figure


def _draw_bar(figure: Figure, drawn: Any, bar: Any, scale: Scale, image: np.ndarray, label: str) -> None:
    values = image[np.isfinite(image)]
    above = values.size > 0 and values.max() > scale.high * (1 + 1e-6)
    below = values.size > 0 and scale.colors == DIVERGING and values.min() < scale.low * (1 + 1e-6)
    extend = {(True, True): "both", (True, False): "max", (False, True): "min"}.get((above, below), "neither")
    made = figure.colorbar(drawn, cax=bar, extend=extend, extendfrac=0.035)
    made.set_label(label)
    made.outline.set_linewidth(0.6)
    made.ax.tick_params(labelsize=8.5, length=3)
    if scale.width is not None:
        made.set_ticks(_asinh_ticks(scale))
        made.ax.minorticks_off()
    made.ax.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))


def _asinh_ticks(scale: Scale) -> list[float]:
    """Zero and round numbers of which neighbors lie well apart on the bar."""
    norm = scale.norm()
    top = math.ceil(math.log10(scale.high))
    ticks = [0.0] if scale.low <= 0 else []
    for value in (factor * 10.0**power for power in range(top - 4, top + 1) for factor in (1, 2, 5)):
        if max(scale.low, 0.0) <= value <= scale.high and all(
            abs(float(norm(value)) - float(norm(tick))) > 0.085 for tick in ticks
        ):
            ticks.append(value)
    return ticks


def _draw_coordinates(ax: Any, wcs: Any, scale: Scale) -> None:
    lon, lat = ax.coords
    is_galactic = "GLON" in wcs.wcs.ctype[0]
    lon.set_axislabel("Galactic longitude" if is_galactic else "Right ascension", minpad=0.7)
    lat.set_axislabel("Galactic latitude" if is_galactic else "Declination", minpad=0.5)
    for axis in (lon, lat):
        axis.set_ticks(number=6)
        axis.set_ticklabel(size=8.5, exclude_overlapping=True)
        axis.set_ticks_position("all")
        axis.tick_params(direction="in", length=4, width=0.7, color="white" if scale.is_dark else INK)
        axis.grid(color="white" if scale.is_dark else INK, alpha=0.22, linewidth=0.5, linestyle="solid")
    if is_galactic:
        lon.set_major_formatter("d.d")
        lat.set_major_formatter("d.d")
    ax.coords.frame.set_linewidth(0.8)
    ax.coords.frame.set_color(INK)


def _draw_overlay(ax: Any, shape: tuple[int, ...], scale: Scale, overlay: Overlay) -> None:
    ny, nx = shape
    line = "white" if scale.is_dark else INK
    halo = [withStroke(linewidth=2.2, foreground=INK if scale.is_dark else "white", alpha=0.75)]
    if overlay.contours is not None:
        for level in (level for level in overlay.levels if has_line(overlay.contours, level)):
            areas = without_specks(overlay.contours, level)
            ax.contour(areas, levels=[level], colors=line, linewidths=0.8, alpha=0.85)
    if overlay.allowed is not None and not overlay.allowed.all() and overlay.allowed.any():
        excluded = (~overlay.allowed).astype(float)
        ax.contour(excluded, levels=[0.5], colors=line, linewidths=1.1, linestyles="dashed", alpha=0.9)
    if overlay.pointings is not None and len(overlay.pointings):
        ax.plot(*overlay.pointings.T, "+", color=line, markersize=9, markeredgewidth=1.5, path_effects=halo)
    for mark in overlay.marks:
        _draw_mark(ax, mark, (ny, nx), line, halo)
    if overlay.circle is not None:
        _draw_circle(ax, overlay.circle, (ny, nx), line)


def without_specks(image: np.ndarray, level: float) -> np.ndarray:
    """The image with connected areas beyond a level that have fewer than `SPECK` pixels cut down to it; nan as 0.

    Beyond is above, and below for a negative level.
    """
    from scipy.ndimage import label  # late: only pages with maps need it

    sign, height = (-1.0 if level < 0 else 1.0), abs(level)
    values = sign * np.nan_to_num(image)
    areas, _ = label(values > height, structure=np.ones((3, 3)))
    is_small = np.bincount(areas.ravel()) < SPECK
    is_small[0] = False
    return sign * np.where(is_small[areas], np.minimum(values, height * (1 - 1e-6)), values)


def has_line(image: np.ndarray, level: float) -> bool:
    """Whether an area of `SPECK` pixels or more lies beyond a level, and not the whole image does."""
    sign, height = (-1.0 if level < 0 else 1.0), abs(level)
    beyond = sign * without_specks(image, level) > height
    return bool(beyond.any() and not beyond.all())


def _draw_mark(ax: Any, mark: Mark, shape: tuple[int, int], line: str, halo: list[Any]) -> None:
    nx = shape[1]
    reach = 0.0
    if mark.outline is not None and len(mark.outline):
        ax.plot(*mark.outline.T, color=line, linewidth=1.1, path_effects=halo)
        reach = float(np.max(mark.outline[:, 1]) - mark.y)
    ax.plot([mark.x], [mark.y], "x", color=line, markersize=6, markeredgewidth=1.4, path_effects=halo)
    if not mark.name:
        return
    is_right = mark.x > 0.8 * nx
    ax.annotate(
        plain_label(mark.name),
        (mark.x, mark.y + reach),
        xytext=(-13 if is_right else 13, 12 if reach == 0 else 4),
        textcoords="offset points",
        ha="right" if is_right else "left",
        color=line,
        fontsize=9,
        path_effects=halo,
        annotation_clip=True,
    )


def _draw_circle(ax: Any, radius: float, shape: tuple[int, int], line: str) -> None:
    ny, nx = shape
    margin = 0.04 * max(nx, ny)
    if radius > 0.25 * min(nx, ny):
        return
    center = (radius + margin, radius + margin)
    face = (1, 1, 1, 0.35) if line == "white" else (*mpl.colors.to_rgb(MUTED), 0.35)
    ax.add_patch(Ellipse(center, 2 * radius, 2 * radius, facecolor=face, edgecolor=line, linewidth=0.9))
