"""Maps and spectra of several instruments in one likelihood, with nuisances: the truth comes back."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.estimate.flux_points import estimate_flux_points
from gammapy_hli.engine.estimate.light_curve import estimate_light_curve
from gammapy_hli.engine.fit.compile import compile
from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.models.background import FoVBackgroundModel
from gammapy_hli.engine.models.nuisance import Nuisance
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.prior import Prior
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.models.spectral.log_parabola import LogParabolaSpectralModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.predict.map_total import predict_map

GAUSS = Prior("GaussianPrior", {"mu": 0.0, "sigma": 0.3})


def source(spectral=None):
    spectral = spectral or LogParabolaSpectralModel(amplitude=2e-10, reference=1, alpha=2.1, beta=0.3)
    return SkyModel("crab", spectral, SpatialModel(type="point", lon_0=83.63, lat_0=22.01))


def models(**values):
    """The source and a background model of the map."""
    made = Models([source(), FoVBackgroundModel("map")])
    return made.with_values(values) if values else made


def nuisances(norm=1.0, scale=0.0, scale_of="map"):
    """A norm of the spectrum and an energy scale of the map, or the other way round."""
    other = "spectrum" if scale_of == "map" else "map"
    prior = Prior("GaussianPrior", {"mu": 1.0, "sigma": 0.3})
    return [
        Nuisance("shifted", (scale_of,), energy_scale=Parameter("energy_scale", scale, prior=GAUSS, min=-0.9)),
        Nuisance("scaled", (other,), norm=Parameter("norm", norm, prior=prior, min=0)),
    ]


def free(own):
    """Without priors, so that the truth is the minimum."""
    for each in own:
        each.parameters[0].prior = None
    return own


@pytest.fixture(scope="module")
def empty(make_map, toy_dataset):
    """A map and a spectrum without counts."""
    return [make_map(name="map", level=0.2), toy_dataset("spectrum", on_off=False, background=np.full(8, 3.0))]


def exact(empty, truth, own):
    """The same with counts that equal their expectation."""
    likelihood = compile(empty, truth, nuisances=own)
    npred, background = likelihood.npred(likelihood.theta0), likelihood.background(likelihood.theta0)
    return [replace(each, counts=npred[each.name] + background[each.name]) for each in empty]


@pytest.mark.parametrize("scale_of", ["map", "spectrum"])
def test_the_truth_comes_back(empty, scale_of):
    data = exact(empty, models(), nuisances(1.2, 0.1, scale_of))
    start = models(**{"crab.spectral.alpha": 2.5, "crab.spatial.lon_0": 83.64, "map-bkg.spectral.norm": 1.1})
    result = fit(data, start, nuisances=free(nuisances(scale_of=scale_of)))
    assert result.success, result.message
    assert result["shifted.energy_scale"].value == pytest.approx(0.1, abs=5e-4)
    assert result["scaled.norm"].value == pytest.approx(1.2, abs=2e-3)
    assert result["crab.spectral.beta"].value == pytest.approx(0.3, abs=2e-3)
    assert result["crab.spatial.lon_0"].value == pytest.approx(83.63, abs=1e-4)
    at_truth = compile(data, models(), nuisances=free(nuisances(1.2, 0.1, scale_of)))
    assert result.stat == pytest.approx(at_truth.stat(at_truth.theta0), abs=1e-3)
    assert set(result.names[-2:]) == {"shifted.energy_scale", "scaled.norm"}
    assert np.count_nonzero(result.covariance[-2:]) > 4


@pytest.mark.parametrize("scale_of", ["map", "spectrum"])
def test_gradient_agrees_with_differences(empty, scale_of):
    data = exact(empty, models(), nuisances(1.2, 0.1, scale_of))
    likelihood = compile(data, models(), nuisances=nuisances(1.1, 0.05, scale_of))
    theta = likelihood.theta0.copy()
    chosen = [k for k, name in enumerate(likelihood.free) if "spatial" not in name]
    gradient = likelihood.stat_and_gradient(theta)[1]
    for k in chosen:
        step = np.zeros_like(theta)
        step[k] = 1e-5 * abs(theta[k])
        numeric = (likelihood.stat(theta + step) - likelihood.stat(theta - step)) / (2 * step[k])
        size = abs(theta[k])
        assert gradient[k] * size == pytest.approx(numeric * size, rel=3e-4, abs=1e-2), likelihood.free[k]


def test_a_power_law_on_a_map_changes_by_a_factor(empty):
    model = source(PowerLawSpectralModel(index=2.4, amplitude=2e-10))
    own = Nuisance("magic", ("map",), Parameter("norm", 1.3), Parameter("energy_scale", -0.15))
    before, after = predict_map(empty[0], [model]), predict_map(empty[0], [model], [own])
    np.testing.assert_allclose(after.signal, 1.3 * 0.85 ** (1 - 2.4) * before.signal, rtol=1e-12)
    np.testing.assert_array_equal(after.background, before.background)
    likelihood = compile(empty, Models([model]), nuisances=[own])
    np.testing.assert_allclose(likelihood.npred(likelihood.theta0)["map"], after.signal, rtol=1e-12)


def test_a_nuisance_across_kinds_is_one_parameter(empty):
    own = [Nuisance("both", ("map", "spectrum"), energy_scale=Parameter("energy_scale", 0.1, prior=GAUSS))]
    likelihood = compile(empty, models(), nuisances=own)
    assert likelihood.free.count("both.energy_scale") == 1
    assert [likelihood.calibration(k, likelihood.parameters.values) for k in (0, 1)] == [(1.0, 0.1), (1.0, 0.1)]


def test_flux_points_of_both_lie_on_the_truth(empty):
    own = nuisances(1.2, 0.1)
    data = exact(empty, models(), own)
    points = estimate_flux_points(data, models(), "crab", energy_edges=[1, 2, 4, 8] * u.TeV, nuisances=own)
    np.testing.assert_allclose(points.norm, 1.0, rtol=1e-6)
    without = estimate_flux_points(data, models(), "crab", energy_edges=[1, 2, 4, 8] * u.TeV)
    assert np.abs(without.norm - 1.0).min() > 0.01


def test_light_curve_of_both_lies_on_the_truth(empty):
    own = nuisances(1.2, 0.1)
    data = exact(empty, models(), own)
    gti = [Gti([start], [start + 600.0]) for start in (0.0, 3600.0)]
    data = [replace(each, gti=part, meta={"OBS_ID": [k]}) for k, (each, part) in enumerate(zip(data, gti, strict=True))]
    curve = estimate_light_curve(data, models(), "crab", energy_edges=[1, 8] * u.TeV, nuisances=own)
    np.testing.assert_allclose(curve.norm[:, 0], 1.0, rtol=1e-6)
