"""Point-like responses: a cut on the distance from the source is in them, and events are counted within that cut.

The cut, RAD_MAX, is one radius or depends on reconstructed energy and offset. A point as on region takes it as it is; a
circle fits where it is one radius, its own (NUMERICS B.10).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.units import Quantity

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.dl3.events import EventList
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.sphere import separation
from gammapy_hli.engine.irf.rad_max import RadMax
from gammapy_hli.engine.reduce.counts import fill_counts

if TYPE_CHECKING:
    from regions import SkyRegion

    from gammapy_hli.engine.dl3.observation import Observation
    from gammapy_hli.engine.reduce.spectrum import SpectrumPlan

RADIUS_TOLERANCE = 1e-3


def is_point(region: SkyRegion) -> bool:
    """Whether an on region is a point: its size is then the RAD_MAX of each run."""
    return type(region).__name__ == "PointSkyRegion"


def count_in_rad_max(
    events: EventList, lon: Any, lat: Any, rad_max: RadMax, offset: Quantity, energy: Axis
) -> np.ndarray:
    """Events of `is_in_rad_max` in bins of reconstructed energy, float64, shape (ne,)."""
    return fill_counts(events.energy[is_in_rad_max(events, lon, lat, rad_max, offset)], energy)


def is_in_rad_max(events: EventList, lon: Any, lat: Any, rad_max: RadMax, offset: Quantity) -> np.ndarray:
    """Which events are not further than RAD_MAX from any of some positions.

    Parameters
    ----------
    events : EventList
    lon, lat : float or ndarray, shape (n,) [rad]
        Positions (icrs), no two of them closer than twice the radius.
    rad_max : RadMax
        The radius is that of the nearest bin to the energy of the event.
    offset : Quantity [deg]
        Distance of all positions from the pointing.

    Returns
    -------
    ndarray, bool, shape (n_events,)
    """
    radius = rad_max.evaluate(Quantity(events.energy, u.TeV, copy=False), offset).to_value(u.rad)
    ra, dec = np.deg2rad(events.ra), np.deg2rad(events.dec)
    inside = np.zeros(len(events), dtype=bool)
    for position in zip(np.atleast_1d(lon), np.atleast_1d(lat), strict=True):
        inside |= separation(ra, dec, *position) <= radius
    return inside


def rad_max_radii(rad_max: RadMax, offset: Quantity, energy: Axis) -> Quantity:
    """Radii of all bins of RAD_MAX that an axis of reconstructed energy touches, at one offset: [deg], shape (n,)."""
    if rad_max.data.size == 1:
        return rad_max.data.ravel().to("deg")
    low, high = (edges.to_value("TeV") for edges in (rad_max.energy.edges[:-1], rad_max.energy.edges[1:]))
    wanted = energy.edges_value("TeV")
    touched = (high >= wanted[0]) & (low <= wanted[-1])
    return rad_max.evaluate(rad_max.energy.center[touched], offset).to("deg")


def largest_rad_max(rad_max: RadMax, offset: Quantity, energy: Axis) -> Quantity:
    """The largest of `rad_max_radii` [deg].

    Raises
    ------
    ItemError
        There is none above 0: nothing could be counted.
    """
    radii = rad_max_radii(rad_max, offset, energy)
    if not (radii > 0 * u.deg).any():
        low, high = rad_max.energy.edges_value("TeV")[[0, -1]]
        near, far = rad_max.offset.edges_value("deg")[[0, -1]]
        raise ItemError(
            f"RAD_MAX is 0 at an offset of {offset.to_value('deg'):.2f} deg in the energies of the spectrum; it "
            f"reaches from {low:.3g} to {high:.3g} TeV and from {near:.2f} to {far:.2f} deg"
        )
    return radii.max()


def check_point_like(observation: Observation, plan: SpectrumPlan, offset: Quantity) -> None:
    """Raise ItemError where the responses and the on region do not belong together.

    Point-like responses need no containment correction, and a point or a circle of the radius of their cut (to 1e-3)
    as on region; a point needs point-like responses and their RAD_MAX.
    """
    if not observation.aeff.is_pointlike:
        if is_point(plan.on_region):
            raise ItemError(
                "the on region is a point and the responses are full-enclosure (HDUCLAS3 of aeff), no cut is in them; "
                "give a circle with a radius"
            )
        return
    if plan.containment_correction:
        raise ItemError("the responses are point-like, the containment is in them; set containment_correction to false")
    rad_max = observation.rad_max
    if is_point(plan.on_region):
        if rad_max is None:
            raise ItemError(
                "the responses are point-like without RAD_MAX (no RAD_MAX_2D table, no keyword in aeff or edisp), so "
                "that the size of a point is not known; give a circle with the radius they are made for"
            )
        largest_rad_max(rad_max, offset, plan.energy)
        return
    _check_shape(plan)
    if rad_max is not None:
        _check_radius(plan.on_region, rad_max_radii(rad_max, offset, plan.energy))


def _check_shape(plan: SpectrumPlan) -> None:
    if type(plan.on_region).__name__ != "CircleSkyRegion":
        raise ItemError(
            f"the responses are point-like, the on region is a {type(plan.on_region).__name__}; they hold for a point, "
            "or for a circle of the radius of their cut"
        )
    if not plan.use_region_center:
        raise ItemError(
            "the responses are point-like, they hold for a source at the center of the on region; "
            "set use_region_center to true"
        )


def _check_radius(region: Any, radii: Quantity) -> None:
    low, high = radii.min().to_value("deg"), radii.max().to_value("deg")
    if low != high:
        raise ItemError(
            f"the responses are point-like with a radius that depends on energy (RAD_MAX_2D, {low:.3g} to {high:.3g} "
            "deg); an on region of one radius does not fit them, give a point"
        )
    if not abs(region.radius.to_value("deg") - low) <= RADIUS_TOLERANCE * low:
        raise ItemError(
            f"the responses are made for a radius of {low:.4g} deg (RAD_MAX), the on region has "
            f"{region.radius.to_value('deg'):.4g} deg; give it that radius, or a point"
        )
