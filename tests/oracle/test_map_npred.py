"""Predicted counts of map datasets against gammapy 2.1, step by step: kernels, npred, statistic, and R4 and R6.

The small dataset is made from formulas (formula_maps.py), its numbers come from record_map_models.py.
"""

import json
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.background import FoVBackgroundModel
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.models.template_background import TemplateNPredModel
from gammapy_hli.engine.predict.map import MapEvaluator
from gammapy_hli.engine.predict.map_total import predict_map
from gammapy_hli.engine.reduce.fov_background import FovBackground
from gammapy_hli.engine.reduce.map import MapPlan, reduce_map
from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan
from gammapy_hli.engine.stats.cash import cash_terms

REFERENCE = json.loads(Path(__file__).with_name("map_npred.json").read_text())
CASES = json.loads(Path(__file__).with_name("map_models.json").read_text())["cases"]
EDGE = "point at the edge"
FLOAT32 = 5e-7  # of the peak: kernels, images and their FFT are float32 in gammapy


@pytest.fixture(scope="module")
def dataset(formula_maps, make_formula_dataset):
    return make_formula_dataset(formula_maps.SMALL, formula_maps.small_arrays, "small")


def source(spatial, **options):
    return SkyModel("source", PowerLawSpectralModel(index=2.4, amplitude="4e-11 cm-2 s-1 TeV-1"), spatial, **options)


def spatial_of(name, frame):
    if name == EDGE:
        return SpatialModel("point", lon_0="84.25 deg", lat_0="22.3 deg")
    lon, lat = CASES["place"][frame]
    return SpatialModel(**CASES["models"][name], frame=frame, lon_0=lon, lat_0=lat)


@pytest.mark.parametrize(("name", "frame"), [("gauss", "icrs"), ("gauss", "galactic"), (EDGE, "icrs")])
def test_kernels_at_the_source_are_those_of_gammapy(dataset, array_numbers, name, frame):
    response = MapEvaluator(source(spatial_of(name, frame)), dataset).response
    array_numbers.check_numbers(response.psf.kernels, REFERENCE[f"{name}|{frame}|kernel"], FLOAT32)
    array_numbers.check_numbers(response.edisp, REFERENCE[f"{name}|{frame}|edisp"], FLOAT32)


@pytest.mark.parametrize(
    ("name", "frame"), [*((name, frame) for name in CASES["sources"] for frame in CASES["place"]), (EDGE, "icrs")]
)
def test_predicted_counts_are_those_of_gammapy(dataset, array_numbers, name, frame):
    found = MapEvaluator(source(spatial_of(name, frame)), dataset).npred_map()
    array_numbers.check_numbers(found, REFERENCE[f"{name}|{frame}|npred"], FLOAT32)


def test_responses_that_are_switched_off_are_left_out_as_in_gammapy(dataset, array_numbers):
    model = source(spatial_of("gauss", "icrs"), apply_irf={"psf": False, "edisp": False})
    found = MapEvaluator(model, dataset).npred_map()
    array_numbers.check_numbers(found, REFERENCE["no psf, no edisp|npred"], FLOAT32)


def test_sum_of_source_background_model_and_template_is_that_of_gammapy(dataset, array_numbers):
    background = FoVBackgroundModel("small")
    background.spectral.norm, background.spectral.tilt = 0.9, 0.2
    counts = SkyMap(dataset.geometry, (dataset.energy,), 0.5 * dataset.background)
    template = TemplateNPredModel("extra", map=counts, datasets_names=["small"])
    template.spectral.norm, template.spectral.tilt = 1.3, -0.1
    found = predict_map(dataset, Models([source(spatial_of("gauss", "icrs")), background, template])).npred
    array_numbers.check_numbers(found, REFERENCE["total|npred"], FLOAT32)
    stat = cash_terms(dataset.counts[dataset.mask].astype(float), found[dataset.mask])[0].sum()
    assert stat == pytest.approx(REFERENCE["total|stat"], rel=1e-8)


# --- R4 and R6 of the reference results, from DL3 -----------------------------------------------------------------
R4_NPRED = [115.96557, 91.47509, 74.69100, 60.47032, 48.20652, 37.23993, 28.71455, 21.51423, 15.83322, 11.56684]
R6_NPRED = [191.35024, 142.60691, 126.08445, 101.84080, 57.09080, 45.06841, 48.03863, 30.81135, 18.29037, 14.63291]


def stacked(store, runs, plan):
    stacker = plan.stacker()
    for run in runs:
        stacker.add(reduce_map(store.observation(run), plan))
    return stacker.result("stacked")


def statistic(dataset, models):
    npred = predict_map(dataset, models)
    return npred.signal, cash_terms(dataset.counts[dataset.mask].astype(float), npred.npred[dataset.mask])[0].sum()


def point_and_background(lon, lat, frame, index, amplitude, norm):
    spatial = SpatialModel("point", lon_0=lon, lat_0=lat, frame=frame)
    background = FoVBackgroundModel("stacked")
    background.spectral.norm = norm
    return Models([SkyModel("source", PowerLawSpectralModel(index=index, amplitude=amplitude), spatial), background])


def test_r4_predicted_counts_and_statistic_at_the_stated_parameters(gammapy_data):
    plan = MapPlan(
        geometry=WcsGeometry.create(SkyCoord(83.633, 22.014, unit="deg"), 2 * u.deg, 0.02 * u.deg),
        energy=Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=10),
        energy_true=Axis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=20, name="energy_true"),
        background=FovBackground("scale"),
        exclusion=ExclusionMask.read(gammapy_data / "joint-crab/exclusion/exclusion_mask_crab.fits.gz"),
    )
    dataset = stacked(DataStore.open(gammapy_data / "hess-dl3-dr1"), (23523, 23526, 23559, 23592), plan)
    models = point_and_background("83.62 deg", "22.024 deg", "icrs", 2.55, "4.5e-11 cm-2 s-1 TeV-1", 0.987)
    signal, stat = statistic(dataset, models)
    np.testing.assert_allclose(signal.sum(axis=(1, 2)), R4_NPRED, rtol=1e-5)
    assert signal.max() == pytest.approx(2.405055, rel=1e-5)
    assert stat == pytest.approx(20773.768399, rel=1e-7, abs=1e-3)


def test_r6_predicted_counts_and_statistic_at_the_stated_parameters(gammapy_data):
    plan = MapPlan(
        geometry=WcsGeometry.create(SkyCoord(0, 0, unit="deg", frame="galactic"), [8, 6] * u.deg, 0.025 * u.deg),
        energy=Axis.from_energy_bounds("0.1 TeV", "10 TeV", nbin=10),
        energy_true=Axis.from_energy_bounds("0.08 TeV", "12 TeV", nbin=14, name="energy_true"),
        irf_pixel=0.5 * u.deg,
        offset_max=3.5 * u.deg,  # the square cutout; the round cut of the safe mask stays at its default of 3 deg
        safe_mask=SafeMaskPlan(methods=("offset-max", "aeff-default")),
    )
    dataset = stacked(DataStore.open(gammapy_data / "cta-1dc/index/gps"), (110380, 111140, 111159), plan)
    models = point_and_background("-0.05 deg", "-0.05 deg", "galactic", 2.4, "2.8e-12 cm-2 s-1 TeV-1", 1.4)
    signal, stat = statistic(dataset, models)
    np.testing.assert_allclose(signal.sum(axis=(1, 2)), R6_NPRED, rtol=1e-5)
    assert stat == pytest.approx(427134.852640, rel=1e-7, abs=1e-3)
