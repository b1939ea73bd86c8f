"""Counts: events of a region in bins of energy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np

from gammapy_hli.engine.dl3.events import EventList
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.region import region_mask

if TYPE_CHECKING:
    from regions import SkyRegion


def count_in_region(events: EventList, region: SkyRegion, energy: Axis) -> np.ndarray:
    """Events inside a region in bins of reconstructed energy, float64, shape (ne,).

    Events on the border are outside; events beyond the axis are not counted.
    """
    inside = region_mask(region, np.deg2rad(events.ra), np.deg2rad(events.dec))
    return fill_counts(events.energy[inside], energy)


def fill_counts(values: np.ndarray, energy: Axis) -> np.ndarray:
    """Histogram of energies [TeV], shape (n,), on an axis: float64, shape (ne,)."""
    index = energy.index(u.Quantity(values, u.TeV, copy=False))
    return np.bincount(index[index >= 0], minlength=energy.nbin).astype(float)
