"""The compiled likelihood: gradients, second derivatives, links, mixtures of statistics, predictions."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.fit.compile import compile
from gammapy_hli.engine.models.parameter import Prior
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.cutoff import ExpCutoffPowerLawSpectralModel
from gammapy_hli.engine.models.spectral.log_parabola import LogParabolaSpectralModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel


def power_law(name="crab", **values):
    return SkyModel(name, PowerLawSpectralModel(**({"index": 2.3, "amplitude": 3e-12} | values)))


@pytest.fixture
def mixed(toy_counts):
    """An on-off dataset and one with known background, drawn from a power law."""
    rng = np.random.default_rng(1)
    models = Models(power_law())
    return [toy_counts(models, rng, "on-off"), toy_counts(models, rng, "known", on_off=False, scale=2.0)]


MODELS = {
    "pl": lambda: Models(power_law()),
    "cutoff": lambda: Models(SkyModel("crab", ExpCutoffPowerLawSpectralModel(index=2, amplitude=3e-12, lambda_=0.1))),
    "lp": lambda: Models(SkyModel("crab", LogParabolaSpectralModel(amplitude=3e-12, reference=1, alpha=2, beta=0.2))),
    "two": lambda: Models([power_law(), power_law("other", index=1.5, amplitude=5e-13)]),
}


def difference(function, theta, steps):
    rows = [
        (function(theta + step) - function(theta - step)) / (2 * size)
        for step, size in zip(np.diag(steps), steps, strict=True)
    ]
    return np.array(rows)


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_gradient_agrees_with_differences(mixed, make):
    likelihood = compile(mixed, make())
    theta = likelihood.theta0 * 1.05
    numeric = difference(likelihood.stat, theta, 1e-5 * np.abs(theta))
    size = np.abs(theta)  # amplitudes are tiny: compare the change for the same relative step
    np.testing.assert_allclose(likelihood.stat_and_gradient(theta)[1] * size, numeric * size, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_hessian_agrees_with_differences_of_the_gradient(mixed, make):
    likelihood = compile(mixed, make())
    theta = likelihood.theta0
    numeric = difference(lambda t: likelihood.stat_and_gradient(t)[1], theta, 1e-5 * np.abs(theta))
    scale = np.sqrt(np.abs(np.diag(numeric)))
    np.testing.assert_allclose(
        likelihood.hessian(theta) / np.outer(scale, scale), numeric / np.outer(scale, scale), atol=3e-4
    )


def test_statistic_is_the_sum_over_datasets_plus_priors(mixed):
    models = Models(power_law())
    models.parameter("crab.spectral.index").prior = Prior("GaussianPrior", {"mu": 2.0, "sigma": 0.1})
    likelihood = compile(mixed, models)
    theta = likelihood.theta0
    assert likelihood.stat_prior(theta) == pytest.approx(9.0)
    assert likelihood.stat(theta) == pytest.approx(sum(likelihood.stat_per_dataset(theta).values()) + 9.0)
    numeric = difference(likelihood.stat, theta, 1e-5 * np.abs(theta))
    np.testing.assert_allclose(likelihood.stat_and_gradient(theta)[1], numeric, rtol=1e-5)


def test_one_long_run_counts_as_two_halves_with_equal_axes(toy_counts):
    models = Models(power_law())
    one, other = toy_counts(models, name="a"), toy_counts(models, name="b")
    whole = compile([one, other], models).stat_and_gradient(np.array([2.5, 4e-12]))
    parts = [compile([part], models).stat_and_gradient(np.array([2.5, 4e-12])) for part in (one, other)]
    assert whole[0] == pytest.approx(parts[0][0] + parts[1][0])
    np.testing.assert_allclose(whole[1], parts[0][1] + parts[1][1])


def test_linked_parameters_are_one_parameter(mixed):
    models = Models([power_law(), power_law("other", amplitude=1e-12)])
    models.link("other.spectral.index", "crab.spectral.index")
    likelihood = compile(mixed, models)
    assert likelihood.free == ("crab.spectral.index", "crab.spectral.amplitude", "other.spectral.amplitude")
    numeric = difference(likelihood.stat, likelihood.theta0, 1e-5 * likelihood.theta0)
    np.testing.assert_allclose(likelihood.stat_and_gradient(likelihood.theta0)[1], numeric, rtol=1e-4)


def test_frozen_parameters_are_not_free(mixed):
    models = Models(power_law())
    models.parameter("crab.spectral.index").frozen = True
    assert compile(mixed, models).free == ("crab.spectral.amplitude",)


def test_a_source_shines_in_its_own_datasets_only(mixed):
    other = SkyModel("other", PowerLawSpectralModel(index=2, amplitude=1e-12), datasets_names=["known"])
    likelihood = compile(mixed, Models([power_law(), other]))
    npred = likelihood.npred_per_source(likelihood.theta0)["other"]
    assert npred["on-off"].sum() == 0
    assert npred["known"].sum() > 0
    gradient = likelihood.stat_and_gradient(likelihood.theta0)[1]
    np.testing.assert_allclose(
        gradient, difference(likelihood.stat, likelihood.theta0, 1e-5 * likelihood.theta0), rtol=1e-4
    )


def test_predictions_cover_all_bins_also_those_not_used(mixed):
    likelihood = compile(mixed, Models(power_law()), energy_range=(2 * u.TeV, 5 * u.TeV))
    assert likelihood.n_bins < 16
    assert np.all(likelihood.npred(likelihood.theta0)["on-off"] > 0)
    assert np.isnan(likelihood.deviance_per_bin(likelihood.theta0)["on-off"]).sum() > 0


def test_bins_outside_the_range_do_not_matter(toy_counts):
    models = Models(power_law())
    dataset = toy_counts(models, np.random.default_rng(3))
    counts = dataset.counts.copy()
    counts[0] += 1000
    stats = [
        compile([each], models, energy_range=(2 * u.TeV, None)).stat(np.array([2.0, 2e-12]))
        for each in (dataset, replace(dataset, counts=counts))
    ]
    assert stats[0] == stats[1]


def test_background_is_the_given_one_or_the_most_likely_one(toy_counts):
    models = Models(power_law())
    datasets = [toy_counts(models, name="a"), toy_counts(models, name="b", on_off=False)]
    background = compile(datasets, models).background(np.array([2.3, 3e-12]))
    np.testing.assert_allclose(background["a"], 4.0, rtol=1e-9)
    np.testing.assert_allclose(background["b"], 4.0, rtol=1e-12)


def test_empty_datasets_do_no_harm(mixed, toy_dataset):
    alone = compile(mixed, Models(power_law()))
    dead = replace(toy_dataset("dead", scale=0.0), livetime=0 * u.s, mask_safe=np.zeros(8, dtype=bool))
    no_off = replace(toy_dataset("no off"), counts_off=None)
    likelihood = compile([*mixed, dead, no_off], Models(power_law()))
    assert likelihood.stat(likelihood.theta0) == alone.stat(alone.theta0)
    assert likelihood.stat_per_dataset(likelihood.theta0)["dead"] == 0
    assert likelihood.background(likelihood.theta0)["no off"].sum() == 0


def test_exposure_zero_inside_the_safe_range_is_harmless(mixed, toy_dataset):
    likelihood = compile([*mixed, toy_dataset("dead", scale=0.0)], Models(power_law()))
    assert np.isfinite(likelihood.stat(likelihood.theta0))


def test_a_model_for_a_dataset_that_is_not_there_is_an_error(mixed):
    model = SkyModel("crab", PowerLawSpectralModel(), datasets_names=["on-of"])
    with pytest.raises(InputError, match=r"dataset 'on-of', which is not there.*on-off"):
        compile(mixed, Models(model))


@pytest.mark.parametrize("response", ["exposure", "edisp"])
def test_a_spectrum_cannot_be_seen_without_a_response(toy_counts, response):
    plain = Models([SkyModel("crab", PowerLawSpectralModel())])
    bare = Models([SkyModel("crab", PowerLawSpectralModel(), apply_irf={response: False})])
    with pytest.raises(InputError, match=f"'crab' has apply_irf {response}: false.*'toy' is a spectrum"):
        compile([toy_counts(plain)], bare)


def test_a_free_parameter_without_a_value_is_an_error(mixed):
    models = Models(power_law())
    models.parameter("crab.spectral.index").value = np.nan
    with pytest.raises(InputError, match=r"crab\.spectral\.index starts at nan"):
        compile(mixed, models)


def test_bounds_that_exclude_each_other_are_an_error(mixed):
    models = Models(power_law())
    parameter = models.parameter("crab.spectral.index")
    parameter.min, parameter.max = 3, 2
    with pytest.raises(InputError, match="min 3 and max 2"):
        compile(mixed, models)


@pytest.mark.parametrize(
    ("prior", "match"),
    [
        (Prior("GeneralizedGaussianPrior", {"mu": 2, "sigma": 1, "eta": 0.5}), r"'GeneralizedGaussianPrior'.*knows"),
        (Prior("UniformPior", {"min": 1, "max": 3}), r"'UniformPior'\. Did you mean 'UniformPrior'"),
        (Prior("GaussianPrior", {"mu": 2, "sigma": -1}), r"crab\.spectral\.index: GaussianPrior: sigma -1 is not"),
        (Prior("UniformPrior", {"min": 3, "max": 3}), "min 3 is not below max 3"),
        (Prior("LogUniformPrior", {"min": 0, "max": 3}), "min 0 is not positive"),
        (Prior("LogUniformPrior", {"min": 1}), "has no max; expected min and max"),
        (Prior("GaussianPrior", {"mu": 2, "sigma": 1}, 0.0), "weight 0 is not positive"),
    ],
    ids=["not known", "misspelt", "sigma", "order", "logarithm of zero", "missing", "weight"],
)
def test_a_prior_that_is_none_is_an_error(mixed, prior, match):
    models = Models(power_law())
    models.parameter("crab.spectral.index").prior = prior
    with pytest.raises(InputError, match=match):
        compile(mixed, models)


def test_a_likelihood_shows_its_datasets_and_parameters(mixed):
    text = repr(compile(mixed, Models(power_law())))
    assert text.startswith("Likelihood")
    assert len(text.splitlines()) < 10
    assert all(word in text for word in ("on-off", "known", "crab.spectral.index"))
