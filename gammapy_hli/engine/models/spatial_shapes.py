"""Brightness of the spatial models whose form is a formula, as pure functions of the values of their parameters.

Beside it: `spatial_template.py` for brightness from a map, `spatial_integral.py` for sums over pixels, and `spatial.py`
for the model that people hold. Angles of the parameters are in [deg] as in the table, everything else in [rad], [sr].
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.geom.sphere import from_icrs, from_unit_vectors, to_icrs, to_unit_vectors

__all__ = ["SHAPES", "Offsets", "Shape", "rotation"]

Array = NDArray[np.float64]

_EDGE_95 = 2.326174307353347  # the factor with which gammapy 2.1 scales the error function at the edge of a disk
_N_ANGLES = 4096


@lru_cache(maxsize=16)
def rotation(frame: str, to: str) -> Array:
    """Matrix (3, 3) that takes unit vectors of one frame ('icrs', 'galactic', 'fk5') to another."""
    if frame == to:
        return np.eye(3)
    lon, lat = from_unit_vectors(np.eye(3))
    return to_unit_vectors(*from_icrs(*to_icrs(lon, lat, frame), to))


class Offsets:
    """Directions as seen from the center of a model.

    Parameters
    ----------
    vectors : array (3, ...)
        Unit vectors in the frame of the map.
    lon_0, lat_0 : float
        Center in the frame of the model [deg].
    to_map : array (3, 3), optional
        Rotation from the frame of the model to that of the map; see `rotation`.
    """

    __slots__ = ("_depth", "_east", "_north")

    def __init__(self, vectors: Array, lon_0: float, lat_0: float, to_map: Array | None = None):
        lon, lat = math.radians(lon_0), math.radians(lat_0)
        sin_lon, cos_lon, sin_lat, cos_lat = math.sin(lon), math.cos(lon), math.sin(lat), math.cos(lat)
        axes = np.array(
            [
                [-sin_lon, cos_lon, 0.0],
                [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
                [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat],
            ]
        )
        if to_map is not None:
            axes = axes @ to_map.T
        local = (axes @ vectors.reshape(3, -1)).reshape(vectors.shape)
        self._east, self._north, self._depth = local

    @property
    def versine(self) -> Array:
        """1 - cos(separation), exact where it is small."""
        across = self._east**2 + self._north**2
        return np.where(self._depth > 0, across / (1.0 + np.abs(self._depth)), 1.0 - self._depth)

    @property
    def separation(self) -> Array:
        """Angular distance from the center [rad]."""
        return np.arctan2(np.hypot(self._east, self._north), self._depth)

    def radius_of_ellipse(self, major: float, e: float, phi: float) -> Array:
        """Distance from the center to an ellipse in each direction [rad].

        Parameters
        ----------
        major : float
            Half of the major axis [rad].
        e : float
            Eccentricity.
        phi : float
            Angle of the major axis from north over east [deg].
        """
        minor = major * math.sqrt(1.0 - e * e)
        sin, cos = math.sin(math.radians(phi)), math.cos(math.radians(phi))
        along, across = self._north * cos + self._east * sin, self._north * sin - self._east * cos
        size = np.hypot(along, across)
        denominator = np.hypot(major * across, minor * along)
        with np.errstate(invalid="ignore", divide="ignore"):
            radius = major * minor * size / denominator
        return np.where(size > 0, radius, major)


@dataclass(frozen=True)
class Shape:
    """How one type of model shines.

    Attributes
    ----------
    formula : callable (Offsets, values) -> array
        [sr-1] in each direction.
    radius : callable (values) -> float
        Beyond this distance [deg] it is not evaluated when it is finely sampled; gammapy's evaluation radius.
    bin_size : callable (values) -> float
        The largest step [deg] that samples it well enough.
    smallest : callable (values, step) -> array
        The values with sizes raised to what a step [deg] samples well enough.
    """

    formula: Callable[[Offsets, Array], Array]
    radius: Callable[[Array], float]
    bin_size: Callable[[Array], float]
    smallest: Callable[[Array, float], Array]

    def brightness(self, offsets: Offsets, values: Array) -> Array:
        """[sr-1] in each direction; not finite where the values make no shape: no size, an eccentricity of 1."""
        try:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                return self.formula(offsets, values)
        except (ZeroDivisionError, OverflowError, ValueError):  # what Python's own numbers raise
            return np.full_like(offsets.versine, math.nan)


# --- Gaussian -------------------------------------------------------------------------------------------------------
def _gauss(offsets: Offsets, values: Array) -> Array:
    """exp(-(1 - cos s) / 2a), a = 1 - cos σ, over 4π a (1 - exp(-1/a)); with σ along the direction if elongated."""
    sigma, e, phi = math.radians(values[2]), values[3], values[4]
    if e == 0:
        a = 2.0 * math.sin(0.5 * sigma) ** 2
        norm = 1.0 / (4.0 * math.pi * a * -math.expm1(-1.0 / a)) if a > 0 else math.inf
        return norm * np.exp(-0.5 * offsets.versine / a) if a > 0 else np.where(offsets.versine > 0, 0.0, norm)
    width = offsets.radius_of_ellipse(sigma, e, phi)
    norm = 1.0 / (2.0 * math.pi * sigma**2 * math.sqrt(1.0 - e * e))
    return norm * np.exp(-0.25 * offsets.versine / np.sin(0.5 * width) ** 2)


def _general(offsets: Offsets, values: Array) -> Array:
    """exp(-(s / r)^(1/η)) / (2π a b η Γ(2η)), r the radius of the ellipse with the half axes a = r_0 and b."""
    r_0, eta, e, phi = math.radians(values[2]), values[3], values[4], values[5]
    minor = r_0 * math.sqrt(1.0 - e * e)
    norm = 1.0 / (2.0 * math.pi * minor * r_0 * eta * math.gamma(2.0 * eta))
    return norm * np.exp(-((offsets.separation / offsets.radius_of_ellipse(r_0, e, phi)) ** (1.0 / eta)))


# --- disk -----------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=64)
def _disk_solid_angle(r_0: float, e: float) -> float:
    """Solid angle [sr] inside the ellipse of half axis r_0 [rad]: the integral of 1 - cos(radius) over the angle."""
    if e == 0:
        return 4.0 * math.pi * math.sin(0.5 * r_0) ** 2
    minor = r_0 * math.sqrt(1.0 - e * e)
    angle = (np.arange(_N_ANGLES) + 0.5) * (math.pi / _N_ANGLES)
    inverse = (np.cos(angle) / math.sin(r_0)) ** 2 + (np.sin(angle) / math.sin(minor)) ** 2
    sin_squared = 1.0 / inverse
    return float(2.0 * math.pi * np.mean(sin_squared / (1.0 + np.sqrt(1.0 - sin_squared))))


def _disk(offsets: Offsets, values: Array) -> Array:
    """½ (1 - erf(2.326 (s - r) / (r edge))) over the solid angle of the ellipse."""
    from scipy.special import erf  # late: only this shape needs it

    r_0, e, phi, edge = math.radians(values[2]), values[3], values[4], values[5]
    radius = np.asarray(r_0) if e == 0 else offsets.radius_of_ellipse(r_0, e, phi)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = 0.5 * (1.0 - erf(_EDGE_95 * (offsets.separation - radius) / (radius * edge)))
    return inside / _disk_solid_angle(r_0, e)


# --- shells ---------------------------------------------------------------------------------------------------------
def _projected_shell(separation: Array, inner: float, outer: float) -> Array:
    """3 / (2π (R³ - r³)) (√(R² - s²) - √(r² - s²)), each root only where it is real [rad]."""
    squared = separation**2
    depth = np.sqrt(np.maximum(outer**2 - squared, 0.0)) - np.sqrt(np.maximum(inner**2 - squared, 0.0))
    return 3.0 / (2.0 * math.pi * (outer**3 - inner**3)) * depth


def _shell(offsets: Offsets, values: Array) -> Array:
    inner, width = math.radians(values[2]), math.radians(values[3])
    return _projected_shell(offsets.separation, inner, inner + width)


def _shell2(offsets: Offsets, values: Array) -> Array:
    outer, eta = math.radians(values[2]), values[3]
    return _projected_shell(offsets.separation, (1.0 - eta) * outer, outer)


def _at_least(values: Array, place: int, size: float) -> Array:
    """A copy with one value not below a size."""
    raised = np.array(values, dtype=float)
    raised[place] = max(raised[place], size)
    return raised


SHAPES: dict[str, Shape] = {
    "GaussianSpatialModel": Shape(
        _gauss, lambda v: 5.0 * v[2], lambda v: v[2] / 3.0, lambda v, step: _at_least(v, 2, 3.0 * step)
    ),
    "GeneralizedGaussianSpatialModel": Shape(
        _general,
        lambda v: v[2] * (1.0 + 8.0 * v[3]),
        lambda v: v[2] / (3.0 + 8.0 * v[3]) / (v[4] + 1.0),
        lambda v, step: _at_least(v, 2, (3.0 + 8.0 * v[3]) * (v[4] + 1.0) * step),
    ),
    "DiskSpatialModel": Shape(
        _disk,
        lambda v: 1.1 * v[2] * (1.0 + v[5]),
        lambda v: v[2] * (1.0 - v[5]) / 10.0,
        lambda v, step: _at_least(v, 2, 10.0 * step),
    ),
    "ShellSpatialModel": Shape(
        _shell,
        lambda v: v[2] + v[3],
        lambda v: v[3],
        lambda v, step: _at_least(v, 3, max(step, 10.0 * step - v[2])),
    ),
    "Shell2SpatialModel": Shape(
        _shell2,
        lambda v: v[2],
        lambda v: v[3] * v[2],
        lambda v, step: _at_least(v, 2, step / min(max(v[3], 0.01), 0.1)),
    ),
}
