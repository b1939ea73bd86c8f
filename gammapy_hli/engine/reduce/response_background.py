"""Background expected from the response files: analysis without off regions (PIG 12's "irf")."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset
from gammapy_hli.engine.reduce.point_region import is_point

if TYPE_CHECKING:
    from gammapy_hli.engine.dl3.observation import Observation
    from gammapy_hli.engine.reduce.spectrum import SpectrumPlan


@dataclass(frozen=True)
class ResponseBackground:
    """Background maker: the rate of the BKG response, integrated over the on region, times the ontime.

    The dataset keeps the statistic cash. Its background does not depend on the counts.
    """

    def __call__(self, dataset: SpectrumDataset, observation: Observation, plan: SpectrumPlan) -> SpectrumDataset:
        """The dataset with its background, shape (ne,).

        Raises
        ------
        ItemError
            The run has no BKG response, or one that turns with the horizon.
        """
        return replace(dataset, background=expected_background(observation, plan))


def expected_background(observation: Observation, plan: SpectrumPlan) -> np.ndarray:
    """Background counts of the on region, shape (ne,): rate [s-1] times ontime (NUMERICS B.5)."""
    response = observation.bkg
    if response is None:
        raise ItemError("no bkg in the files of the run; take another background method or leave the run out")
    if is_point(plan.on_region):
        raise ItemError("the on region is a point, over which no background rate extends; take wobble or a circle")
    if response.is_altaz:
        raise ItemError("the bkg response is aligned with the horizon (ALTAZ); take another background method for 1D")
    rate = response.integrate_region(
        plan.energy,
        plan.on_region,
        observation.pointing,
        use_region_center=plan.use_region_center,
        pixel=plan.region_pixel,
    )
    return (rate * observation.ontime).to_value("")
