"""R6 of the reference results: Galactic centre, CTA 1DC, 3D, galactic map, from event lists to the fit.

Recorded with gammapy 2.1 (REFERENCE.md); tolerances as they stand there.
"""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.engine.dl3.store import DataStore
from gammapy_hli.engine.fit.compile import compile
from gammapy_hli.engine.fit.fit import fit
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.background import FoVBackgroundModel
from gammapy_hli.engine.models.sky_model import Models, SkyModel
from gammapy_hli.engine.models.spatial import SpatialModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.reduce.map import MapPlan, reduce_map
from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan

NPRED = (191.35024, 142.60691, 126.08445, 101.84080, 57.09080, 45.06841, 48.03863, 30.81135, 18.29037, 14.63291)
BEST = {
    "gc.spectral.index": (2.316451, 0.0401),
    "gc.spectral.amplitude": (2.692452e-12, 1.357e-13),
    "gc.spatial.lon_0": (-0.050358, 0.0022),
    "gc.spatial.lat_0": (-0.050130, 0.0022),
    "stacked-bkg.spectral.norm": (1.132419, 0.003525),
}


@pytest.fixture(scope="module")
def dataset(gammapy_data):
    center = SkyCoord(0, 0, unit="deg", frame="galactic")
    plan = MapPlan(
        geometry=WcsGeometry.create(center, [8, 6] * u.deg, 0.025 * u.deg),
        energy=Axis.from_energy_bounds("0.1 TeV", "10 TeV", nbin=10),
        energy_true=Axis.from_energy_bounds("0.08 TeV", "12 TeV", nbin=14, name="energy_true"),
        irf_pixel=0.5 * u.deg,
        offset_max=3.5 * u.deg,
        safe_mask=SafeMaskPlan(methods=("aeff-default", "offset-max")),
    )
    store = DataStore.open(gammapy_data / "cta-1dc/index/gps")
    stacker = plan.stacker()
    for run in (110380, 111140, 111159):
        stacker.add(reduce_map(store.observation(run), plan))
    return stacker.result()


def stated():
    spectral = PowerLawSpectralModel(index=2.4, amplitude=2.8e-12)
    background = FoVBackgroundModel("stacked")
    background.spectral.norm = 1.4
    position = SpatialModel("point", frame="galactic", lon_0=-0.05, lat_0=-0.05)
    return Models([SkyModel("gc", spectral, position), background])


def test_statistic_and_counts_at_stated_parameters(dataset):
    likelihood = compile([dataset], stated())
    assert likelihood.stat(likelihood.theta0) == pytest.approx(427134.852640, abs=1e-3, rel=1e-7)
    npred = np.where(dataset.mask, likelihood.npred(likelihood.theta0)["stacked"], 0.0)
    np.testing.assert_allclose(npred.sum(axis=(1, 2)), NPRED, rtol=1e-5)


def test_best_fit(dataset):
    result = fit([dataset], stated())
    assert result.success, result.message
    assert result.stat < 422110.1673 + 0.01
    for name, (value, error) in BEST.items():
        fraction = 0.5 if ".spatial." in name else 0.03
        assert abs(result[name].value - value) < fraction * error, name
        assert result[name].error == pytest.approx(error, rel=0.02), name
