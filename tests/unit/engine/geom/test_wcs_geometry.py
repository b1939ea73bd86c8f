"""WcsGeometry: laws of pixels and directions, cutouts, other grids, messages."""

import pickle

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import Cutout2D
from hypothesis import given
from hypothesis import strategies as st

from gammapy_hli.engine.geom.sphere import separation, to_unit_vectors
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry

CRAB = SkyCoord(83.63, 22.01, unit="deg")
SMOOTH = ["CAR", "TAN", "AIT", "MOL", "SIN", "ZEA", "STG", "ARC", "SFL", "MER"]


def geometry_at(lon, lat, frame="icrs", projection="CAR", width=6.0, pixel=0.1):
    return WcsGeometry.create(SkyCoord(lon, lat, unit="deg", frame=frame), width * u.deg, pixel * u.deg, projection)


@pytest.fixture(scope="module")
def crab():
    return WcsGeometry.create(CRAB, (6, 4) * u.deg, 0.05 * u.deg)


# -- laws ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("projection", ["CAR", "CEA", "AIT", "MOL"])
def test_solid_angles_of_the_whole_sky_add_up_to_4_pi(projection):
    area = geometry_at(0, 0, "galactic", projection, width=(360, 180), pixel=1).solid_angle()
    # plane triangles are too small by the square of the pixel size; pixels cut by the edge of the sphere have none
    assert np.nansum(area) == pytest.approx(4 * np.pi, rel=3e-4 if projection == "CAR" else 0.03)


def spherical_excess(a, b, c):
    """Solid angle of triangles between unit vectors (3, ...), van Oosterom & Strackee 1983."""
    volume = (a * np.cross(b, c, axis=0)).sum(axis=0)
    return 2 * np.arctan2(np.abs(volume), 1 + (a * b).sum(axis=0) + (b * c).sum(axis=0) + (c * a).sum(axis=0))


@pytest.mark.parametrize(("lon", "lat"), [(83.6, 22.0), (30.0, 65.0), (33.0, 89.6), (0.0, 90.0), (100.0, -89.95)])
def test_solid_angle_is_that_of_spherical_triangles_also_around_a_pole(lon, lat):
    geometry = geometry_at(lon, lat, projection="TAN", width=3.0, pixel=0.1)
    x, y = np.arange(31) - 0.5, np.arange(31)[:, None] - 0.5
    corner = to_unit_vectors(*geometry.to_sky(x, y))
    a, b, c, d = corner[:, :-1, :-1], corner[:, :-1, 1:], corner[:, 1:, 1:], corner[:, 1:, :-1]
    expected = spherical_excess(a, b, c) + spherical_excess(a, c, d)
    np.testing.assert_allclose(geometry.solid_angle(), expected, rtol=np.deg2rad(0.1) ** 2 / 5)


def test_solid_angle_of_an_equal_area_projection_is_the_area_of_the_pixel():
    area = geometry_at(10, -40, projection="ZEA").solid_angle()
    np.testing.assert_allclose(area, np.deg2rad(0.1) ** 2, rtol=1e-5)


@given(
    lon=st.floats(0, 360),
    lat=st.floats(-89, 89),
    frame=st.sampled_from(["icrs", "galactic", "fk5"]),
    projection=st.sampled_from(SMOOTH),
    x=st.floats(-5, 65),
    y=st.floats(-5, 65),
)
def test_pixel_to_sky_and_back_is_the_identity(lon, lat, frame, projection, x, y):
    lat = 0 if projection in ("AIT", "MOL", "SFL", "MER") else lat  # these are oblique with poles of their own
    geometry = geometry_at(lon, lat, frame, projection)
    there = geometry.to_sky(x, y)
    assert 0 <= there[0] < 2 * np.pi + 1e-15
    np.testing.assert_allclose(geometry.to_pixel(*there), (x, y), atol=1e-8)


@given(lon=st.floats(0, 360), lat=st.floats(-89.9, 89.9), projection=st.sampled_from(["CAR", "TAN"]))
def test_numpy_projections_equal_wcslib(lon, lat, projection):
    geometry = geometry_at(lon, lat, projection=projection, width=20, pixel=0.5)
    wcs = geometry.to_wcs()
    x, y = np.meshgrid(np.arange(-3.0, 43, 5), np.arange(-3.0, 43, 5))
    sky = wcs.wcs_pix2world(x.ravel(), y.ravel(), 0)
    seen = np.isfinite(sky[1])
    ours = geometry.to_sky(x.ravel(), y.ravel())
    there = np.deg2rad(sky)
    assert separation(*(_[seen] for _ in ours), *(_[seen] for _ in there)).max() < np.deg2rad(0.5) * 1e-10
    np.testing.assert_allclose(geometry.to_pixel(*there), wcs.wcs_world2pix(*sky, 0), atol=1e-10)


def test_center_lies_in_the_middle_and_north_is_up(crab):
    x, y = crab.position_to_pixel(CRAB)
    np.testing.assert_allclose((x, y), ((120 - 1) / 2, (80 - 1) / 2), atol=1e-10)
    lon, lat = crab.lonlat()
    assert lat[-1, 60] > lat[0, 60]
    assert lon[40, 0] > lon[40, -1]


def test_icrs_coordinates_are_those_of_astropy():
    geometry = geometry_at(184.5, -5.8, "galactic")
    ra, dec = geometry.icrs()
    lon, lat = geometry.lonlat()
    sky = SkyCoord(lon, lat, unit="rad", frame="galactic").icrs
    assert separation(ra, dec, sky.ra.rad, sky.dec.rad).max() < 1e-12


def test_separation_does_not_depend_on_the_frame(crab):
    there = SkyCoord(85, 21, unit="deg")
    np.testing.assert_allclose(crab.separation_from(there.galactic), crab.separation(there.ra, there.dec), atol=1e-12)


def test_pixels_off_the_sphere_have_no_direction():
    geometry = geometry_at(0, 0, projection="CAR", width=(400, 200), pixel=10)
    lon, lat = geometry.lonlat()
    assert np.isnan(lon[:, 0]).all()
    assert np.isnan(lat[0]).all()
    assert np.isfinite(lat[10, 20])


# -- indices ---------------------------------------------------------------------------------------------------------


def test_index_is_that_of_the_pixel_and_minus_one_outside(crab):
    row, column = crab.index(*crab.lonlat())
    np.testing.assert_array_equal((row, column), np.indices(crab.shape))
    assert not crab.contains(*np.deg2rad([83.63, 26.0]))
    assert crab.index(np.nan, np.nan)[0] == -1
    edges = [-0.5, 0.5, 1.5, 118.5, 119.5]  # on an edge it is the upper pixel
    assert crab.pixel_index(edges, [0] * 5)[1].tolist() == [0, 1, 2, 119, -1]
    assert crab.pixel_index([-0.51, -0.49, 119.49, 119.51], [0, 0, 0, 0])[1].tolist() == [-1, 0, 119, -1]


# -- cutouts ---------------------------------------------------------------------------------------------------------


@given(east=st.floats(-4, 4), north=st.floats(-3, 3), width=st.floats(0.01, 8), height=st.floats(0.01, 8))
def test_cutout_is_that_of_astropy(crab, east, north, width, height):
    position = CRAB.spherical_offsets_by(east * u.deg, north * u.deg)
    size = np.clip(np.array([height, width]) / 0.05, 1, None)
    try:
        expected = Cutout2D(np.zeros(crab.shape), position, size, crab.to_wcs(), mode="trim")
    except ValueError:
        with pytest.raises(ValueError, match="lies outside of the map"):
            crab.cutout(position, (width, height) * u.deg)
        return
    if 0 in expected.shape:
        return
    cut = crab.cutout(position, (width, height) * u.deg)
    assert cut.geometry.shape == expected.shape
    assert cut.big == expected.slices_original
    np.testing.assert_allclose(cut.geometry.crpix, expected.wcs.wcs.crpix, atol=1e-12)


def test_cutout_of_a_cutout_is_the_smaller_cutout(crab):
    inner = crab.cutout(CRAB, 4 * u.deg, odd=True).geometry.cutout(CRAB, 2 * u.deg, odd=True).geometry
    assert inner.same_as(crab.cutout(CRAB, 2 * u.deg, odd=True).geometry)
    assert inner.shape == (41, 41)


def test_coordinates_of_a_cutout_are_views_of_those_of_the_map(crab):
    for arrays in (crab.lonlat(), crab.icrs()):
        assert not arrays[0].flags.writeable
    crab.solid_angle()
    cut = crab.cutout(CRAB, 1 * u.deg)
    assert np.shares_memory(cut.geometry.solid_angle(), crab.solid_angle())
    np.testing.assert_array_equal(cut.geometry.lonlat()[0], crab.lonlat()[0][cut.big])
    fresh = pickle.loads(pickle.dumps(cut.geometry))
    x, y = np.meshgrid(np.arange(fresh.shape[1]), np.arange(fresh.shape[0]))
    np.testing.assert_allclose(fresh.to_sky(x, y), cut.geometry.lonlat(), atol=1e-14)


def test_small_of_a_cutout_adds_it_back(crab):
    cut = crab.cutout(CRAB.spherical_offsets_by(2.8 * u.deg, 0 * u.deg), 1 * u.deg)
    image, part = np.zeros(crab.shape), np.ones(cut.geometry.shape)
    image[cut.big] += part[cut.small]
    assert image.sum() == part.size


def test_cutout_outside_names_position_and_map(crab):
    with pytest.raises(ValueError, match=r"\(90\.0000, 22\.0000\) deg icrs lies outside of the map"):
        crab.cutout(SkyCoord(90, 22, unit="deg"), 1 * u.deg)
    with pytest.raises(ValueError, match=r"120 x 80 around \(83\.6300, 22\.0100\) deg icrs"):
        crab.cutout(SkyCoord(83.63, -70, unit="deg"), 1 * u.deg)
    tangent = WcsGeometry.create(CRAB, 6 * u.deg, 0.1 * u.deg, "TAN")
    with pytest.raises(ValueError, match="lies outside of the map"):
        tangent.cutout(SkyCoord(263.63, -22, unit="deg"), 1 * u.deg)


# -- overlap ---------------------------------------------------------------------------------------------------------


@given(shift=st.tuples(st.integers(-130, 130), st.integers(-90, 90)))
def test_overlap_finds_the_same_directions(crab, shift):
    other = WcsGeometry(**{**vars_of(crab), "crpix": tuple(np.add(crab.crpix, shift)), "shape": (60, 70)})
    shared = crab.overlap(other)
    if shared is None:
        row, _ = crab.index(*other.lonlat())
        assert (row < 0).all()
        return
    for ours, theirs in zip(crab.lonlat(), other.lonlat(), strict=True):
        np.testing.assert_allclose(ours[shared[0]], theirs[shared[1]], atol=1e-13)


def test_grids_that_are_not_aligned_are_refused(crab):
    other = WcsGeometry.create(CRAB, (6, 4) * u.deg, 0.04 * u.deg)
    assert not crab.is_aligned(other)
    with pytest.raises(ValueError, match="are not on one grid"):
        crab.overlap(other)
    half = WcsGeometry(**{**vars_of(crab), "crpix": (crab.crpix[0] + 0.5, crab.crpix[1])})
    assert not crab.is_aligned(half)


def vars_of(geometry):
    names = ("frame", "projection", "crval", "crpix", "cdelt", "shape", "cards")
    return {name: getattr(geometry, name) for name in names}


# -- other grids -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("radius", "n"), [(0.3, 13), (0.31, 13), (0.325, 13), (0.33, 15), (0.001, 1)])
def test_odd_npix_holds_the_radius(crab, radius, n):
    geometry = crab.to_odd_npix(radius * u.deg)
    assert geometry.shape == (n, n)
    assert geometry.crval == crab.crval
    assert crab.to_odd_npix().shape == (121, 121)


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_upsampled_pixels_cover_the_same_sky(crab, factor):
    fine = crab.upsample(factor)
    assert fine.shape == (80 * factor, 120 * factor)
    np.testing.assert_allclose(fine.to_sky(-0.5, -0.5), crab.to_sky(-0.5, -0.5), atol=1e-14)
    blocks = fine.solid_angle().reshape(80, factor, 120, factor).sum(axis=(1, 3))
    np.testing.assert_allclose(blocks, crab.solid_angle(), rtol=1e-6)
    assert fine.downsample(factor).same_as(crab)


def test_padding_and_cropping_are_inverse(crab):
    assert crab.pad(3, 5).shape == (90, 126)
    assert crab.pad(3, 5).pad(-3, -5).same_as(crab)
    assert crab.is_aligned(crab.pad(3))


def test_irf_geometry_is_coarse_and_as_wide(crab):
    assert crab.irf_geometry().shape == (20, 30)
    assert crab.irf_geometry(0.2 * u.deg, margin=0.4 * u.deg).shape == (24, 34)
    assert crab.irf_geometry(20 * u.deg).shape == (1, 1)


# -- headers and sharing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("projection", SMOOTH)
@pytest.mark.parametrize("frame", ["icrs", "galactic", "fk5"])
def test_header_round_trip_is_exact(projection, frame):
    geometry = geometry_at(1 / 3, 100 / 3, frame, projection, pixel=0.1 / 3)
    header = fits.Header()
    for key, value in geometry.header_cards().items():
        header[key] = value
    header["NAXIS"], header["NAXIS1"], header["NAXIS2"] = 2, 180, 180
    again = WcsGeometry.from_header(header)
    assert again.same_as(geometry)
    assert again.cards == ()


def test_rotated_images_and_poles_of_their_own_are_kept():
    header = fits.Header(
        geometry_at(10, 20, projection="ZEA").header_cards() | {"LONPOLE": 170.0, "NAXIS": 2, "WCSSHAPE": "(60,60)"}
    )
    header.update({"PC1_1": 0.8, "PC1_2": -0.6, "PC2_1": 0.6, "PC2_2": 0.8})
    geometry = WcsGeometry.from_header(header)
    from_astropy = geometry.to_wcs().wcs_pix2world(3, 50, 0)
    np.testing.assert_allclose(np.rad2deg(geometry.to_sky(3, 50)), from_astropy, atol=1e-12)
    assert dict(geometry.cards)["PC1_2"] == -0.6
    assert dict(geometry.cards)["LONPOLE"] == 170
    assert not geometry.same_as(geometry_at(10, 20, projection="ZEA"))


def test_cd_matrix_becomes_scale_and_rotation():
    header = fits.Header({"NAXIS": 2, "NAXIS1": 10, "NAXIS2": 12, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"})
    header.update({"CD1_1": -0.1, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 0.2, "CRVAL1": 10.0, "CRVAL2": 5.0})
    geometry = WcsGeometry.from_header(header)
    assert geometry.cdelt == (-0.1, 0.2)
    assert geometry.shape == (12, 10)
    assert geometry.cards == ()


def test_equal_geometries_share_their_coordinates():
    first, second = geometry_at(17, 3, width=1), geometry_at(17, 3, width=1)
    assert first.lonlat()[0] is second.lonlat()[0]
    assert first.lonlat()[0] is not geometry_at(17, 3.1, width=1).lonlat()[0]


def test_pickle_carries_parameters_only(crab):
    crab.solid_angle()
    text = pickle.dumps(crab)
    assert len(text) < 1000
    assert pickle.loads(text).same_as(crab)


def test_summary_tells_where_and_how_large(crab):
    assert "83.63, 22.01 deg" in repr(crab)
    assert "6 x 4 deg" in repr(crab)


# -- bad input -------------------------------------------------------------------------------------------------------


def test_bad_parameters_say_what_is_wrong():
    with pytest.raises(ValueError, match=r"width 0\.01 deg holds no pixel of 0\.1 deg"):
        WcsGeometry.create(CRAB, 0.01 * u.deg, 0.1 * u.deg)
    with pytest.raises(ValueError, match=r"pixel is 0\.0 deg; expected more than 0"):
        WcsGeometry.create(CRAB, 1 * u.deg, 0 * u.deg)
    with pytest.raises(ValueError, match=r"width is .*; expected an angle"):
        WcsGeometry.create(CRAB, 1 * u.TeV, 0.1 * u.deg)
    with pytest.raises(ValueError, match=r"projection is 'TAM'.*Did you mean 'TAN'"):
        WcsGeometry.create(CRAB, 1 * u.deg, 0.1 * u.deg, "TAM")
    with pytest.raises(ValueError, match="frame is 'altaz'"):
        WcsGeometry("altaz", "CAR", (0, 0), (1, 1), (-1, 1), (1, 1))
    with pytest.raises(ValueError, match=r"shape \(ny, nx\) is \(0, 5\)"):
        WcsGeometry("icrs", "CAR", (0, 0), (1, 1), (-1, 1), (0, 5))
    with pytest.raises(ValueError, match="pixels of some size"):
        WcsGeometry("icrs", "CAR", (0, 0), (1, 1), (0, 1), (5, 5))


def test_bad_headers_say_what_is_wrong():
    with pytest.raises(ValueError, match="expected celestial"):
        WcsGeometry.from_header(fits.Header({"NAXIS": 2, "NAXIS1": 3, "NAXIS2": 3}))
    cards = geometry_at(0, 0).header_cards()
    with pytest.raises(ValueError, match="neither NAXIS1 and NAXIS2 nor WCSSHAPE"):
        WcsGeometry.from_header(fits.Header(cards))
    swapped = {**cards, "CTYPE1": "DEC--CAR", "CTYPE2": "RA---CAR", "NAXIS": 2, "NAXIS1": 3, "NAXIS2": 3}
    with pytest.raises(ValueError, match="expected longitude first"):
        WcsGeometry.from_header(fits.Header(swapped))
    ecliptic = {**cards, "CTYPE1": "ELON-CAR", "CTYPE2": "ELAT-CAR", "NAXIS": 2, "NAXIS1": 3, "NAXIS2": 3}
    ecliptic.pop("RADESYS")
    with pytest.raises(ValueError, match="coordinates are ELON-CAR"):
        WcsGeometry.from_header(fits.Header(ecliptic))


def test_other_sizes_must_fit(crab):
    with pytest.raises(ValueError, match=r"upsampling by 1\.5"):
        crab.upsample(1.5)
    with pytest.raises(ValueError, match="blocks of 7 pixels"):
        crab.downsample(7)
