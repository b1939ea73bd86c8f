"""Fits on small data made in code: closed loop, statuses, limits, links, pulls."""

import astropy.units as u
import numpy as np
import pytest
from scipy.stats import chi2

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.fit.compile import compile
from gammapy_hli.engine.fit.covariance import correlation, covariance_of_hessian
from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.fit.goodness import chi2_probability
from gammapy_hli.engine.fit.minuit import minimize
from gammapy_hli.engine.fit.scan import stat_contour, stat_profile
from gammapy_hli.engine.fit.second_start import default_start
from gammapy_hli.engine.fit.start import nearer_start
from gammapy_hli.engine.models.prior import Prior
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.cutoff import ExpCutoffPowerLawSpectralModel
from gammapy_hli.engine.models.spectral.log_parabola import LogParabolaSpectralModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel

TRUTH = {"index": 2.3, "amplitude": 3e-12}


def power_law(name="crab", **values):
    return SkyModel(name, PowerLawSpectralModel(**(TRUTH | values)))


@pytest.fixture
def exact(toy_counts):
    """Data equal to their expectation, so that the truth is the best fit."""
    return toy_counts(Models(power_law()))


@pytest.mark.parametrize(
    "start",
    [{}, {"amplitude": 1e-14}, {"amplitude": 1e-9}, {"index": 0.5, "amplitude": 1e-11}, {"index": 4.5}],
    ids=["truth", "faint", "bright", "hard", "soft"],
)
def test_the_truth_is_found_from_anywhere(exact, start):
    result = fit([exact], Models(power_law(**start)))
    assert result.status == "converged"
    assert result["crab.spectral.index"].value == pytest.approx(2.3, abs=1e-5)
    assert result["crab.spectral.amplitude"].value == pytest.approx(3e-12, rel=1e-5)
    assert result.stat == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("on_off", [True, False], ids=["wstat", "cash"])
def test_amplitudes_far_off_are_brought_near_before_the_fit(toy_counts, on_off):
    dataset = toy_counts(Models(power_law()), on_off=on_off)
    likelihood = compile([dataset], Models(power_law(amplitude=1e-15)))
    np.testing.assert_allclose(nearer_start(likelihood, likelihood.theta0), [2.3, 3e-12], rtol=1e-6)
    near = compile([dataset], Models(power_law(amplitude=2.5e-12)))
    assert nearer_start(near, near.theta0).tolist() == near.theta0.tolist()


def test_amplitudes_stay_inside_their_bounds_and_held_sources_as_they_are(exact):
    models = Models([power_law(amplitude=1e-15), power_law("held", amplitude=1e-12)])
    models.parameter("held.spectral.amplitude").frozen = True
    likelihood = compile([exact], models)
    start = nearer_start(likelihood, likelihood.theta0)
    assert start[likelihood.free.index("crab.spectral.amplitude")] == pytest.approx(2e-12, rel=1e-6)
    models.parameter("crab.spectral.amplitude").max = 1e-13
    bounded = compile([exact], models)
    assert nearer_start(bounded, bounded.theta0).tolist() == bounded.theta0.tolist()


def test_the_models_that_were_given_stay_as_they_are(exact):
    models = Models(power_law(index=2.0))
    result = fit([exact], models)
    assert models.parameter("crab.spectral.index").value == 2.0
    assert result.models.parameter("crab.spectral.index").error == result["crab.spectral.index"].error > 0


def test_error_is_where_the_statistic_has_grown_by_one(toy_counts):
    models = Models(power_law(amplitude=3e-10))
    models.parameter("crab.spectral.index").frozen = True
    dataset = toy_counts(models)
    result = fit([dataset], models)
    likelihood = compile([dataset], models)
    parameter = result["crab.spectral.amplitude"]
    for side in (-1, 1):
        grown = likelihood.stat(np.array([parameter.value + side * parameter.error])) - result.stat
        assert grown == pytest.approx(1, abs=0.05)


def test_frozen_and_linked_parameters_in_the_covariance(toy_counts):
    one_source = Models(power_law())
    datasets = [toy_counts(one_source, name="a"), toy_counts(one_source, name="b", scale=2.0)]
    models = Models([power_law(), power_law("other", amplitude=1e-12)])
    models["other"].datasets_names = ("b",)
    models.link("other.spectral.index", "crab.spectral.index")
    result = fit(datasets, models)
    order = list(result.names)
    one, other = order.index("crab.spectral.index"), order.index("other.spectral.index")
    frozen = order.index("crab.spectral.reference")
    assert result["other.spectral.index"].link == "crab.spectral.index"
    assert result["other.spectral.index"].value == result["crab.spectral.index"].value
    np.testing.assert_array_equal(result.covariance[one], result.covariance[other])
    assert not result.covariance[frozen].any()
    assert result.n_free == 3


def test_a_limit_is_reported_and_kept(exact):
    models = Models(power_law())
    models.parameter("crab.spectral.index").max = 2.1
    models.parameter("crab.spectral.index").value = 2.0
    result = fit([exact], models)
    assert result.success
    assert result.status == "at limit"
    assert "crab.spectral.index = 2.1" in result.message
    assert result["crab.spectral.index"].value == 2.1
    assert result["crab.spectral.index"].error == 0
    assert result["crab.spectral.amplitude"].error > 0


@pytest.mark.parametrize("is_frozen", [True, False], ids=["index frozen", "index free"])
@pytest.mark.parametrize("start", [1e-14, 3e-12, 1e-10])
@pytest.mark.parametrize("counts", [0, 4], ids=["no counts", "a deficit"])
def test_a_deficit_puts_an_amplitude_that_cannot_be_negative_at_zero(toy_dataset, counts, start, is_frozen):
    data = toy_dataset(counts=np.full(8, float(counts)), counts_off=np.full(8, 50.0))
    models = Models([power_law(amplitude=start)])
    models["crab"].spectral.parameters["amplitude"].min = 0
    models["crab"].spectral.parameters["index"].frozen = is_frozen
    result = fit([data], models, minos=["crab.spectral.amplitude"])
    assert result.status == "at limit"
    assert result["crab.spectral.amplitude"].value == 0
    assert ("crab.spectral.index does not matter there" in result.message) == (not is_frozen)
    null = compile([data], Models([power_law(amplitude=0.0)]))
    assert result.stat == pytest.approx(null.stat(null.theta0), abs=1e-9)
    if is_frozen:  # the one-sided error: where the statistic has grown by one
        above = compile([data], Models([power_law(amplitude=result["crab.spectral.amplitude"].errp)]))
        assert above.stat(above.theta0) - result.stat == pytest.approx(1.0, abs=0.01)


def test_a_start_outside_the_bounds_is_moved_inside(exact):
    models = Models(power_law())
    models.parameter("crab.spectral.index").value = 9.0
    models.parameter("crab.spectral.index").max = 5.0
    assert fit([exact], models)["crab.spectral.index"].value == pytest.approx(2.3, abs=1e-4)


def test_no_data_is_a_status(toy_dataset):
    result = fit([toy_dataset(mask=np.zeros(8, dtype=bool))], Models(power_law()))
    assert (result.success, result.status) == (False, "no data")
    assert "safe masks" in result.message


def test_nothing_free_is_a_status(exact):
    models = Models(power_law())
    for parameter in models.parameters.values():
        parameter.frozen = True
    result = fit([exact], models)
    assert (result.success, result.status, result.n_free) == (True, "nothing free", 0)


def test_a_flat_parameter_is_named(exact):
    dark = power_law("dark", amplitude=0.0)
    dark.spectral.amplitude.frozen = True
    result = fit([exact], Models([power_law(index=2.0), dark]))
    assert (result.success, result.status) == (False, "flat parameter")
    assert "dark.spectral.index" in result.message
    assert result["crab.spectral.index"].value == pytest.approx(2.3, abs=1e-3)


def test_a_parameter_that_is_flat_at_the_start_only_is_fitted_all_the_same(exact):
    result = fit([exact], Models(power_law(index=2.0, amplitude=0.0)), minos=["all"])
    assert result.status == "converged"
    assert result["crab.spectral.index"].value == pytest.approx(2.3, abs=1e-5)
    assert result["crab.spectral.index"].errp > 0


def test_two_parameters_that_cannot_be_told_apart_are_named(exact):
    twins = Models([power_law(), power_law("twin")])
    twins.link("twin.spectral.index", "crab.spectral.index")
    result = fit([exact], twins)
    assert (result.success, result.status) == (False, "no covariance")
    assert "crab.spectral.amplitude" in result.message
    assert "twin.spectral.amplitude" in result.message


def test_failed_attempts_are_recorded(exact):
    result = fit([exact], Models(power_law(amplitude=1e-9, index=0.5)), max_calls=3, retries=1)
    assert len(result.attempts) >= 2
    assert "calls" in result.attempts[0]


@pytest.mark.parametrize("make", [
    lambda: power_law(index=-25.0),
    lambda: SkyModel("crab", LogParabolaSpectralModel(amplitude=3e-12, reference=1, alpha=-10, beta=0.1)),
], ids=["pl", "lp"])  # fmt: skip
def test_a_start_that_leads_to_a_plateau_is_left_for_the_defaults(exact, make):
    result = fit([exact], Models(make()))
    assert result.success
    assert result.stat == pytest.approx(0, abs=1e-6)
    assert "started from the defaults of the model types" in result.message
    assert any(text.startswith("starting values of the models") for text in result.attempts)
    alone = fit([exact], Models(make()), retries=0)
    assert alone.stat > result.stat + 5


def test_the_other_start_stays_inside_bounds_and_priors():
    models = Models(power_law(index=-5.0, amplitude=1.0))
    index, amplitude = (models.parameter(f"crab.spectral.{name}") for name in ("index", "amplitude"))
    index.prior = Prior("GaussianPrior", {"mu": 2.7, "sigma": 0.1})
    amplitude.min = 1e-11
    other = default_start(models)
    assert other.parameter("crab.spectral.index").value == 2.7
    assert other.parameter("crab.spectral.amplitude").value == 1e-11
    index.frozen = amplitude.frozen = True
    assert default_start(models) is None


def test_a_model_for_a_dataset_that_is_nowhere_is_an_error(toy_counts):
    models = Models(SkyModel("crab", PowerLawSpectralModel(**TRUTH), datasets_names=["one", "tow"]))
    datasets = [toy_counts(Models(power_law()), name=name) for name in ("one", "two")]
    with pytest.raises(InputError, match=r"model 'crab' is for dataset 'tow', which is not there\. Did you mean 'two'"):
        fit(datasets, models)
    assert fit(datasets, models, elsewhere=["tow"]).n_free == 2


def test_a_cutoff_where_there_is_none_stays_small(exact):
    spectrum = ExpCutoffPowerLawSpectralModel(index=2.0, amplitude=3e-12, reference=1.0, lambda_=0.1)
    result = fit([exact], Models(SkyModel("crab", spectrum)))
    assert result.success
    parameter = result["crab.spectral.lambda_"]
    assert abs(parameter.value) < 0.05 * parameter.error


def test_energy_range_and_stacking(toy_counts):
    models = Models(power_law())
    datasets = [toy_counts(models, name="a"), toy_counts(models, name="b")]
    joint = fit(datasets, models, energy_range=(2 * u.TeV, None))
    stacked = fit(datasets, models, energy_range=(2 * u.TeV, None), stack=True)
    assert joint.n_bins == 2 * stacked.n_bins
    assert stacked["crab.spectral.index"].error == pytest.approx(joint["crab.spectral.index"].error, rel=1e-3)


def test_minos_errors_lie_around_the_symmetric_one(toy_counts):
    models = Models(power_law())
    dataset = toy_counts(models)
    result = fit([dataset], models, minos=["crab.spectral.amplitude"])
    parameter = result["crab.spectral.amplitude"]
    assert parameter.errn < parameter.error < parameter.errp
    assert parameter.errp == pytest.approx(parameter.error, rel=0.2)
    assert result["crab.spectral.index"].errp is None
    with pytest.raises(InputError, match=r"'crab\.spectral\.indx'"):
        fit([dataset], models, minos=["crab.spectral.indx"])


def test_profile_reaches_one_at_the_minos_error(toy_counts):
    models = Models(power_law())
    likelihood = compile([toy_counts(models)], models)
    minimum = minimize(likelihood, minos=["all"])
    name = "crab.spectral.index"
    down, up = minimum.minos[name]
    best = minimum.theta[0]
    profile = stat_profile(likelihood, minimum, name, np.array([best - down, best, best + up]))
    np.testing.assert_allclose(profile.stat - minimum.stat, [1, 0, 1], atol=0.02)
    assert f"lowest    : stat {minimum.stat:.4f} at {best:.6g}" in repr(profile)
    fixed = stat_profile(likelihood, minimum, name, reoptimize=False)
    assert len(fixed.values) == 21
    assert np.all(fixed.stat >= stat_profile(likelihood, minimum, name).stat - 1e-9)
    with pytest.raises(InputError, match="not a free parameter"):
        stat_profile(likelihood, minimum, "crab.spectral.reference")


def test_contour_lies_on_one_level(toy_counts):
    models = Models(power_law())
    likelihood = compile([toy_counts(models)], models)
    minimum = minimize(likelihood)
    contour = stat_contour(likelihood, minimum, *likelihood.free, n_points=12)
    assert f"n_sigma                 : 1\n  points                  : {len(contour.x)}" in repr(contour)
    stat = [likelihood.stat(np.array(pair)) - minimum.stat for pair in zip(contour.x, contour.y, strict=True)]
    np.testing.assert_allclose(stat, 2.2957, atol=0.05)  # 68.27 % of two parameters together


def test_a_contour_that_cannot_be_closed_says_why(toy_counts):
    models = Models(power_law())
    models.parameter("crab.spectral.index").max = 2.3001  # close by: the line would run out of the bounds
    dataset = toy_counts(models)
    likelihood = compile([dataset], models)
    minimum = minimize(likelihood)
    contour = stat_contour(likelihood, minimum, *likelihood.free, n_sigma=3, n_points=8)
    assert (len(contour.x) > 0) == (contour.message == "")
    with pytest.raises(InputError, match=r"crab\.spectral\.index twice"):
        stat_contour(likelihood, minimum, likelihood.free[0], likelihood.free[0])


def test_a_contour_of_a_failed_fit_is_empty_with_its_reason(exact):
    twins = Models([power_law(), power_law("twin")])
    twins.link("twin.spectral.index", "crab.spectral.index")
    likelihood = compile([exact], twins)
    minimum = minimize(likelihood)
    contour = stat_contour(likelihood, minimum, "crab.spectral.amplitude", "twin.spectral.amplitude", n_points=8)
    assert len(contour.x) == 0
    assert "no covariance" in contour.message


def test_goodness_counts_bins_and_warns_of_few_counts(toy_counts):
    models = Models(power_law(amplitude=3e-13))
    result = fit([toy_counts(models)], models)
    goodness = result.goodness
    assert goodness.dof == 8 - 2
    assert goodness.chi2 == pytest.approx(0, abs=1e-8)
    assert goodness.p_value == pytest.approx(1)
    assert "fewer than 5 counts" in goodness.warning
    assert len(goodness.datasets[0].chi2_per_bin) == 8


def test_deviance_of_good_data_follows_the_degrees_of_freedom(toy_counts):
    models = Models(power_law(amplitude=3e-10))
    rng = np.random.default_rng(5)
    results = [fit([toy_counts(models, rng, background=50.0)], models) for _ in range(40)]
    assert np.mean([r.goodness.chi2 for r in results]) == pytest.approx(6, abs=4 * np.sqrt(2 * 6 / 40))
    assert not results[0].goodness.warning


@pytest.mark.parametrize("dof", [1, 2, 3, 10, 71, 1000])
def test_chi2_probability_agrees_with_scipy(dof):
    for value in (0.0, 0.01, 0.5 * dof, dof, 1.5 * dof, 3.0 * dof):
        assert chi2_probability(value, dof) == pytest.approx(chi2.sf(value, dof), rel=1e-9)


def test_chi2_probability_without_degrees_of_freedom_is_nan():
    assert np.isnan(chi2_probability(3.0, 0))


@pytest.mark.parametrize("on_off", [True, False], ids=["wstat", "cash"])
def test_pulls_of_index_and_amplitude_are_unit_normal(toy_counts, on_off):
    """100 drawings: the mean is known to 0.1 and the width to 0.07; four times that is allowed."""
    models = Models(power_law(amplitude=3e-11))
    rng = np.random.default_rng(7)
    pulls = []
    for _ in range(100):
        result = fit([toy_counts(models, rng, on_off=on_off)], models)
        assert result.success
        rows = [result[f"crab.spectral.{name}"] for name in ("index", "amplitude")]
        pulls.append([(row.value - models.parameter(row.name).value) / row.error for row in rows])
    np.testing.assert_allclose(np.mean(pulls, axis=0), 0, atol=0.4)
    np.testing.assert_allclose(np.std(pulls, axis=0), 1, atol=0.28)


def test_covariance_of_a_matrix_that_is_not_positive_is_refused():
    covariance, is_positive = covariance_of_hessian(np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([False, False]))
    assert not is_positive
    assert not covariance.any()


def test_correlation_of_frozen_parameters_is_undefined():
    matrix = correlation(np.array([[4.0, 0.0], [0.0, 0.0]]))
    assert matrix[0, 0] == matrix[1, 1] == 1
    assert np.isnan(matrix[0, 1])
