"""Record what gammapy 2.1 gives for the responses of real files at random points. Run it where gammapy is.

GAMMAPY_DATA=... python tests/oracle/record_irf_points.py

irf_points.json: for each file and kind of response the values at points drawn by `points`, some of them outside.
"""

import json
from pathlib import Path

import astropy.units as u
import numpy as np

ROOT = "$GAMMAPY_DATA"
HESS = (20136, 20275, 20282, 20301, 20345, 22997, 23523, 23592, 25345, 26850, 33787, 33799, 47802, 47829)
FILES = {
    **{f"hess {run}": f"hess-dl3-dr1/data/hess_dl3_dr1_obs_id_{run:06d}.fits.gz" for run in HESS},
    "cta_1dc": "cta-1dc/caldb/data/cta/1dc/bcf/South_z20_50h/irf_file.fits",
    "prod5": "cta-caldb/Prod5-South-20deg-AverageAz-14MSTs37SSTs.180000s-v0.1.fits.gz",
    "magic 5029747": "magic/rad_max/data/20131004_05029747_DL3_CrabNebula-W0.40+035.fits",
    "magic 5029748": "magic/rad_max/data/20131004_05029748_DL3_CrabNebula-W0.40+215.fits",
}
UNITS = {"aeff": "m2", "edisp": "", "psf": "sr-1", "bkg": "s-1 MeV-1 sr-1", "rad_max": "deg"}
N = 24


def points(name, kind, is_cube):
    """Random coordinates by gammapy's names, in TeV and deg: reconstructible from name and kind alone."""
    rng = np.random.default_rng([ord(letter) for letter in name + kind])
    energy = 10 ** rng.uniform(-2, 2.2, N)
    offset = rng.uniform(0, 3, N) if not name.startswith("magic") else np.full(N, 0.4)
    found = {"energy" if kind in ("bkg", "rad_max") else "energy_true": energy}
    if is_cube:
        return {**found, "fov_lon": rng.uniform(-3, 3, N), "fov_lat": rng.uniform(-3, 3, N)}
    found["offset"] = offset
    if kind == "edisp":
        found["migra"] = rng.uniform(0.6, 1.5, N)
    if kind == "psf":
        found["rad"] = rng.uniform(0, 0.4, N)
    return found


def with_units(coordinates):
    """The coordinates as quantities."""
    units = {"energy": "TeV", "energy_true": "TeV", "migra": ""}
    return {name: values * u.Unit(units.get(name, "deg")) for name, values in coordinates.items()}


if __name__ == "__main__":
    from gammapy.irf import load_irf_dict_from_file  # late: the test takes files and points from here, without gammapy

    numbers = {}
    for name, path in FILES.items():
        irfs = load_irf_dict_from_file(f"{ROOT}/{path}")
        for kind, unit in UNITS.items():
            if kind not in irfs:
                continue
            irf = irfs[kind]
            coordinates = points(name, kind, "fov_lon" in irf.axes.names)
            how = {"method": "nearest"} if kind == "rad_max" else {}  # as gammapy counts with it
            values = irf.evaluate(**with_units(coordinates), **how)
            values = u.Quantity(values, getattr(values, "unit", unit)).to_value(unit)
            numbers[f"{name} {kind}"] = [float(f"{value:.12g}") for value in np.ravel(values)]
    Path(__file__).with_name("irf_points.json").write_text(json.dumps(numbers) + "\n")
