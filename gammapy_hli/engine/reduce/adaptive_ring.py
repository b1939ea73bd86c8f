"""Off counts from rings that grow until they hold enough allowed sky (NUMERICS B.12)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import astropy.units as u
import numpy as np
from astropy.units import Quantity

from gammapy_hli.engine.datasets.map import MapDataset, MapDatasetOnOff
from gammapy_hli.engine.geom.convolve import Kernel, fft_convolve_same, ring_kernel, tophat_kernel
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.reduce.ring_background import in_pixels, ring_inputs, ring_sums, to_on_off

if TYPE_CHECKING:
    from gammapy_hli.engine.dl3.observation import Observation
    from gammapy_hli.engine.reduce.map import MapPlan

METHODS = ("fixed_width", "fixed_r_in")
ALPHA_OF = ("pixel", "theta")


@dataclass(frozen=True)
class AdaptiveRingBackground:
    """Background method: in each bin the smallest ring with acceptance / acceptance_off <= threshold_alpha.

    Bins that no ring is enough for are not safe and have no off counts (gammapy leaves nan there).

    Parameters
    ----------
    inner_radius : Quantity [deg]
        Of the smallest ring.
    outer_radius_max : Quantity [deg]
        Rings stay inside of this.
    width : Quantity [deg]
        Of the smallest ring.
    step : Quantity [deg]
        By which rings grow.
    threshold_alpha : float
    theta : Quantity [deg]
        Radius of the on region that alpha is about, for `alpha_of` "theta".
    method : str
        ``fixed_width``: the ring moves outwards; ``fixed_r_in``: it gets wider.
    alpha_of : str
        Which acceptance is compared with that of the ring. ``pixel``, the default: that of the pixel alone. It is what
        gammapy 2.1 computes: its disk of radius theta is by mistake theta times (not divided by) the pixel size, in
        pixels, so always one pixel. ``theta``: the sum over the disk, as the method was meant (Berge et al. 2007, A&A
        466, 1219, section 5.3); a sensible threshold is then larger by the number of pixels in the disk. What is stored
        as acceptance is that of the pixel in both cases, as it stands beside the counts of the pixel.
    """

    inner_radius: Quantity = 0.5 * u.deg
    outer_radius_max: Quantity = 1.0 * u.deg
    width: Quantity = 0.3 * u.deg
    step: Quantity = 0.02 * u.deg
    threshold_alpha: float = 0.1
    theta: Quantity = 0.22 * u.deg
    method: str = "fixed_width"
    alpha_of: str = "pixel"

    def __post_init__(self) -> None:
        for name, allowed in (("method", METHODS), ("alpha_of", ALPHA_OF)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}. Allowed: {', '.join(allowed)}")
        if not (self.width > 0 * u.deg and self.step > 0 * u.deg):
            raise ValueError(f"width {self.width} and step {self.step} of the rings; expected more than 0 deg")
        if not self.outer_radius_max > self.inner_radius + self.width:
            raise ValueError(
                f"outer_radius_max is {self.outer_radius_max}; expected more than inner_radius + width, "
                f"{self.inner_radius + self.width}"
            )

    def __call__(self, dataset: MapDataset, observation: Observation | None, plan: MapPlan) -> MapDatasetOnOff:
        """The dataset with off counts; ItemError where the run has no background or no counts."""
        counts, background, allowed = ring_inputs(dataset, plan)
        compared = self._compared_acceptance(background, dataset.geometry)
        counts_off, acceptance_off = np.zeros(dataset.shape), np.zeros(dataset.shape)
        is_open = np.ones(dataset.shape, dtype=bool)
        for kernel in self.rings(dataset.geometry):
            found = ring_sums(kernel, counts, background, allowed)
            enough = is_open & (found[1] > 0) & (compared <= self.threshold_alpha * found[1])
            counts_off[enough], acceptance_off[enough] = found[0][enough], found[1][enough]
            is_open &= ~enough
            if not is_open.any():
                break
        return to_on_off(dataset, counts_off, background, acceptance_off)

    def rings(self, geometry: WcsGeometry) -> Iterator[Kernel]:
        """Rings of ones, from the smallest to the largest."""
        inner, outer, width, step = (
            in_pixels(angle, geometry) for angle in (self.inner_radius, self.outer_radius_max, self.width, self.step)
        )
        moves = self.method == "fixed_width"
        for grown in np.arange(0, outer - width - inner, step):
            low = inner + grown if moves else inner
            yield Kernel(ring_kernel(round(low, 9), round(inner + grown + width, 9)))

    def _compared_acceptance(self, background: np.ndarray, geometry: WcsGeometry) -> np.ndarray:
        if self.alpha_of == "pixel":
            return background
        return np.clip(fft_convolve_same(background, tophat_kernel(in_pixels(self.theta, geometry))), 0.0, None)
