"""Predicted counts in map datasets by their laws: flux conservation, linearity, slopes, masks, boxes, mistakes."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from scipy.signal import fftconvolve

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.map import MapDataset, MapDatasetOnOff
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
from gammapy_hli.engine.predict.map import MapEvaluator
from gammapy_hli.engine.predict.map_background import BackgroundFactor, template_counts
from gammapy_hli.engine.predict.map_bins import MapBins
from gammapy_hli.engine.predict.map_response import diagonal_edisp
from gammapy_hli.engine.predict.map_total import predict_map
from gammapy_hli.engine.predict.psf_fold import PsfFolder

CENTER = SkyCoord(83.63, 22.01, unit="deg")
EXPOSURE = 1e9  # m2 s
N_RECO, N_TRUE = 3, 6
SHAPES = {
    "point": {"type": "point"},
    "gauss": {"type": "gauss", "sigma": "0.1 deg"},
    "disk": {"type": "disk", "r_0": "0.25 deg"},
}


@pytest.fixture(scope="module")
def dataset():
    """2 x 1.6 deg, a psf of 0.05 deg, energies that stay where they are, one background count a bin."""
    energy = Axis.from_energy_bounds("1 TeV", "8 TeV", nbin=N_RECO)
    true = Axis.from_energy_bounds("1 TeV", "8 TeV", nbin=N_TRUE, name="energy_true")
    geometry = WcsGeometry.create(CENTER, [2, 1.6] * u.deg, 0.04 * u.deg)
    coarse = geometry.irf_geometry(0.4 * u.deg)
    rad = Axis.from_edges(np.linspace(0, 0.4, 81) * u.deg, name="rad", interp="lin")
    profile = np.exp(-0.5 * (rad.center_value("deg") / 0.05) ** 2) / (2 * np.pi * np.deg2rad(0.05) ** 2)
    psf = np.ones((N_TRUE, 1, *coarse.shape)) * profile[:, None, None]
    edisp = np.ones((1, 1, *coarse.shape)) * diagonal_edisp(true, energy)[:, :, None, None]
    return MapDataset(
        name="toy",
        geometry=geometry,
        energy=energy,
        energy_true=true,
        counts=np.ones((N_RECO, *geometry.shape)),
        background=np.ones((N_RECO, *geometry.shape)),
        exposure=np.full((N_TRUE, *geometry.shape), EXPOSURE) * u.Unit("m2 s"),
        psf=PsfMap(coarse, true, rad, psf),
        edisp=EdispKernelMap(coarse, true, energy, edisp),
    )


def source(shape="gauss", lon=83.63, lat=22.01, name="crab", **options):
    spatial = SpatialModel(**SHAPES[shape], lon_0=lon, lat_0=lat)
    spectral = PowerLawSpectralModel(index=2.3, amplitude="3e-11 cm-2 s-1 TeV-1")
    return SkyModel(name, spectral, spatial, **options)


# --- folding ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("place", [(20, 25), (1, 2), (39, 0)], ids=["middle", "corner", "other corner"])
@pytest.mark.parametrize("size", [(7, 7), (61, 61)], ids=["small kernel", "kernel larger than the image"])
def test_fold_is_that_of_scipy(place, size):
    rng = np.random.default_rng(1)
    kernels = rng.random((2, *size))
    image = np.zeros((40, 50))
    image[place[0] : place[0] + 6, place[1] : place[1] + 3] = 1 + rng.random()
    found = PsfFolder(kernels).fold(image)
    for plane, kernel in zip(found, kernels, strict=True):
        np.testing.assert_allclose(plane, fftconvolve(image, kernel, mode="same"), atol=1e-10)


def test_far_tails_come_round_into_nothing():
    y, x = np.ogrid[-40:41, -40:41]
    image = np.exp(-(x**2 + y**2) / 18.0)  # down to 1e-77
    kernel = np.exp(-np.hypot(y, x)[20:61, 20:61] / 5.0)
    found = PsfFolder(kernel[np.newaxis]).fold(image)[0]
    np.testing.assert_allclose(found, fftconvolve(image, kernel, mode="same"), rtol=0, atol=1e-13 * found.max())


def test_copies_of_the_kernel_are_the_fold_of_a_point():
    folder = PsfFolder(np.random.default_rng(2).random((3, 5, 5)))
    weights = [(0, 8, 0.25), (1, 8, 0.5), (9, 0, 0.2)]
    image = np.zeros((10, 9))
    for row, column, weight in weights:
        image[row, column] = weight
    np.testing.assert_allclose(folder.fold_points(weights, image.shape), folder.fold(image), atol=1e-12)


def test_nothing_folds_to_nothing():
    assert not PsfFolder(np.ones((2, 3, 3))).fold(np.zeros((5, 5))).any()


def test_kernels_of_even_size_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 4, 4\).*k odd"):
        PsfFolder(np.ones((2, 4, 4)))


# --- one source -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", SHAPES)
def test_counts_are_flux_times_exposure(dataset, shape):
    model = source(shape)
    npred = MapEvaluator(model, dataset).npred_map()
    edges = dataset.energy.edges
    expected = (model.spectral.integral(edges[:-1], edges[1:]) * EXPOSURE * u.Unit("m2 s")).to_value("")
    tolerance = 1e-2 if shape == "disk" else 1e-5  # a disk is sampled at pixel centers
    np.testing.assert_allclose(npred.sum(axis=(1, 2)), expected, rtol=tolerance)


def test_counts_are_linear_in_the_flux(dataset):
    evaluator = MapEvaluator(source(), dataset)
    flux = evaluator.flux()
    np.testing.assert_allclose(evaluator.npred(3 * flux), 3 * evaluator.npred(flux), rtol=1e-13)


def test_source_without_psf_is_its_own_image_times_exposure(dataset):
    model = source("gauss", apply_irf={"psf": False})
    evaluator = MapEvaluator(model, dataset)
    image = model.spatial.integrate(dataset.geometry)[evaluator.box]
    np.testing.assert_allclose(evaluator.shape(), image * np.full((N_TRUE, 1, 1), EXPOSURE * 1e4), rtol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_moved_source_is_as_one_compiled_there(dataset, shape):
    start, there = source(shape), source(shape, lon=83.66, lat=21.97)
    moved = MapEvaluator(start, dataset).npred_map(values=there.spatial.values)
    direct = MapEvaluator(there, dataset).npred_map()
    np.testing.assert_allclose(moved, direct, rtol=0, atol=1e-3 * direct.max())  # other boxes cut other tails


def test_source_has_moved_beyond_its_radius_and_margin(dataset):
    evaluator = MapEvaluator(source("point"), dataset)
    assert not evaluator.has_moved()
    assert not evaluator.has_moved(np.array([83.63, 22.10]))
    assert evaluator.has_moved(np.array([83.63, 22.12]))


def test_box_has_room_for_psf_and_source(dataset):
    point, gauss = MapEvaluator(source("point"), dataset), MapEvaluator(source("gauss"), dataset)
    n = point.response.psf.kernels.shape[-1]
    assert point.shape().shape == (N_TRUE, n + 6, n + 6)  # 0.1 deg on each side, rounded up to odd
    assert gauss.shape().shape[1] >= point.shape().shape[1]
    assert gauss.shape().shape[1:] == tuple(s.stop - s.start for s in gauss.box)


def test_shapes_are_kept_and_cannot_be_written_to(dataset):
    evaluator = MapEvaluator(source(), dataset)
    first = evaluator.shape()
    evaluator.shape(np.array([83.64, 22.01, 0.1, 0.0, 0.0]))
    assert evaluator.shape() is first
    with pytest.raises(ValueError, match=r"read-only"):
        first[0, 0, 0] = 1


# --- outside and missing ----------------------------------------------------------------------------------------------
def test_source_outside_of_the_map_predicts_nothing_and_says_so_when_asked(dataset):
    evaluator = MapEvaluator(source(lon=90.0), dataset)
    assert not evaluator.is_inside
    assert evaluator.npred_map().shape == dataset.shape
    assert not evaluator.npred_map().any()
    flat = evaluator.flatten(MapBins.from_mask(dataset.mask))
    assert not flat.npred_flat(np.ones(N_TRUE)).any()
    assert not flat.flux_slope(np.ones((N_RECO, dataset.geometry.n_pixels))).any()
    with pytest.raises(InputError, match=r"'crab' at \(90.0000, 22.0100\) deg lies outside.*'toy'.*2 x 1.6 deg"):
        evaluator.require_inside()


def test_source_in_a_part_without_used_pixels_is_outside(dataset):
    mask = np.ones(dataset.shape, dtype=bool)
    mask[:, :, 25:] = False
    masked = replace(dataset, mask_safe=mask)
    assert MapEvaluator(source("point", lon=84.4), masked).is_inside
    assert not MapEvaluator(source("point", lon=82.9), masked).is_inside


def test_source_at_the_edge_loses_its_outer_half_before_it_is_folded(dataset):
    edge = dataset.geometry.to_sky(-0.5, 20.0)
    model = source("gauss", *np.rad2deg(edge))
    whole = MapEvaluator(source("gauss"), dataset).npred_map().sum()
    share = MapEvaluator(model, dataset).npred_map().sum() / whole
    assert (
        0.4 < share < 0.45
    )  # the psf takes some of the inner half out, and nothing of the outer one in, as in gammapy


def test_map_without_exposure_is_told(dataset):
    with pytest.raises(InputError, match=r"'toy' has no exposure.*'crab'"):
        MapEvaluator(source(), replace(dataset, exposure=None))


def test_source_without_spatial_model_is_told(dataset):
    model = SkyModel("crab", PowerLawSpectralModel())
    with pytest.raises(InputError, match=r"'crab' has no spatial model; map dataset 'toy' needs one"):
        MapEvaluator(model, dataset)


def test_dataset_without_psf_and_edisp_folds_with_neither(dataset):
    bare = replace(dataset, psf=None, edisp=None)
    folded, plain = (MapEvaluator(source("gauss"), one).npred_map() for one in (dataset, bare))
    assert plain.sum() == pytest.approx(folded.sum(), rel=1e-5)
    assert plain.max() > folded.max()


def test_perfect_energy_dispersion_shares_bins_by_overlap():
    true = Axis.from_edges([1, 2, 4] * u.TeV, name="energy_true")
    reco = Axis.from_edges([1, 3, 10] * u.TeV, name="energy")
    np.testing.assert_allclose(diagonal_edisp(true, reco), [[1, 0], [0.5, 0.5]])


# --- used bins --------------------------------------------------------------------------------------------------------
MASKS = {
    "all": lambda shape: np.ones(shape, dtype=bool),
    "half of the pixels": lambda shape: np.broadcast_to(np.arange(shape[2]) < 27, shape),
    "one energy": lambda shape: np.broadcast_to((np.arange(shape[0]) == 1)[:, None, None], shape),
    "by chance": lambda shape: np.random.default_rng(3).random(shape) < 0.5,
    "nothing": lambda shape: np.zeros(shape, dtype=bool),
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_flat_counts_are_those_of_the_used_bins(dataset, mask):
    mask = mask(dataset.shape)
    bins = MapBins.from_mask(mask)
    evaluator = MapEvaluator(source(lon=83.9), dataset)
    flat = evaluator.flatten(bins).npred_flat(evaluator.flux())
    assert bins.n_bins == mask.sum()
    np.testing.assert_allclose(np.sort(flat), np.sort(evaluator.npred_map()[mask]), rtol=1e-12)
    np.testing.assert_allclose(bins.flat(bins.rectangle(evaluator.npred_map())), flat, rtol=1e-12)


@pytest.mark.parametrize("mask", [MASKS["all"], MASKS["by chance"]], ids=["all", "by chance"])
def test_slope_to_the_flux_is_the_transposed_prediction(dataset, mask):
    bins = MapBins.from_mask(mask(dataset.shape))
    flat = MapEvaluator(source(lon=83.9), dataset).flatten(bins)
    rng = np.random.default_rng(4)
    flux, slope = rng.random(N_TRUE), bins.unflat(rng.random(bins.n_bins))
    assert flux @ flat.flux_slope(slope) == pytest.approx((flat.npred(flux) * slope).sum(), rel=1e-12)


def test_rectangle_and_cube_are_inverse():
    mask = np.random.default_rng(5).random((3, 4, 5)) < 0.3
    bins = MapBins.from_mask(mask)
    cube = np.where(mask, np.arange(60.0).reshape(mask.shape), 0.0)
    np.testing.assert_array_equal(bins.cube(bins.unflat(bins.flat(bins.rectangle(cube)))), cube)


# --- backgrounds and sums ---------------------------------------------------------------------------------------------
def test_background_model_scales_and_tilts_the_background(dataset):
    model = FoVBackgroundModel("toy")
    model.spectral.norm, model.spectral.tilt = 0.8, 0.5
    expected = 0.8 * dataset.energy.center_value("TeV") ** -0.5
    found = predict_map(dataset, Models([model]))
    np.testing.assert_allclose(found.background, expected[:, None, None] * np.ones(dataset.shape), rtol=1e-12)
    np.testing.assert_allclose(BackgroundFactor(model, dataset.energy).factor(), expected)


def test_slope_of_the_background_factor_is_its_derivative(dataset):
    factor = BackgroundFactor(FoVBackgroundModel("toy"), dataset.energy)
    values = np.array([0.3, 1.1, 1.0])
    _, jacobian = factor.factor_and_jacobian(values)
    for place in (0, 1):
        step = np.zeros(3)
        step[place] = 1e-6
        numeric = (factor.factor(values + step) - factor.factor(values - step)) / 2e-6
        np.testing.assert_allclose(jacobian[place], numeric, rtol=1e-7)


def test_template_of_counts_adds_to_the_background_where_it_lies(dataset):
    part = dataset.geometry.part((slice(5, 15), slice(10, 30)))
    counts = SkyMap(part.geometry, (dataset.energy,), np.full((N_RECO, 10, 20), 2.0))
    found = predict_map(dataset, Models([TemplateNPredModel("extra", map=counts)])).background
    assert found.sum() == pytest.approx(np.prod(dataset.shape) + 2.0 * counts.data.size)
    assert (found[:, 5:15, 10:30] == 3).all()


def test_template_of_other_bins_is_told(dataset):
    energy = Axis.from_energy_bounds("1 TeV", "8 TeV", nbin=4)
    other = SkyMap(dataset.geometry, (energy,), np.ones((4, *dataset.geometry.shape)))
    with pytest.raises(InputError, match=r"'extra' in dataset 'toy': energies are 4 bins.*3 bins"):
        template_counts(TemplateNPredModel("extra", map=other), dataset)
    shifted = WcsGeometry.create(CENTER, 1 * u.deg, 0.03 * u.deg)
    other = SkyMap(shifted, (dataset.energy,), np.ones((N_RECO, *shifted.shape)))
    with pytest.raises(InputError, match=r"'extra' in dataset 'toy': maps.*not on one grid"):
        template_counts(TemplateNPredModel("extra", map=other), dataset)


def test_models_of_other_datasets_do_not_count(dataset):
    models = Models([source(name="here"), source(name="there", datasets_names=["another"])])
    found = predict_map(dataset, models)
    assert list(found.sources) == ["here"]
    np.testing.assert_array_equal(found.signal, found.sources["here"])


def test_prediction_of_on_off_data_has_the_most_likely_background(dataset):
    common = {
        name: getattr(dataset, name) for name in ("geometry", "energy", "energy_true", "exposure", "psf", "edisp")
    }
    ones = np.ones(dataset.shape)
    on_off = MapDatasetOnOff(
        "ring", **common, counts=2 * ones, counts_off=10 * ones, acceptance=ones, acceptance_off=10 * ones
    )
    found = predict_map(on_off, Models())
    np.testing.assert_allclose(found.background, 12 / 11 * ones)  # 12 counts on 1 + 10 shares
