"""ExclusionMask: from regions, from files, in any projection."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.sphere import separation

CENTER = SkyCoord(83.63, 22.01, unit="deg")


@pytest.fixture
def mask():
    return ExclusionMask.from_regions(["icrs;circle(83.63,22.01,0.5)"], CENTER, 0.05 * u.deg, 7.5 * u.deg)


def test_pixels_in_the_region_are_excluded(mask):
    assert mask.data.shape == (150, 150)
    assert (~mask.data).sum() == pytest.approx(np.pi * (0.5 / 0.05) ** 2, rel=0.02)
    assert not mask.is_allowed(CENTER.ra.rad, CENTER.dec.rad)
    lon, lat = mask.excluded_directions()
    assert separation(lon, lat, CENTER.ra.rad, CENTER.dec.rad).max() < np.deg2rad(0.5)


def test_everything_outside_is_allowed(mask):
    lon, lat = np.deg2rad([83.63, 263.63, 93.0]), np.deg2rad([-60.0, -22.01, 22.0])
    assert mask.is_allowed(lon, lat).all()


def test_shape_of_directions_is_kept(mask):
    assert mask.is_allowed(np.zeros((3, 4)), np.zeros((3, 4))).shape == (3, 4)


@pytest.mark.parametrize("frame", ["icrs", "galactic"])
def test_file_round_trip_in_any_frame(tmp_path, frame):
    center = CENTER.transform_to(frame)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ("RA---CAR", "DEC--CAR") if frame == "icrs" else ("GLON-CAR", "GLAT-CAR")
    wcs.wcs.crval = center.spherical.lon.deg, center.spherical.lat.deg
    wcs.wcs.cdelt = -0.1, 0.1
    wcs.wcs.crpix = 11, 11
    data = np.ones((21, 21), dtype=bool)
    data[10, 10] = False
    ExclusionMask(data, wcs).to_hdu().writeto(tmp_path / "mask.fits.gz")
    again = ExclusionMask.read(tmp_path / "mask.fits.gz")
    assert again.frame == frame
    np.testing.assert_array_equal(again.data, data)
    assert not again.is_allowed(CENTER.ra.rad, CENTER.dec.rad)
    assert again.is_allowed(CENTER.ra.rad, CENTER.dec.rad + np.deg2rad(0.11))


def test_and_excludes_what_either_excludes(mask):
    other = ExclusionMask.from_regions(["icrs;circle(84.5,22.01,0.3)"], CENTER, 0.05 * u.deg, 7.5 * u.deg)
    both = mask & other
    assert (~both.data).sum() == (~mask.data).sum() + (~other.data).sum()


def test_axes_of_length_one_are_dropped(tmp_path, mask):
    header = mask.wcs.to_header()
    fits.PrimaryHDU(mask.data[None].astype(float), header=header).writeto(tmp_path / "cube.fits")
    np.testing.assert_array_equal(ExclusionMask.read(tmp_path / "cube.fits").data, mask.data)


def test_files_that_are_no_masks_say_why(tmp_path):
    with pytest.raises(InputError, match=r"nope\.fits: no such file"):
        ExclusionMask.read(tmp_path / "nope.fits")
    (tmp_path / "text.fits").write_text("hello")
    with pytest.raises(InputError, match=r"text\.fits: cannot be read as FITS"):
        ExclusionMask.read(tmp_path / "text.fits")
    fits.PrimaryHDU().writeto(tmp_path / "empty.fits")
    with pytest.raises(InputError, match="no image in it"):
        ExclusionMask.read(tmp_path / "empty.fits")
    fits.PrimaryHDU(np.ones((2, 3, 4))).writeto(tmp_path / "cube.fits")
    with pytest.raises(InputError, match=r"shape \(2, 3, 4\)"):
        ExclusionMask.read(tmp_path / "cube.fits")
    fits.PrimaryHDU(np.ones((3, 4))).writeto(tmp_path / "plain.fits")
    with pytest.raises(InputError, match="expected celestial ones"):
        ExclusionMask.read(tmp_path / "plain.fits")


def test_a_point_excludes_nothing_and_says_so():
    with pytest.raises(ValueError, match="a point excludes nothing"):
        ExclusionMask.from_regions("icrs;point(83.63,22.01)", CENTER, 0.05 * u.deg, 1 * u.deg)


def test_an_array_of_three_dimensions_is_refused(mask):
    with pytest.raises(ValueError, match=r"shape \(2, 2, 2\)"):
        ExclusionMask(np.ones((2, 2, 2)), mask.wcs)
