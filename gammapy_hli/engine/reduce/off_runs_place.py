"""Where the on region of one run lies in the field of view of another: the same offset and angle in the camera.

The camera is aligned with the sky (RADEC: the angle from north) or with the horizon (ALTAZ: the angle from the zenith
at the middle of each run, for telescopes whose field of view rotates on the sky).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import astropy.units as u
import numpy as np
from astropy.coordinates import AltAz, SkyCoord

from gammapy_hli.base.earth_rotation import bundled_earth_rotation
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.region import region_center, region_frame, region_mask
from gammapy_hli.engine.geom.sphere import from_icrs, icrs_radians, offset_by, separation, to_fov, to_icrs
from gammapy_hli.engine.geom.tangent import TangentPlane
from gammapy_hli.engine.reduce.off_positions import OffPositions, PixelShape, plane_at

if TYPE_CHECKING:
    from regions import SkyRegion

    from gammapy_hli.engine.dl3.observation import Observation

Alignment = Literal["radec", "altaz"]
ALIGNMENTS: tuple[Alignment, ...] = ("radec", "altaz")
STEP = 0.1 * u.deg
"""How far to go to see where up is."""


def place_region(
    region: SkyRegion, pointing: SkyCoord, off_pointing: SkyCoord, turn: float = 0.0, radius: Any = None
) -> OffPositions:
    """The on region moved from one pointing to another.

    Parameters
    ----------
    region : SkyRegion
    pointing, off_pointing : SkyCoord
        Of the run that the region belongs to, and of the other.
    turn : float [rad]
        By which the other field is turned besides, from north through east: `zenith_angle` of it minus that of the run.
    radius : Quantity, optional
        Size of a point.
    """
    frame = region_frame(region)
    plane = plane_at(region, pointing, frame)
    shape = PixelShape.from_region(region, plane, frame, radius)
    lon, lat = (float(value) for value in from_icrs(*icrs_radians(off_pointing), frame))
    moved = TangentPlane(lon, lat, plane.pixel, plane.shape)
    # pixels count to the west, so that an angle from north through east is counter-clockwise in them
    angle = _north(moved, off_pointing, frame) - _north(plane, pointing, frame) + turn
    return OffPositions(moved, frame, shape, np.array([angle]), 1)


def _north(plane: TangentPlane, pointing: SkyCoord, frame: str) -> float:
    """Direction of icrs north in the pixels of a plane at a pointing, counter-clockwise from x [rad]."""
    if frame == "icrs":
        return np.pi / 2
    ra, dec = icrs_radians(pointing)
    x, y = plane.to_pixel(*from_icrs(*offset_by(ra, dec, 0.0, STEP.to_value(u.rad)), frame))
    x0, y0 = plane.reference_pixel
    return float(np.arctan2(y - y0, x - x0))


def zenith_angle(observation: Observation) -> float:
    """Direction of the zenith seen from the pointing at the middle of a run, from north through east [rad].

    Raises
    ------
    InputError
        The header does not tell where the telescopes are.
    """
    with bundled_earth_rotation():
        here = observation.pointing.transform_to(_horizon(observation))
        above = SkyCoord(alt=here.alt + STEP, az=here.az, frame=here.frame).icrs
        return float(observation.pointing.position_angle(above).rad)


def horizon_fov(observation: Observation, lon: float, lat: float) -> tuple[np.ndarray, np.ndarray]:
    """Field-of-view coordinates [rad] of an icrs direction [rad], aligned with the horizon at the middle of a run."""
    with bundled_earth_rotation():
        frame = _horizon(observation)
        here, there = (at.transform_to(frame) for at in (observation.pointing, SkyCoord(lon, lat, unit="rad")))
        return to_fov(there.az.rad, there.alt.rad, here.az.rad, here.alt.rad)


def _horizon(observation: Observation) -> AltAz:
    return AltAz(obstime=observation.tmid, location=observation.location)


def misfit(
    place: OffPositions, region: SkyRegion, excluded: Sequence[SkyRegion] = (), mask: ExclusionMask | None = None
) -> str:
    """Why a place is no place for off counts, '' where it is one: it holds a part of the on region, or excluded sky."""
    lon, lat = _directions(place)
    reach = float(separation(lon, lat, *center_of(place)).max())  # of the on region too
    if float(separation(lon, lat, *icrs_radians(region_center(region))).min()) <= reach:
        return "its region would hold a part of the on region"
    if any(region_mask(each, lon, lat).any() for each in excluded):
        return "its region would hold excluded sky"
    if mask is not None and not mask.is_allowed(lon, lat).all():
        return "its region would hold excluded sky"
    return ""


def _directions(place: OffPositions) -> tuple[np.ndarray, np.ndarray]:
    """icrs directions [rad] of the pixels of the region, of a tiny one of its center."""
    shape = place.shape
    x, y = shape.x, shape.y
    if not len(x) and shape.circle is not None:
        x, y = (np.array([value]) for value in shape.circle[:2])
    lon, lat = place.plane.to_sky(*shape.turn(x, y, place.angles[0]))
    return to_icrs(lon, lat, place.frame)


def center_of(place: OffPositions) -> tuple[float, float]:
    """icrs direction [rad] of the middle of the region."""
    if place.shape.circle is not None:
        lon, lat = place.centers()
        return float(lon[0]), float(lat[0])
    center = place.regions().centers().icrs
    return float(center.ra.rad[0]), float(center.dec.rad[0])
