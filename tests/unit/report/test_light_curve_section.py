"""The light curve on the page: figures of odd bands, and the section with its table."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.time import Time

from gammapy_hli.engine.dl3.ephemeris import Ephemeris
from gammapy_hli.engine.estimate.folding import Folding
from gammapy_hli.engine.estimate.interval_spectra import fit_intervals, interval_works
from gammapy_hli.engine.estimate.light_curve import estimate_light_curve
from gammapy_hli.engine.estimate.periodogram import PeriodogramPlan
from gammapy_hli.engine.estimate.time_bins import bins_by_run
from gammapy_hli.plot.light_curve import plot_light_curve
from gammapy_hli.plot.parameter_trend import plot_against_flux, plot_against_time
from gammapy_hli.plot.periodogram import period_unit, plot_periodogram
from gammapy_hli.plot.style import figure_svg
from gammapy_hli.report.material import Material
from gammapy_hli.report.sections.light_curve import light_curve_section


def band(flux: list[float], is_ul: list[bool]) -> dict[str, object]:
    values = np.array(flux)
    return {
        "label": "1 to 20 TeV",
        "flux": values,
        "errn": 0.1 * values,
        "errp": 0.1 * values,
        "ul": 2 * np.abs(values),
        "is_ul": np.array(is_ul),
        "mean": np.nan if not len(flux) else float(np.nanmean(values)) if np.isfinite(values).any() else np.nan,
    }


@pytest.mark.parametrize(
    ("flux", "is_ul"),
    [([1.0, 2.0], [False, False]), ([1.0, np.nan], [True, False]), ([np.nan], [False]), ([3.0], [True])],
    ids=["points", "limit and gap", "nothing", "one limit"],
)
def test_any_light_curve_can_be_drawn(flux, is_ul):
    edges = 53945.0 + np.arange(len(flux) + 1) / 24
    figure = plot_light_curve(edges[:-1], edges[1:], [band(flux, is_ul)], "cm-2 s-1")
    assert figure_svg(figure, "test").startswith("<svg")


def test_page_without_light_curve_has_no_such_section():
    assert light_curve_section(Material()) is None


# -- periodogram, folded curve, spectra ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full_curve(products):
    """A curve of two runs with everything that can be asked for; too short for a periodogram."""
    datasets, models = products.reduction.datasets, products.fit.models
    bins = bins_by_run(datasets)
    fits = fit_intervals(interval_works(datasets, models, "crab", bins))
    ephemeris = Ephemeris(Time(53000.0, format="mjd", scale="tt"), 1 / 86400)
    folding = Folding(ephemeris, np.array([0.0, 0.5, 1.0]))
    return estimate_light_curve(
        datasets, models, "crab", bins, fits=fits, folding=folding, periodogram=PeriodogramPlan()
    )


def test_everything_that_was_asked_for_is_on_the_page(full_curve, products):
    material = Material(light_curves={"light_curve": full_curve}, fit_results={"fit": products.fit})
    section = light_curve_section(material)
    assert "is fitted in each interval" in section.text
    captions = [figure.caption for block in section.blocks if block.kind == "figures" for figure in block.figures]
    assert len(captions) == 5
    assert "The index of each interval against its flux" in captions[1]
    assert "not corrected to the barycenter" in captions[3]
    assert "Lomb-Scargle" in captions[4]
    tables = [block for block in section.blocks if block.kind == "table"]
    assert [row.cells[0].text for row in tables[1].rows] == ["index", "amplitude [cm⁻² s⁻¹ TeV⁻¹]"]
    assert tables[3].rows[0].cells[2].text == "– s"


def test_a_plain_curve_has_only_its_figure_and_table(full_curve):
    plain_curve = replace(full_curve, spectra=None, folded=None, periodogram=None)
    section = light_curve_section(Material(light_curves={"light_curve": plain_curve}))
    assert [block.kind for block in section.blocks] == ["figures", "table"]
    assert "keeps the shape of the fit" in section.text


def test_a_periodogram_marks_the_peak_and_the_chance():
    frequency = np.linspace(1e-6, 1e-4, 200)
    power = np.exp(-0.5 * ((frequency - 2e-5) / 1e-6) ** 2)[:, np.newaxis]
    svg = figure_svg(plot_periodogram(frequency, power, ["1 to 20 TeV"], np.array([2e-5]), 0.4, 0.01), "test")
    assert svg.startswith("<svg")
    assert figure_svg(plot_periodogram(np.zeros(0), np.zeros((0, 1)), ["x"], np.array([np.nan]), None, 0.01), "t")


@pytest.mark.parametrize(("seconds", "unit"), [(0.033, "s"), (90.0, "min"), (4e4, "h"), (3e5, "d"), (1e9, "yr")])
def test_periods_are_told_in_a_handy_unit(seconds, unit):
    assert period_unit(np.array([seconds]))[0] == unit


def test_a_parameter_that_no_interval_has_can_be_drawn():
    nothing = np.full(2, np.nan)
    edges = np.array([53000.0, 53000.1, 53000.2])
    for figure in (
        plot_against_flux(nothing, nothing, nothing, nothing, "index", "cm-2 s-1", np.nan),
        plot_against_time(edges[:-1], edges[1:], nothing, nothing, "index", 2.0),
    ):
        assert figure_svg(figure, "test").startswith("<svg")


def test_a_periodogram_that_is_highest_at_an_end_tells_no_period(full_curve):
    frequency = np.linspace(1e-5, 1e-3, 50)
    power = np.linspace(0.9, 0.1, 50)
    found = replace(
        full_curve.periodogram,
        frequency=frequency,
        power=power[:, np.newaxis],
        best_frequency=frequency[:1],
        best_power=power[:1],
        false_alarm=np.array([1e-4]),
    )
    section = light_curve_section(Material(light_curves={"light_curve": replace(full_curve, periodogram=found)}))
    cells = [block for block in section.blocks if block.kind == "table"][-1].rows[0].cells
    assert cells[2].text == "no period: the power is highest at the longest that was looked for (1.157 d)"
    assert cells[4].text == "–"


def test_halving_time_stands_beside_the_doubling_time(full_curve):
    numbers = replace(full_curve.variability, halving_time=np.array([1200.0]), halving_time_err=np.array([60.0]))
    section = light_curve_section(Material(light_curves={"light_curve": replace(full_curve, variability=numbers)}))
    table = next(block for block in section.blocks if block.kind == "table")
    assert [head.name for head in table.head][-1] == "Halving"
    assert table.rows[0].cells[-1].text == "20.0 ± 1.0"


def test_a_note_on_an_interval_is_told_and_is_no_missing_flux(full_curve):
    notes = ("3.0 sigma, the 5 asked for are not reached", *[""] * (len(full_curve) - 1))
    section = light_curve_section(Material(light_curves={"light_curve": replace(full_curve, reason=notes)}))
    caption = next(block for block in section.blocks if block.kind == "table").caption
    assert "3.0 sigma, the 5 asked for are not reached." in caption
    assert "without a flux" not in caption
