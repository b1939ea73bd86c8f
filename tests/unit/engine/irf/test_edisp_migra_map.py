"""Energy dispersion by migration on a map: kernels, files, cuts, sums."""

from dataclasses import replace

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.map_files import read_map_dataset, write_map_dataset
from gammapy_hli.engine.datasets.map_stack import stack_maps
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.irf.edisp import EnergyDispersion
from gammapy_hli.engine.irf.edisp_map import EdispKernelMap
from gammapy_hli.engine.irf.edisp_migra_map import EdispMigraMap

CENTER = SkyCoord(83.63, 22.01, unit="deg")
GEOMETRY = WcsGeometry.create(CENTER, 2 * u.deg, 0.1 * u.deg)
COARSE = GEOMETRY.irf_geometry(0.5 * u.deg)
TRUE = Axis.from_energy_bounds("0.3 TeV", "30 TeV", nbin=6, name="energy_true")
RECO = Axis.from_energy_bounds("1 TeV", "10 TeV", nbin=4)
MIGRA = Axis.from_edges(np.linspace(0.2, 2, 91), name="migra", interp="lin")


def density(width, mean=1.0):
    """Normalized Gaussian in migra for every true energy, (nt, nm)."""
    shape = np.exp(-0.5 * ((MIGRA.center.value - mean) / width) ** 2)
    return np.tile(shape / (shape * MIGRA.width.value).sum(), (TRUE.nbin, 1))


def migra_map(width=0.2, exposure=1e10):
    data = np.broadcast_to(density(width)[..., None, None], (TRUE.nbin, MIGRA.nbin, *COARSE.shape))
    return EdispMigraMap(
        COARSE, TRUE, MIGRA, RECO, data, np.full((TRUE.nbin, *COARSE.shape), exposure) * u.Unit("m2 s")
    )


def dataset(edisp, name="1"):
    shape = (RECO.nbin, *GEOMETRY.shape)
    return MapDataset(name, GEOMETRY, RECO, TRUE, counts=np.ones(shape), background=np.ones(shape), edisp=edisp)


def test_kernel_is_that_of_the_response_it_was_made_from():
    offset = Axis.from_edges([0, 1, 2] * u.deg, name="offset", interp="lin")
    data = np.broadcast_to(density(0.2)[..., None], (TRUE.nbin, MIGRA.nbin, 2))
    response = EnergyDispersion(TRUE, MIGRA, offset, data * u.one)
    np.testing.assert_allclose(migra_map().at(CENTER), response.kernel(TRUE, RECO, 0.5 * u.deg), rtol=1e-6, atol=1e-8)


def test_a_density_that_is_not_normalized_stays_so():
    half = replace(migra_map(), data=0.5 * migra_map().data)
    np.testing.assert_allclose(half.at(CENTER), 0.5 * migra_map().at(CENTER), atol=1e-8)


def test_the_nearest_pixel_serves_a_position():
    data = migra_map().data.copy()
    data[..., 0, 0] = density(0.05)
    other = replace(migra_map(), data=data)
    lon, lat = COARSE.to_sky(0.3, 0.3)
    corner = SkyCoord(float(lon), float(lat), unit="rad")
    np.testing.assert_array_equal(other.at(corner), migra_map(0.05).at(CENTER))
    np.testing.assert_array_equal(other.at(CENTER), migra_map().at(CENTER))


def test_file_comes_back_bitwise(tmp_path):
    write_map_dataset(dataset(migra_map()), tmp_path / "migra.fits")
    again = read_map_dataset(tmp_path / "migra.fits").edisp
    assert isinstance(again, EdispMigraMap)
    assert again.data.tobytes() == migra_map().data.tobytes()
    assert again.migra.same_as(MIGRA)
    assert again.energy.same_as(RECO)
    np.testing.assert_array_equal(again.exposure.value, migra_map().exposure.value)


def test_energies_that_are_cut_or_added_have_their_own_kernels():
    whole = migra_map().at(CENTER)
    cut = dataset(migra_map()).slice_energy(RECO.edges[1], RECO.edges[3]).edisp.at(CENTER)
    np.testing.assert_array_equal(cut, whole[:, 1:3])
    image = dataset(migra_map()).to_image().edisp.at(CENTER)
    np.testing.assert_allclose(image, whole.sum(axis=1, keepdims=True), atol=1e-8)


def test_sum_is_weighted_with_exposure():
    parts = [dataset(migra_map(0.1, 1e10), "1"), dataset(migra_map(0.3, 3e10), "2")]
    total = stack_maps(parts).edisp
    expected = 0.25 * density(0.1) + 0.75 * density(0.3)
    np.testing.assert_allclose(total.data[..., 1, 1], expected, rtol=1e-5, atol=1e-6)


def test_kernels_and_densities_have_no_sum():
    shape = (TRUE.nbin, RECO.nbin, *COARSE.shape)
    kernels = EdispKernelMap(COARSE, TRUE, RECO, np.full(shape, 0.1), migra_map().exposure)
    with pytest.raises(InputError, match=r"edisp of 2 .*another"):
        stack_maps([dataset(migra_map(), "1"), dataset(kernels, "2")])
