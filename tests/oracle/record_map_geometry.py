"""Record sky geometries of gammapy 2.1 in map_geometry.json. Run it where gammapy is installed.

python tests/oracle/record_map_geometry.py
"""

import hashlib
import json
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.maps import WcsGeom
from regions import (
    CircleAnnulusSkyRegion,
    CircleSkyRegion,
    EllipseSkyRegion,
    PointSkyRegion,
    PolygonSkyRegion,
    RectangleSkyRegion,
)

CASES = {
    "car-crab": ((83.63, 22.01), "icrs", "CAR", (6, 6), 0.02),
    "car-galactic": ((320.4, -1.2), "galactic", "CAR", (8, 5), 0.05),
    "car-south": ((359.95, -62.3), "icrs", "CAR", (10, 6), 0.1),
    "car-pole": ((30, 88.5), "icrs", "CAR", (8, 8), 0.2),
    "car-allsky": ((0, 0), "galactic", "CAR", (360, 180), 2),
    "tan-crab": ((83.63, 22.01), "icrs", "TAN", (6, 6), 0.04),
    "tan-pole": ((10, -89), "icrs", "TAN", (6, 4), 0.1),
    "ait-galactic": ((266.4, 10), "galactic", "AIT", (40, 30), 0.5),
    "mol": ((10, 40), "icrs", "MOL", (20, 10), 0.5),
    "sin": ((10, 40), "icrs", "SIN", (8, 6), 0.1),
    "zea": ((10, -40), "icrs", "ZEA", (20, 30), 0.5),
    "stg": ((10, -40), "galactic", "STG", (20, 30), 0.5),
    "arc": ((100, 60), "galactic", "ARC", (10, 10), 0.25),
    "cea": ((0, 0), "galactic", "CEA", (30, 20), 0.5),
    "odd-pixels": ((83.63, 22.01), "icrs", "CAR", (3.05, 2.1), (0.05, 0.1)),
}
CUTOUTS = {
    "middle": (0, 0, (1, 1), False),
    "odd": (0.11, -0.07, (1.2, 0.8), True),
    "edge": (2.4, 1.0, (3, 3), False),
    "wide": (0.3, 0.2, (50, 50), False),
    "small": (0.1, 0.1, (0.001, 0.001), False),
}


def numbers(values):
    return [float(_) for _ in np.ravel(values)]


def describe(geom):
    wcs = geom.wcs.wcs
    return {"crval": numbers(wcs.crval), "crpix": numbers(wcs.crpix), "cdelt": numbers(wcs.cdelt),
            "shape": [int(_) for _ in geom.data_shape_image]}  # fmt: skip


def region_list(center):
    there = center.directional_offset_by(70 * u.deg, 0.8 * u.deg)
    around = [center.directional_offset_by(a * u.deg, 1.1 * u.deg) for a in (10, 130, 250)]
    return {
        "circle": CircleSkyRegion(there, 0.5 * u.deg),
        "annulus": CircleAnnulusSkyRegion(there, 0.3 * u.deg, 0.9 * u.deg),
        "ellipse": EllipseSkyRegion(there, 1.2 * u.deg, 0.6 * u.deg, 35 * u.deg),
        "rectangle": RectangleSkyRegion(there, 1.2 * u.deg, 0.6 * u.deg, 20 * u.deg),
        "polygon": PolygonSkyRegion(SkyCoord(around)),
        "point": PointSkyRegion(there),
    }


def fingerprint(mask):
    return hashlib.sha256(np.packbits(mask.ravel()).tobytes()).hexdigest()


def record(lonlat, frame, proj, width, binsz):
    geom = WcsGeom.create(skydir=lonlat, frame=frame, proj=proj, width=width, binsz=binsz)
    center = geom.center_skydir
    ny, nx = geom.data_shape_image
    rows, columns = np.unique(np.linspace(0, ny - 1, 9).astype(int)), np.unique(np.linspace(0, nx - 1, 9).astype(int))
    pick = np.ix_(rows, columns)
    sky = geom.get_coord()
    area = geom.solid_angle().to_value("sr")
    out = {"geometry": describe(geom), "rows": rows.tolist(), "columns": columns.tolist()}
    out.update(
        lon=numbers(np.broadcast_to(sky.lon.to_value("deg"), (ny, nx))[pick]),
        lat=numbers(np.broadcast_to(sky.lat.to_value("deg"), (ny, nx))[pick]),
        solid_angle=numbers(area[pick]),
    )
    out.update(solid_angle_sum=float(np.nansum(area)), n_finite=int(np.isfinite(area).sum()))
    out["separation"] = numbers(geom.separation(center.icrs).rad[pick])
    out["upsample"] = describe(geom.upsample(3))
    out["odd"] = {str(r): describe(geom.to_odd_npix(r * u.deg)) for r in (0.3, 0.31, 1.0)}
    out["irf"] = describe(geom.to_binsz(0.2))
    out["cutouts"] = {}
    for name, (east, north, size, odd) in CUTOUTS.items():
        position = center.spherical_offsets_by(-east * u.deg, north * u.deg)
        cut = geom.cutout(position, size * u.deg, odd_npix=odd)
        out["cutouts"][name] = {
            "lon": float(position.data.lon.deg),
            "lat": float(position.data.lat.deg),
            **describe(cut),
        }
    if proj in ("CAR", "TAN") and width[0] < 100:
        out["regions"] = {}
        for name, region in region_list(center).items():
            mask = geom.region_mask([region]).data
            out["regions"][name] = {"n": int(mask.sum()), "mask": fingerprint(mask)}
    return out


if __name__ == "__main__":
    reference = {name: {"case": list(case), **record(*case)} for name, case in CASES.items()}
    Path(__file__).with_name("map_geometry.json").write_text(json.dumps(reference) + "\n")
