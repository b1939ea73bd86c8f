"""Exposure of a region: effective area times livetime, and the part of a point source that the region holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.units import Quantity

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.datasets.spectrum import EXPOSURE_UNIT
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.region import region_samples
from gammapy_hli.engine.geom.sphere import icrs_radians, separation

if TYPE_CHECKING:
    from regions import SkyRegion

    from gammapy_hli.engine.dl3.observation import Observation

REGION_PIXEL = 0.01 * u.deg


def exposure_at_offset(observation: Observation, offset: Quantity, energy_true: Axis) -> Quantity:
    """Effective area at the centers of true energy and one offset, times livetime: [m2 s], shape (nt,)."""
    area = observation.aeff.evaluate(energy_true.center, offset)
    return (area.reshape(energy_true.nbin) * observation.livetime).to(EXPOSURE_UNIT)


def exposure_of_region(
    observation: Observation, region: SkyRegion, energy_true: Axis, pixel: Quantity = REGION_PIXEL
) -> Quantity:
    """As `exposure_at_offset`, averaged over the pixels of a region (`region_samples`): [m2 s], shape (nt,)."""
    offsets, weight = region_offsets(observation, region, pixel)
    area = observation.aeff.evaluate(energy_true.center[:, np.newaxis], offsets[np.newaxis, :])
    return (area @ weight * observation.livetime).to(EXPOSURE_UNIT)


def edisp_of_region(
    observation: Observation, region: SkyRegion, energy_true: Axis, energy: Axis, pixel: Quantity = REGION_PIXEL
) -> np.ndarray:
    """Energy dispersion of a source that fills a region evenly, shape (nt, ne): mean weighted with effective area."""
    offsets, weight = region_offsets(observation, region, pixel)
    area = observation.aeff.evaluate(energy_true.center[:, np.newaxis], offsets[np.newaxis, :]).value
    weights = weight * np.where(area.any(axis=1, keepdims=True), area, 1.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("ts,ste->te", weights, observation.edisp.kernel(energy_true, energy, offsets))


def region_offsets(observation: Observation, region: SkyRegion, pixel: Quantity) -> tuple[Quantity, np.ndarray]:
    """Distances of the pixels of a region from the pointing [rad], and their parts of its area, shape (n,) both."""
    lon, lat, area = region_samples(region, pixel)
    weight = area / area.sum() if area.any() else np.full(len(area), 1 / len(area))
    return Quantity(separation(lon, lat, *icrs_radians(observation.pointing)), u.rad), weight


def point_source_containment(observation: Observation, region: Any, offset: Quantity, energy_true: Axis) -> np.ndarray:
    """Fraction of a point source's events that a circle around it holds, shape (nt,).

    Raises
    ------
    ItemError
        The run has no point spread function.
    """
    if observation.psf is None:
        raise ItemError(
            "no psf in the files of the run, so the containment of the on region is not known; "
            "set containment_correction to false (right for point-like responses)"
        )
    return np.reshape(observation.psf.containment(region.radius, energy_true.center, offset), energy_true.nbin)
