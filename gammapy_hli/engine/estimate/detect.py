"""Sources as peaks of a map of significance: positions with errors, and how significant they are."""

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.geom.sky_map import SkyMap

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Peak:
    """One maximum.

    Attributes
    ----------
    position : SkyCoord
        icrs; top of the parabola through the maximum and its neighbors.
    error : Quantity [deg]
        Along lat and lon together (68 % of one coordinate); nan at the edge of the map.
    significance : float
        Of the pixel with the maximum.
    row, column : int
        That pixel.
    """

    position: SkyCoord
    error: u.Quantity
    significance: float
    row: int
    column: int


def find_peaks(sqrt_ts: SkyMap, threshold: float = 5.0, min_distance: u.Quantity = 0.1 * u.deg) -> tuple[Peak, ...]:
    """Maxima above a threshold, most significant first.

    The strongest pixel is a peak; pixels closer to it than the distance are not, and so on. A peak must be higher than
    its eight neighbors, so that the flank of a strong source is none. Near a maximum ``TS = sqrt_ts**2`` is a parabola
    whose top is the position; where it has fallen by 1 is the error (Wilks 1938).

    Parameters
    ----------
    sqrt_ts : SkyMap
        An image, or a map with one band; nan is never a peak.
    threshold : float
        In sigma.
    min_distance : Quantity [deg]

    Returns
    -------
    tuple of Peak

    Raises
    ------
    InputError
        More than one band, or a distance that is not positive.
    """
    if int(np.prod(sqrt_ts.shape[:-2])) != 1:
        raise InputError(f"detection: the map has shape {sqrt_ts.shape}; expected one band. Choose one with .slice")
    if not min_distance > 0 * u.deg:
        raise InputError(f"detection: min_distance is {min_distance}; expected more than 0 deg")
    image = np.asarray(sqrt_ts.data, dtype=np.float64).reshape(sqrt_ts.geometry.shape)
    rows, columns = _maxima(np.where(np.isfinite(image), image, -np.inf), threshold)
    lon, lat = (values[rows, columns] for values in sqrt_ts.geometry.icrs())
    free = np.ones(len(rows), dtype=bool)
    peaks = []
    for number, (row, column) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        if not free[number]:
            continue
        here = SkyCoord(lon[number], lat[number], unit="rad")
        free &= SkyCoord(lon, lat, unit="rad").separation(here) >= min_distance
        peaks.append(_peak(sqrt_ts, image, row, column))
    return tuple(peaks)


def peak_table(peaks: tuple[Peak, ...]) -> QTable:
    """Peaks as a table: name, ra, dec, position_err [deg], sqrt_ts."""
    table = QTable()
    table["name"] = np.array([f"peak-{number}" for number in range(1, len(peaks) + 1)], dtype=str)
    table["ra"] = [peak.position.ra.deg for peak in peaks] * u.deg
    table["dec"] = [peak.position.dec.deg for peak in peaks] * u.deg
    table["position_err"] = [peak.error.to_value(u.deg) for peak in peaks] * u.deg
    table["sqrt_ts"] = np.array([peak.significance for peak in peaks], dtype=float)
    return table


def find_peaks_in_bands(sqrt_ts: SkyMap, threshold: float = 5.0, min_distance: u.Quantity = 0.1 * u.deg) -> QTable:
    """Peaks of every energy band as a table, with the edges of the band; see `find_peaks`.

    Parameters
    ----------
    sqrt_ts : SkyMap
        With one axis of energy.
    threshold : float
    min_distance : Quantity [deg]

    Returns
    -------
    QTable
        name, ra, dec, position_err [deg], sqrt_ts, e_min, e_max [TeV]; by band, most significant first.
    """
    axis = sqrt_ts.axis("energy")
    edges = axis.edges.to(u.TeV)
    bands = [find_peaks(sqrt_ts.slice("energy", k, k + 1), threshold, min_distance) for k in range(axis.nbin)]
    table = peak_table(tuple(peak for band in bands for peak in band))
    numbers = np.repeat(np.arange(axis.nbin), [len(band) for band in bands])
    table["e_min"], table["e_max"] = edges[numbers], edges[numbers + 1]
    return table


def _maxima(image: Array, threshold: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pixels above the threshold that none of their neighbors exceeds, highest first."""
    from scipy.ndimage import maximum_filter  # late: detection only

    is_peak = (image > threshold) & (image >= maximum_filter(image, size=3, mode="constant", cval=-np.inf))
    rows, columns = np.nonzero(is_peak)
    order = np.argsort(-image[rows, columns], kind="stable")
    return rows[order], columns[order]


def _peak(sqrt_ts: SkyMap, image: Array, row: int, column: int) -> Peak:
    """Position by a parabola through TS in the nine pixels around the maximum."""
    geometry = sqrt_ts.geometry
    around = image[row - 1 : row + 2, column - 1 : column + 2] if row > 0 and column > 0 else np.zeros((0, 0))
    shift_x, shift_y, error = 0.0, 0.0, np.nan
    if around.shape == (3, 3) and np.isfinite(around).all():
        shift_x, shift_y, error = _top_of_parabola(np.sign(around) * around**2)
    lon, lat = geometry.to_sky(column + shift_x, row + shift_y)
    place = SkyCoord(float(lon), float(lat), unit="rad", frame=geometry.frame).icrs
    error = error * geometry.pixel_size.to(u.deg).mean()
    return Peak(place, error, float(image[row, column]), row, column)


def _top_of_parabola(ts: Array) -> tuple[float, float, float]:
    """Least squares parabola through 3 x 3 values: its top (x, y) from the middle pixel, and the error [pixels].

    Where it is no hill, or the top leaves the pixel by more than half of one, the middle stays.
    """
    y, x = np.mgrid[-1:2, -1:2].reshape(2, 9).astype(float)
    terms = np.stack([np.ones(9), x, y, x**2, x * y, y**2], axis=1)
    _, bx, by, cxx, cxy, cyy = np.linalg.lstsq(terms, ts.ravel(), rcond=None)[0]
    hessian = np.array([[2 * cxx, cxy], [cxy, 2 * cyy]])
    if not (np.linalg.eigvalsh(hessian) < 0).all():
        return 0.0, 0.0, float("nan")
    shift = np.linalg.solve(hessian, [-bx, -by])
    if np.abs(shift).max() > 1.0:
        shift = np.zeros(2)
    covariance = np.linalg.inv(-0.5 * hessian)
    return float(shift[0]), float(shift[1]), float(np.sqrt(0.5 * np.trace(covariance)))
