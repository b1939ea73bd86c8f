"""Likelihoods and fits of maps by their laws: gradients, sums over empty bins, links, limits, truth that comes back."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.map import MapDataset, MapDatasetOnOff
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset
from gammapy_hli.engine.fit.compile import compile
from gammapy_hli.engine.fit.fit import fit, fitted_datasets
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.irf.edisp_map import EdispKernelMap
from gammapy_hli.engine.irf.psf_map import PsfMap
from gammapy_hli.engine.models.background import FoVBackgroundModel
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.models.template_background import TemplateNPredModel
from gammapy_hli.engine.predict.map_response import diagonal_edisp
from gammapy_hli.engine.predict.map_total import predict_map
from gammapy_hli.engine.stats.cash import cash
from gammapy_hli.engine.stats.wstat import wstat

CENTER = SkyCoord(83.63, 22.01, unit="deg")
SHAPES = {
    "point": {"type": "point"},
    "gauss": {"type": "gauss", "sigma": "0.1 deg"},
    "ellipse": {"type": "gauss", "sigma": "0.13 deg", "e": 0.8, "phi": "30 deg"},
    "constant": {"type": "const", "value": "20 sr-1"},
}


def make_dataset(name="toy", background=0.3, width=2.0):
    """Pixels of 0.05 deg, a psf of 0.06 deg, three bins of energy."""
    energy = Axis.from_energy_bounds("1 TeV", "8 TeV", nbin=3)
    true = Axis.from_energy_bounds("0.7 TeV", "10 TeV", nbin=6, name="energy_true")
    geometry = WcsGeometry.create(CENTER, width * u.deg, 0.05 * u.deg)
    coarse = geometry.irf_geometry(0.4 * u.deg)
    rad = Axis.from_edges(np.linspace(0, 0.4, 81) * u.deg, name="rad", interp="lin")
    profile = np.exp(-0.5 * (rad.center_value("deg") / 0.06) ** 2) / (2 * np.pi * np.deg2rad(0.06) ** 2)
    edisp = np.ones((1, 1, *coarse.shape)) * diagonal_edisp(true, energy)[:, :, None, None]
    return MapDataset(
        name=name,
        geometry=geometry,
        energy=energy,
        energy_true=true,
        counts=np.zeros((3, *geometry.shape)),
        background=np.full((3, *geometry.shape), background),
        exposure=np.full((6, *geometry.shape), 3e9) * u.Unit("m2 s"),
        psf=PsfMap(coarse, true, rad, np.ones((6, 1, *coarse.shape)) * profile[:, None, None]),
        edisp=EdispKernelMap(coarse, true, energy, edisp),
    )


def source(shape="point", lon=83.67, lat=22.03, name="crab", amplitude=2e-11, **options):
    spatial = {"lon_0": lon, "lat_0": lat} if shape != "constant" else {}
    spectral = PowerLawSpectralModel(index=2.3, amplitude=amplitude)
    return SkyModel(name, spectral, SpatialModel(**SHAPES[shape], **spatial), **options)


def background(name="toy", norm=1.1, tilt=0.0, free_tilt=False):
    model = FoVBackgroundModel(name)
    model.spectral.norm, model.spectral.tilt = norm, tilt
    model.spectral.parameters["tilt"].frozen = not free_tilt
    return model


def filled(dataset, models, seed=1):
    """The dataset with counts drawn from the models."""
    expected = predict_map(dataset, models).npred
    return replace(dataset, counts=np.random.default_rng(seed).poisson(expected).astype(np.float32))


@pytest.fixture(scope="module")
def dataset():
    """Counts of a point source at the default place."""
    return filled(make_dataset(), Models([source()]))


def numeric_gradient(likelihood, theta):
    steps = np.where(likelihood.rough, 2e-4, 1e-5 * np.abs(theta))
    high, low = theta + np.diag(steps), theta - np.diag(steps)
    return np.array(
        [(likelihood.stat(a) - likelihood.stat(b)) / (2 * h) for a, b, h in zip(high, low, steps, strict=True)]
    )


# --- the statistic ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", SHAPES)
def test_statistic_is_that_of_the_prediction_in_every_bin(dataset, shape):
    models = Models([source(shape), background(tilt=0.2)])
    mask = np.random.default_rng(3).random(dataset.shape) > 0.2
    masked = replace(dataset, mask_safe=mask)
    expected = cash(dataset.counts[mask], predict_map(masked, models).npred[mask])[0].sum()
    likelihood = compile([masked], models)
    assert likelihood.n_bins == mask.sum()
    assert likelihood.stat(likelihood.theta0) == pytest.approx(expected, rel=1e-11)


def test_negative_source_gives_the_statistic_of_every_bin(dataset):
    models = Models([source(amplitude=-1e-12)])
    likelihood = compile([dataset], models)
    prediction = predict_map(dataset, models)
    expected = cash(dataset.counts, prediction.signal + prediction.background)[0].sum()
    assert likelihood.stat(likelihood.theta0) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_is_that_of_the_statistic(dataset, shape):
    models = Models([source(shape), background(tilt=0.1, free_tilt=True)])
    if shape == "ellipse":
        for name in ("e", "phi"):
            models["crab"].spatial.parameters[name].frozen = False
    likelihood = compile([dataset], models)
    stat, gradient = likelihood.stat_and_gradient(likelihood.theta0)
    assert stat == pytest.approx(likelihood.stat(likelihood.theta0), rel=1e-13)
    size = np.sqrt(np.diag(likelihood.gauss_newton(likelihood.theta0)))
    np.testing.assert_allclose(
        gradient / size, numeric_gradient(likelihood, likelihood.theta0) / size, rtol=0.02, atol=0.02
    )


def test_gradient_of_a_negative_source(dataset):
    likelihood = compile([replace(dataset, background=dataset.background + 1)], Models([source(amplitude=-1e-13)]))
    gradient = likelihood.stat_and_gradient(likelihood.theta0)[1]
    np.testing.assert_allclose(gradient, numeric_gradient(likelihood, likelihood.theta0), rtol=1e-4)


def test_energy_range_leaves_bins_out(dataset):
    likelihood = compile([dataset], Models([source()]), energy_range=(1.9 * u.TeV, 8 * u.TeV))
    assert likelihood.n_bins == 2 * dataset.counts[0].size


def test_template_background_adds_its_counts(dataset):
    counts = np.full(dataset.shape, 0.2)
    template = TemplateNPredModel("gas", map=SkyMap(dataset.geometry, (dataset.energy,), counts))
    likelihood = compile([dataset], Models([source(), background(), template]))
    other = compile([replace(dataset, background=1.1 * dataset.background + 0.2)], Models([source()]))
    assert "gas.spectral.norm" in likelihood.free
    assert likelihood.stat(likelihood.theta0) == pytest.approx(other.stat(other.theta0), rel=1e-12)


def test_images_with_off_counts_use_wstat(dataset):
    image = dataset.to_image()
    rng = np.random.default_rng(5)
    given = {name: getattr(image, name) for name in ("energy", "energy_true", "exposure", "psf", "edisp", "geometry")}
    one = np.ones(image.shape)
    off = rng.poisson(3.0, image.shape)
    on_off = MapDatasetOnOff(
        name="ring", counts=image.counts, counts_off=off, acceptance=one, acceptance_off=4 * one, **given
    )
    models = Models([source()])
    likelihood = compile([on_off], models)
    signal = predict_map(on_off, models).signal
    assert likelihood.stat(likelihood.theta0) == pytest.approx(
        wstat(image.counts, off, 0.25, signal)[0].sum(), rel=1e-9
    )
    gradient = likelihood.stat_and_gradient(likelihood.theta0)[1]
    size = np.sqrt(np.diag(likelihood.gauss_newton(likelihood.theta0)))
    np.testing.assert_allclose(gradient / size, numeric_gradient(likelihood, likelihood.theta0) / size, atol=0.02)


def test_joint_statistic_of_spectra_and_maps_is_their_sum(dataset):
    true, energy = dataset.energy_true, dataset.energy
    spectrum = SpectrumDataset(
        name="spectrum",
        energy=energy,
        energy_true=true,
        counts=np.array([60.0, 20.0, 5.0]),
        exposure=np.full(6, 2e9) * u.Unit("m2 s"),
        edisp=diagonal_edisp(true, energy),
        edisp_exposure=np.full(6, 2e9) * u.Unit("m2 s"),
        mask_safe=np.ones(3, dtype=bool),
        background=np.ones(3),
        livetime=1 * u.h,
    )
    models = Models([source(), background()])
    parts = [compile([one], models) for one in (spectrum, dataset)]
    joint = compile([spectrum, dataset], models)
    assert joint.stat(joint.theta0) == pytest.approx(sum(part.stat(part.theta0) for part in parts), rel=1e-12)
    assert joint.stat_per_dataset(joint.theta0)["toy"] == pytest.approx(parts[1].stat(parts[1].theta0), rel=1e-12)
    assert "crab.spatial.lon_0" in joint.free
    assert "crab.spatial.lon_0" not in parts[0].free
    result = fit([spectrum, dataset], models)
    assert result.success
    assert [len(part.chi2_per_bin) for part in result.goodness.datasets] == [3, 3]


# --- the fit ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", ["point", "gauss"])
def test_truth_comes_back_from_a_far_start(shape):
    truth = Models([source(shape, amplitude=5e-11), background(norm=1.0)])
    data = filled(make_dataset(), truth)
    start = truth.with_values(
        {"crab.spatial.lon_0": 83.45, "crab.spatial.lat_0": 22.2, "crab.spectral.amplitude": 1e-12}
    )
    result = fit([data], start)
    assert result.success, result.message
    for name in result.models.free:
        assert result[name].error > 0
        assert abs(result[name].value - truth.parameter(name).value) < 4 * result[name].error, name


def test_reported_statistic_is_that_of_responses_at_the_best_position(dataset):
    start = Models([source(lon=83.55, lat=22.1), background()])
    result = fit([dataset], start)
    fresh = compile([dataset], result.models)
    assert result.stat == pytest.approx(fresh.stat(fresh.theta0), abs=1e-9)
    again = fit([dataset], result.models)
    assert again.stat == pytest.approx(result.stat, abs=1e-3)
    assert result.models["crab"].spatial is not start["crab"].spatial
    assert start.parameter("crab.spatial.lon_0").value == 83.55


@pytest.mark.parametrize("seed", range(6))
def test_minimum_next_to_a_line_of_pixel_centers_is_found(seed):
    """The statistic of a point source has a kink there, concave or convex by chance."""
    truth = Models([source(lon=83.63 + 0.025 / np.cos(np.deg2rad(22.01)), lat=22.035, amplitude=8e-11)])
    data = filled(make_dataset(), truth, seed)
    result = fit([data], truth)
    assert result.success, result.message
    likelihood = compile([data], result.models)
    best = likelihood.theta0
    for k in np.flatnonzero(likelihood.rough):
        for step in np.linspace(-1, 1, 41) * result[likelihood.free[k]].error:
            assert likelihood.stat(best + step * np.eye(len(best))[k]) > result.stat - 0.01


def test_shared_position_moves_both_sources(dataset):
    models = Models([source(), source("gauss", name="halo", amplitude=2e-12), background()])
    for name in ("lon_0", "lat_0"):
        models.link(f"halo.spatial.{name}", f"crab.spatial.{name}")
    models.parameter("halo.spatial.sigma").frozen = True
    result = fit([dataset], models)
    assert result["halo.spatial.lon_0"].link == "crab.spatial.lon_0"
    assert result["halo.spatial.lon_0"].value == result["crab.spatial.lon_0"].value
    assert result["halo.spatial.lon_0"].error == result["crab.spatial.lon_0"].error > 0


def test_frozen_position_stays(dataset):
    models = Models([source(lon=83.65), background()])
    for name in ("lon_0", "lat_0"):
        models.parameter(f"crab.spatial.{name}").frozen = True
    result = fit([dataset], models)
    assert result["crab.spatial.lon_0"].value == 83.65
    assert result["crab.spatial.lon_0"].error == 0
    assert result.success


def test_each_dataset_has_its_own_background_model():
    models = Models([source(), background("a", 1.0), background("b", 1.0)])
    datasets = [
        filled(make_dataset(name, level), models, seed) for seed, (name, level) in enumerate([("a", 1), ("b", 3)])
    ]
    result = fit(datasets, models)
    for name in ("a", "b"):
        fitted = result[f"{name}-bkg.spectral.norm"]
        assert abs(fitted.value - 1) < 4 * fitted.error
        assert 0.5 / np.sqrt(np.sum(datasets[0].counts)) < fitted.error < 0.05


def test_second_derivatives_ask_only_the_maps_that_depend_on_a_parameter(monkeypatch):
    names = ["one", "two", "three"]
    models = Models([source(), *(background(name, norm=1.0 + 0.1 * k) for k, name in enumerate(names))])
    datasets = [filled(make_dataset(name), models, seed) for seed, name in enumerate(names)]
    likelihood = compile(datasets, models)
    theta = likelihood.theta0
    asked = []
    plain = type(likelihood.maps[0]).stat_and_gradient
    monkeypatch.setattr(
        type(likelihood.maps[0]),
        "stat_and_gradient",
        lambda term, values, n_free: asked.append(term.name) or plain(term, values, n_free),
    )
    hessian = likelihood.hessian(theta)
    n_shared = len(theta) - len(names)
    assert len(asked) <= 2 * n_shared * len(names) + 2 * len(names) + len(names)  # both sides, and the middle once
    step = 1e-4 * likelihood.sizes(theta)
    for k, name in enumerate(likelihood.free):
        if likelihood.rough[k]:
            continue  # of a step that must be larger, see `hessian`
        sides = [
            likelihood.stat_and_gradient(theta + sign * step * (np.arange(len(theta)) == k))[1] for sign in (1, -1)
        ]
        expected = (sides[0] - sides[1]) / (2 * step[k])
        keep = ~likelihood.rough
        scale = np.sqrt(np.diag(hessian)[keep] * hessian[k, k])
        np.testing.assert_allclose(hessian[k][keep] / scale, expected[keep] / scale, atol=1e-5, err_msg=name)


def test_source_counts_in_named_datasets_only():
    datasets = [make_dataset("a"), make_dataset("b")]
    likelihood = compile(datasets, Models([source(datasets_names=["a"]), background("b")]))
    npred = likelihood.npred(likelihood.theta0)
    assert npred["a"].sum() > 100
    assert npred["b"].sum() == 0


def test_positions_stay_inside_the_map():
    data = make_dataset(width=0.6)
    edge = source(lon=83.63, lat=22.29)
    likelihood = compile([data], Models([edge]))
    upper = dict(zip(likelihood.free, likelihood.bounds[1], strict=True))
    assert upper["crab.spatial.lat_0"] <= 22.31
    result = fit([filled(data, Models([edge]))], Models([source(lon=83.63, lat=22.2)]))
    assert result["crab.spatial.lat_0"].value <= 22.31


@pytest.mark.parametrize("seed", [7, 9, 13])
def test_a_gaussian_that_shrinks_into_one_pixel_has_no_size_and_the_flux_and_error_of_the_point(seed):
    empty = make_dataset(width=2.05)
    lon, lat = np.rad2deg(empty.geometry.to_sky(20, 20))
    truth = {"lon": lon, "lat": lat, "amplitude": 6e-11}
    data = filled(empty, Models([source(**truth)]), seed)
    wide = source("gauss", **truth)
    wide.spatial.parameters["sigma"].value = 0.02
    found = fit([data], Models([wide, background(norm=1.0)]))
    point = fit([data], Models([source(**truth), background(norm=1.0)]))
    assert found.success
    assert "does not depend on crab.spatial.lon_0, crab.spatial.lat_0, crab.spatial.sigma" in found.message
    assert found["crab.spatial.sigma"].error == 0  # before: up to 1e5 deg
    assert found.stat == pytest.approx(point.stat, abs=0.1)
    amplitude, expected = (each["crab.spectral.amplitude"] for each in (found, point))
    assert amplitude.value == pytest.approx(expected.value, rel=0.01)
    assert amplitude.error == pytest.approx(expected.error, rel=0.02)  # before: twice that


@pytest.mark.parametrize("start", [100.0, 170.0, -100.0])
def test_a_position_angle_turns_through_180_degrees(start):
    def ellipse(phi):
        model = source("ellipse", lon=83.63, lat=22.01, amplitude=9e-11)
        model.spatial.parameters["sigma"].value, model.spatial.parameters["phi"].value = 0.25, phi
        model.spatial.parameters["phi"].frozen = False
        return model

    true = 5.0 if start > 0 else -5.0
    data = filled(make_dataset(background=0.03), Models([ellipse(true)]))
    result = fit([data], Models([ellipse(start)]))
    assert result.status == "converged"
    phi = result["crab.spatial.phi"]
    assert -180 <= phi.value <= 180
    assert (phi.value - true + 90) % 180 - 90 == pytest.approx(0.0, abs=4 * phi.error)


def test_an_ellipse_that_is_fitted_towards_a_line_ends():
    def ellipse(e):
        model = source("ellipse", lon=83.63, lat=22.01, amplitude=6e-11)
        model.spatial.parameters["sigma"].value, model.spatial.parameters["e"].value = 0.3, e
        model.spatial.parameters["e"].frozen = False
        return model

    data = filled(make_dataset(), Models([ellipse(0.999)]))
    likelihood = compile([data], Models([ellipse(0.995)]))  # a step of 0.01 would end at a line, which has no area
    assert np.isfinite(likelihood.stat_and_gradient(likelihood.theta0)[1]).all()
    assert np.isfinite(compile([data], Models([ellipse(1.0)])).stat(likelihood.theta0))


def test_a_source_may_come_nearer_to_a_pole_than_the_border_of_its_map():
    narrow = make_dataset()
    geometry = WcsGeometry.create(SkyCoord(0, 90, unit="deg"), 14 * u.deg, 0.2 * u.deg, projection="TAN")
    sky = {name: np.full((3, *geometry.shape), 0.2) for name in ("counts", "background")}
    exposure = np.full((6, *geometry.shape), 3e9) * u.Unit("m2 s")
    empty = MapDataset("pole", geometry, narrow.energy, narrow.energy_true, exposure=exposure, **sky)
    truth, start = (source("gauss", lon=40.0, lat=lat, amplitude=6e-11) for lat in (85.3, 84.9))
    for model in (truth, start):
        model.spatial.parameters["sigma"].value = 0.4
    result = fit([filled(empty, Models([truth]))], Models([start]))
    assert result.status == "converged"
    latitude = result["crab.spatial.lat_0"]
    assert latitude.value == pytest.approx(85.3, abs=4 * latitude.error)


# --- mistakes ---------------------------------------------------------------------------------------------------------
def test_source_outside_of_the_map_is_named(dataset):
    with pytest.raises(InputError, match=r"source 'far' at .* lies outside"):
        compile([dataset], Models([source(name="far", lon=90.0)]))


def test_frozen_source_outside_of_the_map_does_no_harm(dataset):
    far = source(name="far", lon=90.0)
    for _, parameter in far.named_parameters():
        parameter.frozen = True
    likelihood = compile([dataset], Models([source(), far]))
    assert likelihood.npred_per_source(likelihood.theta0)["far"]["toy"].sum() == 0


def test_source_without_position_is_named(dataset):
    with pytest.raises(InputError, match="'plain' has no spatial model"):
        compile([dataset], Models([SkyModel("plain", PowerLawSpectralModel())]))


def test_background_model_of_an_unknown_dataset_is_named(dataset):
    with pytest.raises(InputError, match=r"is for dataset 'toi'.*toy"):
        compile([dataset], Models([source(), background("toi")]))


def test_maps_and_spectra_have_no_sum(dataset, toy_dataset):
    with pytest.raises(InputError, match="1 of 2 datasets are maps"):
        fitted_datasets([dataset, toy_dataset()], stack=True)


def test_map_without_used_bins_is_no_data(dataset):
    result = fit([replace(dataset, mask_safe=np.zeros(dataset.shape, dtype=bool))], Models([source(), background()]))
    assert not result.success
    assert result.status == "no data"
