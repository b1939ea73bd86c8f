"""SkyMap: shapes, sums, slices, interpolation, messages."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.sky_map import SkyMap
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry

CENTER = SkyCoord(83.63, 22.01, unit="deg")
ENERGY = Axis.from_energy_bounds(1 * u.TeV, 100 * u.TeV, nbin=4)
RAD = Axis.from_edges(np.linspace(0, 0.3, 4) * u.deg, "rad", "lin")


@pytest.fixture(scope="module")
def cube():
    geometry = WcsGeometry.create(CENTER, (2, 1) * u.deg, 0.1 * u.deg)
    data = np.random.default_rng(1).random((4, 3, *geometry.shape)).astype(np.float32)
    return SkyMap(geometry, (ENERGY, RAD), data, "m2 s")


def test_data_are_read_only_but_those_of_the_caller_are_not(cube):
    data = np.zeros(cube.shape)
    seen = cube.with_data(data)
    data[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        seen.data[0] = 2


def test_sums_and_slices_keep_the_rest(cube):
    assert cube.sum_over("rad").shape == (4, 10, 20)
    assert cube.sum_over("energy", keep=True).axis("energy").edges.value.tolist() == [1, 100]
    np.testing.assert_array_equal(cube.sum_over("energy").data, cube.data.sum(axis=0))
    assert cube.reduce_over("energy", np.any).data.dtype == bool
    part = cube.slice("rad", 1, 3)
    assert np.shares_memory(part.data, cube.data)
    np.testing.assert_array_equal(part.data, cube.data[:, 1:3])
    np.testing.assert_array_equal(part.axis("rad").edges, RAD.edges[1:4])
    np.testing.assert_array_equal(cube.image(2, 1).data, cube.data[2, 1])


def test_cutout_and_part_are_views(cube):
    cut = cube.cutout(CENTER, 0.5 * u.deg, odd=True)
    assert cut.shape == (4, 3, 5, 5)
    assert np.shares_memory(cut.data, cube.data)
    rows, columns = slice(2, 5), slice(1, 9)
    np.testing.assert_array_equal(cube.part((rows, columns)).data, cube.data[..., rows, columns])


def test_downsampling_keeps_the_sum(cube):
    assert cube.downsample(5).shape == (4, 3, 2, 4)
    np.testing.assert_allclose(cube.downsample(5).data.sum(), cube.data.sum(), rtol=1e-5)
    np.testing.assert_allclose(cube.downsample(5, mean=True).data.mean(), cube.data.mean(), rtol=1e-5)


def test_units_are_converted(cube):
    np.testing.assert_allclose(cube.to("cm2 s").data, cube.data * 1e4, rtol=1e-6)
    assert cube.quantity.unit == u.Unit("m2 s")
    assert SkyMap.from_quantity(cube.geometry, (), np.ones(cube.geometry.shape) * u.m).unit == u.m


def test_masks_of_any_type_become_bool(cube):
    for dtype in (np.uint8, np.int64, np.float32, bool):
        mask = SkyMap(cube.geometry, (), (np.arange(200).reshape(10, 20) % 3).astype(dtype)).as_mask()
        assert mask.is_mask
        np.testing.assert_array_equal(mask.data, (np.arange(200).reshape(10, 20) % 3) != 0)


# -- interpolation ---------------------------------------------------------------------------------------------------


def test_interpolation_at_pixel_centers_gives_the_data(cube):
    np.testing.assert_allclose(cube.interp(*cube.geometry.lonlat()), cube.data, atol=1e-9)
    np.testing.assert_array_equal(cube.nearest(*cube.geometry.lonlat()), cube.data)


@given(x=st.floats(-3, 23), y=st.floats(-3, 13), a=st.floats(-2, 2), b=st.floats(-2, 2))
def test_a_plane_is_interpolated_and_extrapolated_exactly(x, y, a, b):
    geometry = WcsGeometry.create(CENTER, (2, 1) * u.deg, 0.1 * u.deg)
    row, column = np.indices(geometry.shape)
    plane = SkyMap(geometry, (), a * column + b * row + 1)
    np.testing.assert_allclose(plane.interp(*geometry.to_sky(x, y)), a * x + b * y + 1, atol=1e-8)


def test_outside_and_holes_have_the_value_that_was_asked_for(cube):
    north = np.deg2rad([83.63, 25.0])
    assert (cube.interp(*north, outside=-1) == -1).all()
    assert np.isnan(cube.nearest(*north)).all()
    data = np.full(cube.geometry.shape, np.nan)
    assert cube.with_data(np.broadcast_to(data, cube.shape)).interp(*cube.geometry.lonlat()).max() == 0


def test_an_image_of_one_pixel_is_constant():
    geometry = WcsGeometry.create(CENTER, 1 * u.deg, 1 * u.deg)
    assert SkyMap(geometry, (), np.full((1, 1), 7.0)).interp(*np.deg2rad([83.9, 22.3])) == 7


# -- messages --------------------------------------------------------------------------------------------------------


def test_wrong_shapes_and_names_say_what_is_expected(cube):
    with pytest.raises(ValueError, match=r"shape \(4, 10, 20\); expected \(4, 3, 10, 20\) for \(energy, rad, lat"):
        SkyMap(cube.geometry, cube.axes, np.zeros((4, 10, 20)))
    with pytest.raises(ValueError, match="expected different names"):
        SkyMap(cube.geometry, (ENERGY, ENERGY), np.zeros((4, 4, 10, 20)))
    with pytest.raises(ValueError, match=r"no axis 'enrgy'; axes are energy, rad\. Did you mean 'energy'"):
        cube.sum_over("enrgy")
    with pytest.raises(ValueError, match="got 1 indices"):
        cube.image(2)
    with pytest.raises(ValueError, match="lies outside of the map"):
        cube.cutout(SkyCoord(10, 10, unit="deg"), 1 * u.deg)


def test_summary_tells_axes_and_unit(cube):
    assert "energy (4), rad (3), lat, lon" in repr(cube)
    assert "m2 s" in repr(cube)
    assert "min" in SkyMap.zeros(cube.geometry).summary()
