"""The fits: parameters, quality, correlations, and true values where the data were simulated."""

import math
from collections.abc import Iterator
from typing import Any

import astropy.units as u
import numpy as np

from gammapy_hli.base.errors import HliError
from gammapy_hli.engine.fit.covariance import correlation
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.products.fit_result import FitResult, FittedParameter
from gammapy_hli.plot.correlation import plot_correlation
from gammapy_hli.plot.style import figure_svg
from gammapy_hli.report.blocks import Cell, FigureBlock, Figures, Head, Row, Section, TableBlock
from gammapy_hli.report.material import FitMaterial, Material
from gammapy_hli.report.number_text import DASH, fixed, measured, plain, probability, unit_text
from gammapy_hli.report.sections.instruments import instrument_blocks
from gammapy_hli.report.sections.overview import at_limit, capital, parameter_label

MOST_IN_MATRIX = 12


def fit_section(material: Material) -> Section | None:
    """Tables of parameters and of quality, and the correlation matrices."""
    if not material.fits:
        return None
    blocks: list[Any] = [_parameters(fit) for fit in material.fits]
    blocks += [block for fit in material.fits for block in instrument_blocks(fit)]
    blocks.append(_quality(material.fits))
    if material.truth is not None and material.main_fit is not None and material.main_fit.result.success:
        rows = list(_truth_rows(material.main_fit.result, material.truth))
        if rows:
            unit = Head("Unit", is_text=True)
            head = [Head("Parameter"), Head("True"), Head("Fitted"), unit, Head("Difference", "σ")]
            blocks.append(TableBlock(head, rows, caption=_truth_caption(material.main_fit, material.truth)))
    matrices = [matrix for fit in material.fits if (matrix := _matrix(fit)) is not None]
    if matrices:
        blocks.append(Figures(matrices))
    return Section("fit", "Fit", blocks)


def _parameters(fit: FitMaterial) -> TableBlock:
    head = [
        Head("Parameter"),
        Head("Value"),
        Head("Unit", is_text=True),
        Head("State", is_text=True),
        Head("Bounds", is_text=True),
    ]
    rows = [
        Row(
            [
                Cell(parameter.name),
                Cell(value_text(parameter)),
                Cell(unit_text(parameter.unit), is_text=True),
                Cell(_state(parameter), is_text=True),
                Cell(_bounds(parameter), is_text=True),
            ],
            muted=parameter.frozen,
        )
        for parameter in fit.result.parameters
    ]
    types = ", ".join(f"{m.name}: {_types(m)}" for m in fit.result.models if isinstance(m, SkyModel))
    return TableBlock(head, rows, caption=f"{capital(fit)}. {types}")


def _types(model: SkyModel) -> str:
    """Types of a source: of the spectrum, and of the shape where there is one."""
    parts = [model.spectral.tag, *([] if model.spatial is None else [model.spatial.tag])]
    return " and ".join(parts)


def value_text(parameter: FittedParameter) -> str:
    """Value with its error, the asymmetric ones where they are there."""
    errors = None
    if parameter.errn is not None and parameter.errp is not None:
        errors = (parameter.errn, parameter.errp)
    return measured(parameter.value, parameter.error, errors)


def _state(parameter: FittedParameter) -> str:
    if parameter.link is not None:
        return f"shared with {parameter.link}"
    if parameter.frozen:
        return "held fixed"
    if at_limit(parameter):
        return "at its limit"
    return "fitted" if parameter.error > 0 else "free, no error"


def _bounds(parameter: FittedParameter) -> str:
    low, high = parameter.min, parameter.max
    if low is None and high is None:
        return DASH
    if high is None:
        return f"≥ {plain(low)}"
    return f"≤ {plain(high)}" if low is None else f"{plain(low)} to {plain(high)}"


def _quality(fits: tuple[FitMaterial, ...]) -> TableBlock:
    head = [
        Head("Fit"),
        Head("Status", is_text=True),
        Head("Statistic"),
        Head("Deviance / d.o.f."),
        Head("p-value"),
        Head("Bins"),
        Head("Free"),
        Head("Evaluations"),
    ]
    rows = []
    for fit in fits:
        result, good = fit.result, fit.result.goodness
        kinds = {"wstat": "W", "cash": "C"}
        kind = " + ".join(sorted({kinds[dataset.statistic] for dataset in fit.datasets}))
        cells = [
            Cell(fit.step),
            Cell(result.status, is_text=True),
            Cell(f"{fixed(result.stat, 2)}{f' ({kind})' if kind else ''}"),
            Cell(f"{fixed(good.chi2, 1)} / {good.dof}"),
            Cell(DASH if fit.has_maps else probability(good.p_value)),
            Cell(str(result.n_bins)),
            Cell(str(result.n_free)),
            Cell(str(result.n_evaluations)),
        ]
        rows.append(Row(cells))
    return TableBlock(head, rows, caption="Quality")


def _matrix(fit: FitMaterial) -> FigureBlock | None:
    """Correlations of the free parameters that have an error; None where there are fewer than two."""
    result = fit.result
    free = [k for k, p in enumerate(result.parameters) if not p.frozen and p.link is None and p.error > 0]
    if not 2 <= len(free) <= MOST_IN_MATRIX:
        return None
    names = [result.parameters[k].name for k in free]
    several = len({name.split(".")[0] for name in names}) > 1
    matrix = correlation(result.covariance[np.ix_(free, free)])
    figure = plot_correlation([parameter_label(name, several) for name in names], matrix)
    svg = figure_svg(figure, f"correlation-{fit.step}")
    return FigureBlock(svg, f"Correlations of the fitted parameters, {fit.title}.")


# -- truth ---------------------------------------------------------------------------------------------------------


def _truth_rows(result: FitResult, truth: Models) -> Iterator[Row]:
    """True and fitted values: parameter by parameter where the types agree, and the flux at the reference energy."""
    for fitted, true in _pairs(result.models, truth):
        if _is_same_form(fitted, true):
            for parameter, (name, real) in zip(fitted.spectral.parameters, _named(true), strict=True):
                own = result[f"{fitted.name}.spectral.{name}"]
                if not parameter.frozen:
                    yield _truth_row(own.name, real.value, own.value, own.error, own.unit)
        yield from _shape_rows(result, fitted, true)
        yield from _flux_rows(result, fitted, true)


def _shape_rows(result: FitResult, fitted: SkyModel, true: SkyModel) -> Iterator[Row]:
    """Place and size where both are of one type in one frame."""
    here, real = fitted.spatial, true.spatial
    if here is None or real is None or here.tag != real.tag or here.frame != real.frame:
        return
    for name in here.parameters.names:
        own = result[f"{fitted.name}.spatial.{name}"]
        if not own.frozen:
            yield _truth_row(own.name, real.parameters[name].value, own.value, own.error, own.unit)


def _truth_caption(fit: FitMaterial, truth: Models) -> str:
    """What is compared; a reader must know where the model cannot be the truth."""
    other = sorted({t.spectral.tag for f, t in _pairs(fit.result.models, truth) if f.spectral.tag != t.spectral.tag})
    apart = f" The true spectrum is of another type ({', '.join(other)}), so some difference is expected."
    return f"Simulated truth and the {fit.title}.{apart if other else ''}"


def _is_same_form(fitted: SkyModel, true: SkyModel) -> bool:
    """Whether parameters mean the same: same type, same values of what was held fixed (the reference energy)."""
    if fitted.spectral.tag != true.spectral.tag or len(fitted.spectral.parameters) != len(true.spectral.parameters):
        return False
    pairs = zip(fitted.spectral.parameters, true.spectral.parameters, strict=True)
    return all(math.isclose(own.value, real.value) for own, real in pairs if own.frozen)


def _pairs(models: Models, truth: Models) -> Iterator[tuple[SkyModel, SkyModel]]:
    fitted = [model for model in models if isinstance(model, SkyModel)]
    true = [model for model in truth if isinstance(model, SkyModel)]
    if len(fitted) == len(true) == 1:
        yield fitted[0], true[0]
        return
    for model in fitted:
        yield from ((model, other) for other in true if other.name == model.name)


def _named(model: SkyModel) -> Iterator[tuple[str, Any]]:
    yield from zip(model.spectral.parameters.names, model.spectral.parameters, strict=True)


def _flux_rows(result: FitResult, fitted: SkyModel, true: SkyModel) -> Iterator[Row]:
    """Integral flux from 1 to 10 TeV and differential flux at 1 TeV."""
    low, high = 1 * u.TeV, 10 * u.TeV
    try:
        real = true.spectral.integral(low, high).to_value("cm-2 s-1")
        found = fitted.spectral.integral(low, high).to_value("cm-2 s-1")
        error = fitted.spectral.integral_error(low, high, result.models.covariance_of(fitted.name))
    except (HliError, ValueError):
        return
    yield _truth_row(f"{fitted.name}: flux, 1–10 TeV", real, found, error.to_value("cm-2 s-1"), "cm-2 s-1")
    unit = "cm-2 s-1 TeV-1"
    real, found = (model.spectral(low).to_value(unit) for model in (true, fitted))
    error = fitted.spectral.dnde_error(low, result.models.covariance_of(fitted.name)).to_value(unit)
    yield _truth_row(f"{fitted.name}: dN/dE at 1 TeV", real, found, error, unit)


def _truth_row(name: str, true: Any, fitted: Any, error: Any, unit: str) -> Row:
    true, fitted, error = float(true), float(fitted), float(error)
    pull = (fitted - true) / error if error > 0 else math.nan
    cells = [name, measured(true, None), measured(fitted, error), unit_text(unit), fixed(pull, 2)]
    return Row([Cell(text, is_text=number == 3) for number, text in enumerate(cells)])
