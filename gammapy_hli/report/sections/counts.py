"""Counts with the models of the fits and their residuals."""

from collections.abc import Iterator

import numpy as np

from gammapy_hli.base.counted import counted
from gammapy_hli.engine.estimate.summed_counts import SummedCounts, sum_counts
from gammapy_hli.engine.stats.significance import significance_cash
from gammapy_hli.plot.counts import plot_counts
from gammapy_hli.plot.instruments import instrument_color
from gammapy_hli.plot.style import figure_svg
from gammapy_hli.report.blocks import FigureBlock, Figures, Section
from gammapy_hli.report.map_view import MapView, Mask, Prediction
from gammapy_hli.report.material import FitMaterial, Instrument, Material
from gammapy_hli.report.number_text import listed
from gammapy_hli.report.sections.overview import capital

MOST_TARGETS = 3


def counts_section(material: Material) -> Section | None:
    """One figure for each fit and energy axis; for maps one around each source and one of the whole map."""
    figures = [figure for fit in material.fits for figure in _figures(fit)]
    of_maps = [figure for view in material.map_views for figure in _map_figures(view)]
    if not figures and not of_maps:
        return None
    where = "around a source or on the whole map" if not figures else "in the on region"
    text = (
        f"Counts {where} over the background and the source that the fit expects there. A residual is the "
        "signed root of the Poisson deviance of the sum; where the model is right they scatter by about one."
    )
    return Section("counts", "Counts and model", [Figures([*figures, *of_maps])], text)


def _figures(fit: FitMaterial) -> Iterator[FigureBlock]:
    """Sums over the datasets of one energy axis, instrument by instrument where the fit has several."""
    result = fit.result
    for place, instrument in enumerate(fit.instruments):
        if not instrument.spectra:
            continue
        sums = sum_counts(instrument.spectra, result.models, result.energy_range, result.nuisances)
        for number, summed in enumerate(sums):
            yield _figure(fit, instrument, summed, place, f"counts-{fit.step}-{instrument.name}-{number}")


def _figure(fit: FitMaterial, instrument: Instrument, summed: SummedCounts, place: int, name: str) -> FigureBlock:
    seen = _with_content(summed)
    figure = plot_counts(
        summed.edges.to_value("TeV")[seen.start : seen.stop + 1],
        summed.counts[seen],
        summed.counts_unused[seen],
        summed.background[seen],
        summed.npred[seen],
        summed.residual[seen],
        summed.used[seen],
        color=instrument_color(place),
    )
    runs = list(dict.fromkeys(str(obs_id) for d in fit.spectra if d.name in summed.names for obs_id in d.obs_ids))
    if len(summed.names) > 1:
        of = f"sum of {counted(len(summed.names), 'dataset')} ({listed(list(summed.names), 4)})"
    else:
        of = f"dataset {summed.names[0]}"
        if len(runs) > 1:
            of += f", the sum of {counted(len(runs), 'run')} ({listed(runs, 4)})"
    whose = f", {instrument.name}" if instrument.name else ""
    return FigureBlock(figure_svg(figure, name), f"{capital(fit)}{whose}: {of}.")


def _with_content(summed: SummedCounts) -> slice:
    """The bins from the first to the last that are used or hold counts."""
    there = np.flatnonzero(summed.used | (summed.counts_unused > 0))
    return slice(int(there[0]), int(there[-1]) + 1) if len(there) else slice(0, len(summed.used))


# -- maps ----------------------------------------------------------------------------------------------------------


def _map_figures(view: MapView) -> Iterator[FigureBlock]:
    """Counts by energy of every fit that can be used; an image has one energy and no figure."""
    if view.is_image:
        return
    ny, nx = view.geometry.shape
    for prediction in view.predictions:
        for number, target in enumerate(view.targets[:MOST_TARGETS]):
            words = f"within {target.radius:g}° of {target.words}"
            yield _map_figure(view, prediction, view.around(target), words, str(number))
        yield _map_figure(view, prediction, np.ones((ny, nx), dtype=bool), "the whole map", "all")


def _map_figure(view: MapView, prediction: Prediction, region: Mask, words: str, name: str) -> FigureBlock:
    used, counts, background, npred = energy_sums(prediction, region)
    residual = np.full(len(used), np.nan)
    residual[used] = significance_cash(counts[used], np.maximum(npred[used], 1e-300))
    unused = np.maximum(view.counts[:, region].sum(axis=1) - counts, 0.0)
    edges = view.total.energy.edges_value("TeV")
    figure = plot_counts(edges, counts, unused, background, npred, residual, used)
    text = f"{capital(prediction.fit)}: {words}."
    return FigureBlock(figure_svg(figure, f"counts-{prediction.fit.step}-{view.name}-{name}"), text)


def energy_sums(prediction: Prediction, region: Mask) -> tuple[Mask, np.ndarray, np.ndarray, np.ndarray]:
    """Used bins, counts, background and prediction of each energy, summed over the pixels of a region; (ne,) each."""
    sums = [values[:, region].sum(axis=1) for values in (prediction.counts, prediction.background, prediction.npred)]
    return np.asarray(prediction.used[:, region].any(axis=1)), sums[0], sums[1], sums[2]
