"""Sky with sources, found from the significance of a reduction that knows of fewer of them, round by round.

A source that is not excluded adds to its own background: to the ring around it, and to the norm of the field of view.
So the sky that is excluded is searched in rounds: reduce, add all runs, exclude where the significance is high, and
again until no pixel is new (as in the H.E.S.S. Galactic plane survey, 2018, A&A 612, A1, section 3.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import astropy.units as u
import numpy as np
from astropy.units import Quantity
from numpy.typing import NDArray
from scipy import ndimage

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.estimate.excess_map import count_in_disks
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.reduce.map import MapPlan

Mask = NDArray[np.bool_]
_EIGHT = np.ones((3, 3), dtype=bool)  # neighbours that share an edge or a corner
LEAST_LEFT = 0.05
"""Where less of the sky that was seen is left than this, there is no background to speak of."""


@dataclass(frozen=True)
class ExclusionSearch:
    """Which pixels are excluded, and when the search ends.

    Parameters
    ----------
    threshold : float
        Pixels of a higher significance are excluded.
    radius : Quantity [deg]
        Of the disk that counts and background are summed over.
    iterations : int
        Most rounds.
    threshold_low : float, optional
        Pixels of a higher significance than this are excluded too where they are connected to excluded ones
        (hysteresis).
    margin : Quantity [deg]
        By which the excluded sky is widened.
    """

    threshold: float = 5.0
    radius: Quantity = 0.1 * u.deg
    iterations: int = 5
    threshold_low: float | None = None
    margin: Quantity = 0.1 * u.deg

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise ValueError(f"iterations is {self.iterations}; expected at least 1")
        if self.threshold_low is not None and self.threshold_low > self.threshold:
            raise ValueError(f"threshold_low is {self.threshold_low}; expected at most threshold, {self.threshold}")

    def find(self, dataset: MapDataset) -> Mask:
        """Pixels to exclude, (ny, nx), by the significance over all safe energies.

        Off counts are taken as they are, not summed over the disk: they come from a large region already.
        """
        disks = count_in_disks(dataset, self.radius, correlate_off=False)
        sqrt_ts = np.nan_to_num(disks.sqrt_ts[0], nan=-np.inf)
        found: Mask = sqrt_ts > self.threshold
        if self.threshold_low is not None:
            found = ndimage.binary_propagation(found, structure=_EIGHT, mask=sqrt_ts > self.threshold_low)
        return widened(found, dataset.geometry, self.margin)


@dataclass(frozen=True, eq=False)
class FoundExclusion:
    """What a search ended with.

    Attributes
    ----------
    mask : ExclusionMask
        All that is excluded on the pixels of the map: what was given, and what was found.
    pixels : tuple of int
        Excluded pixels after each round; the first entry is what was given.
    is_stable : bool
        Whether the last round found nothing new.
    left : float
        Fraction of the sky with a background in the first round that is left for the background; 1 without any round.
    """

    mask: ExclusionMask
    pixels: tuple[int, ...]
    is_stable: bool
    left: float = 1.0

    @property
    def n_rounds(self) -> int:
        """How many rounds were made."""
        return len(self.pixels) - 1

    def facts(self) -> dict[str, Any]:
        """Plain values for the product."""
        return {
            "rounds": self.n_rounds,
            "is_stable": self.is_stable,
            "excluded_pixels": list(self.pixels),
            "left_fraction": self.left,
        }


def search_exclusion(
    plan: MapPlan, search: ExclusionSearch, reduce_all: Callable[[MapPlan], MapDataset | None]
) -> FoundExclusion:
    """Reduce, look for significant pixels, exclude them; until nothing is new or the rounds are used up.

    What is excluded once stays so: a source is not let in again because the ring no longer reaches around it.

    Parameters
    ----------
    plan : MapPlan
        Its exclusion is what is known before.
    search : ExclusionSearch
    reduce_all : callable
        The sum of all runs by a plan; None where no run can be used.

    Raises
    ------
    InputError
        All of the sky that was seen is excluded, or nearly so: nothing is left for the background.
    """
    allowed, wcs = plan.allowed_on(plan.geometry), plan.geometry.to_wcs()
    pixels = [int((~allowed).sum())]
    is_stable, left = False, 1.0
    seen: Mask | None = None
    light = replace(plan, only_counts=True)
    while len(pixels) <= search.iterations and not is_stable:
        total = reduce_all(replace(light, exclusion=ExclusionMask(allowed, wcs)))
        if total is None:
            break
        found = search.find(total)
        is_stable = not (found & allowed).any()
        allowed = allowed & ~found
        pixels.append(int((~allowed).sum()))
        if seen is None:
            seen = np.asarray(total.safe.any(axis=0))
        left = float(allowed[seen].mean()) if seen.any() else 0.0
        if left < LEAST_LEFT:
            raise InputError(
                f"the search for significant sky leaves {100 * left:.1f} % of the sky for the background after round "
                f"{len(pixels) - 1} (threshold {search.threshold:g}, radius {search.radius:g}, margin "
                f"{search.margin:g}), too little to measure it. Raise the threshold (noise alone passes a low one), "
                "lower the margin, or take a larger map."
            )
    return FoundExclusion(ExclusionMask(allowed, wcs), tuple(pixels), is_stable, left)


def widened(mask: Mask, geometry: WcsGeometry, margin: Quantity) -> Mask:
    """Pixels whose centers lie within a margin of the center of one that is marked."""
    if not mask.any() or not margin > 0 * u.deg:
        return mask
    width, height = geometry.pixel_size.to_value(u.deg)
    distance = ndimage.distance_transform_edt(~mask, sampling=(height, width))
    return np.asarray(distance <= margin.to_value(u.deg) * (1 + 1e-9))
