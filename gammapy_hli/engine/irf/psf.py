"""Point spread functions: one name for the three kinds, reading of whichever a file holds, containment radii.

The kinds are `psf_table.PsfTable`, `psf_parametric.Psf3Gauss` and `psf_parametric.PsfKing`. All of them have
``evaluate(energy_true, rad, offset)`` [sr-1], ``containment(rad, energy_true, offset)`` and ``to_hdu()``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u

from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.irf.gadf import IrfTable, file_label
from gammapy_hli.engine.irf.psf_parametric import Psf3Gauss, PsfKing, read_psf_3gauss, read_psf_king
from gammapy_hli.engine.irf.psf_table import PsfTable, read_psf_table

Psf = PsfTable | Psf3Gauss | PsfKing


def default_rad_axis() -> Axis:
    """Axis of 66 bins up to 0.66 deg, for PSFs that have none of their own."""
    return Axis.from_edges(np.linspace(0, 0.66, 67) * u.deg, name="rad", interp="lin")


def containment_radius(
    psf: Psf, fraction: float, energy_true: u.Quantity, offset: u.Quantity, factor: int = 20
) -> u.Quantity:
    """Radius [deg] that holds a fraction of the photons.

    The nearest of the centers of the rad axis divided `factor` times finer, as gammapy takes it (NUMERICS B.8).

    Parameters
    ----------
    psf : Psf
        Any of the three kinds.
    fraction : float
        Between 0 and 1.
    energy_true, offset : Quantity
        Coordinates, broadcastable.
    factor : int
        Number of steps in each bin of rad.
    """
    axis = psf.rad if isinstance(psf, PsfTable) else default_rad_axis()
    edges = axis.edges.to_value("deg")
    steps = np.arange(axis.nbin * factor + 1) / factor
    fine = np.interp(steps, np.arange(axis.nbin + 1), edges)
    rad = 0.5 * (fine[1:] + fine[:-1])
    contained = psf.containment(rad * u.deg, energy_true[..., None], offset[..., None])
    return rad[np.argmin(np.abs(contained - fraction), axis=-1)] * u.deg


def read_psf(hdu: Any, file: str | Path | None = None) -> Psf:
    """PSF of any kind from an astropy HDU, told by HDUCLAS4 or else by its columns.

    Raises
    ------
    InputError
        Neither says what it is, or a column is missing or damaged.
    """
    table = IrfTable(hdu, "psf", file_label(file))
    known = str(table.header.get("HDUCLAS4", "")).upper()
    if table.has("RPSF"):
        return read_psf_table(table)
    if table.has("SIGMA_1") or "3GAUSS" in known:
        return read_psf_3gauss(table)
    if table.has("GAMMA") or "KING" in known:
        return read_psf_king(table)
    raise table.missing("'RPSF' (table), 'SIGMA_1' (three Gaussians) or 'GAMMA' (King)")
