"""Background from wobble positions: a given number of copies of the on region, evenly spread around the pointing.

The method of telescopes that change the pointing around the source by runs: off positions lie at 2 pi k / (n + 1) from
the on region, seen from the pointing (NUMERICS B.11). Fomin et al. 1994, Astropart. Phys. 2, 137, section 5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset, SpectrumDatasetOnOff
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.region import region_frame
from gammapy_hli.engine.geom.sphere import separation
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
class WobbleRegions:
    """Background maker: off regions at fixed angles around the pointing.

    Parameters
    ----------
    n_off : int
        Number of off positions; those that touch excluded sky are left out.
    """

    n_off: int = 3

    def __post_init__(self) -> None:
        if self.n_off < 1:
            raise ValueError(f"n_off is {self.n_off}; expected 1 or more")

    def __call__(self, dataset: SpectrumDataset, observation: Observation, plan: SpectrumPlan) -> SpectrumDatasetOnOff:
        """The dataset with counts_off, acceptance 1 and acceptance_off = number of off positions.

        Raises
        ------
        ItemError
            All positions are excluded, or two of them, the on region included, overlap.
        """
        found = find_wobble_regions(plan.on_region, observation.pointing, self.n_off, plan.exclusion)
        offset = region_offset(observation, plan.on_region)
        where = f"{offset.to_value('deg'):.2f} deg from the pointing"
        if not found.angles.size:
            raise ItemError(f"no off region: all {self.n_off} positions {where} touch the exclusion mask")
        if is_point(plan.on_region):
            radius = largest_rad_max(observation.rad_max, offset, plan.energy).to_value("deg")
            least = np.rad2deg(_least_separation(found))
            overlap = f" ({least:.3f} deg apart, RAD_MAX up to {radius:.3f} deg)" if least < 2 * radius else ""
        else:
            overlap = " (they share pixels of 0.01 deg)" if have_overlap(found) else ""
        if overlap:
            raise ItemError(
                f"no off region: the on region and {found.angles.size} off positions {where} overlap{overlap}; "
                "take fewer (n_off)"
            )
        return count_at_positions(dataset, observation, plan, found)


def find_wobble_regions(
    region: SkyRegion, pointing: Any, n_off: int, exclusion: ExclusionMask | None = None
) -> OffPositions:
    """Turn the on region around the pointing by 2 pi k / (n_off + 1), k = 1 ... n_off, and keep what is not excluded.

    A point is excluded where the center of an excluded pixel of 0.01 deg is nearer than one pixel, any other region
    where it holds one.

    Parameters
    ----------
    region : SkyRegion
        The on region.
    pointing : SkyCoord
    n_off : int
    exclusion : ExclusionMask, optional
    """
    frame = region_frame(region)
    plane = plane_at(region, pointing, frame)
    shape = PixelShape.from_region(region, plane, frame)
    x, y = excluded_pixels(plane, frame, shape, exclusion)
    angles = np.arange(1, n_off + 1) * FULL_TURN / (n_off + 1)
    is_free = [not shape.contains_turned(x, y, angle).any() for angle in angles]
    return OffPositions(plane, frame, shape, angles[is_free], n_off)


def have_overlap(found: OffPositions) -> bool:
    """Whether the on region and the off regions, any two of them, share a pixel center of the plane."""
    x, y = (values.ravel() for values in found.plane.pixel_grid())
    near = found.shape.is_in_reach(x, y)
    times = np.zeros(int(near.sum()), dtype=int)
    for angle in (0.0, *found.angles):
        times += found.shape.contains_turned(x[near], y[near], angle)
    return bool((times > 1).any())


def _least_separation(found: OffPositions) -> float:
    """Least angle [rad] between any two of the on region and the off positions."""
    lon, lat = replace(found, angles=np.append(0.0, found.angles)).centers()
    first, second = np.triu_indices(len(lon), 1)
    return float(separation(lon[first], lat[first], lon[second], lat[second]).min())
