"""Flux points: what they find in data equal to the expectation, in empty bins, beside other sources, when refitted."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.estimate.flux_points import estimate_flux_points
from gammapy_hli.engine.fit.compile import compile
from gammapy_hli.engine.models.nuisance import Nuisance
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.ebl import EBLAbsorptionNormSpectralModel
from gammapy_hli.engine.models.spectral.ebl_table import EblTable
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel


def power_law(name="crab", datasets_names=None, **values):
    spectral = PowerLawSpectralModel(**({"index": 2.3, "amplitude": 3e-11} | values))
    return SkyModel(name, spectral, datasets_names=datasets_names)


@pytest.mark.parametrize("on_off", [True, False], ids=["wstat", "cash"])
def test_data_equal_to_the_expectation_have_norm_one(toy_counts, on_off):
    models = Models(power_law())
    points = estimate_flux_points([toy_counts(models, on_off=on_off)], models, "crab")
    np.testing.assert_allclose(points.norm, 1, rtol=1e-9)
    np.testing.assert_allclose(points.dnde.value, models["crab"].spectral(points.e_ref * u.TeV).value, rtol=1e-9)
    np.testing.assert_allclose(points.npred, points.counts, atol=0.5)
    np.testing.assert_allclose(points.sqrt_ts**2, points.ts)
    assert np.all(points.norm_errn < points.norm_err)
    assert np.all(points.norm_err < points.norm_errp)


def test_reference_flux_cancels(toy_counts):
    models = Models(power_law())
    dataset = toy_counts(models, np.random.default_rng(1))
    one = estimate_flux_points([dataset], models, "crab")
    other = estimate_flux_points([dataset], models.with_values({"crab.spectral.amplitude": 7e-13}), "crab")
    for what in ("", "_err", "_errn", "_errp", "_ul"):
        np.testing.assert_allclose(other.quantity("dnde", what).value, one.quantity("dnde", what).value, rtol=1e-8)
    np.testing.assert_allclose(other.ts, one.ts, rtol=1e-9)


def test_joint_points_have_smaller_errors_than_those_of_one_dataset(toy_counts):
    models = Models(power_law())
    datasets = [toy_counts(models, name=name) for name in "abcd"]
    alone, joint = (estimate_flux_points(chosen, models, "crab") for chosen in (datasets[:1], datasets))
    np.testing.assert_allclose(joint.norm_err, alone.norm_err / 2, rtol=1e-6)
    assert joint.counts.shape == joint.npred.shape == joint.npred_excess.shape == (8, 4)


def test_edges_are_rounded_to_the_axis(toy_counts):
    models = Models(power_law())
    dataset = toy_counts(models)
    points = estimate_flux_points([dataset], models, "crab", energy_edges=[1.1, 3, 11] * u.TeV)
    edges = dataset.energy.edges_value("TeV")
    assert points.e_min.tolist() == [edges[0], edges[4]]
    assert points.e_max[-1] == edges[-1]
    np.testing.assert_allclose(points.e_ref, np.sqrt(points.e_min * points.e_max))
    np.testing.assert_allclose(
        points.counts.sum(), np.rint(dataset.counts[:4].sum()) + np.rint(dataset.counts[4:].sum())
    )


def test_a_bin_without_counts_has_a_finite_limit(toy_dataset):
    points = estimate_flux_points([toy_dataset()], Models(power_law()), "crab")
    likelihood = compile([toy_dataset()], Models(power_law()))
    np.testing.assert_allclose(points.norm, 0, atol=1e-12)
    np.testing.assert_allclose(points.norm_ul, 2 / likelihood.npred(likelihood.theta0)["toy"], rtol=1e-9)
    assert points.success.all()
    assert points.is_ul.all()


def test_bins_outside_the_safe_range_are_nan(toy_counts):
    models = Models(power_law())
    mask = np.arange(8) > 2
    points = estimate_flux_points([replace(toy_counts(models), mask_safe=mask)], models, "crab")
    assert points.success.tolist() == mask.tolist()
    for name in ("norm", "norm_err", "norm_ul", "ts", "stat", "stat_null", "npred", "npred_excess", "stat_scan"):
        assert np.isnan(getattr(points, name)[:3]).all()
    assert not points.is_ul[:3].any()
    assert points.counts[:3].sum() == 0


def test_other_sources_stay_as_background(toy_counts):
    both = Models([power_law(), power_law("other", index=1.8, amplitude=1e-11)])
    points = estimate_flux_points([toy_counts(both)], both, "crab")
    np.testing.assert_allclose(points.norm, 1, rtol=1e-8)
    alone = estimate_flux_points([toy_counts(both)], Models(power_law()), "crab")
    assert np.all(alone.norm > 1.1)


def test_scan_is_the_statistic_at_the_norms(toy_counts):
    models = Models(power_law())
    points = estimate_flux_points([toy_counts(models)], models, "crab", norm_scan=[0.0, 1.0])
    np.testing.assert_allclose(points.stat_scan[:, 0], points.stat_null)
    np.testing.assert_allclose(points.stat_scan[:, 1], points.stat, atol=1e-9)
    assert estimate_flux_points([toy_counts(models)], models, "crab").norm_scan.shape == (8, 11)


@pytest.mark.parametrize("on_off", [True, False], ids=["wstat", "cash"])
def test_a_source_of_the_sensitivity_is_detected_with_that_significance(toy_counts, on_off):
    models = Models(power_law())
    needed = estimate_flux_points(
        [toy_counts(models, on_off=on_off)], models, "crab", sensitivity=True
    ).norm_sensitivity
    assert np.isfinite(needed).all()
    k = 3
    source = models.with_values({"crab.spectral.amplitude": 3e-11 * needed[k]})
    points = estimate_flux_points([toy_counts(source, on_off=on_off)], source, "crab")
    assert points.sqrt_ts[k] == pytest.approx(5, rel=1e-6)


def test_refitting_with_nothing_else_free_changes_nothing(toy_counts):
    models = Models(power_law())
    dataset = toy_counts(models, np.random.default_rng(2))
    assert estimate_flux_points([dataset], models, "crab", reoptimize=True) == estimate_flux_points(
        [dataset], models, "crab"
    )


def test_refitting_another_source_widens_the_errors(toy_counts):
    models = Models([power_law(), power_law("other", index=2.3, amplitude=1e-11)])
    for name in ("other.spectral.index",):
        models.parameter(name).frozen = True
    models["other"].datasets_names = ("toy",)
    first, second = toy_counts(models, name="toy"), toy_counts(Models(power_law()), name="free")
    edges = [1, 3, 10] * u.TeV
    held, refitted = (
        estimate_flux_points([first, second], models, "crab", energy_edges=edges, reoptimize=choice)
        for choice in (False, True)
    )
    np.testing.assert_allclose(refitted.norm, held.norm, rtol=1e-4)
    assert np.all(refitted.norm_err > 1.1 * held.norm_err)
    assert np.all(refitted.norm_ul > held.norm_ul)
    np.testing.assert_allclose(refitted.npred, held.npred, rtol=1e-3)
    np.testing.assert_allclose(refitted.stat_null >= refitted.stat, True)
    assert refitted.success.all()


def test_upper_limits_of_a_weak_source_cover(toy_counts):
    """2 sigma limits lie above the truth in about 97.7 % of 1600 bins."""
    models = Models(power_law(amplitude=3e-13, index=1.0))
    rng = np.random.default_rng(3)
    limits = [estimate_flux_points([toy_counts(models, rng)], models, "crab").norm_ul for _ in range(200)]
    assert np.mean(np.array(limits) > 1) == pytest.approx(0.977, abs=0.025)


def test_a_wrong_source_is_an_error(toy_counts):
    models = Models(power_law())
    with pytest.raises(InputError, match="no model 'carb'"):
        estimate_flux_points([toy_counts(models)], models, "carb")


@pytest.mark.parametrize("edges", [[500, 900], [1e-4, 2e-4], [1.0, 1.001]], ids=["above", "below", "inside a bin"])
def test_edges_that_hold_no_bin_are_an_error_with_the_energies_of_the_datasets(toy_counts, edges):
    models = Models(power_law())
    with pytest.raises(InputError, match=r"no flux point: .* bins of the datasets, from .* TeV.* nothing is left"):
        estimate_flux_points([toy_counts(models)], models, "crab", energy_edges=edges * u.TeV)


def test_no_dataset_is_an_error():
    with pytest.raises(InputError, match="at least one dataset"):
        estimate_flux_points([], Models(power_law()), "crab")


def test_intrinsic_points_hold_the_norms_on_the_spectrum_without_absorption(toy_counts, tmp_path):
    energy = np.geomspace(0.1, 50, 30)
    table = EblTable(np.array([0.1, 0.3]), energy * u.TeV, np.exp(-np.outer([0.5, 1.5], energy**0.8)))
    intrinsic = PowerLawSpectralModel(index=2.1, amplitude=3e-11)
    source = SkyModel("agn", intrinsic * EBLAbsorptionNormSpectralModel(table, redshift=0.2))
    models = Models(source)
    points = estimate_flux_points([toy_counts(models)], models, "agn", deabsorb=True)
    assert points.intrinsic.is_intrinsic
    assert not points.is_intrinsic
    low, high = points.e_min * u.TeV, points.e_max * u.TeV
    np.testing.assert_allclose(points.intrinsic.dnde.value, intrinsic(points.e_ref * u.TeV).value, rtol=1e-9)
    np.testing.assert_allclose(points.intrinsic.flux.value, intrinsic.integral(low, high).value, rtol=1e-9)
    np.testing.assert_allclose(points.intrinsic.eflux.value, intrinsic.energy_flux(low, high).value, rtol=1e-9)
    ratio = points.dnde / points.intrinsic.dnde
    np.testing.assert_allclose(ratio.value, source.spectral.model2(points.e_ref * u.TeV).value, rtol=1e-9)
    np.testing.assert_array_equal(points.intrinsic.norm_ul, points.norm_ul)
    again = type(points).read(points.intrinsic.write(tmp_path / "agn-intrinsic.fits"))
    assert again == points.intrinsic
    assert again != replace(again, is_intrinsic=False)


def test_a_source_without_absorption_cannot_be_de_absorbed(toy_counts):
    models = Models(power_law())
    with pytest.raises(InputError, match=r"crab cannot be de-absorbed.*PowerLawSpectralModel.*ebl: \{reference"):
        estimate_flux_points([toy_counts(models)], models, "crab", deabsorb=True)


@pytest.mark.parametrize("reoptimize", [False, True])
def test_a_deficit_has_a_negative_significance_whatever_the_sign_of_the_reference(toy_counts, reoptimize):
    dataset = toy_counts(Models(power_law(amplitude=-2e-12)), np.random.default_rng(5), "a", background=60.0)
    above, other = power_law(amplitude=5e-12), power_law("other", amplitude=4e-11, datasets_names=["b"])
    other.spectral.index.frozen = True
    other_data = toy_counts(Models(power_law(amplitude=4e-11)), np.random.default_rng(6), "b")
    below = power_law(amplitude=-5e-12)
    up, down = (
        estimate_flux_points(
            [dataset, other_data], Models([own, other]), "crab", reoptimize=reoptimize, energy_edges=EDGES
        )
        for own in (above, below)
    )
    assert (up.sqrt_ts < 0).any()
    for name in ("ref_dnde", "ref_flux", "ref_eflux", "norm", "norm_err", "norm_errp", "norm_ul", "sqrt_ts"):
        np.testing.assert_allclose(getattr(down, name), getattr(up, name), rtol=1e-6, err_msg=name)


EDGES = [1, 3, 10] * u.TeV


@pytest.mark.parametrize("reoptimize", [False, True])
def test_points_hold_the_nuisances_of_the_fit(toy_counts, reoptimize):
    """An instrument whose counts are 1.3 times too many on energies 10 % too low, and its nuisance, cancel."""
    truth = Models(power_law(amplitude=3e-11))
    shift = Nuisance("magic", ("b",), Parameter("norm", 1.3), Parameter("energy_scale", 0.1))
    exact = toy_counts(truth, name="b", on_off=False)
    likelihood = compile([exact], truth, nuisances=[shift])
    data = [toy_counts(truth, name="a"), replace(exact, counts=likelihood.npred(likelihood.theta0)["b"] + 4.0)]
    weak = power_law("weak", amplitude=1e-13, datasets_names=["a"])
    weak.spectral.index.frozen = True
    models = Models([*truth, weak])
    options = {"energy_edges": EDGES, "reoptimize": reoptimize}
    found = estimate_flux_points(data, models, "crab", nuisances=[shift], **options)
    np.testing.assert_allclose(found.norm, 1.0, rtol=1e-2 if not reoptimize else 1e-3)  # the weak source is no truth
    assert not shift.norm.frozen
    without = estimate_flux_points(data, models, "crab", **options)
    assert np.all(without.norm > 1.05)
