"""The spectrum: best-fit models with their error bands, flux points, limits; the table of points."""

import math
from collections.abc import Iterator
from typing import Any

import astropy.units as u
import numpy as np

from gammapy_hli.base.counted import counted
from gammapy_hli.base.errors import HliError
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset
from gammapy_hli.engine.estimate.pulls import estimate_pulls
from gammapy_hli.engine.models.sky_model import SkyModel
from gammapy_hli.engine.models.spectral.ebl import without_absorption
from gammapy_hli.engine.predict.spectrum import used_bins
from gammapy_hli.engine.products.flux_points import FluxPoints
from gammapy_hli.plot.spectrum import plot_spectrum
from gammapy_hli.plot.style import figure_svg
from gammapy_hli.report.blocks import Cell, FigureBlock, Figures, Head, Row, Section, TableBlock
from gammapy_hli.report.map_view import fitted_bins
from gammapy_hli.report.material import FitMaterial, Material
from gammapy_hli.report.number_text import DASH, fixed, measured, plain, unit_text

SED_UNIT = u.Unit("erg cm-2 s-1")
N_CURVE = 80
MOST_ROWS = 60


def spectrum_section(material: Material) -> Section | None:
    """One figure a source and set of flux points."""
    figures: list[FigureBlock] = []
    blocks: list[Any] = []
    for source, step in _pairs(material):
        figures.append(_figure(material, source, step))
    if figures:
        blocks.append(Figures(figures))
    derived = _derived(material)
    if derived is not None:
        blocks.append(derived)
    for step, points in material.flux_points.items():
        blocks += [_points_table(step, each) for each in (points, points.intrinsic) if each is not None]
    if not blocks:
        return None
    text = "Curves are the best fits in the range of energies that was fitted, with the 1 σ band that follows from the "
    text += "covariance. All errors are statistical."
    if material.flux_points:
        text += " Flux points scale the best-fit curve bin by bin: they share its shape inside a bin and are not "
        text += "independent of it."
    return Section("spectrum", "Spectrum", blocks, text)


def _pairs(material: Material) -> list[tuple[str, str | None]]:
    """Source and flux points of each figure; sources without points have a figure too."""
    found: list[tuple[str, str | None]] = [(points.source, step) for step, points in material.flux_points.items()]
    with_points = {source for source, _ in found}
    for fit in material.fits:
        for name in _sources(fit):
            if name not in with_points:
                found.append((name, None))
                with_points.add(name)
    return found


def _sources(fit: FitMaterial) -> list[str]:
    return [model.name for model in fit.result.models if isinstance(model, SkyModel)]


def _figure(material: Material, source: str, step: str | None) -> FigureBlock:
    points = None if step is None else material.flux_points[step]
    first = None if step is None else material.fit_of(step)
    fits = [fit for fit in material.fits if source in _sources(fit)]
    fits.sort(key=lambda fit: fit is not first)
    curves = [_curve(fit, source, points) for fit in fits]
    columns = intrinsic = None
    if points is not None and points.intrinsic is not None:
        intrinsic = _columns(points.intrinsic)
        curves += [_intrinsic_curve(fits[0], source, points)] if fits else []
    if points is not None:
        columns = _columns(points)
        if fits:
            columns["pull"] = estimate_pulls(points, fits[0].result.models[source].spectral)  # type: ignore[union-attr]
    figure = plot_spectrum(curves, columns, intrinsic)
    words = [f"Spectral energy distribution of {source}."]
    if points is not None:
        arrows = bool((points.is_ul & points.success).any())
        words.append(f"Error bars are {points.n_sigma:g} σ.")
        if arrows:
            level = 50 * (1 + math.erf(points.n_sigma_ul / math.sqrt(2)))
            words.append(f"Arrows are upper limits at {points.n_sigma_ul:g} σ ({level:.3g} %) where √TS is below 2.")
        if np.isfinite(points.norm_sensitivity).any():
            words.append("Dotted lines are the flux that would just be detected in these data.")
        if intrinsic is not None:
            words.append("Open dots: the absorption by the extragalactic background light is taken out.")
    return FigureBlock(figure_svg(figure, f"spectrum-{source}-{step}"), " ".join(words), shape="wide")


def fitted_range(fit: FitMaterial) -> tuple[float, float] | None:
    """Lower and upper end of the bins that a fit used [TeV]."""
    lows, highs = [], []
    for dataset in fit.datasets:
        used = np.flatnonzero(_used_energies(dataset, fit))
        if len(used):
            edges = dataset.energy.edges_value("TeV")
            lows.append(float(edges[used[0]]))
            highs.append(float(edges[used[-1] + 1]))
    return (min(lows), max(highs)) if lows else None


def _used_energies(dataset: SpectrumDataset | MapDataset, fit: FitMaterial) -> np.ndarray:
    """Energy bins that the fit used, for maps in any pixel."""
    if isinstance(dataset, MapDataset):
        return np.asarray(fitted_bins(dataset, fit.result.energy_range).any(axis=(1, 2)))
    return used_bins(dataset, fit.result.energy_range)


def _curve(fit: FitMaterial, source: str, points: FluxPoints | None) -> dict[str, Any]:
    """The best fit with its band in the range of the fit."""
    bounds = fitted_range(fit)
    if bounds is None:
        bounds = (float(points.e_min.min()), float(points.e_max.max())) if points is not None else (0.1, 100.0)
    energy = np.geomspace(*bounds, N_CURVE) * u.TeV
    spectral = fit.result.models[source].spectral  # type: ignore[union-attr]
    factor = (energy**2).to(u.TeV**2)
    with np.errstate(all="ignore"):
        value = (factor * spectral(energy)).to_value(SED_UNIT)
        error = (factor * spectral.dnde_error(energy, fit.result.models.covariance_of(source))).to_value(SED_UNIT)
    error = np.nan_to_num(error)
    label = fit.title if fit.result.success else f"{fit.title} (not converged)"
    return {"label": label, "energy": energy.value, "value": value, "low": value - error, "high": value + error}


def _intrinsic_curve(fit: FitMaterial, source: str, points: FluxPoints | None) -> dict[str, Any]:
    """The best fit without the absorption on the way."""
    curve = _curve(fit, source, points)
    energy = curve["energy"] * u.TeV
    intrinsic = without_absorption(fit.result.models[source].spectral)  # type: ignore[union-attr]
    assert intrinsic is not None  # the step that made the points needs it
    value = (energy**2 * intrinsic(energy)).to_value(SED_UNIT)
    return {**curve, "label": "intrinsic", "value": value, "low": value, "high": value}


def _columns(points: FluxPoints) -> dict[str, np.ndarray]:
    good = points.success
    columns = {
        name: np.where(good, points.quantity("e2dnde", what).to_value(SED_UNIT), np.nan)
        for name, what in (("value", ""), ("errn", "_errn"), ("errp", "_errp"), ("ul", "_ul"))
    }
    return {
        "energy": points.e_ref,
        "energy_min": points.e_min,
        "energy_max": points.e_max,
        **columns,
        "is_ul": points.is_ul,
        "sensitivity": np.where(good, points.quantity("e2dnde", "_sensitivity").to_value(SED_UNIT), np.nan),
    }


# -- tables --------------------------------------------------------------------------------------------------------


def _derived(material: Material) -> TableBlock | None:
    """Integral and energy flux and the pivot energy of every source in every fit that can be used."""
    rows = [
        row
        for fit in material.fits
        if fit.result.success and (bounds := fitted_range(fit)) is not None
        for source in _sources(fit)
        for row in _derived_rows(fit, source, bounds)
    ]
    head = [
        Head("Source"),
        Head("Fit", is_text=True),
        Head("From", "TeV"),
        Head("To", "TeV"),
        Head("Flux", unit_text("cm-2 s-1")),
        Head("Energy flux", unit_text("erg cm-2 s-1")),
        Head("Pivot", "TeV"),
    ]
    return TableBlock(head, rows, caption="Fluxes that follow from the fits") if rows else None


def _derived_rows(fit: FitMaterial, source: str, fitted: tuple[float, float]) -> Iterator[Row]:
    spectral = fit.result.models[source].spectral  # type: ignore[union-attr]
    covariance = fit.result.models.covariance_of(source)
    is_wider = fitted[0] <= 1.0 and fitted[1] >= 10.0 and not np.allclose(fitted, (1.0, 10.0))
    ranges = [fitted, (1.0, 10.0)] if is_wider else [fitted]
    try:
        pivot = plain(float(spectral.pivot_energy(covariance).to_value("TeV")))
    except (HliError, ValueError):
        pivot = DASH
    for number, (low, high) in enumerate(ranges):
        ends = low * u.TeV, high * u.TeV
        flux, error = spectral.integral(*ends), spectral.integral_error(*ends, covariance)
        energy, energy_error = spectral.energy_flux(*ends), spectral.energy_flux_error(*ends, covariance)
        cells = [
            source,
            fit.title,
            plain(low),
            plain(high),
            measured(float(flux.to_value("cm-2 s-1")), float(error.to_value("cm-2 s-1"))),
            measured(float(energy.to_value(SED_UNIT)), float(energy_error.to_value(SED_UNIT))),
            pivot if number == 0 else "",
        ]
        yield Row([Cell(text, is_text=place == 1) for place, text in enumerate(cells)])


def _points_table(step: str, points: FluxPoints) -> TableBlock:
    """The points that could be computed."""
    head = [
        Head("Energy", "TeV"),
        Head("From", "TeV"),
        Head("To", "TeV"),
        Head("Counts"),
        Head("Excess"),
        Head("dN/dE", unit_text("cm-2 s-1 TeV-1")),
        Head(f"Limit, {points.n_sigma_ul:g} σ", unit_text("cm-2 s-1 TeV-1")),
        Head("E² dN/dE", unit_text("erg cm-2 s-1")),
        Head("√TS"),
    ]
    has_sensitivity = bool(np.isfinite(points.norm_sensitivity).any())
    if has_sensitivity:
        head.append(Head("Sensitivity", unit_text("erg cm-2 s-1")))
        sensitivity = points.quantity("e2dnde", "_sensitivity").to_value(SED_UNIT)
    counts = np.atleast_2d(points.counts).reshape(len(points), -1).sum(axis=1)
    excess = np.atleast_2d(points.npred_excess).reshape(len(points), -1)
    dnde, sed = (points.quantity(name) for name in ("dnde", "e2dnde"))
    rows = []
    for k in np.flatnonzero(points.success)[:MOST_ROWS].tolist():
        value = measured(dnde[k].value, float(points.dnde_err[k].value)) if not points.is_ul[k] else DASH
        energy_flux = float(sed[k].to_value(SED_UNIT))
        error = float(points.quantity("e2dnde", "_err")[k].to_value(SED_UNIT))
        cells = [
            plain(points.e_ref[k]),
            plain(points.e_min[k]),
            plain(points.e_max[k]),
            str(counts[k]),
            fixed(float(np.nansum(excess[k])), 1),
            value,
            plain(float(points.dnde_ul[k].value)),
            measured(energy_flux, error) if not points.is_ul[k] else DASH,
            fixed(points.sqrt_ts[k], 1),
            *([plain(float(sensitivity[k]))] if has_sensitivity else []),
        ]
        rows.append(Row([Cell(text) for text in cells], muted=bool(points.is_ul[k])))
    left = int((~points.success).sum())
    more = f" {counted(left, 'bin')} without usable data {'is' if left == 1 else 'are'} left out." if left else ""
    kind = "Intrinsic flux points" if points.is_intrinsic else "Flux points"
    return TableBlock(head, rows, caption=f"{kind} of {points.source} (step {step}).{more}")
