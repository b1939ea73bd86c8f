"""Events against the squared angle from a position, with the same at off positions: the theta-squared distribution."""

from collections.abc import Iterable
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.dl3.observation import Observation
from gammapy_hli.engine.geom.sphere import from_unit_vectors, icrs_radians, separation, to_unit_vectors

Directions = NDArray[np.float64]


@dataclass(frozen=True)
class Theta2Distribution:
    """Counts in bins of theta squared.

    Attributes
    ----------
    edges : Quantity, shape (n + 1,) [deg2]
    on : ndarray, shape (n,)
        Events around the position.
    off, off_error : ndarray, shape (n,)
        Events around the off positions, each run weighted by one over its number of positions, and the Poisson error;
        an event that counts at several positions enters the error with the square of its number of times.
    """

    edges: u.Quantity
    on: NDArray[np.float64]
    off: NDArray[np.float64]
    off_error: NDArray[np.float64]


def estimate_theta2(
    runs: Iterable[tuple[Observation, tuple[NDArray[np.float64], NDArray[np.float64]]]],
    position: u.Quantity | object,
    edges: u.Quantity,
    energy_range: tuple[u.Quantity | None, u.Quantity | None] = (None, None),
) -> Theta2Distribution:
    """Theta-squared distribution of several runs around one position.

    Off positions closer to the source than twice the reach of the histogram are passed over, so that no source photon
    counts as background; where none is left the one that lies farthest is taken.

    Parameters
    ----------
    runs : iterable of (Observation, (lon, lat))
        Each run with the icrs positions of the centers of its off regions [rad].
    position : SkyCoord
        Position of the source.
    edges : Quantity, shape (n + 1,) [deg2]
    energy_range : tuple of Quantity or None
        Reconstructed energies to take, minimum <= energy < maximum.

    Returns
    -------
    Theta2Distribution
        A run without off positions counts at the source only.
    """
    bins = edges.to_value(u.rad**2)
    lon, lat = icrs_radians(position)
    on, off, variance = (np.zeros(len(bins) - 1) for _ in range(3))
    low, high = (None if bound is None else bound.to_value(u.TeV) for bound in energy_range)
    for observation, (off_lon, off_lat) in runs:
        events = observation.events
        keep = np.ones(len(events.energy), dtype=bool)
        if low is not None:
            keep &= events.energy >= low
        if high is not None:
            keep &= events.energy < high
        event_lon, event_lat = np.radians(events.ra[keep]), np.radians(events.dec[keep])
        on += _histogram(event_lon, event_lat, lon, lat, bins)
        centers = _clean_centers(off_lon, off_lat, lon, lat, 2.0 * np.sqrt(bins[-1]))
        if centers:
            counts, squares = _several_histograms(event_lon, event_lat, centers, bins)
            off += counts / len(centers)
            variance += squares / len(centers) ** 2
    return Theta2Distribution(edges, on, off, np.sqrt(variance))


def mirrored(position: object, pointing: object) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The position on the other side of the pointing, at the same offset, as icrs arrays of length one [rad]."""
    source, axis = (to_unit_vectors(*icrs_radians(place)) for place in (position, pointing))
    lon, lat = from_unit_vectors(2.0 * np.dot(source, axis) * axis - source)
    return np.atleast_1d(lon), np.atleast_1d(lat)


def _histogram(event_lon: Directions, event_lat: Directions, lon: float, lat: float, bins: Directions) -> Directions:
    theta2 = separation(event_lon, event_lat, lon, lat) ** 2
    return np.histogram(theta2, bins)[0].astype(float)


def _several_histograms(
    event_lon: Directions, event_lat: Directions, centers: list[tuple[float, float]], bins: Directions
) -> tuple[Directions, Directions]:
    """Counts in bins of the squared angle to any of the centers, and the sum over events of their multiplicity squared.

    An event of multiplicity m (at the same squared angle from m centers) adds m to the counts and m² to the variance.
    """
    n_bins = len(bins) - 1
    multiplicity = np.zeros((n_bins, len(event_lon)))
    for lon, lat in centers:
        theta2 = separation(event_lon, event_lat, lon, lat) ** 2
        place = np.searchsorted(bins, theta2, side="right") - 1
        inside = np.flatnonzero((place >= 0) & (place < n_bins))
        multiplicity[place[inside], inside] += 1.0
    return multiplicity.sum(axis=1), (multiplicity**2).sum(axis=1)


def _clean_centers(
    off_lon: Directions, off_lat: Directions, lon: float, lat: float, distance: float
) -> list[tuple[float, float]]:
    """Off positions far enough from the source, or the farthest one."""
    if len(off_lon) == 0:
        return []
    away = separation(off_lon, off_lat, lon, lat)
    chosen = np.flatnonzero(away > distance)
    if len(chosen) == 0:
        chosen = np.array([np.argmax(away)])
    return [(float(off_lon[i]), float(off_lat[i])) for i in chosen]
