"""Spatial models against gammapy 2.1: brightness and integrals that record_map_models.py wrote down."""

import json
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.spatial import SpatialModel

REFERENCE = json.loads(Path(__file__).with_name("map_models.json").read_text())
CASES = REFERENCE["cases"]
SPATIAL, TEMPLATES = CASES["models"], CASES["templates"]
FLOAT32 = 3e-7  # gammapy adds up and stores integrals in float32
BRIGHTNESS = 1e-8  # it takes 1 - cos of angles of 1e-4 rad, which has 8 digits; ours has all


def geometry_of(name):
    options = CASES["geometries"][name]
    center = SkyCoord(*options["skydir"], unit="deg", frame=options["frame"])
    return WcsGeometry.create(center, CASES["width"] * u.deg, CASES["pixel"] * u.deg, options["proj"])


def spatial_model(case, frame):
    if case["type"] == "const":
        return SpatialModel(**case)
    lon, lat = CASES["place"][frame]
    return SpatialModel(**case, frame=frame, lon_0=lon, lat_0=lat)


@pytest.mark.parametrize("frame", CASES["place"])
@pytest.mark.parametrize("geometry", CASES["geometries"])
@pytest.mark.parametrize("name", SPATIAL)
def test_integral_over_pixels_is_that_of_gammapy(array_numbers, name, geometry, frame):
    found = spatial_model(SPATIAL[name], frame).integrate(geometry_of(geometry))
    array_numbers.check_numbers(found, REFERENCE[f"{geometry}|{name}|{frame}|integral"], FLOAT32)


@pytest.mark.parametrize("name", [name for name in SPATIAL if name != "point"])
def test_brightness_is_that_of_gammapy(array_numbers, name):
    model = spatial_model(SPATIAL[name], "icrs")
    found = model.evaluate(*geometry_of("car-icrs").lonlat())
    expected = REFERENCE[f"car-icrs|{name}|icrs|brightness"]
    peak = max(expected["peak"], float(model.evaluate(*np.deg2rad(CASES["place"]["icrs"]))))
    array_numbers.check_numbers(found, expected, BRIGHTNESS, peak)


@pytest.mark.parametrize("geometry", CASES["geometries"])
@pytest.mark.parametrize("name", TEMPLATES)
def test_template_is_that_of_gammapy(array_numbers, name, geometry, tmp_path):
    own = WcsGeometry.create(SkyCoord(83.66, 22.03, unit="deg"), [0.6, 0.48] * u.deg, 0.04 * u.deg)
    y, x = np.indices(own.shape)
    data = np.where(x < 3, 0.0, 1 + 0.1 * x + 5 * np.exp(-0.5 * ((x - 9) ** 2 + (y - 7) ** 2) / 4))
    header = fits.Header({**own.header_cards(), "BUNIT": "sr-1"})
    fits.PrimaryHDU(data, header).writeto(tmp_path / "template.fits")
    model = SpatialModel("template", filename=str(tmp_path / "template.fits"), **TEMPLATES[name])
    found = model.integrate(geometry_of(geometry))
    array_numbers.check_numbers(found, REFERENCE[f"{geometry}|{name}|integral"], FLOAT32)
