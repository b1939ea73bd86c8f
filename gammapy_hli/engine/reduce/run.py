"""One run by any plan: spectra and maps behind one call."""

from typing import Any

import astropy.units as u

from gammapy_hli.engine.dl3.intervals import RunPart
from gammapy_hli.engine.dl3.observation import Observation
from gammapy_hli.engine.geom.region import region_center
from gammapy_hli.engine.geom.sphere import icrs_radians, separation
from gammapy_hli.engine.reduce.parts import reduce_part
from gammapy_hli.engine.reduce.spectrum import SpectrumPlan, reduce_observation


def reduce_any(observation: Observation, plan: Any) -> Any:
    """The dataset of one run by a `SpectrumPlan` or a `MapPlan`."""
    if isinstance(plan, SpectrumPlan):
        if isinstance(observation, RunPart):
            return reduce_part(observation, plan)
        return reduce_observation(observation, plan)
    from gammapy_hli.engine.reduce.map import reduce_map  # late: loads scipy, which spectra do without

    return reduce_map(observation, plan)


def target_offset(observation: Observation, plan: Any) -> u.Quantity:
    """Angle between the pointing and what the plan is about: the on region, or the center of the map [deg]."""
    center = region_center(plan.on_region) if isinstance(plan, SpectrumPlan) else plan.geometry.center
    angle = separation(*icrs_radians(center), *icrs_radians(observation.pointing))
    return (angle * u.rad).to(u.deg)
