"""Off positions: an on region turned around the pointing, tested and counted in the pixels of a tangent plane there.

In plain numpy; rotating a region is rotating the points that are tested (NUMERICS B.11). The searches that choose the
angles stand in reflected.py and wobble.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.units import Quantity
from astropy.wcs.utils import proj_plane_pixel_scales

from gammapy_hli.engine.datasets.region_set import RegionSet, local_pixel_size
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset, SpectrumDatasetOnOff
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.region import region_center
from gammapy_hli.engine.geom.region_image import region_in_pixels
from gammapy_hli.engine.geom.sphere import from_icrs, icrs_radians, separation, to_icrs
from gammapy_hli.engine.geom.tangent import TangentPlane
from gammapy_hli.engine.reduce.counts import fill_counts
from gammapy_hli.engine.reduce.point_region import count_in_rad_max, is_point
from gammapy_hli.engine.reduce.spectrum import region_offset

if TYPE_CHECKING:
    from regions import SkyRegion

    from gammapy_hli.engine.dl3.observation import Observation
    from gammapy_hli.engine.reduce.spectrum import SpectrumPlan

PIXEL = np.deg2rad(0.01)
MARGIN = np.deg2rad(0.3)
FULL_TURN = 2 * np.pi


def count_at_positions(
    dataset: SpectrumDataset, observation: Observation, plan: SpectrumPlan, found: OffPositions
) -> SpectrumDatasetOnOff:
    """The dataset with what is counted at off positions; acceptance 1, acceptance_off = number of positions.

    A point counts within the RAD_MAX at the offset of the on region, as the on counts do.
    """
    events, n_bins = observation.events, dataset.energy.nbin
    if is_point(plan.on_region):
        offset = region_offset(observation, plan.on_region)
        counts_off = count_in_rad_max(events, *found.centers(), observation.rad_max, offset, dataset.energy)
    else:
        inside = found.is_inside(np.deg2rad(events.ra), np.deg2rad(events.dec))
        counts_off = fill_counts(events.energy[inside], dataset.energy)
    return with_off_counts(
        dataset,
        counts_off=counts_off,
        acceptance=np.ones(n_bins),
        acceptance_off=np.full(n_bins, float(found.angles.size)),
        regions_off=found.regions(),
    )


def with_off_counts(dataset: SpectrumDataset, **off: Any) -> SpectrumDatasetOnOff:
    """The on/off dataset made of a dataset and its off counts."""
    names = [name for name in SpectrumDataset.__dataclass_fields__ if name != "background"]
    return SpectrumDatasetOnOff(**{name: getattr(dataset, name) for name in names}, **off)


@dataclass(frozen=True, eq=False)
class OffPositions:
    """Positions of the off regions: the on region on a tangent plane, and angles to turn it by around the pointing.

    Parameters
    ----------
    plane : TangentPlane
        Its reference direction is the pointing, in `frame`.
    frame : str
        icrs, fk5 or galactic.
    shape : PixelShape
        The on region in pixels.
    angles : ndarray, shape (n,) [rad]
        Counter-clockwise in pixels.
    n_tried : int
        Positions that were looked at.
    """

    plane: TangentPlane
    frame: str
    shape: PixelShape
    angles: np.ndarray
    n_tried: int

    def is_inside(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Whether icrs directions [rad], shape (m,), lie in any off region: bool, shape (m,)."""
        x, y = self.plane.to_pixel(*from_icrs(ra, dec, self.frame))
        near = np.flatnonzero(self.shape.is_in_reach(x, y))
        inside = np.zeros(len(near), dtype=bool)
        for angle in self.angles:
            inside |= self.shape.contains_turned(x[near], y[near], angle)
        result = np.zeros(len(x), dtype=bool)
        result[near] = inside
        return result

    def centers(self) -> tuple[np.ndarray, np.ndarray]:
        """icrs directions (lon, lat) [rad] of the center of the on region turned by each angle, shape (n,).

        Raises
        ------
        ValueError
            The region is neither a point nor a circle.
        """
        if self.shape.circle is None:
            raise ValueError(f"a {type(self.shape.pixel_region).__name__} has no center to turn; take its regions()")
        x, y = self.shape.turn(self.shape.circle[0], self.shape.circle[1], self.angles)
        return to_icrs(*self.plane.to_sky(x, y), self.frame)

    def regions(self) -> RegionSet:
        """The off regions."""
        return self.shape.turned(self.plane, self.frame, self.angles)


def plane_at(region: SkyRegion, pointing: Any, frame: str) -> TangentPlane:
    """Plane of 0.01 deg pixels at the pointing, wide enough for all positions."""
    ra, dec = icrs_radians(pointing)
    distance = float(separation(*icrs_radians(region_center(region)), ra, dec))
    n_pixels = max(int(np.rint((4 * distance + MARGIN) / PIXEL)), 1)
    lon, lat = from_icrs(ra, dec, frame)
    return TangentPlane(float(lon), float(lat), float(PIXEL), (n_pixels, n_pixels))


def excluded_pixels(
    plane: TangentPlane, frame: str, shape: PixelShape, exclusion: ExclusionMask | None
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (x, y) of the ring that the region sweeps over whose centers are excluded.

    Only where the ring comes near an excluded pixel of the mask is the mask asked for each pixel of the ring.
    """
    nothing = np.empty(0), np.empty(0)
    if exclusion is None or exclusion.data.all():
        return nothing
    x_mask, y_mask = plane.to_pixel(*from_icrs(*exclusion.excluded_directions(), frame))
    margin = 2 * float(np.deg2rad(max(proj_plane_pixel_scales(exclusion.wcs)))) / plane.pixel
    with np.errstate(invalid="ignore"):
        is_near = shape.is_in_reach(x_mask, y_mask, margin)
    if not is_near.any():
        return nothing
    x, y = shape.ring_pixels(plane.shape)
    keep = np.ones(len(x), dtype=bool)
    for values, near in ((x, x_mask[is_near]), (y, y_mask[is_near])):
        keep &= (values >= near.min() - margin) & (values <= near.max() + margin)
    x, y = x[keep], y[keep]
    allowed = exclusion.is_allowed(*to_icrs(*plane.to_sky(x, y), frame))
    return x[~allowed], y[~allowed]


@dataclass(frozen=True, eq=False)
class PixelShape:
    """A region in the pixels of a plane, that can be turned around the middle (x0, y0) of the plane.

    `x, y` are the pixels whose centers it contains, `reach` the least and largest distance of its points to the middle.
    A point is a circle, of the radius that its surroundings are tested with, that is_point.
    """

    pixel_region: Any
    circle: tuple[float, float, float] | None
    middle: tuple[float, float]
    x: np.ndarray
    y: np.ndarray
    reach: tuple[float, float]
    is_point: bool = False

    @classmethod
    def from_region(cls, region: Any, plane: TangentPlane, frame: str, radius: Quantity | None = None) -> PixelShape:
        """A region on a plane; of a point its surroundings of that radius, one pixel where none is given."""
        kind = type(region).__name__
        if kind in ("CircleSkyRegion", "PointSkyRegion"):
            lon, lat = from_icrs(*icrs_radians(region_center(region)), frame)
            x, y = (float(value) for value in plane.to_pixel(lon, lat))
            size = radius if kind == "PointSkyRegion" else region.radius
            n_pixels = 1.0 if size is None else float(size.to_value(u.rad) / local_pixel_size(plane, lon, lat))
            box = (x - n_pixels, x + n_pixels, y - n_pixels, y + n_pixels)
            return cls._in_box(plane, box, None, (x, y, n_pixels), kind == "PointSkyRegion")
        pixel_region = region_in_pixels(region, plane.to_wcs(frame))
        bounds = pixel_region.bounding_box
        return cls._in_box(plane, (bounds.ixmin, bounds.ixmax, bounds.iymin, bounds.iymax), pixel_region)

    @classmethod
    def _in_box(
        cls,
        plane: TangentPlane,
        box: tuple[float, float, float, float],
        pixel_region: Any,
        circle: tuple[float, float, float] | None = None,
        is_point: bool = False,
    ) -> PixelShape:
        """The shape with the pixels of a box (x_min, x_max, y_min, y_max) that it contains."""
        shape = cls(pixel_region, circle, plane.reference_pixel, np.empty(0), np.empty(0), (0.0, np.inf), is_point)
        x, y = (axis.ravel().astype(float) for axis in _box_pixels(box, plane.shape))
        inside = shape.contains(x, y)
        shape = replace(shape, x=x[inside], y=y[inside])
        return replace(shape, reach=shape._measure_reach())

    def contains(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if self.circle is not None:
            return np.hypot(x - self.circle[0], y - self.circle[1]) < self.circle[2]
        from regions import PixCoord  # late: slow to load, needed for odd shapes only

        return np.asarray(self.pixel_region.contains(PixCoord(x, y)), dtype=bool)

    def contains_turned(self, x: np.ndarray, y: np.ndarray, angle: float) -> np.ndarray:
        """Whether points lie in the region when it is turned counter-clockwise by an angle [rad]."""
        if self.circle is not None:
            x_turned, y_turned = self.turn(self.circle[0], self.circle[1], angle)
            return np.hypot(x - x_turned, y - y_turned) < self.circle[2]
        return self.contains(*self.turn(x, y, -angle))

    def is_in_reach(self, x: np.ndarray, y: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """Whether points lie in the ring that the region sweeps over when it is turned once, or `margin` beside it."""
        square = (x - self.middle[0]) ** 2 + (y - self.middle[1]) ** 2
        return (square >= max(self.reach[0] - margin, 0.0) ** 2) & (square <= (self.reach[1] + margin) ** 2)

    def ring_pixels(self, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (x, y) of an image that lie in that ring, row by row without looking at the others."""
        rows = np.arange(shape[0])
        height = (rows - self.middle[1]) ** 2
        inner, outer = (np.sqrt(np.maximum(min(r, 1e6) ** 2 - height, 0.0)) for r in self.reach)
        rows, inner, outer = (values[height <= self.reach[1] ** 2] for values in (rows, inner, outer))
        first = np.ceil(self.middle[0] + np.concatenate([-outer, inner])).clip(0, shape[1])
        last = np.floor(self.middle[0] + np.concatenate([-inner, outer])).clip(-1, shape[1] - 1)
        length = (last - first + 1).clip(0).astype(int)
        start = np.cumsum(length) - length
        x = np.repeat(first - start, length) + np.arange(length.sum())
        return x, np.repeat(np.concatenate([rows, rows]).astype(float), length)

    def angular_size(self) -> float:
        """Range of the directions of its pixels, seen from the middle [rad]; pi or more where it holds the middle."""
        if not len(self.x):
            return 2 * float(np.arcsin(min(1.0, 1 / max(self.reach[1], 1.0))))
        angles = np.arctan2(self.middle[0] - self.x, self.middle[1] - self.y)
        size = np.ptp(angles)
        return float(size if size <= np.pi else np.ptp(angles % FULL_TURN))

    def turned(self, plane: TangentPlane, frame: str, angles: np.ndarray) -> RegionSet:
        """The regions turned by each of the angles [rad]."""
        if self.is_point and self.circle is not None:
            from regions import PixCoord, PointPixelRegion  # late: slow to load, needed for odd shapes only

            x, y = self.turn(self.circle[0], self.circle[1], angles)
            points = tuple(PointPixelRegion(PixCoord(*at)) for at in zip(x.tolist(), y.tolist(), strict=True))
            return RegionSet(plane, frame, np.empty((0, 3)), points)
        if self.circle is not None:
            x, y = self.turn(self.circle[0], self.circle[1], angles)
            return RegionSet(plane, frame, np.stack([x, y, np.full(len(angles), self.circle[2])], axis=1))
        from regions import PixCoord  # late: slow to load, needed for odd shapes only

        shapes = [self.pixel_region.rotate(PixCoord(*self.middle), Quantity(np.rad2deg(a), u.deg)) for a in angles]
        return RegionSet(plane, frame, np.empty((0, 3)), tuple(shapes))

    def turn(self, x: Any, y: Any, angle: Any) -> tuple[Any, Any]:
        """Pixels (x, y) turned counter-clockwise around the middle by an angle [rad]."""
        dx, dy = x - self.middle[0], y - self.middle[1]
        cos, sin = np.cos(angle), np.sin(angle)
        return self.middle[0] + cos * dx - sin * dy, self.middle[1] + sin * dx + cos * dy

    def _measure_reach(self) -> tuple[float, float]:
        if self.circle is not None:
            center = float(np.hypot(self.circle[0] - self.middle[0], self.circle[1] - self.middle[1]))
            return max(center - self.circle[2] - 0.01, 0.0), center + self.circle[2] + 0.01
        if not len(self.x):
            return 0.0, np.inf
        distance = np.hypot(self.x - self.middle[0], self.y - self.middle[1])
        return max(float(distance.min()) - 2, 0.0), float(distance.max()) + 2


def _box_pixels(box: tuple[float, float, float, float], shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """x and y of the pixels of an image inside a box (x_min, x_max, y_min, y_max)."""
    x_range = np.arange(max(int(np.floor(box[0])), 0), min(int(np.ceil(box[1])) + 1, shape[1]))
    y_range = np.arange(max(int(np.floor(box[2])), 0), min(int(np.ceil(box[3])) + 1, shape[0]))
    x, y = np.meshgrid(x_range, y_range)
    return x, y
