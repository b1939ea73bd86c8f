"""Reads a light curve of ours with gammapy and compares Fvar and Fpp with those in its header; needs gammapy 2.1.

python tests/bench/gammapy_light_curve.py OUTDIR/light_curve/SOURCE.fits OUTDIR/light_curve/SOURCE.ecsv
"""

import sys

import numpy as np
from astropy.io import fits
from gammapy.estimators import FluxPoints
from gammapy.estimators.utils import compute_lightcurve_fpp, compute_lightcurve_fvar


def main(paths: list[str]) -> int:
    """Compare; 1 where anything differs by more than 1e-9."""
    header = next(fits.getheader(path, "FLUXPOINTS") for path in paths if path.endswith(".fits"))
    worst = 0.0
    for path in paths:
        curve = FluxPoints.read(path, format="lightcurve")
        for name, column, measure in (
            ("FVAR", "fvar", compute_lightcurve_fvar),
            ("FPP", "fpp", compute_lightcurve_fpp),
        ):
            theirs = np.asarray(measure(curve)[column], dtype=float).ravel()
            ours = np.array([header[f"{name}{band}"] for band in range(1, len(theirs) + 1)])
            print(path, name, "gammapy", theirs, "header", ours)
            worst = max(worst, float(np.max(np.abs(theirs / ours - 1))))
    print("largest relative difference", worst)
    return int(worst > 1e-9)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
