"""What a report adds up: excess run after run, and counts with the model over all datasets."""

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.engine.datasets.stack import stack
from gammapy_hli.engine.estimate.cumulative import estimate_cumulative
from gammapy_hli.engine.estimate.flux_points import estimate_flux_points
from gammapy_hli.engine.estimate.pulls import estimate_pulls
from gammapy_hli.engine.estimate.summed_counts import sum_counts
from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.models.models_yaml import parse_short
from gammapy_hli.engine.stats.significance import significance_wstat


@pytest.fixture
def models():
    return parse_short({"crab": {"spectral": {"type": "pl", "amplitude": "3e-11 cm-2 s-1 TeV-1", "index": 2.4}}})


@pytest.fixture
def two(toy_counts, models):
    rng = np.random.default_rng(0)
    return [toy_counts(models, rng, name) for name in ("a", "b")]


def test_last_step_of_the_growth_is_that_of_the_sums(two):
    grown = estimate_cumulative(two)
    infos = [dataset.info() for dataset in two]
    n_on, n_off = (sum(info[key] for info in infos) for key in ("n_on_safe", "n_off_safe"))
    assert grown.livetime.to_value("s").tolist() == pytest.approx([1800, 3600])
    assert grown.excess[-1] == pytest.approx(sum(info["excess"] for info in infos))
    assert grown.sqrt_ts[-1] == pytest.approx(float(significance_wstat(n_on, n_off, 0.1)))


def test_growth_of_one_run_is_that_run(two):
    grown = estimate_cumulative(two[:1])
    info = two[0].info()
    assert grown.sqrt_ts[0] == pytest.approx(info["sqrt_ts"])
    assert grown.excess_error[0] == pytest.approx(np.sqrt(info["n_on_safe"] + 0.01 * info["n_off_safe"]))


def test_growth_with_a_known_background_has_poisson_errors(toy_dataset):
    dataset = toy_dataset(counts=np.full(8, 3.0), background=np.full(8, 2.0), on_off=False)
    grown = estimate_cumulative([dataset, dataset])
    assert grown.excess.tolist() == [8.0, 16.0]
    assert grown.excess_error[-1] == pytest.approx(np.sqrt(48))


def test_growth_without_any_background_has_no_significance(toy_dataset):
    dataset = toy_dataset(counts=np.ones(8), on_off=False)
    assert np.isnan(estimate_cumulative([dataset]).sqrt_ts[0])


def test_growth_of_empty_runs_is_zero(toy_dataset):
    grown = estimate_cumulative([toy_dataset("a"), toy_dataset("b")])
    assert grown.sqrt_ts.tolist() == [0.0, 0.0]


def test_summed_counts_are_the_counts_of_the_stacked_dataset(two, models):
    (summed,) = sum_counts(two, models)
    together = stack(two, "sum")
    assert summed.counts.tolist() == together.counts.tolist()
    assert summed.names == ("a", "b")
    assert (summed.npred >= summed.background).all()


def test_counts_outside_the_range_of_the_fit_stand_apart(two, models):
    (summed,) = sum_counts(two, models, (2 * u.TeV, None))
    total = sum(dataset.counts for dataset in two)
    assert (summed.counts + summed.counts_unused).tolist() == total.tolist()
    assert np.isnan(summed.residual[~summed.used]).all()
    assert np.isfinite(summed.residual[summed.used]).all()
    assert not summed.used[0]


def test_residual_vanishes_where_the_model_is_exact(toy_dataset, models):
    empty = toy_dataset(on_off=False, background=np.full(8, 4.0))
    (expected,) = sum_counts([empty], models)
    exact = toy_dataset(counts=expected.npred, on_off=False, background=np.full(8, 4.0))
    (summed,) = sum_counts([exact], models)
    assert summed.residual == pytest.approx(np.zeros(8), abs=1e-6)


def test_pulls_of_many_counts_are_distance_over_error(toy_counts, models):
    datasets = [toy_counts(models, np.random.default_rng(1), scale=100.0)]
    result = fit(datasets, models)
    points = estimate_flux_points(datasets, result.models, "crab")
    moved = result.models.copy()
    moved["crab"].spectral.amplitude.value *= 1.05
    pulls = estimate_pulls(points, moved["crab"].spectral)
    gaussian = (points.norm - 1.05) / points.norm_err
    good = np.isfinite(gaussian) & (points.sqrt_ts > 10)
    assert good.any()
    assert pulls[good] == pytest.approx(gaussian[good], abs=0.12)


def test_pull_of_an_empty_bin_is_the_root_of_its_deviance(toy_dataset, models):
    empty = [toy_dataset(on_off=False, background=np.full(8, 0.5), scale=0.01)]
    points = estimate_flux_points(empty, models, "crab")
    npred = sum_counts(empty, models)[0].npred
    pulls = estimate_pulls(points, models["crab"].spectral)
    assert (pulls < 0).all()
    assert pulls**2 == pytest.approx(2 * npred, rel=1e-6)  # -2 ln P(0 | npred), and 1 is a node of the profile
