"""Background from reflected regions: copies of the on region at the same distance from the pointing.

As many as fit, one beside the other; a point region takes the place of the largest RAD_MAX (NUMERICS B.11).
Berge, Funk & Hinton 2007, A&A 466, 1219, section 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.units import Quantity

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset, SpectrumDatasetOnOff
from gammapy_hli.engine.dl3.intervals import RunPart
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.region import region_center, region_frame
from gammapy_hli.engine.geom.sphere import icrs_radians, separation
from gammapy_hli.engine.reduce.off_positions import (
    FULL_TURN,
    OffPositions,
    PixelShape,
    count_at_positions,
    excluded_pixels,
    plane_at,
)
from gammapy_hli.engine.reduce.point_region import is_point, largest_rad_max
from gammapy_hli.engine.reduce.spectrum import region_offset

if TYPE_CHECKING:
    from regions import SkyRegion

    from gammapy_hli.engine.dl3.observation import Observation
    from gammapy_hli.engine.reduce.spectrum import SpectrumPlan


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
        if isinstance(observation, RunPart) and not observation.is_drift:
            found = observation.remember("reflected regions", plan, lambda: self._find(observation, plan))
        else:
            found = self._find(observation, plan)
        if not found.angles.size:
            raise ItemError(_reason_for_none(plan.on_region, observation.pointing, found))
        return count_at_positions(dataset, observation, plan, found)

    def _find(self, observation: Observation, plan: SpectrumPlan) -> OffPositions:
        radius = None
        if is_point(plan.on_region):
            offset = region_offset(observation, plan.on_region)
            radius = largest_rad_max(observation.rad_max, offset, plan.energy)
        return find_reflected_regions(plan.on_region, observation.pointing, plan.exclusion, self, radius)


def find_reflected_regions(
    region: SkyRegion,
    pointing: Any,
    exclusion: ExclusionMask | None = None,
    options: ReflectedRegions | None = None,
    radius: Quantity | None = None,
) -> OffPositions:
    """Turn the on region around the pointing and keep the positions that are free.

    The first position is at the angular size of the region + min_distance + min_distance_input. A position that holds
    the center of an excluded pixel of 0.01 deg is left by angle_increment, one that is taken by the angular size.

    Parameters
    ----------
    region : SkyRegion
        The on region.
    pointing : SkyCoord
    exclusion : ExclusionMask, optional
    options : ReflectedRegions, optional
        Default values where not given.
    radius : Quantity, optional
        Of the circle that a point stands for, its RAD_MAX.
    """
    options = options or ReflectedRegions()
    frame = region_frame(region)
    plane = plane_at(region, pointing, frame)
    shape = PixelShape.from_region(region, plane, frame, radius)
    step = shape.angular_size() + options.min_distance.to_value("rad")
    gap = options.min_distance_input.to_value("rad")
    x, y = excluded_pixels(plane, frame, shape, exclusion)
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


def _reason_for_none(region: SkyRegion, pointing: Any, found: OffPositions) -> str:
    offset = np.rad2deg(separation(*icrs_radians(region_center(region)), *icrs_radians(pointing)))
    if found.n_tried == 0:
        size = np.rad2deg(found.shape.angular_size())
        return (
            f"no off region: the on region is {offset:.2f} deg from the pointing and covers {size:.0f} of 360 deg seen "
            "from there, so that no copy of it fits beside it"
        )
    return f"no off region: all {found.n_tried} positions {offset:.2f} deg from the pointing touch the exclusion mask"
