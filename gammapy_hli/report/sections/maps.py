"""Maps of the sky: counts, excess, significance, residuals of the model, test statistic, exposure."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gammapy_hli.base.counted import counted
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.plot.sky_map import (
    LEVELS,
    PALE,
    RISING,
    Mark,
    Overlay,
    Scale,
    diverging_scale,
    has_line,
    plot_sky_map,
    rising_scale,
)
from gammapy_hli.plot.style import figure_svg
from gammapy_hli.report.blocks import FigureBlock, Figures, Section
from gammapy_hli.report.map_view import MapLayers, MapView, source_outline
from gammapy_hli.report.material import Material
from gammapy_hli.report.number_text import fixed, superscript, unit_text
from gammapy_hli.report.sections.peaks import peaks_table

MOST_BANDS = 6
SMOOTHING = 0.05
"""Width of the Gaussian that counts are smeared with [deg]; at least a pixel."""
RESIDUAL_LEVELS = (-5.0, -3.0, 3.0, 5.0, 7.0)
MANY_DIGITS = (1e-2, 1e5)
"""Values below and above are shown with a power of ten in front."""
EXPOSURE_SHARES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Layer:
    """How one map of a maps step is shown."""

    title: str
    label: str
    colors: str
    contours: str = ""
    levels: tuple[float, ...] = LEVELS
    words: str = ""
    is_disk: bool = True


IN_TURN = "of a source put on every pixel in turn"
SHOWN = {
    "excess": Layer("Excess", "Excess [counts]", RISING, "significance", words="contours of significance"),
    "significance": Layer("Significance", "Significance [σ]", "", "significance"),
    "residual_significance": Layer(
        "Residual", "Residual [σ]", "", "residual_significance", RESIDUAL_LEVELS, "counts against the fitted model"
    ),
    "sqrt_ts": Layer("Test statistic", "√TS", RISING, "sqrt_ts", words=IN_TURN, is_disk=False),
    "flux": Layer("Flux", "Flux", RISING, "sqrt_ts", words=IN_TURN, is_disk=False),
    "flux_ul": Layer("Upper limit of the flux", "Upper limit of the flux", PALE, words=IN_TURN, is_disk=False),
    "excess_ul": Layer("Upper limit of the excess", "Upper limit of the excess [counts]", PALE),
}
"""By name of the map, in the order of the page; others (counts, background, errors) are not shown."""


def maps_section(material: Material) -> Section | None:
    """All maps of every view of the sky, and those of maps steps that stand alone."""
    figures: list[FigureBlock] = []
    for view in material.map_views:
        figures += _counts_figures(view)
        for layers in view.layers:
            figures += _layer_figures(layers, view)
    for layers in material.layers_of(None):
        figures += _layer_figures(layers, None)
    figures += [figure for view in material.map_views if (figure := _exposure_figure(view)) is not None]
    if not figures:
        return None
    found: list[tuple[MapLayers, MapView | None]]
    found = [(layers, view) for view in material.map_views for layers in view.layers]
    found += [(layers, None) for layers in material.layers_of(None)]
    tables = [peaks_table(layers, view) for layers, view in found if layers.peaks is not None]
    return Section("maps", "Sky maps", [Figures(figures), *tables], _intro(material))


def _intro(material: Material) -> str:
    parts = ["Every map is drawn in its own projection, one pixel as one square."]
    steps = [layers for view in material.map_views for layers in view.layers] + list(material.layers_of(None))
    radii = {f"{layers.radius.to_value('deg'):g}" for layers in steps if layers.radius is not None}
    if len(radii) == 1:
        parts.append(
            f"Excess, significance and residuals are sums over a disk of {radii.pop()}° around each pixel (drawn in "
            "the corner): pixels closer than that are not independent."
        )
    if any(view.allowed is not None for view in material.map_views):
        parts.append("The dashed line surrounds the sky that is kept out of the background.")
    parts += [_search_words(view.exclusion.meta) for view in material.map_views if view.exclusion is not None]
    if any(view.sources for view in material.map_views):
        parts.append("Crosses mark the sources of the model, closed lines their size.")
    if not steps:
        parts.append("Significances come with the maps step.")
    return " ".join(part for part in parts if part)


def _search_words(facts: Mapping[str, Any]) -> str:
    """How the excluded sky was found; empty where it was given."""
    if "rounds" not in facts:
        return ""
    first, last = facts["excluded_pixels"][0], facts["excluded_pixels"][-1]
    text = f"It was found from significance in {counted(facts['rounds'], 'round')}: {first} pixels before, {last} after"
    if "left_fraction" in facts:
        text += f"; {100 * facts['left_fraction']:.0f} % of the sky that was seen is left for the background"
    return f"{text}." if facts["is_stable"] else f"{text}; the last round still found new ones, more may be needed."


# -- what is drawn on top ------------------------------------------------------------------------------------------


def marks_of(view: MapView | None, geometry: WcsGeometry) -> tuple[Mark, ...]:
    """The sources of a view on the pixels of a geometry."""
    if view is None:
        return ()
    marks = []
    for model in view.sources:
        assert model.position is not None
        x, y = geometry.position_to_pixel(model.position)
        marks.append(Mark(model.name, float(x), float(y), source_outline(model, geometry)))
    return tuple(marks)


def _allowed_on(view: MapView | None, geometry: WcsGeometry) -> np.ndarray | None:
    return view.allowed if view is not None and geometry.same_as(view.geometry) else None


# -- counts --------------------------------------------------------------------------------------------------------


def _counts_figures(view: MapView) -> Iterator[FigureBlock]:
    """Counts, and where no maps were made the excess too, smeared with a Gaussian."""
    sigma = max(SMOOTHING, view.pixel)
    overlay = Overlay(allowed=view.allowed, marks=marks_of(view, view.geometry))
    images = [("counts", "Counts", view.counts.sum(axis=0))]
    if view.has_background and not any("excess" in layers.maps for layers in view.layers):
        images.append(("excess", "Excess", (view.counts - view.background).sum(axis=0)))
    for name, title, image in images:
        smeared = view.smoothed(image, sigma)
        label = f"{title} per pixel"
        figure = plot_sky_map(view.geometry.to_wcs(), smeared, rising_scale(smeared), label, overlay)
        total = image.sum()
        number = fixed(float(total), 0)
        text = f"{title} ({number} in all) smeared with a Gaussian of width {sigma:g}°{_energies(view)}."
        yield FigureBlock(figure_svg(figure, f"map-{name}-{view.name}"), text)


def _energies(view: MapView) -> str:
    low, high = view.total.energy.edges_value("TeV")[[0, -1]]
    return f", {low:.4g} to {high:.4g} TeV"


# -- the product of a maps step ------------------------------------------------------------------------------------


def _layer_figures(layers: MapLayers, view: MapView | None) -> Iterator[FigureBlock]:
    bands = layers.bands[:MOST_BANDS]
    for name, layer in SHOWN.items():
        for band, bounds in enumerate(bands):
            image = layers.image(name, band)
            if image is None or not np.isfinite(image).any():
                continue
            yield _layer_figure(layers, view, name, layer, band, bounds if len(bands) > 1 else None, image)


def _layer_figure(
    layers: MapLayers,
    view: MapView | None,
    name: str,
    layer: Layer,
    band: int,
    bounds: tuple[float, float] | None,
    image: np.ndarray,
) -> FigureBlock:
    geometry = layers.geometry
    pixel = float(geometry.pixel_size.to_value("deg").mean())
    overlay = Overlay(
        contours=layers.image(layer.contours, band) if layer.contours else None,
        levels=layer.levels,
        allowed=_allowed_on(view, geometry),
        marks=marks_of(view, geometry),
        circle=float(layers.radius.to_value("deg")) / pixel if layers.radius is not None and layer.is_disk else None,
    )
    label, unit = layer.label, unit_text(layers.maps[name].unit.to_string())
    shown, power = _scaled(image)
    if unit or power:
        label = f"{label} [{f'{power}{unit}'.strip()}]"
    figure = plot_sky_map(geometry.to_wcs(), shown, _scale(shown, layer), label, overlay)
    svg = figure_svg(figure, f"map-{layers.step}-{name}-{band}")
    return FigureBlock(svg, _caption(layers, name, layer, overlay, bounds, image))


def _scale(image: np.ndarray, layer: Layer) -> Scale:
    return rising_scale(image, layer.colors) if layer.colors else diverging_scale(image)


def _scaled(image: np.ndarray) -> tuple[np.ndarray, str]:
    """An image whose highest value has one digit before the point, and the power of ten that is left for its label."""
    highest = float(np.nanmax(np.abs(image), initial=0.0))
    if not 0 < highest < MANY_DIGITS[0] and not highest >= MANY_DIGITS[1]:
        return image, ""
    power = math.floor(math.log10(highest))
    return image / 10.0**power, f"10{superscript(power)} "


def _caption(
    layers: MapLayers,
    name: str,
    layer: Layer,
    overlay: Overlay,
    bounds: tuple[float, float] | None,
    image: np.ndarray,
) -> str:
    words = [layer.title]
    if layer.words and (name != "excess" or overlay.contours is not None):
        words.append(f", {layer.words}")
    if bounds is not None:
        words.append(f", {bounds[0]:.4g} to {bounds[1]:.4g} TeV")
    if overlay.contours is not None:
        drawn = [level for level in layer.levels if has_line(overlay.contours, level)]
        if drawn:
            listed = ", ".join(fixed(level, 0) for level in drawn)
            of = " of √TS" if layer.contours == "sqrt_ts" != name else ""
            at = " at" if name == "excess" else f", contours{of} at"
            words.append(f"{at} {listed}{'' if layer.contours == 'sqrt_ts' else ' σ'}")
    if name in ("significance", "residual_significance", "sqrt_ts"):
        low, high = float(np.nanmin(image)), float(np.nanmax(image))
        words.append(f"; lowest {fixed(low, 1)}, highest {fixed(high, 1)}")
    step = "" if layers.step == "maps" else f" (step {layers.step})"
    return f"{''.join(words)}{step}."


# -- exposure ------------------------------------------------------------------------------------------------------


def _exposure_figure(view: MapView) -> FigureBlock | None:
    """Exposure with the pointings of the runs; None where there is none."""
    found = view.exposure_image()
    if found is None or not np.isfinite(found[0]).any() or np.nanmax(found[0]) <= 0:
        return None
    image, energy = found
    shown, power = _scaled(np.where(image > 0, image * 1e4, np.nan))
    pointings = view.pointings()
    ny, nx = view.geometry.shape
    inside = ((pointings > -0.5) & (pointings < (nx - 0.5, ny - 0.5))).all(axis=1)
    overlay = Overlay(
        contours=np.nan_to_num(shown),
        levels=tuple(share * float(np.nanmax(shown)) for share in EXPOSURE_SHARES),
        marks=marks_of(view, view.geometry),
        pointings=pointings[inside],
    )
    label = f"Exposure [{power}{unit_text('cm2 s')}]"
    figure = plot_sky_map(view.geometry.to_wcs(), shown, rising_scale(shown, PALE), label, overlay)
    outside = int((~inside).sum())
    runs = "Plus signs: pointings of the runs" if inside.any() else "The pointings lie outside of the map"
    if inside.any() and outside:
        runs += f"; {counted(outside, 'pointing')} outside of the map"
    lowest = float(np.nanmin(shown)) / float(np.nanmax(shown))
    shares = [f"{100 * share:.0f}" for share in EXPOSURE_SHARES if share > lowest]
    lines = f", contours at {', '.join(shares)} % of the highest" if shares else ""
    text = f"Exposure at {energy:.2g} TeV{lines}. {runs}."
    return FigureBlock(figure_svg(figure, f"exposure-{view.name}"), text)
