"""Counts with the models of the fits and their residuals."""

from collections.abc import Iterator

import numpy as np

from gammapy_hli.engine.estimate.summed_counts import SummedCounts, sum_counts
from gammapy_hli.plot.counts import plot_counts
from gammapy_hli.plot.style import figure_svg
from gammapy_hli.report.blocks import FigureBlock, Figures, Section
from gammapy_hli.report.material import FitMaterial, Material
from gammapy_hli.report.number_text import counted, listed
from gammapy_hli.report.sections.overview import capital


def counts_section(material: Material) -> Section | None:
    """One figure for each fit and energy axis."""
    figures = [figure for fit in material.fits for figure in _figures(fit)]
    if not figures:
        return None
    text = (
        "Counts in the on region over the background and the source that the fit expects there. A residual is the "
        "signed root of the Poisson deviance of the sum; where the model is right they scatter by about one."
    )
    return Section("counts", "Counts and model", [Figures(figures)], text)


def _figures(fit: FitMaterial) -> Iterator[FigureBlock]:
    if not fit.datasets:
        return
    for number, summed in enumerate(sum_counts(fit.datasets, fit.result.models, fit.result.energy_range)):
        seen = _with_content(summed)
        figure = plot_counts(
            summed.edges.to_value("TeV")[seen.start : seen.stop + 1],
            summed.counts[seen],
            summed.counts_unused[seen],
            summed.background[seen],
            summed.npred[seen],
            summed.residual[seen],
            summed.used[seen],
        )
        runs = [str(obs_id) for d in fit.datasets if d.name in summed.names for obs_id in d.obs_ids]
        if len(summed.names) > 1:
            of = f"sum of {counted(len(summed.names), 'dataset')} ({listed(list(summed.names), 4)})"
        else:
            of = f"dataset {summed.names[0]}"
            if len(runs) > 1:
                of += f", the sum of {counted(len(runs), 'run')} ({listed(runs, 4)})"
        text = f"{capital(fit)}: {of}."
        yield FigureBlock(figure_svg(figure, f"counts-{fit.step}-{number}"), text)


def _with_content(summed: SummedCounts) -> slice:
    """The bins from the first to the last that are used or hold counts."""
    there = np.flatnonzero(summed.used | (summed.counts_unused > 0))
    return slice(int(there[0]), int(there[-1]) + 1) if len(there) else slice(0, len(summed.used))
