"""Exposure of maps: effective area at the offset of each pixel, times livetime (NUMERICS B.4)."""

from __future__ import annotations

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.units import Quantity

from gammapy_hli.engine.datasets.spectrum import EXPOSURE_UNIT
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.irf.aeff import EffectiveArea
from gammapy_hli.engine.irf.interpolate import ResponseGrid, inside
from gammapy_hli.engine.irf.pixel_weights import PixelWeights


def make_map_exposure(
    aeff: EffectiveArea, pointing: SkyCoord, livetime: Quantity, geometry: WcsGeometry, energy_true: Axis
) -> Quantity:
    """Effective area at the centers of true energy and of the pixels, times livetime: float32 [m2 s], (nt, ny, nx).

    The table of the response is interpolated to the energies once, and its few offsets to all pixels at once.

    Parameters
    ----------
    aeff : EffectiveArea
    pointing : SkyCoord
        Where the telescopes pointed.
    livetime : Quantity [s]
    geometry : WcsGeometry
        Pixels.
    energy_true : Axis
    """
    energies = energy_true.center_value(aeff.energy_true.unit)
    table = ResponseGrid(aeff.axes, aeff.data.to_value("m2")).tabulate(energies, None)
    table[~inside(aeff.energy_true, energies)] = 0.0
    table[~np.isfinite(table)] = 0.0
    offset = geometry.separation_from(pointing) * u.rad.to(aeff.offset.unit)
    weights = PixelWeights.at((aeff.offset,), offset)
    exposure = weights.places_last(table * livetime.to_value("s")).astype(np.float32)
    np.clip(exposure, 0.0, None, out=exposure)
    exposure[:, ~weights.inside] = 0.0
    return Quantity(exposure.reshape(energy_true.nbin, *geometry.shape), EXPOSURE_UNIT, copy=False)
