"""Norms and energy scales of instruments: predictions, gradients, fits, what they share and what they are not."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.fit.compile import compile
from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.models.nuisance import Nuisance, held_nuisances, nuisances_of_sum
from gammapy_hli.engine.models.nuisance_table import NUISANCES
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.prior import Prior
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spectral.cutoff import ExpCutoffPowerLawSpectralModel
from gammapy_hli.engine.models.spectral.log_parabola import LogParabolaSpectralModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.predict.spectrum import response_matrix


def power_law(name="crab", **values):
    return SkyModel(name, PowerLawSpectralModel(**({"index": 2.3, "amplitude": 3e-11} | values)))


def curved():
    spectral = LogParabolaSpectralModel(amplitude=3e-11, reference=1, alpha=2.2, beta=0.3)
    spectral.reference.frozen = True
    return SkyModel("crab", spectral)


def cutoff():
    return SkyModel("crab", ExpCutoffPowerLawSpectralModel(index=2, amplitude=3e-11, lambda_=0.1))


def nuisance(datasets, name="magic", sigma=0.2, **values):
    """One with the given values; each with a Gaussian prior around its default."""
    made = {}
    for kind, value in values.items():
        entry = NUISANCES[kind]
        prior = None if sigma is None else Prior("GaussianPrior", {"mu": entry.default, "sigma": sigma})
        made[kind] = Parameter(kind, value, min=entry.min, prior=prior)
    return Nuisance(name, datasets, **made)


@pytest.fixture
def two(toy_counts):
    """Two instruments, one with on-off data, one with known background, drawn from one power law."""
    rng = np.random.default_rng(1)
    models = Models(power_law())
    return [toy_counts(models, rng, "one"), toy_counts(models, rng, "two", on_off=False, scale=2.0)]


def test_a_power_law_changes_by_a_factor(two):
    shifted = nuisance(["two"], energy_scale=0.15, norm=1.1)
    plain, moved = (compile(two, Models(power_law()), nuisances=n) for n in ((), (shifted,)))
    before, after = plain.npred(plain.theta0), moved.npred(moved.theta0)
    np.testing.assert_array_equal(after["one"], before["one"])
    np.testing.assert_allclose(after["two"], 1.1 * before["two"] * 1.15 ** (1 - 2.3), rtol=1e-12)


@pytest.mark.parametrize("make", [curved, cutoff], ids=["lp", "ecpl"])
def test_counts_are_integrals_between_shifted_edges(two, make):
    model, dataset = make(), two[1]
    likelihood = compile(two, Models(model), nuisances=[nuisance(["two"], energy_scale=-0.2)])
    edges = 0.8 * dataset.energy_true.edges_value("TeV")
    spectral = model.spectral

    def dnde(energy):
        return float(spectral.dnde(spectral.prepare(np.array([energy])), spectral.values)[0])

    flux = [quad(dnde, low, high, epsabs=0, epsrel=1e-10)[0] for low, high in pairwise(edges)]
    expected = np.array(flux) @ response_matrix(dataset)
    np.testing.assert_allclose(likelihood.npred(likelihood.theta0)["two"], expected, rtol=1e-4)  # trapezoidal rule
    group = next(group for group in likelihood.groups if group.fold.members == (1,))
    found = likelihood._signal(group, likelihood.parameters.values)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("make", [power_law, curved, cutoff], ids=["pl", "lp", "ecpl"])
def test_gradient_agrees_with_differences(two, make):
    nuisances = [nuisance(["two"], energy_scale=0.05, norm=0.9), nuisance(["one"], "hess", norm=1.1)]
    likelihood = compile(two, Models(make()), nuisances=nuisances)
    assert likelihood.free[-3:] == ("magic.norm", "magic.energy_scale", "hess.norm")
    theta = likelihood.theta0 * 1.05
    steps = 1e-5 * np.abs(theta)
    rows = [
        (likelihood.stat(theta + step) - likelihood.stat(theta - step)) / (2 * size)
        for step, size in zip(np.diag(steps), steps, strict=True)
    ]
    size = np.abs(theta)
    # the derivative to the energy scale is that of the exact integral, the statistic has that of the trapezoidal rule
    gradient = likelihood.stat_and_gradient(theta)[1]
    np.testing.assert_allclose(gradient * size, np.array(rows) * size, rtol=2e-4, atol=1e-4)


def test_the_curvature_to_first_order_is_that_of_the_gradient(toy_counts):
    models = Models(power_law())
    exact = [toy_counts(models, name=name, on_off=False) for name in ("one", "two")]
    likelihood = compile(exact, models, nuisances=[nuisance(["two"], energy_scale=0.0, norm=1.0)])
    theta = likelihood.theta0
    own, full = likelihood.gauss_newton(theta), likelihood.hessian(theta)
    scale = np.sqrt(np.diag(full))
    np.testing.assert_allclose(own / np.outer(scale, scale), full / np.outer(scale, scale), atol=1e-3)


def test_a_norm_is_the_ratio_of_two_amplitudes(two):
    both = fit(two, Models(power_law()), nuisances=[nuisance(["two"], sigma=None, norm=1.0)])
    sources = Models([power_law(), power_law("other")])
    sources["crab"].datasets_names, sources["other"].datasets_names = ("one",), ("two",)
    sources.link("other.spectral.index", "crab.spectral.index")
    apart = fit(two, sources)
    ratio = apart["other.spectral.amplitude"].value / apart["crab.spectral.amplitude"].value
    assert both.stat == pytest.approx(apart.stat, abs=1e-6)
    assert both["magic.norm"].value == pytest.approx(ratio, rel=1e-5)
    assert both["crab.spectral.index"].error == pytest.approx(apart["crab.spectral.index"].error, rel=1e-3)


@pytest.mark.parametrize("stat", ["wstat", "cash"])
def test_an_energy_scale_is_found(toy_counts, stat):
    truth = Models(curved())
    shift = nuisance(["two"], sigma=None, energy_scale=0.12)
    exact = [toy_counts(truth, name=name, on_off=stat == "wstat") for name in ("one", "two")]
    expected = compile(exact, truth, nuisances=[shift])
    counts = expected.npred(expected.theta0)["two"] + 4.0
    exact[1] = replace(exact[1], counts=counts)
    result = fit(exact, Models(curved()), nuisances=[nuisance(["two"], sigma=None, energy_scale=0.0)])
    assert result.status == "converged"
    assert result["magic.energy_scale"].value == pytest.approx(0.12, abs=1e-4)
    assert result["crab.spectral.beta"].value == pytest.approx(0.3, abs=1e-3)
    assert result.nuisances[0].scale == result["magic.energy_scale"].value


def test_datasets_of_one_nuisance_share_it(toy_counts):
    models = Models(curved())
    datasets = [toy_counts(models, np.random.default_rng(k), name) for k, name in enumerate("abc")]
    likelihood = compile(datasets, models, nuisances=[nuisance(["b", "c"], energy_scale=0.1)])
    assert [group.fold.members for group in likelihood.groups] == [(0,), (1, 2)]
    assert likelihood.free.count("magic.energy_scale") == 1
    values = likelihood.parameters.values
    assert [likelihood.calibration(k, values) for k in range(3)] == [(1.0, 0.0), (1.0, 0.1), (1.0, 0.1)]


def test_a_prior_keeps_what_the_data_do_not_know(toy_counts):
    models = Models(power_law())  # a power law: a shift of the energies looks like another amplitude
    result = fit([toy_counts(models, name="two")], models, nuisances=[nuisance(["two"], sigma=0.1, energy_scale=0.0)])
    parameter = result["magic.energy_scale"]
    assert parameter.value == pytest.approx(0, abs=1e-3)
    assert parameter.error == pytest.approx(0.1, rel=0.02)
    assert result.covariance.shape == (4, 4)
    place = result.names.index("crab.spectral.amplitude")
    assert result.covariance[place, -1] > 0  # a higher scale wants a higher amplitude: (1 + scale)^(1 - index) falls
    assert result.models.covariance.tolist() == result.covariance[:3, :3].tolist()
    # the prior counts as a measurement
    assert result.goodness.dof == 8 - 2


def test_the_inputs_stay_as_they_are(two):
    given = nuisance(["two"], energy_scale=0.0)
    result = fit(two, Models(power_law()), nuisances=[given])
    assert given.scale == 0.0
    assert result.nuisances[0].energy_scale.error == result["magic.energy_scale"].error > 0


def test_a_nuisance_of_other_datasets_plays_no_role_in_estimators_and_is_an_error_in_a_fit(two):
    other = nuisance(["three"], energy_scale=0.0)
    assert compile(two, Models(power_law()), nuisances=[other]).free == compile(two, Models(power_law())).free
    with pytest.raises(InputError, match=r"'magic' is for 'three'; the datasets are one, two"):
        fit(two, Models(power_law()), nuisances=[other])


@pytest.mark.parametrize(
    ("names", "match"),
    [((("two", "a"), ("two", "b")), "two nuisances, 'a' and 'b'"), ((("one", "a"), ("two", "a")), "are named 'a'")],
    ids=["one dataset", "one name"],
)
def test_nuisances_that_get_in_each_others_way(two, names, match):
    with pytest.raises(InputError, match=match):
        fit(two, Models(power_law()), nuisances=[nuisance([d], name, norm=1.0) for d, name in names])


def test_a_nuisance_without_parameters_is_an_error():
    with pytest.raises(InputError, match="neither norm nor energy_scale"):
        Nuisance("magic", ("a",))


def test_a_norm_that_nothing_holds_is_named(toy_counts):
    models = Models(power_law())
    result = fit([toy_counts(models, name="two")], models, nuisances=[nuisance(["two"], sigma=None, norm=1.0)])
    assert result.status == "no covariance"
    assert "magic.norm" in result.message
    assert "crab.spectral.amplitude" in result.message
    assert "There are no errors" in result.message
    assert not result.covariance.any()
    assert all(parameter.error == 0 for parameter in result.parameters)
    assert "±" not in repr(result)
    assert "±" not in repr(result.nuisances[0])


def test_a_sum_of_datasets_has_the_nuisance_that_all_share():
    own = [nuisance(["b", "c"], norm=1.2)]
    assert nuisances_of_sum(own, ["b", "c"], "stacked")[0].datasets_names == ("stacked",)
    assert nuisances_of_sum(own, ["a"], "stacked") == ()
    with pytest.raises(InputError, match=r"a \(none\), b \(magic\)"):
        nuisances_of_sum(own, ["a", "b"], "stacked")


def test_held_nuisances_are_copies_that_are_frozen():
    given = nuisance(["b"], norm=1.2)
    (held,) = held_nuisances([given])
    assert (held.norm.frozen, given.norm.frozen) == (True, False)
    assert held.factor == 1.2


def test_datasets_of_one_name_are_an_error(toy_counts):
    models = Models(power_law())
    with pytest.raises(InputError, match="there is more than one a"):
        fit([toy_counts(models, name="a"), toy_counts(models, name="a")], models)
