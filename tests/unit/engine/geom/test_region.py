"""Regions: reading, containment, solid angle."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from regions import CircleSkyRegion, PixCoord

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.geom import region as geom
from gammapy_hli.engine.geom.sphere import separation

CENTER = {"frame": "galactic", "lon": "184.5 deg", "lat": "-5.8 deg"}
MAPPINGS = {
    "circle": {"circle": {"center": "83.63 deg, 22.01 deg", "radius": "0.3 deg"}},
    "ellipse": {"ellipse": {"center": CENTER, "width": "0.6 deg", "height": "0.3 deg", "angle": "30 deg"}},
    "rectangle": {"rectangle": {"center": CENTER, "width": "0.6 deg", "height": "0.3 deg"}},
    "annulus": {"annulus": {"center": CENTER, "inner_radius": "0.2 deg", "outer_radius": "0.5 deg"}},
    "polygon": {"polygon": {"vertices": ["83 deg, 22 deg", "84 deg, 22 deg", "84 deg, 23 deg"]}},
    "point": {"point": {"center": "05h34m32s +22d00m52s"}},
}


@pytest.mark.parametrize("spec", MAPPINGS.values(), ids=MAPPINGS)
def test_mapping_round_trip(spec):
    region = geom.parse_region(spec)
    mapping = geom.region_to_mapping(region)
    again = geom.parse_region(mapping)
    assert geom.region_to_mapping(again) == mapping
    assert list(mapping) == list(spec)


def test_ds9_line_and_mapping_give_the_same_circle():
    line = geom.parse_region("icrs;circle(83.63,22.01,0.3)")
    assert geom.region_to_mapping(line) == geom.region_to_mapping(geom.parse_region(MAPPINGS["circle"]))


def test_a_region_is_taken_as_it_is():
    region = CircleSkyRegion(SkyCoord(1, 2, unit="deg"), 1 * u.deg)
    assert geom.parse_region(region) is region


def test_file_is_relative_to_its_folder(tmp_path):
    (tmp_path / "on.reg").write_text("fk5\ncircle(83.63,22.01,0.3)\n")
    assert geom.parse_region("on.reg", tmp_path).radius == 0.3 * u.deg


def test_file_of_several_regions(tmp_path):
    path = tmp_path / "mask.reg"
    path.write_text("icrs\ncircle(83.63,22.01,0.3)\ncircle(84,22,0.1)\n")
    assert len(geom.parse_regions(path)) == 2
    with pytest.raises(InputError, match="got 2 regions, expected one"):
        geom.parse_region(path)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("icrs;crcle(83.63,22.01,0.3)", "crcle"),
        ("circle(83.63,22.01,0.3)", "frame was not found"),
        ("icrs;circle(83.63,22.01)", "radius"),
        ("image;circle(8,2,3)", "image pixels"),
        ({"cirle": {}}, "Did you mean 'circle'"),
        ({"circle": {"center": "1 deg, 2 deg", "radios": "1 deg"}}, "Did you mean 'radius'"),
        ({"circle": {"center": "1 deg, 2 deg"}}, "'radius' is missing"),
        ({"circle": {"center": "1 deg, 2 deg", "radius": "1 TeV"}}, "expected an angle"),
        ({"circle": {"center": "1 deg, 2 deg", "radius": 0.3}}, "got 0.3"),
        ({"circle": {"center": "1 deg, 2 deg", "radius": "-1 deg"}}, "got -1.0 deg; expected more than 0"),
        ({"circle": {"center": "1, 2", "radius": "1 deg"}}, "got '1, 2'"),
        ({"circle": {"center": {"frame": "icr"}, "radius": "1 deg"}}, "unknown frame 'icr'. Did you mean 'icrs'"),
        ({"circle": {"center": {"lon": "1 deg"}, "radius": "1 deg"}}, "'lat' is missing"),
        ({"circle": {"center": {"lon": "1 deg", "lat": 2}, "radius": "1 deg"}}, "2 has no unit"),
        ({"circle": {"center": {"lom": "1 deg"}, "radius": "1 deg"}}, "unknown key 'lom'. Did you mean 'lon'"),
        ({"annulus": {"center": "1 deg, 2 deg", "inner_radius": "2 deg", "outer_radius": "1 deg"}}, "inner < outer"),
        ({"polygon": {"vertices": ["1 deg, 2 deg"]}}, "three or more positions"),
        ({"circle": 1}, "expected a mapping"),
        ({"circle": {}, "point": {}}, "one shape, got"),
        (3, "got 3, which is no sky region"),
    ],
)
def test_bad_regions_say_what_was_got(spec, message):
    with pytest.raises(ValueError, match=message):
        geom.parse_region(spec)


def test_bad_files_are_input_errors(tmp_path):
    with pytest.raises(InputError, match=r"nope\.reg: no such file"):
        geom.parse_region("nope.reg", tmp_path)
    (tmp_path / "bad.reg").write_text("hello\n")
    with pytest.raises(InputError, match=r"bad\.reg is not a DS9 region"):
        geom.parse_region("bad.reg", tmp_path)


@pytest.mark.parametrize("name", ["circle", "ellipse", "rectangle", "annulus", "polygon"])
def test_mask_equals_the_regions_package_on_its_own_wcs(name):
    region = geom.parse_region(MAPPINGS[name])
    plane, frame = geom.region_plane(region)
    wcs = plane.to_wcs(frame)
    center = geom.region_center(region)
    rng = np.random.default_rng(3)
    lon, lat = center.ra.rad + rng.normal(0, 0.01, 2000), center.dec.rad + rng.normal(0, 0.01, 2000)
    sky = SkyCoord(lon, lat, unit="rad").transform_to(frame)
    expected = region.to_pixel(wcs).contains(PixCoord.from_sky(sky, wcs))
    np.testing.assert_array_equal(geom.region_mask(region, lon, lat), expected)
    assert 0 < expected.sum() < 2000


def test_circle_contains_what_is_nearer_than_its_radius():
    region = geom.parse_region("icrs;circle(83.63,22.01,0.11)")
    rng = np.random.default_rng(4)
    lon, lat = np.deg2rad(83.63) + rng.normal(0, 0.002, 1000), np.deg2rad(22.01) + rng.normal(0, 0.002, 1000)
    near = separation(lon, lat, np.deg2rad(83.63), np.deg2rad(22.01)) < np.deg2rad(0.11)
    np.testing.assert_array_equal(geom.region_mask(region, lon, lat), near)


def test_the_far_side_of_the_sky_is_outside():
    for name in ("circle", "rectangle", "annulus"):
        region = geom.parse_region(MAPPINGS[name])
        center = geom.region_center(region)
        assert not geom.region_mask(region, center.ra.rad + np.pi, -center.dec.rad)


def test_point_contains_nothing():
    with pytest.raises(ValueError, match="point region contains no direction"):
        geom.region_mask(geom.parse_region(MAPPINGS["point"]), 0.0, 0.0)


@pytest.mark.parametrize(
    ("name", "area"),
    [("circle", np.pi * 0.09), ("ellipse", np.pi * 0.045), ("rectangle", 0.18), ("annulus", np.pi * 0.21)],
)
def test_solid_angle_is_the_area_of_the_shape(name, area):
    solid_angle = geom.region_solid_angle(geom.parse_region(MAPPINGS[name]))
    assert solid_angle.to_value("deg2") == pytest.approx(area, rel=1e-9)


@pytest.mark.parametrize("name", ["circle", "ellipse", "rectangle", "annulus", "polygon"])
def test_samples_fill_the_region(name):
    region = geom.parse_region(MAPPINGS[name])
    lon, lat, area = geom.region_samples(region)
    # parts of pixels are found to 1 % of a pixel
    assert area.sum() == pytest.approx(geom.region_solid_angle(region).to_value("sr"), rel=1e-3)
    center = geom.region_center(region)
    assert separation(lon, lat, center.ra.rad, center.dec.rad).max() < np.deg2rad(0.8)


def test_samples_of_a_circle_are_even_around_its_center():
    region = geom.parse_region(MAPPINGS["circle"])
    lon, lat, area = geom.region_samples(region, np.deg2rad(0.1))
    center = geom.region_center(region)
    # pixels of 0.1 deg that touch the circle stick out by less than their diagonal
    assert separation(lon, lat, center.ra.rad, center.dec.rad).max() < np.deg2rad(0.3 + 0.1 / np.sqrt(2))
    assert (lon * area).sum() / area.sum() == pytest.approx(center.ra.rad, abs=1e-6)


def test_a_point_is_one_sample_without_area():
    lon, lat, area = geom.region_samples(geom.parse_region({"point": {"center": "83.63 deg, 22.01 deg"}}))
    assert (np.rad2deg(lon), np.rad2deg(lat)) == (pytest.approx([83.63]), pytest.approx([22.01]))
    assert area.tolist() == [0]


def test_center_of_polygon_lies_inside():
    region = geom.parse_region(MAPPINGS["polygon"])
    center = geom.region_center(region)
    assert geom.region_mask(region, center.ra.rad, center.dec.rad)
