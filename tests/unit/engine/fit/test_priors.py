"""Priors as terms of the statistic: closed forms, derivatives, bounds, and what they do to a fit."""

import math

import numpy as np
import pytest
from scipy.stats import loguniform, norm, uniform

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.fit.compile import compile
from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.fit.prior import collect_priors
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.prior import Prior
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel

GAUSS = Prior("GaussianPrior", {"mu": 2.0, "sigma": 0.3})
UNIFORM = Prior("UniformPrior", {"min": 1.0, "max": 4.0})
LOG_UNIFORM = Prior("LogUniformPrior", {"min": 0.5, "max": 8.0}, 2.0)
DENSITIES = {
    "gauss": (GAUSS, norm(2.0, 0.3)),
    "uniform": (UNIFORM, uniform(1.0, 3.0)),
    "log uniform, weighted": (LOG_UNIFORM, loguniform(0.5, 8.0)),
}


def terms(prior, value=2.0, **options):
    return collect_priors(["x"], [Parameter("x", value, prior=prior, **options)])


@pytest.mark.parametrize(("prior", "density"), DENSITIES.values(), ids=DENSITIES)
@pytest.mark.parametrize("value", [1.2, 2.0, 3.9])
def test_statistic_and_constant_are_the_logarithm_of_the_density(prior, density, value):
    own = terms(prior)
    found = own.stat(np.array([value])) + own.constant
    assert found == pytest.approx(-2 * prior.weight * density.logpdf(value), rel=1e-12)


@pytest.mark.parametrize("prior", [GAUSS, UNIFORM, LOG_UNIFORM], ids=["gauss", "uniform", "log uniform"])
def test_derivatives_agree_with_differences(prior):
    own, value, step = terms(prior), 2.7, 1e-5
    stat, gradient = own.stat_and_gradient(np.array([value]))
    above, below = (own.stat_and_gradient(np.array([value + side * step])) for side in (1, -1))
    assert stat == own.stat(np.array([value]))
    assert gradient[0] == pytest.approx((above[0] - below[0]) / (2 * step), abs=1e-8)
    curvature = own.curvature(np.array([value]))[0]
    assert curvature == pytest.approx((above[1][0] - below[1][0]) / (2 * step), abs=1e-6)


@pytest.mark.parametrize("prior", [UNIFORM, LOG_UNIFORM])
def test_outside_of_its_range_a_prior_is_infinite(prior):
    assert terms(prior).stat(np.array([9.0])) == math.inf


def power_law(**values):
    return Models(SkyModel("crab", PowerLawSpectralModel(**({"index": 2.3, "amplitude": 3e-11} | values))))


@pytest.fixture
def data(toy_counts):
    return [toy_counts(power_law(), on_off=False)]


def test_priors_narrow_the_bounds(data):
    models = power_law(index=2.0)
    index = models.parameter("crab.spectral.index")
    index.prior, index.max = UNIFORM, 3.0
    likelihood = compile(data, models)
    assert [bound[0] for bound in likelihood.bounds] == [1.0, 3.0]
    index.min = 4.5
    with pytest.raises(InputError, match=r"min 4\.5 and max 3 together with its prior"):
        compile(data, models)


def test_a_fit_stops_at_the_end_of_a_uniform_prior(data):
    models = power_law(index=2.0)
    models.parameter("crab.spectral.index").prior = Prior("UniformPrior", {"min": 1.0, "max": 2.1})
    result = fit(data, models)
    assert (result.status, result["crab.spectral.index"].value) == ("at limit", 2.1)
    assert result.stat_prior == 0


def test_a_log_uniform_prior_pulls_towards_small_values(data):
    models, free = power_law(), fit(data, power_law())
    amplitude = models.parameter("crab.spectral.amplitude")
    amplitude.prior = Prior("LogUniformPrior", {"min": 1e-12, "max": 1e-9})
    result = fit(data, models)
    own, other = (each["crab.spectral.amplitude"] for each in (result, free))
    assert result.success
    assert own.value < other.value
    # the slope of the prior, 2 / A, moves the minimum by half of it times the variance
    assert other.value - own.value == pytest.approx(other.error**2 / other.value, rel=0.05)
    assert result.stat_prior == pytest.approx(2 * math.log(own.value / 1e-12))


def test_a_gaussian_prior_is_one_more_measurement(data):
    models, free = power_law(), fit(data, power_law())["crab.spectral.index"]
    models.parameter("crab.spectral.index").prior = Prior("GaussianPrior", {"mu": 2.5, "sigma": free.error})
    result = fit(data, models)["crab.spectral.index"]
    assert result.value == pytest.approx(0.5 * (free.value + 2.5), abs=0.15 * free.error)
    assert result.error == pytest.approx(free.error / math.sqrt(2), rel=0.05)


def test_a_frozen_parameter_outside_of_its_prior_is_an_error(data):
    models = power_law(index=5.0)
    index = models.parameter("crab.spectral.index")
    index.prior, index.frozen = UNIFORM, True
    with pytest.raises(InputError, match=r"crab\.spectral\.index is frozen at 5, outside of its prior from 1 to 4"):
        compile(data, models)


def test_a_prior_on_a_frozen_parameter_counts(data):
    models = power_law(index=2.3)
    index = models.parameter("crab.spectral.index")
    index.prior, index.frozen = GAUSS, True
    assert fit(data, models).stat_prior == pytest.approx(1.0)
