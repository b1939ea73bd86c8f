"""R4 of the reference results: Crab, 3D, from the event lists of H.E.S.S. DL3 DR1 to fit and flux points.

Recorded with gammapy 2.1 (REFERENCE.md; cases with other sources are runs of the same data); tolerances as they stand
there. Best-fit positions have two minima in latitude, one on each side of a line of pixel centers.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.estimate.flux_points import estimate_flux_points
from gammapy_hli.engine.fit.compile import compile
from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.background import FoVBackgroundModel
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.reduce.fov_background import FovBackground
from gammapy_hli.engine.reduce.map import MapPlan, reduce_map

RUNS = (23523, 23526, 23559, 23592)
NPRED = (115.96557, 91.47509, 74.69100, 60.47032, 48.20652, 37.23993, 28.71455, 21.51423, 15.83322, 11.56684)

# e_ref [TeV], dnde, err, ul (3 sigma) [cm-2 s-1 TeV-1], sqrt_ts
POINTS = (
    (1.258925, 2.353570e-11, 1.91350e-12, 2.968391e-11, 24.25238),
    (1.995262, 8.851819e-12, 8.13336e-13, 1.148853e-11, 22.40200),
    (3.162278, 2.483942e-12, 3.04485e-13, 3.495125e-12, 16.74997),
    (5.011872, 6.139128e-13, 1.10285e-13, 9.978685e-13, 11.92173),
    (7.943282, 2.096523e-13, 4.82089e-14, 3.845273e-13, 9.85570),
)
BEST = {
    "crab.spectral.index": (2.58960, 0.0957),
    "crab.spectral.amplitude": (4.6074e-11, 3.669e-12),
    "crab.spatial.lon_0": (83.61906, 0.00307),
    "crab.spatial.lat_0": (22.0248, 0.0029),
    "stacked-bkg.spectral.norm": (0.99155, 0.02322),
}
JOINT = (8481.917862, 7225.667452, 5150.726440, 6564.750060)


@pytest.fixture(scope="module")
def reduced(gammapy_data):
    """The four runs each on its own, and their sum."""
    plan = MapPlan(
        geometry=WcsGeometry.create(SkyCoord(83.633, 22.014, unit="deg"), 2 * u.deg, 0.02 * u.deg),
        energy=Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=10),
        energy_true=Axis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=20, name="energy_true"),
        background=FovBackground("scale"),
        exclusion=ExclusionMask.read(gammapy_data / "joint-crab/exclusion/exclusion_mask_crab.fits.gz"),
    )
    store = DataStore.open(gammapy_data / "hess-dl3-dr1")
    runs = [reduce_map(store.observation(run), plan) for run in RUNS]
    stacker = plan.stacker()
    for run in runs:
        stacker.add(run)
    return runs, stacker.result()


@pytest.fixture(scope="module")
def dataset(reduced):
    return reduced[1]


def source(name="crab", lon=83.62, lat=22.024, index=2.55, amplitude=4.5e-11, type="point", **shape):
    spectral = PowerLawSpectralModel(index=index, amplitude=amplitude)
    return SkyModel(name, spectral, SpatialModel(type, lon_0=lon, lat_0=lat, **shape))


def background(name="stacked", norm=0.987, tilt=0.0):
    model = FoVBackgroundModel(name)
    model.spectral.norm, model.spectral.tilt = norm, tilt
    return model


def stated():
    return Models([source(), background()])


def test_predicted_counts(dataset):
    likelihood = compile([dataset], stated())
    npred = likelihood.npred(likelihood.theta0)["stacked"]
    np.testing.assert_allclose(npred.sum(axis=(1, 2)), NPRED, rtol=1e-5)
    assert npred.max() == pytest.approx(2.405055, rel=1e-5)


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        (stated(), 20773.768399),
        (Models([source(type="gauss", sigma=0.03), background()]), 20790.215026),
        (Models([source(), source("two", 83.9, 22.3, 2.4, 5e-12, "gauss", sigma=0.15), background()]), 20777.480743),
        (Models([source(type="disk", r_0=0.05), background(norm=0.95, tilt=0.1)]), 20826.188153),
    ],
    ids=["point", "gauss", "two sources", "disk and tilt"],
)
def test_statistic_at_stated_parameters(dataset, models, expected):
    likelihood = compile([dataset], models)
    assert likelihood.stat(likelihood.theta0) == pytest.approx(expected, abs=1e-3, rel=1e-7)


def test_flux_points_at_stated_parameters(dataset):
    points = estimate_flux_points([dataset], stated(), "crab", energy_edges=dataset.energy.edges[::2], n_sigma_ul=3)
    found = np.array([points.e_ref, points.dnde.value, points.dnde_err.value, points.dnde_ul.value, points.sqrt_ts]).T
    np.testing.assert_allclose(found, POINTS, rtol=1e-4)


@pytest.mark.parametrize(
    "start",
    [
        {},
        {"crab.spatial.lat_0": 22.0236},
        {"crab.spatial.lon_0": 83.633, "crab.spatial.lat_0": 22.014, "crab.spectral.amplitude": 1e-12},
        {"crab.spatial.lon_0": 83.7, "crab.spatial.lat_0": 22.3, "crab.spectral.index": 2.0},
    ],
    ids=["stated", "other side", "center of the map", "0.3 deg away"],
)
def test_best_fit(dataset, start):
    result = fit([dataset], stated().with_values(start))
    assert result.success, result.message
    assert result.stat < 20773.3823 + 0.01
    for name, (value, error) in BEST.items():
        fraction = 0.5 if ".spatial." in name else 0.03
        assert abs(result[name].value - value) < fraction * error, name
        assert result[name].error == pytest.approx(error, rel=0.02), name


def test_joint_statistic_of_the_single_runs(reduced):
    runs, _ = reduced
    models = Models([source(), *(background(run.name, 1.0) for run in runs)])
    likelihood = compile(runs, models)
    found = likelihood.stat_per_dataset(likelihood.theta0)
    np.testing.assert_allclose(list(found.values()), JOINT, rtol=1e-7, atol=1e-3)


def test_joint_fit_is_at_least_as_low_as_recorded(reduced):
    runs, _ = reduced
    result = fit(runs, Models([source(), *(background(run.name, 1.0) for run in runs)]))
    assert result.stat < 27422.8919 + 0.01
    assert result["crab.spectral.index"].value == pytest.approx(2.588678, abs=0.03 * 0.0956)
    assert result["crab.spectral.index"].error == pytest.approx(0.095623, rel=0.02)
    assert result["23523-bkg.spectral.norm"].value == pytest.approx(0.978134, abs=0.03 * 0.0407)
