"""Counts cubes: events in bins of energy and pixels."""

from __future__ import annotations

import astropy.units as u
import numpy as np

from gammapy_hli.engine.dl3.events import EventList
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry


def make_map_counts(events: EventList, geometry: WcsGeometry, energy: Axis) -> np.ndarray:
    """Events in bins of reconstructed energy and in pixels, float32, shape (ne, ny, nx).

    Events go to the nearest pixel; those outside of the map or of the energy axis are not counted.
    """
    channel = energy.index(u.Quantity(events.energy, u.TeV, copy=False))
    row, column = geometry.pixel_index(*geometry.icrs_to_pixel(np.deg2rad(events.ra), np.deg2rad(events.dec)))
    shape = (energy.nbin, *geometry.shape)
    inside = (channel >= 0) & (row >= 0)
    flat = np.ravel_multi_index((channel[inside], row[inside], column[inside]), shape)
    return np.bincount(flat, minlength=int(np.prod(shape))).astype(np.float32).reshape(shape)
