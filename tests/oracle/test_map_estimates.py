"""Excess, residual and TS maps of R4 and R5 against gammapy 2.1 and the reference results.

map_estimates.json comes from record_map_estimates.py.
"""

import json
from dataclasses import replace
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.estimate.detect import find_peaks
from gammapy_hli.engine.estimate.excess_map import estimate_excess_maps, estimate_off_significance
from gammapy_hli.engine.estimate.residual_map import estimate_residual_maps
from gammapy_hli.engine.estimate.significance_distribution import significance_distribution
from gammapy_hli.engine.estimate.ts_map import estimate_ts_maps
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.background import FoVBackgroundModel
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.predict.map_total import predict_map
from gammapy_hli.engine.reduce.fov_background import FovBackground
from gammapy_hli.engine.reduce.map import MapPlan, reduce_map
from gammapy_hli.engine.reduce.ring_background import RingBackground

CRAB = SkyCoord(83.633, 22.014, unit="deg")
MSH = SkyCoord(228.32, -59.08, unit="deg")
BANDS = [1, 3, 10] * u.TeV
PEAK = 1e-5  # of the largest value: the tolerance of the reference results for maps
SPECTRUM = PowerLawSpectralModel(index=2.3)
NAMES = {"npred_excess": "excess", "sqrt_ts": "significance"}


@pytest.fixture(scope="module")
def hess(gammapy_data):
    return DataStore.open(gammapy_data / "hess-dl3-dr1")


@pytest.fixture(scope="module")
def crab(hess, gammapy_data):
    """R4's dataset."""
    plan = MapPlan(
        geometry=WcsGeometry.create(CRAB, 2 * u.deg, 0.02 * u.deg),
        energy=Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=10),
        energy_true=Axis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=20, name="energy_true"),
        background=FovBackground("scale"),
        exclusion=ExclusionMask.read(gammapy_data / "joint-crab/exclusion/exclusion_mask_crab.fits.gz"),
    )
    return stacked(hess, (23523, 23526, 23559, 23592), plan)


@pytest.fixture(scope="module")
def msh(hess):
    """R5's image, and the pixels outside of the excluded circle."""
    geometry = WcsGeometry.create(MSH, 3 * u.deg, 0.02 * u.deg)
    exclusion = ExclusionMask.from_regions(["icrs;circle(228.32,-59.08,0.4)"], MSH, 0.02 * u.deg, 10 * u.deg)
    plan = MapPlan(
        geometry,
        Axis.from_energy_bounds("0.5 TeV", "10 TeV", nbin=10),
        Axis.from_energy_bounds("0.5 TeV", "10 TeV", nbin=10, name="energy_true"),
        background=RingBackground(0.5 * u.deg, 0.3 * u.deg),
        exclusion=exclusion,
        to_image=True,
    )
    table = hess.obs_table
    pointing = SkyCoord(table["RA_PNT"], table["DEC_PNT"], unit="deg")
    runs = [int(run) for run in table["OBS_ID"][pointing.separation(MSH) < 2.5 * u.deg]]
    return stacked(hess, runs, plan), exclusion.on(geometry)


def stacked(store, runs, plan):
    stacker = plan.stacker()
    for run in runs:
        stacker.add(reduce_map(store.observation(run), plan))
    return stacker.result("stacked")


@pytest.fixture(scope="module")
def assert_recorded(array_numbers):
    """Comparison of maps with those of a case, by gammapy's names."""
    recorded = json.loads(Path(__file__).with_name("map_estimates.json").read_text())

    def compare(maps, case, names=NAMES, tolerance=PEAK):
        for name, numbers in recorded[case].items():
            array_numbers.check_numbers(maps[names.get(name, name)].data, numbers, tolerance)

    return compare


def test_excess_and_flux_in_bands(crab, assert_recorded):
    assert_recorded(estimate_excess_maps(crab, 0.1 * u.deg, energy_edges=BANDS, spectral=SPECTRUM), "excess")


def test_asymmetric_errors_and_limits_in_bands(crab, assert_recorded):
    part = replace(crab.cutout(CRAB, 0.6 * u.deg), edisp=crab.edisp)  # the cut one has another pixel in its middle
    options = {"energy_edges": BANDS, "spectral": SPECTRUM, "n_sigma_ul": 3}
    maps = estimate_excess_maps(part, 0.1 * u.deg, asymmetric=True, **options)
    # where nothing was counted gammapy has 0 for errn (nan here: no smaller number of counts), and leaves the
    # background out of the limit
    empty, errn, limit = maps["counts"].data == 0, maps["flux_errn"], maps["flux_ul"]
    background = maps["background"].data * maps["flux"].data / maps["excess"].data
    maps["flux_errn"] = errn.with_data(np.where(empty, 0.0, errn.data))
    maps["flux_ul"] = limit.with_data(np.where(empty, limit.data + background, limit.data))
    assert_recorded(maps, "interval", tolerance=1e-4)  # gammapy has these errors from float32 counts


def test_residuals_at_the_stated_parameters(crab, assert_recorded):
    spectral = PowerLawSpectralModel(index=2.55, amplitude="4.5e-11 cm-2 s-1 TeV-1")
    spatial = SpatialModel("point", lon_0="83.62 deg", lat_0="22.024 deg", frame="icrs")
    background = FoVBackgroundModel("stacked")
    background.spectral.norm = 0.987
    npred = predict_map(crab, Models([SkyModel("crab", spectral, spatial), background])).npred
    maps = estimate_residual_maps(crab, npred, 0.1 * u.deg, energy_edges=BANDS)
    assert_recorded(maps, "residual", {"npred_excess": "residual", "sqrt_ts": "residual_significance"})


@pytest.mark.parametrize("case", ["ts", "ts_cube"])
def test_ts_maps_in_bands(crab, assert_recorded, case):
    model = SkyModel("kernel", SPECTRUM, SpatialModel("point"))
    maps = estimate_ts_maps(
        crab, model, energy_edges=BANDS, kernel_width=0.6 * u.deg, sum_energy=case == "ts", n_sigma_ul=2
    )
    assert_recorded(maps, case, {"npred_excess": "npred_excess"})


def test_the_crab_is_detected_at_its_place(crab):
    maps = estimate_ts_maps(crab, SkyModel("kernel", SPECTRUM, SpatialModel("point")), limits=False)
    peaks = find_peaks(maps["sqrt_ts"], threshold=6, min_distance=0.2 * u.deg)
    assert len(peaks) == 1
    best = SkyCoord(83.61906, 22.0248, unit="deg")  # of the fit of R4
    assert peaks[0].position.separation(best) < 0.008 * u.deg


def test_r4_significance(crab):
    values = estimate_excess_maps(crab, 0.1 * u.deg)["significance"].data
    assert values.max() == pytest.approx(35.05243513, rel=1e-6)
    assert (values.mean(), values.std()) == pytest.approx((0.571217, 3.296275), abs=2e-6)


# Mean and width off the source are those of disks without what is excluded: the exclusion is the mask of the estimator.
# Values of the map of all pixels, taken outside of the circle, have a mean of -0.0095455: the source reaches over it.
@pytest.mark.parametrize(
    ("correlate_off", "maximum", "excess", "mean", "std"),
    [(False, 10.048889, 69.70938, -0.0107206, 1.0111674), (True, 10.066525, 69.64113, -0.0105458, 1.0137872)],
    ids=["off counts of the pixel", "off counts of the disk"],
)
def test_r5_excess_and_significance(msh, correlate_off, maximum, excess, mean, std):
    dataset, is_off = msh
    maps = estimate_excess_maps(dataset, 0.04 * u.deg, correlate_off=correlate_off)
    assert maps["significance"].data.max() == pytest.approx(maximum, rel=1e-6)
    assert maps["excess"].data.max() == pytest.approx(excess, rel=1e-6)
    outside = estimate_off_significance(dataset, 0.04 * u.deg, is_off, correlate_off=correlate_off)
    off = significance_distribution(maps["significance"].data, sqrt_ts_off=outside.data)
    assert (off.mean, off.std) == pytest.approx((mean, std), abs=6e-8)
