"""The light curve: fluxes in time and how much they vary."""

from typing import Any

import numpy as np

from gammapy_hli.base.counted import counted
from gammapy_hli.engine.products.light_curve import LightCurve
from gammapy_hli.plot.light_curve import plot_light_curve
from gammapy_hli.plot.style import figure_svg
from gammapy_hli.report.blocks import Cell, FigureBlock, Figures, Head, Row, Section, TableBlock
from gammapy_hli.report.material import Material
from gammapy_hli.report.number_text import measured, plain, unit_text, whole
from gammapy_hli.report.sections.light_curve_parts import (
    FLUX_UNIT,
    band_columns,
    band_labels,
    period_blocks,
    spectra_blocks,
)

MOST_NOTES = 3


def light_curve_section(material: Material) -> Section | None:
    """One figure and one table of variability a light curve; None where there is none."""
    blocks: list[Any] = []
    for step, curve in material.light_curves.items():
        arrows = " Arrows are upper limits." if (curve.is_ul & curve.success).any() else ""
        caption = f"Light curve of {curve.source} (step {step}); errors are {curve.n_sigma:g} σ, dotted: mean.{arrows}"
        figure = figure_svg(_figure(curve), f"light-curve-{step}")
        blocks.append(Figures([FigureBlock(figure, caption, shape="wide")]))
        blocks.append(_variability(curve))
        if curve.spectra is not None:
            blocks += spectra_blocks(curve.spectra, _fitted(material, step, curve.source), step)
        blocks += period_blocks(curve.folded, curve.periodogram, step)
    if not blocks:
        return None
    refitted = any(curve.spectra is not None for curve in material.light_curves.values())
    shape = (
        "is fitted in each interval" if refitted else "keeps the shape of the fit; its norm is fitted in each interval"
    )
    text = (
        f"The spectrum {shape}. χ² is of one constant flux; Fvar is the variability beyond the errors (Vaughan et al. "
        "2003), Fpp that from point to point."
    )
    return Section("light-curve", "Light curve", blocks, text)


def _fitted(material: Material, step: str, source: str) -> dict[str, float]:
    """Spectral parameters of the fit that a light curve stands on."""
    known = material.links.get(step, {}).get("fit_result", tuple(material.fit_results))
    fit = next((material.fit_results[name] for name in known if name in material.fit_results), None)
    if fit is None or source not in fit.models:
        return {}
    return {parameter.name: parameter.value for parameter in fit.models[source].spectral.parameters}


def _figure(curve: LightCurve) -> Any:
    names = {"flux": "", "errn": "_errn", "errp": "_errp", "ul": "_ul"}
    columns = {key: curve.quantity("flux", suffix).to_value(FLUX_UNIT) for key, suffix in names.items()}
    bands = band_columns(columns, curve.is_ul, band_labels(curve.e_min, curve.e_max), curve.variability.mean_flux)
    return plot_light_curve(np.asarray(curve.time_min), np.asarray(curve.time_max), bands, unit_text(FLUX_UNIT))


def _variability(curve: LightCurve) -> TableBlock:
    head = [
        Head("Energy", "TeV"),
        Head("Points"),
        Head("Mean flux", unit_text(FLUX_UNIT)),
        Head("χ² / d.o.f."),
        Head("p-value"),
        Head("Fvar"),
        Head("Fpp"),
        Head("Doubling", "min"),
        Head("Halving", "min"),
    ]
    rows = []
    numbers = curve.variability
    for k in range(len(curve.e_ref)):
        cells = [
            f"{plain(curve.e_min[k])} – {plain(curve.e_max[k])}",
            whole(float(numbers.n_points[k])),
            plain(numbers.mean_flux[k]),
            f"{plain(numbers.chi2[k])} / {numbers.dof[k]}",
            plain(numbers.p_value[k], 2),
            measured(numbers.fvar[k], numbers.fvar_err[k]),
            measured(numbers.fpp[k], numbers.fpp_err[k]),
            measured(numbers.doubling_time[k] / 60, numbers.doubling_time_err[k] / 60),
            measured(numbers.halving_time[k] / 60, numbers.halving_time_err[k] / 60),
        ]
        rows.append(Row([Cell(text) for text in cells]))
    left = int((~curve.success).any(axis=1).sum())
    more = f" {counted(left, 'interval')} without a flux in some band." if left else ""
    notes = [
        f" Interval {name}: {reason}."
        for name, reason, good in zip(curve.interval, curve.reason, curve.success, strict=True)
        if reason and good.all()
    ]
    more += "".join(notes[:MOST_NOTES]) + (f" {len(notes) - MOST_NOTES} more have notes." if notes[MOST_NOTES:] else "")
    return TableBlock(head, rows, caption=f"Variability of {curve.source}.{more}")
