"""Distances of flux points from a curve in units of their errors."""

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.models.spectral.base import SpectralModel
from gammapy_hli.engine.products.flux_points import FluxPoints


def estimate_pulls(points: FluxPoints, spectral: SpectralModel) -> NDArray[np.float64]:
    """(point - curve) / error, with the error on the side of the curve.

    Parameters
    ----------
    points : FluxPoints
    spectral : SpectralModel
        The curve.

    Returns
    -------
    ndarray, shape (n,)
        In units of one sigma; nan for points that could not be computed or have no error on that side. Points that are
        shown as limits have one too.
    """
    curve = spectral(u.Quantity(points.e_ref, "TeV")).to_value("cm-2 s-1 TeV-1")
    with np.errstate(all="ignore"):
        expected = curve / points.ref_dnde
        error = np.where(expected >= points.norm, points.norm_errp, points.norm_errn) / points.n_sigma
        pull = (points.norm - expected) / error
    return np.where(points.success & np.isfinite(pull) & (error > 0), pull, np.nan)
