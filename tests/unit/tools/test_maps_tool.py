"""The maps step: checks between its options, and what it makes of a dataset in memory."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.analysis import Analysis
from gammapy_hli.base.errors import ConfigError
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.products.reduction import Reduction
from gammapy_hli.tools.maps import MapsTool

GEOMETRY = WcsGeometry.create(SkyCoord(83.63, 22.01, unit="deg"), 2 * u.deg, 0.05 * u.deg)
ENERGY = Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=2)
TRUE = Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=2, name="energy_true")
CONFIG = {
    "steps": ["selection", "reduction", "maps"],
    "selection": {"datastore": "store"},
    "reduction": {"type": "image", "geometry": {"center": "83.63 deg, 22.01 deg"}, "background": {"method": "ring"}},
}


@pytest.fixture
def reduction():
    """A source of 300 counts over a background of 1 in each bin; the sky around it is excluded."""
    shape = (2, *GEOMETRY.shape)
    counts = np.random.default_rng(2).poisson(1.0, shape).astype(float)
    counts[:, 19:22, 19:22] += 30
    dataset = MapDataset("toy", GEOMETRY, ENERGY, TRUE, counts=counts, background=np.ones(shape))
    allowed = np.ones(GEOMETRY.shape, dtype=bool)
    allowed[14:27, 14:27] = False
    return Reduction.from_parts([dataset], [{"name": "toy"}], SkyMap(GEOMETRY, (), allowed))


def test_peaks_need_a_map_of_significance():
    with pytest.raises(
        ConfigError, match=r"maps\.products: peaks are those of ts or significance, .* \[excess, peaks\]"
    ):
        Analysis(CONFIG, {"maps": {"products": ["excess", "peaks"]}}).check_ready()


def test_peaks_and_significance_off_the_exclusion(reduction):
    tool = MapsTool(products=["significance", "peaks"], correlation_radius="0.15 deg")
    found = tool.run(datasets=reduction)
    assert found.names == ("significance", "significance_off")
    assert len(found.peaks) == 1
    assert found.peaks["ra"][0].to_value("deg") == pytest.approx(83.63, abs=0.05)
    assert found.numbers["peaks"] == {"n": 1, "max": pytest.approx(found.numbers["significance"]["max"])}
    off = found.numbers["significance_off"]
    assert off["max"] < 5
    assert (off["mean"], off["std"]) == pytest.approx((0, 1), abs=0.2)


def test_without_exposure_there_is_no_flux(reduction):
    found = MapsTool(products=["excess"], correlation_radius="0.15 deg").run(datasets=reduction)
    assert not found.flux_maps
    assert "significance_off" not in found


def test_nothing_is_off_where_nothing_was_excluded(reduction):
    plain = Reduction(reduction.datasets, reduction.info)
    assert MapsTool(correlation_radius="0.15 deg").run(datasets=plain).names[-1] == "significance"
