"""Small spectra with round numbers."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion

from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.map_cut import RECO_ARRAYS
from gammapy_hli.engine.datasets.region_set import RegionSet
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset, SpectrumDatasetOnOff
from gammapy_hli.engine.dl3.gti import Gti
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.region import region_to_mapping
from gammapy_hli.engine.geom.tangent import TangentPlane
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.irf.edisp_map import EdispKernelMap
from gammapy_hli.engine.irf.psf_map import PsfMap

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


@pytest.fixture
def make_map():
    """Maker of small map datasets: 3 energies, 10 x 12 pixels of 0.1 deg, responses on pixels of 0.3 deg.

    `seed` changes the numbers, `shift` (x, y) moves the box by whole pixels of the responses on one grid.
    """
    return _map_dataset


def _map_dataset(name="1", seed=1, shift=(0, 0), kind=MapDataset, **changes):
    rng = np.random.default_rng(seed)
    crab = SkyCoord(83.633, 22.014, unit="deg")
    geometry = WcsGeometry.create(crab, (1.2, 1.0) * u.deg, 0.1 * u.deg)
    coarse = WcsGeometry.create(crab, (1.2, 1.2) * u.deg, 0.3 * u.deg)
    geometry = replace(geometry, crpix=np.add(geometry.crpix, np.multiply(shift, 3)))
    coarse = replace(coarse, crpix=np.add(coarse.crpix, shift))
    energy = Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=3)
    true = Axis.from_energy_bounds("0.5 TeV", "20 TeV", nbin=4, name="energy_true")
    rad = Axis.from_edges(np.linspace(0, 0.5, 6) * u.deg, name="rad", interp="lin")
    ny, nx = geometry.shape
    irf = {"geometry": coarse, "energy_true": true, "exposure": rng.uniform(1, 2, (4, 4, 4)) * 1e9 * u.Unit("m2 s")}
    values = {
        "counts": rng.poisson(3, (3, ny, nx)).astype(np.float32),
        "exposure": rng.uniform(1, 2, (4, ny, nx)).astype(np.float32) * 1e9 * u.Unit("m2 s"),
        "psf": PsfMap(rad=rad, data=rng.uniform(0, 9, (4, 5, 4, 4)).astype(np.float32), **irf),
        "edisp": EdispKernelMap(energy=energy, data=rng.uniform(0, 1, (4, 3, 4, 4)).astype(np.float32), **irf),
        "mask_safe": rng.uniform(size=(3, ny, nx)) > 0.3,
        "gti": Gti(np.array([1.1, 900.7]) + seed, np.array([800.3, 1700.9]) + seed),
        "livetime": 1581.7367584109312 * u.s / seed,
        "meta": {"OBS_ID": [seed], "TELESCOP": ["HESS"], "RA_PNT": [83.1 / 3]},
    }
    if kind is MapDataset:
        values["background"] = rng.uniform(2, 4, (3, ny, nx)).astype(np.float32)
    else:
        values["counts_off"] = rng.poisson(2, (3, ny, nx)).astype(np.float32)
        values["acceptance"] = rng.uniform(1, 2, (3, ny, nx)).astype(np.float32)
        values["acceptance_off"] = rng.uniform(5, 9, (3, ny, nx)).astype(np.float32)
    return kind(name=name, geometry=geometry, energy=energy, energy_true=true, **{**values, **changes})


@pytest.fixture
def assert_same_maps():
    """Comparison of two map datasets: every array to `rtol`, bitwise by default, with its type."""

    def compare(found, expected, rtol=0.0, responses=True):
        assert type(found) is type(expected)
        assert found.geometry.same_as(expected.geometry)
        parts = [(name, found, expected) for name in (*RECO_ARRAYS, "exposure")]
        for irf in ("psf", "edisp") if responses else ():
            assert (getattr(found, irf) is None) == (getattr(expected, irf) is None)
            if getattr(found, irf) is not None:
                parts += [(name, getattr(found, irf), getattr(expected, irf)) for name in ("data", "exposure")]
        for name, mine, its in parts:
            one, other = (getattr(_, name, None) for _ in (mine, its))
            assert (one is None) == (other is None), name
            if one is not None:
                one, other = (getattr(_, "value", _) for _ in (one, other))
                assert one.dtype == other.dtype, name
                np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * np.max(other), err_msg=name)

    return compare
