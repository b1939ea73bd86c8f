"""Background cubes from the BKG response (NUMERICS B.5), for fields that are fixed on the sky and for rotating ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np
from astropy.coordinates import AltAz, SkyCoord
from astropy.time import Time
from astropy.units import Quantity

from gammapy_hli.base.earth_rotation import bundled_earth_rotation
from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.sphere import from_unit_vectors, icrs_radians, to_fov, to_unit_vectors
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry

if TYPE_CHECKING:
    from astropy.coordinates import EarthLocation

    from gammapy_hli.engine.dl3.observation import Observation
    from gammapy_hli.engine.irf.background import Background

ROTATION_STEP = 1.0 * u.deg  # by which a field aligned with the horizon may turn between two times
MINIMUM_STEP = 1.0 * u.s
_EARTH_ROTATION = 2 * np.pi / 86400  # rad s-1, of the mean sun as gammapy has it
_N_TIE = 5  # directions along each side of a map that tie icrs to the horizon


def make_map_background(observation: Observation, geometry: WcsGeometry, energy: Axis) -> np.ndarray:
    """Background counts of the BKG response, float32, shape (ne, ny, nx).

    Rate at the pixel centers, integrated over each energy bin, times solid angle and ontime (not livetime).

    Raises
    ------
    ItemError
        The run has no BKG response.
    """
    response = observation.bkg
    if response is None:
        raise ItemError("no bkg in the files of the run; a map needs one, so leave the run out")
    if response.is_altaz:
        rate = _rotating_rate(response, observation, geometry, energy)
    else:
        rate = _rate(response, geometry.icrs(), icrs_radians(observation.pointing), energy)
    rate *= np.nan_to_num(geometry.solid_angle()) * observation.ontime.to_value("s")
    return rate.astype(np.float32)


def _rate(
    response: Background, directions: tuple[np.ndarray, np.ndarray], pointing: tuple[float, float], energy: Axis
) -> np.ndarray:
    """Rate [s-1 sr-1], shape (ne, ny, nx), in a frame in which both directions and pointing are given [rad]."""
    fov_lon, fov_lat = to_fov(*directions, *pointing)
    return response.integrate(energy, fov_lon * u.rad, fov_lat * u.rad).to_value("s-1 sr-1")


@bundled_earth_rotation()
def _rotating_rate(response: Background, observation: Observation, geometry: WcsGeometry, energy: Axis) -> np.ndarray:
    """Mean over the time of the run of the rate of a field that is aligned with the horizon, by trapezoids."""
    times = rotation_times(observation.tstart, observation.ontime, observation.pointing, observation.location)
    weights = _trapezoid_weights((times - times[0]).to_value("s"))
    total = np.zeros((energy.nbin, *geometry.shape))
    for time, weight in zip(times, weights, strict=True):
        frame = AltAz(obstime=time, location=observation.location)
        pointing = observation.pointing.transform_to(frame)
        turned = _to_horizon(geometry, frame)
        total += weight * _rate(response, turned, (float(pointing.az.rad), float(pointing.alt.rad)), energy)
    return total


@bundled_earth_rotation()
def rotation_times(start: Time, ontime: Quantity, pointing: SkyCoord, location: EarthLocation) -> Time:
    """Times from start to start + ontime between which the field turns by at most 1 deg.

    A field at azimuth A and altitude h, seen from latitude phi, turns by omega cos(phi) |cos(A)| / cos(h).
    """
    time, stop = start, start + ontime
    times = [time]
    while time < stop:
        altaz = pointing.transform_to(AltAz(obstime=time, location=location))
        speed = _EARTH_ROTATION * np.cos(location.lat.rad) * abs(np.cos(altaz.az.rad)) / np.cos(altaz.alt.rad)
        step = max(ROTATION_STEP.to_value("rad") / max(speed, 1e-12) * u.s, MINIMUM_STEP)
        time = min(time + step, stop) if step < stop - time else stop
        times.append(time)
    return Time(times)


def _trapezoid_weights(seconds: np.ndarray) -> np.ndarray:
    """Weights of values at times whose sum is their mean over time; they sum to 1."""
    if len(seconds) < 2 or seconds[-1] <= seconds[0]:
        return np.full(len(seconds), 1 / len(seconds))
    steps = np.diff(seconds) / (seconds[-1] - seconds[0])
    return 0.5 * (np.append(steps, 0.0) + np.append(0.0, steps))


def _to_horizon(geometry: WcsGeometry, frame: AltAz) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth and altitude [rad] of the pixel centers.

    A linear map of unit vectors, fitted to a few directions: it differs from astropy by the curvature of the
    aberration over the map, below 0.1 arcsec in 5 deg.
    """
    lon, lat = geometry.icrs()
    rows, columns = (np.unique(np.linspace(0, n - 1, _N_TIE).astype(int)) for n in geometry.shape)
    ra, dec = lon[np.ix_(rows, columns)].ravel(), lat[np.ix_(rows, columns)].ravel()
    known = np.isfinite(ra)
    altaz = SkyCoord(ra[known], dec[known], unit="rad").transform_to(frame)
    before, after = to_unit_vectors(ra[known], dec[known]), to_unit_vectors(altaz.az.rad, altaz.alt.rad)
    matrix = np.linalg.lstsq(before.T, after.T, rcond=None)[0].T
    return from_unit_vectors(np.tensordot(matrix, to_unit_vectors(lon, lat), axes=1))
