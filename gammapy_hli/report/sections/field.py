"""What the maps say in one dimension: the distribution of the significance, and profiles through the sources."""

from collections.abc import Iterator

import numpy as np

from gammapy_hli.engine.estimate.significance_distribution import SignificanceDistribution, significance_distribution
from gammapy_hli.plot.profile import Profile, plot_profiles
from gammapy_hli.plot.significance import plot_significance
from gammapy_hli.plot.style import figure_svg
from gammapy_hli.report.blocks import FigureBlock, Figures, Section
from gammapy_hli.report.map_view import MapLayers, MapView, Prediction, Target
from gammapy_hli.report.material import Material
from gammapy_hli.report.number_text import fixed

MOST_TARGETS = 3
MOST_BINS = 44
BIN = 0.1
"""Bins of the significance distribution."""


def field_section(material: Material) -> Section | None:
    """Distributions and profiles of every view."""
    wide: list[FigureBlock] = []
    narrow: list[FigureBlock] = []
    for view in material.map_views:
        narrow += _distributions(view)
        wide += _profiles(view)
    if not wide and not narrow:
        return None
    text = "Where the background is right, the significance off the sources is normal with mean 0 and width 1." * bool(
        narrow
    )
    return Section("field", "Profiles and background", [Figures([*wide, *narrow])], text)


# -- distribution --------------------------------------------------------------------------------------------------


def distribution_of(
    layers: MapLayers, view: MapView, name: str = "significance"
) -> tuple[SignificanceDistribution, bool] | None:
    """The distribution of a map of significances, and whether some sky is left out of its mean and width."""
    image = layers.image(name)
    if image is None or not np.isfinite(image).any() or len(layers.bands) > 1:
        return None
    allowed = view.allowed if layers.geometry.same_as(view.geometry) else None
    low, high = (np.floor(np.nanmin(image) / BIN), np.ceil(np.nanmax(image) / BIN))
    n_bins = int(np.clip(max(high * BIN, 5.0) / BIN - min(low * BIN, -5.0) / BIN, 50, 4000))
    outside = layers.image("significance_off") if name == "significance" else None
    if outside is not None and np.isfinite(outside).any():
        return significance_distribution(image, None, n_bins, outside), True
    if allowed is not None and not (allowed & np.isfinite(image)).any():
        allowed = None
    return significance_distribution(image, allowed, n_bins), allowed is not None


def _distributions(view: MapView) -> Iterator[FigureBlock]:
    for layers in view.layers:
        found = distribution_of(layers, view)
        if found is not None:
            yield _distribution_figure(*found, f"significance-{layers.step}", "Significance of the pixels", layers)
        found = distribution_of(layers, view, "residual_significance")
        if found is not None:
            spread, _ = found
            text = "Residual significance of the pixels, the model subtracted"
            image = layers.image("residual_significance")
            assert image is not None
            everywhere = significance_distribution(image, None, len(spread.all))
            yield _distribution_figure(everywhere, False, f"residual-{layers.step}", text, layers)


def _distribution_figure(
    spread: SignificanceDistribution, has_exclusion: bool, name: str, words: str, layers: MapLayers
) -> FigureBlock:
    off = spread.off if has_exclusion else None
    figure = plot_significance(spread.edges, spread.all, off, spread.mean, spread.std)
    where = "off the exclusion" if has_exclusion else "of all pixels"
    text = f"{words}. Mean {fixed(spread.mean, 2)} and width {fixed(spread.std, 2)} {where}."
    step = "" if layers.step == "maps" else f" Step {layers.step}."
    return FigureBlock(figure_svg(figure, name), text + step)


# -- profiles ------------------------------------------------------------------------------------------------------


def _profiles(view: MapView) -> Iterator[FigureBlock]:
    """Through every target, with the model of the first fit where there is one."""
    prediction = view.predictions[0] if view.predictions else None
    for number, target in enumerate(view.targets[:MOST_TARGETS]):
        profiles = [_profile(view, target, prediction, along) for along in (1, 0)]
        figure = plot_profiles(profiles)
        through = target.words if target.is_source else f"the pixel of {target.words}"
        text = f"Counts in bands of ±{target.radius:g}° through {through}, along longitude and latitude."
        if prediction is not None:
            text += f" Blue: background and sources of the {prediction.fit.title}."
        yield FigureBlock(figure_svg(figure, f"profile-{view.name}-{number}"), text, shape="wide")


def _profile(view: MapView, target: Target, prediction: Prediction | None, along: int) -> Profile:
    """Counts along the columns (1) or the rows (0) of the map."""
    n_y, n_x = view.geometry.shape
    place, across = (target.x, target.y) if along else (target.y, target.x)
    n_along, n_across = (n_x, n_y) if along else (n_y, n_x)
    band = np.abs(np.arange(n_across) - across) * view.pixel <= target.radius
    group = max(1, -(-n_along // MOST_BINS))
    first = (round(place) - group // 2) % group if n_along > 2 * group else 0
    starts = first + group * np.arange(max(1, (n_along - first) // group))
    stop = min(int(starts[-1]) + group, n_along)
    edges = (np.append(starts, stop) - 0.5 - place) * view.pixel * (-1.0 if along else 1.0)

    def binned(values: np.ndarray) -> np.ndarray:
        image = values.sum(axis=0)
        line = image[band].sum(axis=0) if along else image[:, band].sum(axis=1)
        return np.asarray(np.add.reduceat(line[:stop], starts))

    is_galactic = view.geometry.frame == "galactic"
    names = ("latitude", "longitude") if is_galactic else ("declination", "right ascension")
    label = f"Offset in {names[along]} [deg]"
    if prediction is None:
        return Profile(label, edges, binned(view.counts), binned(view.background))
    return Profile(label, edges, binned(prediction.counts), binned(prediction.background), binned(prediction.npred))
