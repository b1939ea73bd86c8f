"""Flux points of map datasets by their laws: same numbers bin by bin, truth, masks, other free parameters."""

from dataclasses import replace

import numpy as np
import pytest

from gammapy_hli.engine.estimate.flux_points import estimate_flux_points
from gammapy_hli.engine.fit.compile import compile
from gammapy_hli.engine.fit.map_problem import map_problem
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.predict.map_total import predict_map
from gammapy_hli.engine.stats.norm_solver import NormProblems, norm_at_delta, solve_norms

from ..fit.test_map_fit import background, filled, make_dataset, source


@pytest.fixture(scope="module")
def models():
    return Models([source(), source("gauss", lon=83.4, name="other", amplitude=1e-11), background(norm=1.0)])


@pytest.fixture(scope="module")
def dataset(models):
    return filled(make_dataset(), models)


def test_summed_bins_give_the_likelihood_of_all_bins(dataset, models):
    likelihood = compile([dataset], models)
    (term,) = likelihood.maps
    found = map_problem(term, likelihood.parameters.values, ("crab",))
    prediction = predict_map(dataset, models)
    own = prediction.sources["crab"].ravel()
    rest = (prediction.signal + prediction.background).ravel() - own
    seen = own > 0
    group = np.zeros(int(seen.sum()), dtype=int)
    every = NormProblems.from_cash(1, group, own[seen], dataset.counts.ravel()[seen].astype(float), rest[seen])
    one = np.ones(1)
    for norm in (-0.001, 0.3, 4.0):  # a constant, of bins that the source does not reach, may differ
        change = found.stat(norm * one) - found.stat(one)
        assert change == pytest.approx(every.stat(norm * one) - every.stat(one), abs=1e-8)
    assert found.domain()[0] == pytest.approx(every.domain()[0], rel=1e-9)
    best, expected = solve_norms(found), solve_norms(every)
    assert best.norm == pytest.approx(expected.norm, rel=1e-8)
    assert norm_at_delta(found, best, 4.0, 1) == pytest.approx(norm_at_delta(every, expected, 4.0, 1), rel=1e-8)


def test_points_agree_with_the_truth(dataset, models):
    points = estimate_flux_points([dataset], models, "crab")
    assert points.success.all()
    np.testing.assert_array_less(np.abs(points.norm - 1), 4 * points.norm_err)
    assert points.counts.sum() == dataset.counts.sum()
    np.testing.assert_allclose(
        points.npred_excess[:, 0],
        points.norm * predict_map(dataset, models).sources["crab"].sum(axis=(1, 2)),
        rtol=1e-9,
    )


def test_masked_energy_has_no_point(dataset, models):
    mask = np.ones(dataset.shape, dtype=bool)
    mask[0] = False
    points = estimate_flux_points([replace(dataset, mask_safe=mask)], models, "crab")
    assert points.success.tolist() == [False, True, True]
    assert np.isnan(points.norm[0])


def test_refitting_the_rest_lowers_the_statistic_and_widens_errors(dataset, models):
    models = models.copy()
    models.parameter("other.spectral.index").frozen = True  # one bin does not tell an index
    held = estimate_flux_points([dataset], models, "crab")
    free = estimate_flux_points([dataset], models, "crab", reoptimize=True)
    assert (free.stat <= held.stat + 1e-6).all()
    np.testing.assert_allclose(free.norm, held.norm, atol=0.5 * held.norm_err.max())
    assert (free.norm_err > 0.9 * held.norm_err).all()


def test_two_maps_are_one_likelihood(models):
    both = Models([*models, background("b", 1.0)])
    datasets = [filled(make_dataset(name), both, seed) for seed, name in enumerate(("toy", "b"))]
    joint = estimate_flux_points(datasets, both, "crab")
    single = [estimate_flux_points([one], both.for_dataset(one.name), "crab") for one in datasets]
    weights = [1 / one.norm_err**2 for one in single]
    mean = sum(w * one.norm for w, one in zip(weights, single, strict=True)) / sum(weights)
    np.testing.assert_allclose(joint.norm, mean, atol=0.2 * joint.norm_err.max())
    np.testing.assert_allclose(joint.norm_err, 1 / np.sqrt(sum(weights)), rtol=0.1)
