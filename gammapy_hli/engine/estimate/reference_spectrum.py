"""The spectrum that norms of flux points and light curves refer to, in their bins of energy."""

from typing import Any

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Reference = dict[str, Any]


def reference_spectrum(spectral: Any, edges: u.Quantity) -> Reference:
    """Energies of the bins [TeV] and the spectrum there, in the columns of flux points.

    Parameters
    ----------
    spectral : SpectralModel
    edges : Quantity (n + 1,)
    """
    low, high = edges[:-1], edges[1:]
    center = np.sqrt(low * high)
    return {
        "e_ref": center.to_value("TeV"),
        "e_min": low.to_value("TeV"),
        "e_max": high.to_value("TeV"),
        "ref_dnde": spectral(center).to_value("cm-2 s-1 TeV-1"),
        "ref_flux": spectral.integral(low, high).to_value("cm-2 s-1"),
        "ref_eflux": spectral.energy_flux(low, high).to_value("TeV cm-2 s-1"),
    }


def upright(reference: Reference) -> tuple[float, Reference]:
    """The sign of a reference spectrum, and the spectrum with a positive flux.

    Of a fit to a deficit the amplitude is negative; norms on its absolute value are negative then, as their
    significance is, and upper limits are upper limits.
    """
    sign = -1.0 if np.nansum(reference["ref_flux"]) < 0 else 1.0
    return sign, {name: sign * values if name.startswith("ref_") else values for name, values in reference.items()}
