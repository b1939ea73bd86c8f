"""Small spectra with round numbers."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion

from gammapy_hli.engine.datasets.region_set import RegionSet
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset, SpectrumDatasetOnOff
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.region import region_to_mapping
from gammapy_hli.engine.geom.tangent import TangentPlane

N_RECO, N_TRUE = 4, 6


@pytest.fixture
def common():
    """Arguments that both kinds of dataset share."""
    rng = np.random.default_rng(5)
    return {
        "name": "1",
        "energy": Axis.from_energy_bounds("0.3 TeV", "17 TeV", nbin=N_RECO),
        "energy_true": Axis.from_energy_bounds("0.1 TeV", "33 TeV", nbin=N_TRUE, name="energy_true"),
        "counts": np.array([7.0, 5.0, 3.0, 0.0]),
        "exposure": np.linspace(0, 1e9, N_TRUE) / 3 * u.Unit("m2 s"),
        "edisp": rng.uniform(0, 1 / N_RECO, (N_TRUE, N_RECO)),
        "edisp_exposure": np.linspace(0, 1e9, N_TRUE) / 3 * 1.7 * u.Unit("m2 s"),
        "mask_safe": np.array([False, True, True, True]),
        "livetime": 1581.7367584109312 * u.s,
        "gti": Gti(np.array([1.1, 900.7]), np.array([800.3, 1700.9])),
        "region": CircleSkyRegion(SkyCoord(83.63, 22.01, unit="deg"), 0.11 * u.deg),
        "meta": {"OBS_ID": [1], "TELESCOP": ["HESS"], "RA_PNT": [83.1 / 3], "ZENITH": [45.0]},
    }


@pytest.fixture
def make_cash(common):
    """Maker of datasets with a modelled background."""
    return lambda **changes: SpectrumDataset(**{**common, "background": np.array([4.0, 2.0, 1.0, 0.5]), **changes})


@pytest.fixture
def make_on_off(common):
    """Maker of datasets with off counts."""
    plane = TangentPlane(1.4596, 0.3755 / 3, np.deg2rad(0.01), (228, 228))
    off = {
        "counts_off": np.array([20.0, 10.0, 6.0, 0.0]),
        "acceptance": np.ones(N_RECO),
        "acceptance_off": np.full(N_RECO, 4.0),
        "regions_off": RegionSet(plane, "icrs", np.array([[30.1, 40.2, 11.0], [50.3, 60.4, 11.0]]) / 3),
    }
    return lambda **changes: SpectrumDatasetOnOff(**{**common, **off, **changes})


@pytest.fixture
def assert_bitwise():
    """Comparison of two datasets to the last bit."""
    return _assert_bitwise


def _assert_bitwise(one, other):
    assert type(one) is type(other)
    assert one.name == other.name
    assert one.meta == other.meta
    for axis in ("energy", "energy_true"):
        np.testing.assert_array_equal(getattr(one, axis).edges, getattr(other, axis).edges)
        assert getattr(one, axis).edges.unit == getattr(other, axis).edges.unit
    names = ["counts", "exposure", "edisp", "edisp_exposure", "mask_safe", "livetime", "background"]
    names += ["counts_off", "acceptance", "acceptance_off"] if hasattr(one, "acceptance") else []
    for name in names:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert (one.gti is None) == (other.gti is None)
    if one.gti is not None:
        np.testing.assert_array_equal([one.gti.start, one.gti.stop], [other.gti.start, other.gti.stop])
        assert (one.gti.reference.jd1, one.gti.reference.jd2) == (other.gti.reference.jd1, other.gti.reference.jd2)
        assert one.gti.reference.scale == other.gti.reference.scale
    assert _region_numbers(one.region) == _region_numbers(other.region)
    if hasattr(one, "regions_off"):
        if isinstance(one.regions_off, RegionSet):
            assert one.regions_off.same_as(other.regions_off)
        else:
            assert list(map(_region_numbers, one.regions_off)) == list(map(_region_numbers, other.regions_off))


def _region_numbers(region):
    return None if region is None else region_to_mapping(region)
