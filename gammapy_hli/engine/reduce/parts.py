"""From one part of a run to one spectrum: what does not change within a run is made once for all of its parts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import astropy.units as u
import numpy as np
from astropy.units import Quantity

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset
from gammapy_hli.engine.dl3.intervals import RunPart
from gammapy_hli.engine.geom.region import region_mask
from gammapy_hli.engine.reduce.point_region import is_point
from gammapy_hli.engine.reduce.safe_mask import make_safe_mask
from gammapy_hli.engine.reduce.spectrum import SpectrumPlan, make_counts, reduce_observation, region_offset


@dataclass(frozen=True, eq=False)
class RunResponse:
    """The spectrum of a whole run, for its responses, and the offset of its on region."""

    plan: SpectrumPlan
    dataset: SpectrumDataset
    offset: Quantity


def reduce_part(part: RunPart, plan: SpectrumPlan) -> SpectrumDataset:
    """The spectrum of a part as `reduce_observation` gives it, without looking up responses again.

    A part without events is a part in which nothing was seen, where the run has events.

    Raises
    ------
    ItemError
        The part has no livetime, or the run cannot be used.
    """
    if part.is_drift:  # its pointing moves from part to part
        return reduce_observation(part, plan)
    if not part.livetime > 0 * u.s:
        raise ItemError("no good time of the run lies in the interval, or DEADC is 0: livetime is 0 s")
    run = part.remember("response", plan, lambda: _response_of(part, plan))
    whole = run.dataset
    share = (part.livetime / whole.livetime).to_value("")
    dataset = SpectrumDataset(
        name=part.name,
        energy=plan.energy,
        energy_true=plan.energy_true,
        counts=_counts_of(part, plan, run.offset),
        exposure=whole.exposure * share,
        edisp=whole.edisp,
        edisp_exposure=whole.edisp_exposure * share,
        mask_safe=np.ones(plan.energy.nbin, dtype=bool),
        livetime=part.livetime,
        gti=part.gti,
        region=plan.on_region,
        meta=whole.meta,
    )
    if plan.background is not None:
        dataset = plan.background(dataset, part, plan)
    return replace(dataset, mask_safe=make_safe_mask(dataset, part, plan.safe_mask, run.offset))


def _counts_of(part: RunPart, plan: SpectrumPlan, offset: Quantity) -> np.ndarray:
    """Events of the part in the on region, shape (ne,); which of the run lie there is found once."""
    if is_point(plan.on_region) or part.energy_range != (None, None):
        return make_counts(part, plan, offset)
    bins = part.remember("on region", plan, lambda: _bin_of_events(part, plan))[part.place]
    return np.bincount(bins[bins >= 0], minlength=plan.energy.nbin).astype(float)


def _bin_of_events(part: RunPart, plan: SpectrumPlan) -> np.ndarray:
    """Energy bin of each event of the run, in the order of time; -1 outside of the on region or the axis."""
    events = part.events_in_order
    inside = region_mask(plan.on_region, np.deg2rad(events.ra), np.deg2rad(events.dec))
    return np.where(inside, plan.energy.index(u.Quantity(events.energy, u.TeV, copy=False)), -1)


def _response_of(part: RunPart, plan: SpectrumPlan) -> Any:
    whole = part.whole
    return RunResponse(plan, reduce_observation(whole, plan), region_offset(whole, plan.on_region))
