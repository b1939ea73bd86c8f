"""Instruments of a joint fit on the page: tables, figures, pulls of nuisances, headline numbers; sensitivity."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from gammapy_hli.analysis import Analysis
from gammapy_hli.plot.instruments import InstrumentBins, instrument_color, plot_instruments
from gammapy_hli.plot.style import ORANGE
from gammapy_hli.report.material import FitMaterial
from gammapy_hli.report.sections.instruments import instrument_blocks


@pytest.fixture(scope="module")
def joint(small_config):
    """Two instruments of which the second has free nuisances."""
    shared = {key: small_config[key] for key in ("general", "model")}
    options = {
        **shared,
        "steps": ["selection@a", "reduction@a", "selection@b", "reduction@b", "model", "fit", "flux_points", "report"],
        "selection@a": {**small_config["selection"], "obs_ids": [1]},
        "selection@b": {**small_config["selection"], "obs_ids": [2, 3]},
        "reduction": small_config["reduction"],
        "reduction@a": {"inputs": {"observations": "selection@a"}},
        "reduction@b": {"inputs": {"observations": "selection@b"}},
        "fit": {
            "inputs": {"datasets": ["reduction@a", "reduction@b"]},
            "nuisances": {
                "b": {
                    "norm": {"prior": {"gauss": {"mean": 1, "sigma": 0.1}}},
                    "energy_scale": {"value": 0.05, "frozen": True, "prior": {"uniform": {"min": -0.1, "max": 0.1}}},
                }
            },
        },
        "flux_points": {"energy": {"min": "0.3 TeV", "max": "10 TeV", "nbins": 3}, "sensitivity": True},
    }
    analysis = Analysis(options).run()
    return SimpleNamespace(analysis=analysis, html=analysis.product_of("report").html)


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"<svg.*?</svg>", "", html, flags=re.DOTALL)))


def test_the_page_tells_instrument_by_instrument(joint):
    text = text_of(joint.html)
    for words in (
        "Joint fit, instrument by instrument",
        "b-2, b-3",
        "Joint fit, a: dataset a-1",
        "Joint fit, b: sum of 2",
    ):
        assert words in text, words
    assert "3 of 3 runs used" in text
    assert "Step reduction@b" in text


def test_nuisances_have_prior_value_and_pull(joint):
    norm = joint.analysis.fit_result["b.norm"]
    pull = (norm.value - 1) / 0.1
    text = text_of(joint.html)
    assert "b, norm 1.00 ± 0.10" in text
    assert f"{pull:.2f}".replace("-", "−") in text
    assert "b, energy scale uniform, −0.100 to 0.100" in text
    assert "(held)" in text
    assert f"b.norm lies {abs(pull):.1f} σ of its prior away" in text


def test_headline_numbers_are_those_of_both(joint):
    totals = [joint.analysis.product_of(f"reduction@{label}").totals() for label in "ab"]
    head = text_of(joint.html).split("Flux points scale")[0]
    assert f"{sum(each['livetime_s'] for each in totals) / 3600:.3f} h livetime" in head
    assert f"{sum(each['excess'] for each in totals):.0f} ±" in head
    assert "significance" not in head  # the two have no common one
    assert "b, norm" in head


def test_sensitivity_stands_in_the_table_and_the_figure(joint):
    assert "Sensitivity" in text_of(joint.html)
    assert "Dotted lines are the flux that would just be detected" in text_of(joint.html)


def test_a_fit_of_one_instrument_has_no_such_part(products):
    fit = FitMaterial("fit", products.fit, tuple(products.reduction.datasets), {"reduction": ("1", "2")})
    assert list(instrument_blocks(fit)) == []
    assert [instrument.name for instrument in fit.instruments] == [""]


def test_colors_differ_and_are_none_of_the_background():
    colors = [instrument_color(number) for number in range(6)]
    assert len(set(colors)) == 6
    assert ORANGE not in colors


def test_an_instrument_without_a_bin_is_no_error():
    nothing = np.full(2, np.nan)
    bins = InstrumentBins("a$b", np.array([1.0, 2.0]), np.array([2.0, 4.0]), nothing, nothing)
    figure = plot_instruments([bins, InstrumentBins("b", bins.low, bins.high, np.array([1.0, 9.0]), np.ones(2) * 0.1)])
    assert figure.axes[0].get_ylim()[1] <= 5
