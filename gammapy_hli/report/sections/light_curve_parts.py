"""What stands below a light curve where it was asked for: periodogram, folded curve, spectra of the intervals."""

from typing import Any

import numpy as np

from gammapy_hli.base.counted import counted
from gammapy_hli.engine.products.folded_curve import FoldedCurve
from gammapy_hli.engine.products.interval_spectra import IntervalSpectra
from gammapy_hli.engine.products.periodogram import Periodogram
from gammapy_hli.plot.parameter_trend import plot_against_flux, plot_against_time
from gammapy_hli.plot.periodogram import period_unit, plot_periodogram
from gammapy_hli.plot.phase_curve import plot_phase_curve
from gammapy_hli.plot.style import figure_svg
from gammapy_hli.report.blocks import Cell, FigureBlock, Figures, Head, Row, TableBlock
from gammapy_hli.report.number_text import DASH, measured, plain, probability, unit_text, whole

FLUX_UNIT = "cm-2 s-1"
LEVEL = 1
"""Which of the levels of a periodogram is drawn: a chance of 1 %."""
SCALES = ("amplitude", "norm")
"""Parameters that are a flux themselves; the others are the shape."""


def band_labels(e_min: np.ndarray, e_max: np.ndarray) -> list[str]:
    """Words for the bands."""
    return [f"{plain(low)} to {plain(high)} TeV" for low, high in zip(e_min, e_max, strict=True)]


def band_columns(
    quantities: dict[str, np.ndarray], is_ul: np.ndarray, labels: list[str], mean: np.ndarray
) -> list[Any]:
    """Bands as the plots take them; quantities are arrays (n, n_energy)."""
    return [
        {
            "label": label,
            "is_ul": is_ul[:, k],
            "mean": float(mean[k]),
            **{key: v[:, k] for key, v in quantities.items()},
        }
        for k, label in enumerate(labels)
    ]


def period_blocks(folded: FoldedCurve | None, periodogram: Periodogram | None, name: str) -> list[Any]:
    """Folded curve and periodogram side by side, and what they tell; nothing where there is none."""
    parts = [_folded(folded, name)] if folded is not None else []
    parts += [_periodogram(periodogram, name)] if periodogram is not None else []
    return [Figures([figure for figure, _ in parts]), *(table for _, table in parts)] if parts else []


def _periodogram(found: Periodogram, name: str) -> tuple[FigureBlock, TableBlock]:
    """Figure and table of a periodogram."""
    labels = band_labels(found.e_min, found.e_max)
    levels = found.level_power[LEVEL]
    level = float(np.nanmax(levels)) if np.isfinite(levels).any() else None
    chance = float(found.level_chance[LEVEL])
    best = np.where(found.is_at_edge, np.nan, found.best_frequency)
    figure = plot_periodogram(found.frequency, found.power, labels, best, level, chance)
    caption = (
        "Generalized Lomb-Scargle periodogram; dotted: highest peak. The chance is that of so high a peak anywhere in "
        "the range for a constant source: a flare, or red noise, makes it small too. Where the power is highest at "
        "an end of the range there is no period."
    )
    head = [Head("Band", is_text=True), Head("Points"), Head("Best period"), Head("Power"), Head("False alarm")]
    rows = []
    for k, label in enumerate(labels):
        period = float(found.best_period[k])
        unit, seconds = period_unit(np.array([period])) if np.isfinite(period) else ("s", 1.0)
        at_edge, told = found.edge_text(k), f"{plain(period / seconds, 4)} {unit}"
        told = f"{at_edge} ({told})" if at_edge else told
        cells = [label, whole(found.n_points[k]), told, plain(found.best_power[k])]
        rows.append(_row([*cells, DASH if at_edge else probability(float(found.false_alarm[k]))]))
    table = TableBlock(head, rows, caption="Highest peak of the periodogram.")
    return FigureBlock(figure_svg(figure, f"periodogram-{name}"), caption), table


def _folded(folded: FoldedCurve, name: str) -> tuple[FigureBlock, TableBlock]:
    """Figure and table of a folded light curve."""
    labels = band_labels(folded.e_min, folded.e_max)
    suffixes = {"flux": "", "errn": "_errn", "errp": "_errp", "ul": "_ul"}
    columns = {key: folded.quantity(suffix).to_value(FLUX_UNIT) for key, suffix in suffixes.items()}
    flux = np.where(np.isfinite(columns["flux"]), columns["flux"], 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = flux.sum(axis=0) / folded.success.sum(axis=0)
    bands = band_columns(columns, folded.is_ul, labels, mean)
    figure = plot_phase_curve(folded.phase_min, folded.phase_max, bands, unit_text(FLUX_UNIT))
    unit, seconds = period_unit(np.array([1 / folded.frequency]))
    times = "at the barycenter" if folded.barycenter else "as they are, not corrected to the barycenter"
    caption = (
        f"Folded with a period of {plain(1 / folded.frequency / seconds, 6)} {unit} at MJD {folded.epoch_mjd:.5f} "
        f"({folded.epoch_scale}), {counted(int(folded.n_intervals.sum()), 'interval')}; times are taken {times}."
    )
    head = [Head("Band", is_text=True), Head("χ² / d.o.f."), Head("p-value")]
    rows = [
        _row([label, f"{plain(folded.chi2[k])} / {folded.dof[k]}", probability(float(folded.p_value[k]))])
        for k, label in enumerate(labels)
    ]
    table = TableBlock(head, rows, caption="Folded light curve against a constant in all phases.")
    return FigureBlock(figure_svg(figure, f"folded-{name}"), caption), table


def spectra_blocks(spectra: IntervalSpectra, fitted: dict[str, float], name: str) -> list[Any]:
    """Figures of the first shape parameter and a table of the correlations; ``fitted`` are values of the whole fit."""
    shape = [each for each in spectra.parameters if each not in SCALES]
    blocks: list[Any] = []
    if shape:
        blocks.append(_trends(spectra, shape[0], fitted.get(shape[0], np.nan), name))
    head = [
        Head("Parameter", is_text=True),
        Head("Mean error"),
        Head("Pearson r"),
        Head("p-value"),
        Head("Spearman ρ"),
        Head("p-value"),
        Head("in one fit"),
    ]
    rows = []
    for each in spectra.parameters:
        k = spectra.place(each)
        inside = _mean(spectra.flux_correlation[:, k])
        numbers = [plain(spectra.pearson[k]), probability(float(spectra.pearson_p[k]))]
        numbers += [plain(spectra.spearman[k]), probability(float(spectra.spearman_p[k])), plain(inside, 2)]
        unit = f" [{unit_text(spectra.units[k])}]" if spectra.units[k] else ""
        rows.append(_row([each + unit, plain(_mean(spectra.error[:, k]), 2), *numbers]))
    failed = int((~spectra.success).sum())
    more = f" {counted(failed, 'interval')} could not be fitted." if failed else ""
    caption = (
        f"Correlation with the flux over {counted(spectra.n_correlated, 'interval')}, and that of the errors inside "
        f"one fit (mean), which makes some of it.{more}"
    )
    return [*blocks, TableBlock(head, rows, caption=caption)]


def _trends(spectra: IntervalSpectra, parameter: str, fitted: float, name: str) -> Figures:
    k = spectra.place(parameter)
    value, error = spectra.value[:, k], spectra.error[:, k]
    label = parameter + (f" [{unit_text(spectra.units[k])}]" if spectra.units[k] else "")
    against_flux = plot_against_flux(spectra.flux, spectra.flux_err, value, error, label, unit_text(FLUX_UNIT), fitted)
    against_time = plot_against_time(spectra.time_min, spectra.time_max, value, error, label, fitted)
    reach = f"{plain(spectra.e_min)} to {plain(spectra.e_max)} TeV"
    strength = f"r = {plain(spectra.pearson[k], 2)} (p = {probability(float(spectra.pearson_p[k]))})"
    return Figures(
        [
            FigureBlock(
                figure_svg(against_flux, f"{parameter}-flux-{name}"),
                f"The {parameter} of each interval against its flux, {reach}; {strength}. Dotted: the fit of all data.",
            ),
            FigureBlock(
                figure_svg(against_time, f"{parameter}-time-{name}"),
                f"The same against time: {measured(_mean(value), float(np.nanstd(value)))} (mean and scatter)."
                if np.isfinite(value).any()
                else "The same against time.",
            ),
        ]
    )


def _mean(values: np.ndarray) -> float:
    good = values[np.isfinite(values)]
    return float(good.mean()) if len(good) else np.nan


def _row(texts: list[str]) -> Row:
    return Row([Cell(text, is_text=k == 0) for k, text in enumerate(texts)])
