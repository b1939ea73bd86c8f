"""One look for all figures: colors, fonts, axes, and the way a figure becomes inline SVG.

Figures are made with matplotlib's object interface; pyplot and its global state are not used. The SVG holds no date and
no random identifiers, so that the same numbers give the same bytes.
"""

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from gammapy_hli.base.names import slug

INK = "#1b2a41"  # text, axes, data points
MUTED = "#7b8794"  # secondary text, grids, guides
BLUE = "#2463a6"  # source, model
ORANGE = "#d9722e"  # background, off
GREEN = "#2f8f6b"  # third series
RED = "#b3324b"  # limits, warnings
PALE_BLUE = "#bcd3ea"  # bands
SERIES = (BLUE, ORANGE, GREEN, "#7a5ba6", "#a3862a", "#4aa3b8", "#8d5a4a")

_RC: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.direction": "out",
    "ytick.direction": "out",
    "xtick.minor.visible": False,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "errorbar.capsize": 0,
    "svg.fonttype": "path",
    "svg.hashsalt": "gammapy_hli",
    "mathtext.fontset": "dejavusans",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw inside this block with the look of the package; settings of the caller come back afterwards."""
    with mpl.rc_context(_RC):
        yield


HALF_WIDTH = 5.4
"""Width [inch] of a figure that stands beside another one; a wider one that stands alone is scaled to the same text."""


def new_figure(
    width: float = HALF_WIDTH,
    height: float = 3.6,
    *,
    left: float = 0.72,
    right: float = 0.16,
    bottom: float = 0.5,
    top: float = 0.14,
) -> Figure:
    """An empty figure with margins for tick labels and axis labels; all in inches.

    The margins are given and not found by trial (matplotlib's layout engines), which draws everything once only.
    """
    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(left / width, bottom / height, 1 - right / width, 1 - top / height)
    return figure


def figure_svg(figure: Figure, name: str = "figure") -> str:
    """The figure as SVG text without the XML prologue, ready to stand inside an HTML page.

    Parameters
    ----------
    figure : Figure
    name : str
        Put before all identifiers, so that several figures can stand in one page; differs from figure to figure.
    """
    buffer = io.StringIO()
    with mpl.rc_context(_RC):
        FigureCanvasSVG(figure).print_svg(
            buffer, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    text = buffer.getvalue()
    return _tidy(text[text.index("<svg") :], slug(name))


def _tidy(svg: str, name: str) -> str:
    """SVG without comments, with only the identifiers that are referred to, under names of this figure."""
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    wanted = set(re.findall(r'(?:xlink:href="#|url\(#)([^")]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in wanted else "", svg)
    svg = re.sub(r'(xlink:href="#|url\(#)([^")]+)', rf"\g<1>{name}-\g<2>", svg)
    return re.sub(r"\n\s*", "\n", svg)


def plain_label(text: str) -> str:
    """Text of a user as a label: never read as a formula."""
    return text.replace("$", r"\$")


def label_with_power(axes: Sequence[Axes], text: str, unit: str, axis: str = "y") -> str:
    """The label of an axis with the power of ten of its numbers, which the ticks then leave out.

    Parameters
    ----------
    axes : sequence of Axes
        All that share the label; their limits must be set.
    text, unit : str
    axis : "x" or "y"
    """
    top = max((abs(edge) for ax in axes for edge in getattr(ax, f"get_{axis}lim")()), default=0.0)
    power = math.floor(math.log10(top)) if top > 0 else 0
    if -3 <= power <= 3:
        return f"{text} [{unit}]" if unit else text
    for ax in axes:
        getattr(ax, f"{axis}axis").set_major_formatter(
            mpl.ticker.FuncFormatter(lambda value, _: f"{value / 10.0**power:.6g}".replace("-", "−"))
        )
    return f"{text} [$10^{{{power}}}$ {unit}]".replace(" ]", "]")


def light_grid(ax: Axes, axis: str = "both") -> None:
    """A grid that does not shout."""
    ax.grid(visible=True, axis=axis, color=MUTED, alpha=0.22, linewidth=0.6)


def energy_axis(ax: Axes, label: str = "Energy [TeV]") -> None:
    """A logarithmic energy axis with plain numbers on its ticks."""
    ax.set_xscale("log")
    ax.set_xlabel(label)
    ax.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
