"""From one observation to one spectrum: the order of the steps (NUMERICS B.10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.units import Quantity

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.region import region_center, region_mask
from gammapy_hli.engine.geom.sphere import icrs_radians, separation
from gammapy_hli.engine.reduce.counts import fill_counts
from gammapy_hli.engine.reduce.exposure import (
    REGION_PIXEL,
    edisp_of_region,
    exposure_at_offset,
    exposure_of_region,
    point_source_containment,
)
from gammapy_hli.engine.reduce.meta import observation_meta
from gammapy_hli.engine.reduce.point_region import check_point_like, is_in_rad_max, is_point
from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan, make_safe_mask

if TYPE_CHECKING:
    from regions import SkyRegion

    from gammapy_hli.engine.dl3.observation import Observation

BackgroundMaker = Callable[[SpectrumDataset, Any, "SpectrumPlan"], SpectrumDataset]


@dataclass(frozen=True, eq=False)
class SpectrumPlan:
    """What a 1D reduction does with every observation. Pickles, so that processes can share it.

    Parameters
    ----------
    on_region : SkyRegion
        Where the source is; a point for point-like responses, whose RAD_MAX is its size.
    energy, energy_true : Axis
        Reconstructed and true energy.
    containment_correction : bool
        Multiply the exposure by the fraction of a point source that the on region, a circle, holds.
    background : callable or None
        A frozen dataclass with ``__call__(dataset, observation, plan) -> dataset``, such as `ReflectedRegions` or
        `ResponseBackground`; None for no background.
    exclusion : ExclusionMask or None
        Sky that holds known sources.
    safe_mask : SafeMaskPlan
        Which bins to trust.
    use_region_center : bool
        Responses at the center of the region; False: effective area and background averaged over the region.
    region_pixel : Quantity
        Pixels of that average, gammapy's binsz_wcs; its default of 0.1 deg is 1e-3 off, 0.01 deg is not.
    average_edisp : bool
        Average the energy dispersion too. gammapy 2.1 takes it at the center in any case, against its documentation.
    """

    on_region: SkyRegion
    energy: Axis
    energy_true: Axis
    containment_correction: bool = False
    background: BackgroundMaker | None = None
    exclusion: ExclusionMask | None = None
    safe_mask: SafeMaskPlan = field(default_factory=SafeMaskPlan)
    use_region_center: bool = True
    region_pixel: Quantity = REGION_PIXEL
    average_edisp: bool = False

    def __post_init__(self) -> None:
        shape = type(self.on_region).__name__
        if self.containment_correction and shape != "CircleSkyRegion":
            raise ValueError(f"containment_correction needs a circle as on region; got {shape}")
        if "bkg-peak" in self.safe_mask.methods and self.background is None:
            raise ValueError("safe mask bkg-peak needs a background; name a background maker or leave the method out")
        if not 0 * u.deg < self.region_pixel <= 1 * u.deg:
            raise ValueError(f"region_pixel is {self.region_pixel}; expected more than 0 deg, at most 1 deg")
        for name in ("energy", "energy_true"):
            if getattr(self, name).name != name:
                raise ValueError(f"axis {name!r} of the plan is named {getattr(self, name).name!r}; name it {name!r}")


def reduce_observation(observation: Observation, plan: SpectrumPlan) -> SpectrumDataset:
    """One spectrum of one observation: counts, exposure, energy dispersion, background, safe mask.

    Parameters
    ----------
    observation : Observation
    plan : SpectrumPlan

    Returns
    -------
    SpectrumDataset or SpectrumDatasetOnOff
        As the background maker decides.

    Raises
    ------
    ItemError
        The run cannot be used: no events, on region outside of its field of view, a response or an off region that is
        missing. `reason` says which, with numbers.
    InputError
        A file is missing, cut short or makes no sense.
    """
    check_usable(observation)
    offset = region_offset(observation, plan.on_region)
    check_point_like(observation, plan, offset)
    dataset = SpectrumDataset(
        name=observation.name,
        energy=plan.energy,
        energy_true=plan.energy_true,
        counts=make_counts(observation, plan, offset),
        edisp=make_edisp(observation, plan, offset),
        mask_safe=np.ones(plan.energy.nbin, dtype=bool),
        livetime=observation.livetime,
        gti=observation.gti,
        region=plan.on_region,
        meta=observation_meta(observation),
        **make_exposures(observation, plan, offset),
    )
    if plan.background is not None:
        dataset = plan.background(dataset, observation, plan)
    mask = make_safe_mask(dataset, observation, plan.safe_mask, offset)
    return replace(dataset, mask_safe=mask)


def region_offset(observation: Observation, region: SkyRegion) -> Quantity:
    """Angle between the center of a region and the pointing [deg]."""
    angle = separation(*icrs_radians(region_center(region)), *icrs_radians(observation.pointing))
    return Quantity(np.rad2deg(angle), u.deg)


def check_usable(observation: Observation) -> None:
    """Raise ItemError for a run without events, time or the responses that a spectrum needs."""
    if not observation.livetime > 0 * u.s:
        raise ItemError(f"livetime is {observation.livetime.to_value('s'):.0f} s: no good time interval or DEADC 0")
    if len(observation.events) == 0:
        raise ItemError("the event list is empty: 0 events")
    missing = [kind for kind in ("aeff", "edisp") if getattr(observation, kind) is None]
    if missing:
        raise ItemError(f"no {' and no '.join(missing)} in the files of the run; a spectrum needs aeff and edisp")


def make_counts(observation: Observation, plan: SpectrumPlan, offset: Quantity) -> np.ndarray:
    """Events inside the on region, of a point within RAD_MAX, shape (ne,)."""
    return fill_counts(observation.events.energy[in_on_region(observation, plan, offset)], plan.energy)


def in_on_region(observation: Observation, plan: SpectrumPlan, offset: Quantity) -> np.ndarray:
    """Which events lie inside the on region, of a point within RAD_MAX, bool, shape (n_events,)."""
    events = observation.events
    if is_point(plan.on_region):
        return is_in_rad_max(events, *icrs_radians(region_center(plan.on_region)), observation.rad_max, offset)
    return region_mask(plan.on_region, np.deg2rad(events.ra), np.deg2rad(events.dec))


def make_exposures(observation: Observation, plan: SpectrumPlan, offset: Quantity) -> dict[str, Quantity]:
    """`exposure`, with containment where the plan wants it, and `edisp_exposure`, without."""
    at_center = exposure_at_offset(observation, offset, plan.energy_true)
    if not (at_center > 0 * at_center.unit).any():
        raise ItemError(_outside_reason(observation, offset, plan.energy_true))
    exposure = at_center
    if not plan.use_region_center:
        exposure = exposure_of_region(observation, plan.on_region, plan.energy_true, plan.region_pixel)
    if plan.containment_correction:
        exposure = exposure * point_source_containment(observation, plan.on_region, offset, plan.energy_true)
    return {"exposure": exposure, "edisp_exposure": at_center}


def make_edisp(observation: Observation, plan: SpectrumPlan, offset: Quantity) -> np.ndarray:
    """Energy dispersion at the center of the on region or averaged over it, shape (nt, ne) (NUMERICS B.7)."""
    if plan.average_edisp and not plan.use_region_center:
        return edisp_of_region(observation, plan.on_region, plan.energy_true, plan.energy, plan.region_pixel)
    return observation.edisp.kernel(plan.energy_true, plan.energy, offset)


def _outside_reason(observation: Observation, offset: Quantity, energy_true: Axis) -> str:
    low, high = energy_true.edges_value("TeV")[[0, -1]]
    reach = getattr(observation.aeff, "offset", None)
    limit = "" if reach is None else f" (responses reach {reach.edges_value('deg')[-1]:.2f} deg)"
    return (
        f"on region outside the field of view: {offset.to_value('deg'):.2f} deg from the pointing{limit}; "
        f"effective area is 0 from {low:.3g} to {high:.3g} TeV"
    )
