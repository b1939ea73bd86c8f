"""Fits of several instruments: how well the one model describes each, and what was found for its nuisances."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gammapy_hli.engine.estimate.summed_counts import SummedCounts, sum_counts
from gammapy_hli.engine.models.nuisance import nuisance_of
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.plot.instruments import InstrumentBins, plot_instruments
from gammapy_hli.plot.style import figure_svg
from gammapy_hli.report.blocks import Cell, FigureBlock, Figures, Head, Row, TableBlock
from gammapy_hli.report.material import FitMaterial, Instrument
from gammapy_hli.report.number_text import DASH, fixed, listed, measured, plain, whole

FEW_SIGNAL = 1.0
"""Bins that expect fewer counts of the source than this show nothing in a ratio."""
KINDS = {"norm": "norm", "energy_scale": "energy scale"}


def instrument_blocks(fit: FitMaterial) -> Iterator[Any]:
    """Tables and a figure, for fits of several instruments or with nuisances."""
    if len(fit.instruments) > 1:
        yield _table(fit)
    if fit.result.nuisances:
        yield _nuisances(fit)
    if len([instrument for instrument in fit.instruments if instrument.spectra]) > 1:
        figure = plot_instruments(
            [instrument_bins(instrument, fit) for instrument in fit.instruments if instrument.spectra]
        )
        text = (
            f"{fit.title.capitalize()}: excess of each instrument over the signal that the fit predicts for it, its "
            "nuisances included; bins that expect less than one count of the source are left out."
        )
        yield Figures([FigureBlock(figure_svg(figure, f"instruments-{fit.step}"), text)])


def _table(fit: FitMaterial) -> TableBlock:
    head = [
        Head("Instrument"),
        Head("Datasets", is_text=True),
        Head("Livetime", "h"),
        Head("Counts"),
        Head("Excess"),
        Head("Expected"),
        Head("Deviance"),
        Head("Bins"),
        Head("Norm"),
        Head("Energy scale"),
    ]
    rows = [_row(instrument, fit) for instrument in fit.instruments]
    caption = f"{fit.title.capitalize()}, instrument by instrument; excess over the background that fits best"
    return TableBlock(head, rows, caption=caption)


def _row(instrument: Instrument, fit: FitMaterial) -> Row:
    names = {dataset.name for dataset in instrument.datasets}
    good = [part for part in fit.result.goodness.datasets if part.name in names]
    nuisance = nuisance_of(fit.result.nuisances, next(iter(names), ""))
    livetime = sum(dataset.livetime.to_value("h") for dataset in instrument.datasets)
    counts = excess = expected = np.nan
    if instrument.spectra:
        sums = _sums(instrument, fit)
        counts = sum(float(each.counts.sum()) for each in sums)
        excess = counts - sum(float(each.background.sum()) for each in sums)
        expected = sum(float((each.npred - each.background).sum()) for each in sums)
    cells = [
        Cell(instrument.name),
        Cell(listed([dataset.name for dataset in instrument.datasets], 4), is_text=True),
        Cell(plain(livetime)),
        Cell(whole(counts)),
        Cell(fixed(excess, 1)),
        Cell(fixed(expected, 1)),
        Cell(fixed(sum(part.chi2 for part in good), 1)),
        Cell(str(sum(part.n_bins for part in good))),
        *(Cell(_fitted(None if nuisance is None else getattr(nuisance, kind))) for kind in KINDS),
    ]
    return Row(cells)


def _fitted(parameter: Parameter | None) -> str:
    if parameter is None:
        return DASH
    return f"{plain(parameter.value)} (held)" if parameter.frozen else measured(parameter.value, parameter.error)


def _nuisances(fit: FitMaterial) -> TableBlock:
    """What was known beforehand, what was found, and how far apart the two are."""
    head = [
        Head("Nuisance"),
        Head("Prior", is_text=True),
        Head("Fitted"),
        Head("Pull", "σ of the prior"),
        Head("Error / σ of the prior"),
        Head("Datasets", is_text=True),
    ]
    rows = []
    for nuisance in fit.result.nuisances:
        for name, parameter in nuisance.named_parameters():
            kind = name.removeprefix(f"{nuisance.name}.")
            pull, width = nuisance_pull(parameter)
            cells = [
                Cell(f"{nuisance.name}, {KINDS[kind]}"),
                Cell(_prior_text(parameter), is_text=True),
                Cell(_fitted(parameter)),
                Cell(fixed(pull, 2)),
                Cell(fixed(width, 2)),
                Cell(listed(list(nuisance.datasets_names), 4), is_text=True),
            ]
            rows.append(Row(cells, muted=parameter.frozen))
    caption = (
        f"Nuisances, {fit.title}. A pull beyond 2 says that the data ask for more than was expected; an error near the "
        "width of the prior says that the data know nothing of it."
    )
    return TableBlock(head, rows, caption=caption)


def nuisance_pull(parameter: Parameter) -> tuple[float, float]:
    """Distance from the mean of a Gaussian prior, and error, in units of its width; nan where there is none."""
    prior = parameter.prior
    if prior is None or prior.type != "GaussianPrior" or parameter.frozen:
        return np.nan, np.nan
    sigma = prior.parameters["sigma"] / np.sqrt(prior.weight)
    return (parameter.value - prior.parameters["mu"]) / sigma, parameter.error / sigma


def _prior_text(parameter: Parameter) -> str:
    prior = parameter.prior
    if prior is None:
        return "none"
    numbers = prior.parameters
    if prior.type == "GaussianPrior":
        return measured(numbers["mu"], numbers["sigma"])
    words = {"UniformPrior": "uniform", "LogUniformPrior": "log-uniform"}.get(prior.type, prior.type)
    return f"{words}, {plain(numbers['min'])} to {plain(numbers['max'])}"


def _sums(instrument: Instrument, fit: FitMaterial) -> list[SummedCounts]:
    result = fit.result
    return sum_counts(instrument.spectra, result.models, result.energy_range, result.nuisances)


def instrument_bins(instrument: Instrument, fit: FitMaterial) -> InstrumentBins:
    sums: Sequence[SummedCounts] = _sums(instrument, fit)
    parts = []
    for each in sums:
        signal = each.npred - each.background
        shown = each.used & (signal >= FEW_SIGNAL)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(shown, (each.counts - each.background) / signal, np.nan)
            error = np.where(shown, np.sqrt(np.maximum(each.counts, 1.0)) / signal, np.nan)
        edges = each.edges.to_value("TeV")
        parts.append((edges[:-1], edges[1:], ratio, error))
    low, high, ratio, error = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(low, kind="stable")
    return InstrumentBins(instrument.name, low[order], high[order], ratio[order], error[order])
