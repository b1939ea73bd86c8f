"""Distances of flux points from a curve in units of their errors."""

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.models.spectral.base import SpectralModel
from gammapy_hli.engine.products.flux_points import FluxPoints

Array = NDArray[np.float64]


def estimate_pulls(points: FluxPoints, spectral: SpectralModel) -> Array:
    """Signed root of how much the statistic of each point grows when it is moved onto the curve.

    For many counts that is (point - curve) / error. The growth is read off the profile of the point (``stat_scan``):
    its root divided by the distance from the best norm hardly changes along it, starts at one over the error, and is
    interpolated. Where the curve lies outside the profile, the error on the side of the curve is taken.

    Parameters
    ----------
    points : FluxPoints
    spectral : SpectralModel
        The curve.

    Returns
    -------
    ndarray, shape (n,)
        In units of one sigma, positive for points above the curve; nan for points that could not be computed. Points
        that are shown as limits have one too.
    """
    curve = spectral(u.Quantity(points.e_ref, "TeV")).to_value("cm-2 s-1 TeV-1")
    with np.errstate(all="ignore"):
        expected = curve / points.ref_dnde
        error = np.where(expected >= points.norm, points.norm_errp, points.norm_errn) / points.n_sigma
        pulls = (points.norm - expected) / error
    for k in np.flatnonzero(points.success).tolist():
        from_profile = _from_profile(points, k, float(expected[k]))
        if np.isfinite(from_profile):
            pulls[k] = from_profile
    return np.where(points.success & np.isfinite(pulls), pulls, np.nan)


def _from_profile(points: FluxPoints, k: int, expected: float) -> float:
    """The pull of one point from its profile; nan where the curve lies outside."""
    distance = points.norm_scan[k] - points.norm[k]
    with np.errstate(all="ignore"):
        slope = np.sqrt(np.maximum(points.stat_scan[k] - points.stat[k], 0.0)) / np.abs(distance)
    distance = np.append(distance, 0.0)
    slope = np.append(slope, points.n_sigma / points.norm_err[k])
    there = np.isfinite(slope) & (slope > 0)
    wanted = expected - points.norm[k]
    if not there.any() or not distance.min() <= wanted <= distance.max():
        return np.nan
    order = np.argsort(distance[there], kind="stable")
    return -wanted * float(np.interp(wanted, distance[there][order], slope[there][order]))
