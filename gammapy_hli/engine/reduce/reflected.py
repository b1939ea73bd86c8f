"""Background from reflected regions: copies of the on region at the same distance from the pointing.

The search runs on the pixels of a tangent plane at the pointing, in plain numpy; rotating a region is rotating the
points that are tested (NUMERICS B.11). Berge, Funk & Hinton 2007, A&A 466, 1219, section 2.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.units import Quantity
from astropy.wcs.utils import proj_plane_pixel_scales

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.datasets.region_set import RegionSet, local_pixel_size
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset, SpectrumDatasetOnOff
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.region import region_center, region_frame
from gammapy_hli.engine.geom.sphere import from_icrs, icrs_radians, separation, to_icrs
from gammapy_hli.engine.geom.tangent import TangentPlane
from gammapy_hli.engine.reduce.counts import fill_counts

if TYPE_CHECKING:
    from regions import SkyRegion

    from gammapy_hli.engine.dl3.observation import Observation
    from gammapy_hli.engine.reduce.spectrum import SpectrumPlan

PIXEL = np.deg2rad(0.01)
MARGIN = np.deg2rad(0.3)
FULL_TURN = 2 * np.pi
Contains = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class ReflectedRegions:
    """Background maker: off regions at the distance of the on region from the pointing.

    Parameters
    ----------
    angle_increment : Quantity
        Step to the next position after one that touches the exclusion mask.
    min_distance : Quantity
        Least angle between off regions, seen from the pointing.
    min_distance_input : Quantity
        Least angle between the on region and the off regions.
    max_regions : int
        Most off regions to take.
    """

    angle_increment: Quantity = 0.1 * u.rad
    min_distance: Quantity = 0.0 * u.rad
    min_distance_input: Quantity = 0.1 * u.rad
    max_regions: int = 10000

    def __post_init__(self) -> None:
        if not self.angle_increment > 0 * u.rad:
            raise ValueError(f"angle_increment is {self.angle_increment}; expected more than 0 rad")
        if self.max_regions < 1:
            raise ValueError(f"max_regions is {self.max_regions}; expected 1 or more")

    def __call__(self, dataset: SpectrumDataset, observation: Observation, plan: SpectrumPlan) -> SpectrumDatasetOnOff:
        """The dataset with counts_off, acceptance 1 and acceptance_off = number of off regions.

        Raises
        ------
        ItemError
            There is no room for an off region; the reason says why.
        """
        found = find_reflected_regions(plan.on_region, observation.pointing, plan.exclusion, self)
        if not found.angles.size:
            raise ItemError(_reason_for_none(plan.on_region, observation.pointing, plan.exclusion, found))
        events = observation.events
        inside = found.is_inside(np.deg2rad(events.ra), np.deg2rad(events.dec))
        n_bins = dataset.energy.nbin
        return with_off_counts(
            dataset,
            counts_off=fill_counts(events.energy[inside], dataset.energy),
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
    shape : _PixelShape
        The on region in pixels.
    angles : ndarray, shape (n,) [rad]
        Counter-clockwise in pixels.
    n_tried : int
        Positions that were looked at.
    """

    plane: TangentPlane
    frame: str
    shape: _PixelShape
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

    def regions(self) -> RegionSet:
        """The off regions."""
        return self.shape.turned(self.plane, self.frame, self.angles)


def find_reflected_regions(
    region: SkyRegion, pointing: Any, exclusion: ExclusionMask | None = None, options: ReflectedRegions | None = None
) -> OffPositions:
    """Turn the on region around the pointing and keep the positions that are free.

    The first position is at the angular size of the region + min_distance + min_distance_input. A position that holds
    the center of an excluded pixel of 0.01 deg is left by angle_increment, one that is taken by the angular size.

    Parameters
    ----------
    region : SkyRegion
        The on region: any shape with an area.
    pointing : SkyCoord
    exclusion : ExclusionMask, optional
    options : ReflectedRegions, optional
        Default values where not given.
    """
    options = options or ReflectedRegions()
    frame = region_frame(region)
    plane = _plane_at(region, pointing, frame)
    shape = _PixelShape.from_region(region, plane, frame)
    step = shape.angular_size() + options.min_distance.to_value("rad")
    gap = options.min_distance_input.to_value("rad")
    x, y = _excluded_pixels(plane, frame, shape, exclusion)
    angles: list[float] = []
    angle, n_tried = step + gap, 0
    while angle < FULL_TURN - step - gap and len(angles) < options.max_regions:
        n_tried += 1
        if shape.contains_turned(x, y, angle).any():
            angle += options.angle_increment.to_value("rad")
        else:
            angles.append(angle)
            angle += step
    return OffPositions(plane, frame, shape, np.array(angles), n_tried)


def _plane_at(region: SkyRegion, pointing: Any, frame: str) -> TangentPlane:
    """Plane of 0.01 deg pixels at the pointing, wide enough for all positions."""
    ra, dec = icrs_radians(pointing)
    distance = float(separation(*icrs_radians(region_center(region)), ra, dec))
    n_pixels = max(int(np.rint((4 * distance + MARGIN) / PIXEL)), 1)
    lon, lat = from_icrs(ra, dec, frame)
    return TangentPlane(float(lon), float(lat), float(PIXEL), (n_pixels, n_pixels))


def _excluded_pixels(
    plane: TangentPlane, frame: str, shape: _PixelShape, exclusion: ExclusionMask | None
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
class _PixelShape:
    """A region in the pixels of a plane, that can be turned around the middle (x0, y0) of the plane.

    `x, y` are the pixels whose centers it contains, `reach` the least and largest distance of its points to the middle.
    """

    pixel_region: Any
    circle: tuple[float, float, float] | None
    middle: tuple[float, float]
    x: np.ndarray
    y: np.ndarray
    reach: tuple[float, float]

    @classmethod
    def from_region(cls, region: Any, plane: TangentPlane, frame: str) -> _PixelShape:
        if type(region).__name__ == "CircleSkyRegion":
            center = region_center(region)
            lon, lat = from_icrs(*icrs_radians(center), frame)
            x0, y0 = (float(value) for value in plane.to_pixel(lon, lat))
            radius = float(region.radius.to_value(u.rad) / local_pixel_size(plane, lon, lat))
            pixel_region, circle = None, (x0, y0, radius)
            box = (x0 - radius, x0 + radius, y0 - radius, y0 + radius)
        else:
            pixel_region, circle = region.to_pixel(plane.to_wcs(frame)), None
            bounds = pixel_region.bounding_box
            box = (bounds.ixmin, bounds.ixmax, bounds.iymin, bounds.iymax)
        shape = cls(pixel_region, circle, plane.reference_pixel, np.empty(0), np.empty(0), (0.0, np.inf))
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
            x_turned, y_turned = self._turn(self.circle[0], self.circle[1], angle)
            return np.hypot(x - x_turned, y - y_turned) < self.circle[2]
        return self.contains(*self._turn(x, y, -angle))

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
        if self.circle is not None:
            x, y = self._turn(self.circle[0], self.circle[1], angles)
            return RegionSet(plane, frame, np.stack([x, y, np.full(len(angles), self.circle[2])], axis=1))
        from regions import PixCoord  # late: slow to load, needed for odd shapes only

        shapes = [self.pixel_region.rotate(PixCoord(*self.middle), Quantity(np.rad2deg(a), u.deg)) for a in angles]
        return RegionSet(plane, frame, np.empty((0, 3)), tuple(shapes))

    def _turn(self, x: Any, y: Any, angle: Any) -> tuple[Any, Any]:
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


def _reason_for_none(region: SkyRegion, pointing: Any, exclusion: ExclusionMask | None, found: OffPositions) -> str:
    offset = np.rad2deg(separation(*icrs_radians(region_center(region)), *icrs_radians(pointing)))
    if found.n_tried == 0:
        size = np.rad2deg(found.shape.angular_size())
        return (
            f"no off region: the on region is {offset:.2f} deg from the pointing and covers {size:.0f} of 360 deg seen "
            "from there, so that no copy of it fits beside it"
        )
    return f"no off region: all {found.n_tried} positions {offset:.2f} deg from the pointing touch the exclusion mask"
