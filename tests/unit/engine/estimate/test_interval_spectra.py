"""Spectra of the intervals of a light curve, and how their parameters go with the flux."""

import itertools
import json
from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
import scipy.stats

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.estimate.correlation import correlate
from gammapy_hli.engine.estimate.interval_spectra import (
    IntervalFit,
    fit_interval,
    fit_intervals,
    interval_works,
    spectral_models,
)
from gammapy_hli.engine.estimate.light_curve import estimate_light_curve
from gammapy_hli.engine.estimate.time_bins import bins_by_run, bins_of_intervals
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.products.light_curve import LightCurve

EDGES = [1.0, 2.4, 10.0] * u.TeV
INDICES = (2.0, 2.3, 2.6, 2.9)
FACTORS = (4.0, 3.0, 1.5, 1.0)


def power_law(index=2.3, amplitude=3e-11):
    return Models(SkyModel("crab", PowerLawSpectralModel(index=index, amplitude=amplitude)))


@pytest.fixture
def runs(toy_counts):
    """Four runs that get fainter and softer."""

    def make(rng=None):
        made = []
        for k, (index, factor) in enumerate(zip(INDICES, FACTORS, strict=True)):
            dataset = toy_counts(power_law(index, 3e-11 * factor), rng, str(k))
            made.append(replace(dataset, gti=Gti([3600.0 * k], [3600.0 * k + 1800]), meta={"OBS_ID": [k]}))
        return made

    return make


def refitted(datasets, models, bins=None, **options):
    bins = bins_by_run(datasets) if bins is None else bins
    fits = fit_intervals(interval_works(datasets, models, "crab", bins))
    return estimate_light_curve(datasets, models, "crab", bins, energy_edges=EDGES, fits=fits, **options)


def test_each_interval_gives_its_spectrum(runs):
    spectra = refitted(runs(), power_law()).spectra
    values, errors = spectra.quantity("index")
    assert values.value == pytest.approx(INDICES, abs=2e-3)
    assert (errors.value > 0).all()
    assert spectra.quantity("amplitude")[0].to_value("cm-2 s-1 TeV-1") == pytest.approx(
        3e-11 * np.array(FACTORS), rel=2e-3
    )
    assert spectra.parameters == ("index", "amplitude")
    assert spectra.status.tolist() == [""] * 4


def test_fluxes_are_those_of_the_spectrum_of_the_interval(runs):
    curve = refitted(runs(), power_law())
    for k, (index, factor) in enumerate(zip(INDICES, FACTORS, strict=True)):
        true = power_law(index, 3e-11 * factor)["crab"].spectral.integral(curve.e_min * u.TeV, curve.e_max * u.TeV)
        np.testing.assert_allclose(curve.flux[k].value, true.to_value("cm-2 s-1"), rtol=2e-3)
    whole = curve.flux.value.sum(axis=1)
    np.testing.assert_allclose(curve.spectra.flux, whole, rtol=2e-3)


def test_the_same_shape_gives_the_same_curve(runs):
    datasets = runs(np.random.default_rng(1))
    as_fitted = [IntervalFit(("index",), (2.3,), ((1.0,),), 0.0)] * 4
    held = estimate_light_curve(datasets, power_law(), "crab", energy_edges=EDGES)
    same = estimate_light_curve(datasets, power_law(), "crab", energy_edges=EDGES, fits=as_fitted)
    for name in ("norm", "norm_err", "norm_ul", "ts", "exposure", "npred", "counts"):
        np.testing.assert_array_equal(getattr(same, name), getattr(held, name))
    np.testing.assert_array_equal(same.variability.chi2, held.variability.chi2)


def test_index_goes_with_flux(runs):
    spectra = refitted(runs(), power_law()).spectra
    assert spectra.n_correlated == 4
    assert spectra.spearman[0] == pytest.approx(-1.0)
    assert spectra.pearson[0] == pytest.approx(np.corrcoef(INDICES, spectra.flux)[0, 1], abs=1e-3)
    assert spectra.spearman_p[0] == pytest.approx(2 / 24)


def test_an_interval_that_cannot_be_fitted_is_a_row_with_its_reason(runs):
    datasets = runs()
    datasets[1] = replace(datasets[1], counts_off=None)
    datasets[2] = replace(datasets[2], counts=np.zeros(8), counts_off=np.zeros(8))
    curve = refitted(datasets, power_law())
    assert curve.spectra.success.tolist() == [True, False, False, True]
    assert curve.spectra.status[1] == "no data that can be used"
    assert curve.spectra.status[2]
    assert np.isnan(curve.spectra.value[1:3]).all()
    assert "flux for the spectrum of the fit" in curve.reason[2]
    assert curve.is_ul[2].all()
    assert np.isfinite(curve.norm_ul[2]).all()


def test_nothing_but_the_spectrum_of_the_source_is_free():
    models = Models([*power_law(), SkyModel("other", PowerLawSpectralModel(index=2, amplitude=1e-12))])
    made = spectral_models(models, "crab")
    assert made.free == ("crab.spectral.index", "crab.spectral.amplitude")
    assert "other.spectral.index" in models.free


def test_a_source_without_free_parameters_is_an_error():
    models = power_law()
    for parameter in models["crab"].spectral.parameters:
        parameter.frozen = True
    with pytest.raises(InputError, match=r"no spectral parameter of crab is free \(index, amplitude, reference\)"):
        spectral_models(models, "crab")


def test_runs_of_an_interval_are_fitted_together(runs):
    datasets = runs()[:1] * 1
    twice = [datasets[0], replace(datasets[0], name="again", gti=Gti([1800.0], [3600.0]))]
    bins = bins_of_intervals(twice, Gti([0.0], [3600.0]))
    joint = fit_interval(next(interval_works(twice, power_law(), "crab", bins)))
    stacked = fit_interval(next(interval_works(twice, power_law(), "crab", bins, per_interval="stack")))
    alone = fit_interval(next(interval_works(datasets, power_law(), "crab", bins_by_run(datasets))))
    assert joint.values == pytest.approx(alone.values, rel=1e-3)
    assert stacked.values == pytest.approx(joint.values, rel=1e-3)
    assert joint.covariance[0][0] == pytest.approx(0.5 * alone.covariance[0][0], rel=0.05)


def test_a_fit_goes_through_json_bit_by_bit(runs):
    datasets = runs(np.random.default_rng(2))
    one = fit_interval(next(interval_works(datasets, power_law(), "crab", bins_by_run(datasets))))
    assert IntervalFit.from_dict(json.loads(json.dumps(one.to_dict()))) == one


def test_files_hold_the_spectra(runs, tmp_path):
    datasets = runs(np.random.default_rng(3))
    datasets[1] = replace(datasets[1], counts_off=None)
    curve = refitted(datasets, power_law())
    back = LightCurve.read(curve.write(tmp_path / "c.fits"))
    assert back == curve
    assert back.spectra.units == curve.spectra.units
    assert LightCurve.read(curve.write(tmp_path / "c.ecsv")) == replace(curve, spectra=None)
    with pytest.raises(InputError, match=r"no free parameter 'indx'\. Did you mean 'index'"):
        back.spectra.quantity("indx")


@pytest.mark.parametrize("n", [8, 10, 50])
def test_correlations_are_those_of_scipy(n):
    rng = np.random.default_rng(n)
    x = rng.normal(size=n)
    y = np.round(0.4 * x + rng.normal(size=n), 1)
    found = correlate(np.append(x, np.nan), np.append(y, 3.0))
    for (r, p), expected in (
        (found[:2], scipy.stats.pearsonr(x, y)),
        (found[2:], scipy.stats.spearmanr(x, y)),
    ):
        assert r == pytest.approx(expected[0], abs=1e-12)
        assert p == pytest.approx(expected[1], rel=1e-6)


def test_ranks_of_few_pairs_are_compared_with_all_their_orders():
    x, y = np.array([1.0, 2.0, 4.0, 8.0, 9.0]), np.array([2.0, 1.0, 3.0, 5.0, 4.0])
    orders = [np.abs(scipy.stats.spearmanr(x, order)[0]) for order in itertools.permutations(y)]
    expected = np.mean(np.array(orders) >= scipy.stats.spearmanr(x, y)[0] - 1e-12)
    assert correlate(x, y).spearman_p == pytest.approx(expected)


def test_two_pairs_have_no_correlation():
    assert np.isnan(correlate(np.arange(2.0), np.arange(2.0))).all()
    assert np.isnan(correlate(np.arange(5.0), np.ones(5))).all()
