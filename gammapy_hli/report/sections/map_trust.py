"""Checks of maps: the background off the sources, what the model leaves over, the norms of the background."""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from gammapy_hli.base.counted import counted
from gammapy_hli.engine.datasets.map import MapDatasetOnOff
from gammapy_hli.engine.fit.goodness import chi2_probability
from gammapy_hli.engine.models.background import FoVBackgroundModel
from gammapy_hli.engine.stats.significance import significance_cash
from gammapy_hli.report.blocks import Check
from gammapy_hli.report.map_view import MapLayers, MapView
from gammapy_hli.report.material import FitMaterial, Material
from gammapy_hli.report.number_text import fixed, measured, plain, probability, whole
from gammapy_hli.report.sections.counts import energy_sums
from gammapy_hli.report.sections.field import distribution_of
from gammapy_hli.report.sections.overview import LOW_P_VALUE, capital

GOOD, NOTE, BAD = "good", "note", "bad"
MEAN, WIDTH = 0.25, (0.85, 1.15)
"""Mean and width of a significance that may still be called normal: pixels of one disk are not independent."""
NORM_RANGE, RUN_NORM_RANGE = 0.1, 0.3
"""How far a fitted background norm may lie from one: of the sum, and of single runs."""
SURPRISE = 0.01
WITHOUT_OFF = 0.1


def map_checks(material: Material) -> Iterator[Check]:
    """All checks of the map datasets and of the maps made from them."""
    for view in material.map_views:
        for layers in view.layers:
            yield from _background_check(layers, view)
            yield from _residual_check(layers)
        yield from _off_check(view)
        yield from _energy_checks(view)
    for step, reduction in material.reductions.items():
        yield from _run_norm_check(step, reduction, len(material.reductions) > 1)
    for fit in material.fits:
        yield from _norm_check(fit)


def _background_check(layers: MapLayers, view: MapView) -> Iterator[Check]:
    found = distribution_of(layers, view)
    if found is None:
        return
    spread, has_exclusion = found
    numbers = f"mean {fixed(spread.mean, 2)} and width {fixed(spread.std, 2)}"
    if not has_exclusion:
        yield Check(
            NOTE, f"The significance of all pixels has {numbers}; no sky is excluded, so the sources are among them."
        )
        return
    is_good = abs(spread.mean) <= MEAN and WIDTH[0] <= spread.std <= WIDTH[1]
    verdict = "the background is right there" if is_good else "the background does not describe that sky"
    yield Check(
        GOOD if is_good else BAD,
        f"Off the exclusion the significance has {numbers} (0 and 1 are expected): {verdict}.",
    )


def _residual_check(layers: MapLayers) -> Iterator[Check]:
    image = layers.image("residual_significance")
    if image is None or not np.isfinite(image).any():
        return
    values = image[np.isfinite(image)]
    low, high = float(values.min()), float(values.max())
    text = (
        f"The residuals of the fitted model lie between {fixed(low, 1)} and {fixed(high, 1)} σ, with mean "
        f"{fixed(float(values.mean()), 2)} and width {fixed(float(values.std()), 2)}"
    )
    places = _independent(layers, len(values))
    if places is None:
        yield Check(NOTE, f"{text}.")
        return
    chance = _chance(max(abs(low), abs(high)), places)
    is_good = chance >= SURPRISE
    text += f"; with about {counted(round(places), 'independent place')} an extreme like that has p = "
    yield Check(GOOD if is_good else BAD, f"{text}{probability(chance)}.")


def _independent(layers: MapLayers, n_pixels: int) -> float | None:
    """Number of disks that fit side by side into the map."""
    if layers.radius is None:
        return None
    pixel = float(layers.geometry.pixel_size.to_value("deg").mean())
    in_disk = math.pi * (float(layers.radius.to_value("deg")) / pixel) ** 2
    return max(1.0, n_pixels / max(in_disk, 1.0))


def _chance(extreme: float, places: float) -> float:
    """Chance of an extreme at least this high, up or down, among some independent normal numbers."""
    one = math.erfc(extreme / math.sqrt(2.0))
    return -math.expm1(places * math.log1p(-min(one, 1.0 - 1e-15)))


def _off_check(view: MapView) -> Iterator[Check]:
    total = view.total
    if not isinstance(total, MapDatasetOnOff) or total.acceptance_off is None:
        return
    used = total.safe
    without = float((used & ~(total.acceptance_off > 0)).sum() / max(used.sum(), 1))
    n_off = total.counts_off[used & (total.acceptance_off > 0)] if total.counts_off is not None else np.zeros(0)
    middle = float(np.median(n_off)) if n_off.size else 0.0
    text = f"The ring of a pixel holds {whole(middle)} off counts (median)"
    if middle > 0:
        text += f": its background is known to {plain(100 / math.sqrt(middle), 2)} %"
    if without > 0:
        text += f"; {plain(100 * without, 2)} % of the pixels have no off counts and no significance"
    yield Check(GOOD if without <= WITHOUT_OFF else NOTE, f"{text}.")


def _energy_checks(view: MapView) -> Iterator[Check]:
    """Counts of each energy around the first source, and on the whole map, against the fit."""
    if view.is_image:
        return
    regions = {"on the whole map": np.ones(view.geometry.shape, dtype=bool)}
    if view.targets and view.targets[0].is_source:
        target = view.targets[0]
        regions = {f"within {target.radius:g}° of {target.words}": view.around(target), **regions}
    for prediction, (words, region) in product(view.predictions, regions.items()):
        used, counts, _, npred = energy_sums(prediction, region)
        residual = significance_cash(counts[used], np.maximum(npred[used], 1e-300))
        if not len(residual):
            continue
        chi2, n_bins = float(np.sum(residual**2)), len(residual)
        p_value = chi2_probability(chi2, n_bins)
        is_good = p_value >= LOW_P_VALUE
        verdict = f"the counts {'follow' if is_good else 'leave'} the model in energy"
        numbers = f"χ² = {fixed(chi2, 1)} in {counted(n_bins, 'bin')}, p = {probability(p_value)}"
        yield Check(GOOD if is_good else BAD, f"{capital(prediction.fit)}: {words} {verdict}: {numbers}.")


def _run_norm_check(step: str, reduction: Any, is_one_of_several: bool) -> Iterator[Check]:
    norms = np.asarray(reduction.info["background_norm"], dtype=float)
    norms = norms[np.isfinite(norms)]
    if not len(norms):
        return
    low, high = float(norms.min()), float(norms.max())
    is_good = max(abs(low - 1), abs(high - 1)) <= RUN_NORM_RANGE
    of = f" ({step})" if is_one_of_several else ""
    text = f"The background of the response files was scaled by {fixed(low, 2)} to {fixed(high, 2)} to fit each run{of}"
    yield Check(GOOD if is_good else NOTE, f"{text}." if is_good else f"{text}: it is far from what was observed.")


def _norm_check(fit: FitMaterial) -> Iterator[Check]:
    if not fit.result.success:
        return
    for model in fit.result.models:
        name = f"{model.name}.spectral.norm"
        if not isinstance(model, FoVBackgroundModel) or name not in fit.result.names:
            continue
        norm = fit.result[name]
        if norm.frozen:
            continue
        is_good = abs(norm.value - 1) <= max(NORM_RANGE, 3 * norm.error)
        text = f"{capital(fit)}: the background norm {model.name} is {measured(norm.value, norm.error)}"
        close = "close to 1, as it should be" if is_good else "far from 1: look at the background"
        yield Check(GOOD if is_good else NOTE, f"{text}, {close}.")
