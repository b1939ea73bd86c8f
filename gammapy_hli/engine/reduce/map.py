"""From one observation to one map dataset: the order of the steps (NUMERICS B.10).

What stands beside this file makes one part each: map_counts.py, map_exposure.py, map_background.py, map_safe_mask.py;
the background methods are in fov_background.py, ring_background.py and adaptive_ring.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.units import Quantity

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.map_stack import MapStacker
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.geom.sphere import icrs_radians, separation
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.irf.edisp_map import EdispKernelMap, make_edisp_map
from gammapy_hli.engine.irf.psf_map import PsfMap, make_psf_map
from gammapy_hli.engine.reduce.map_background import make_map_background
from gammapy_hli.engine.reduce.map_counts import make_map_counts
from gammapy_hli.engine.reduce.map_exposure import make_map_exposure
from gammapy_hli.engine.reduce.map_safe_mask import make_map_safe_mask, no_safe_bin
from gammapy_hli.engine.reduce.meta import observation_meta
from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan

if TYPE_CHECKING:
    from gammapy_hli.engine.dl3.observation import Observation

MapBackgroundMaker = Callable[[MapDataset, Any, "MapPlan"], MapDataset]
_NEEDED_BY = {"exposure": "aeff-max", "edisp": "edisp-bias"}  # methods of the safe mask
MIN_IRF_PIXELS = 3  # so that responses can be interpolated inside a narrow cutout


@dataclass(frozen=True, eq=False)
class MapPlan:
    """What a reduction to maps does with every observation. Pickles, so that processes can share it.

    Parameters
    ----------
    geometry : WcsGeometry
        Pixels of the whole map.
    energy, energy_true : Axis
        Reconstructed and true energy.
    irf_pixel : Quantity [deg]
        Pixels of the maps of psf and energy dispersion.
    offset_max : Quantity [deg]
        Half the width of the square around the pointing that each run is reduced in. (The *round* cut is the method
        offset-max of the safe mask, with a limit of its own.)
    background : callable or None
        A frozen dataclass with ``__call__(dataset, observation, plan) -> dataset``, such as `FovBackground`,
        `RingBackground` or `AdaptiveRingBackground`; None keeps the background of the response files.
    exclusion : ExclusionMask or None
        Sky that holds known sources.
    safe_mask : SafeMaskPlan
        Which bins to trust.
    to_image : bool
        Sum the safe bins of each run over energy, before its background is made.
    only_counts : bool
        Leave out exposure, psf and energy dispersion where no method of the safe mask needs them: enough for maps of
        significance.
    """

    geometry: WcsGeometry
    energy: Axis
    energy_true: Axis
    irf_pixel: Quantity = 0.2 * u.deg
    offset_max: Quantity = 2.5 * u.deg
    background: MapBackgroundMaker | None = None
    exclusion: ExclusionMask | None = None
    safe_mask: SafeMaskPlan = field(default_factory=SafeMaskPlan)
    to_image: bool = False
    only_counts: bool = False

    def __post_init__(self) -> None:
        for name in ("energy", "energy_true"):
            if getattr(self, name).name != name:
                raise ValueError(f"axis {name!r} of the plan is named {getattr(self, name).name!r}; name it {name!r}")
        if not self.offset_max > 0 * u.deg:
            raise ValueError(f"offset_max is {self.offset_max}; expected more than 0 deg")

    def makes(self, part: str) -> bool:
        """Whether datasets get a part: "exposure", "psf" or "edisp"."""
        return not self.only_counts or _NEEDED_BY.get(part) in self.safe_mask.methods

    @cached_property
    def irf_geometry(self) -> WcsGeometry:
        """Pixels of the responses of the whole map."""
        return self.geometry.irf_geometry(self.irf_pixel)

    def allowed_on(self, geometry: WcsGeometry) -> np.ndarray:
        """Pixels outside of the exclusion, bool, shape (ny, nx), for the map or a cutout of it."""
        if self.exclusion is None:
            return np.ones(geometry.shape, dtype=bool)
        if not (geometry.is_aligned(self.geometry) and self._allowed is not None):
            return self.exclusion.on(geometry)
        shared = self.geometry.overlap(geometry)
        inside = None if shared is None else self._allowed[shared[0]]
        return inside if inside is not None and inside.shape == geometry.shape else self.exclusion.on(geometry)

    @cached_property
    def _allowed(self) -> np.ndarray | None:
        return None if self.exclusion is None else self.exclusion.on(self.geometry)

    def stacker(self) -> MapStacker:
        """An empty sum of what `reduce_map` gives; add the runs one by one."""
        energy = self.energy.squash() if self.to_image else self.energy
        return MapStacker(self.geometry, energy, self.energy_true, self.irf_geometry)


def reduce_map(observation: Observation, plan: MapPlan) -> MapDataset:
    """One map dataset of one observation, on the part of the map around its pointing.

    Counts, exposure, background, psf and energy dispersion; then the safe mask; then the sum over energy where the
    plan wants images; then the background method.

    Parameters
    ----------
    observation : Observation
    plan : MapPlan

    Returns
    -------
    MapDataset or MapDatasetOnOff
        As the background method decides.

    Raises
    ------
    ItemError
        The run cannot be used: no events, pointing too far from the map, a response that is missing, nothing to
        normalize its background with. `reason` says which, with numbers.
    InputError
        A file is missing, cut short or makes no sense.
    """
    check_usable(observation)
    geometry, irf_geometry = run_geometries(observation, plan)
    exposure = _exposure(observation, geometry, plan) if plan.makes("exposure") else None
    if exposure is not None:
        _check_exposure(exposure, observation, plan)
    dataset = MapDataset(
        name=observation.name,
        geometry=geometry,
        energy=plan.energy,
        energy_true=plan.energy_true,
        counts=make_map_counts(observation.events, geometry, plan.energy),
        exposure=exposure,
        background=make_map_background(observation, geometry, plan.energy),
        gti=observation.gti,
        livetime=observation.livetime,
        meta=observation_meta(observation),
        **_responses(observation, irf_geometry, plan),
    )
    mask_safe = make_map_safe_mask(dataset, observation, plan.safe_mask)
    if not mask_safe.any():
        raise ItemError(no_safe_bin(dataset, observation, plan.safe_mask))
    dataset = replace(dataset, mask_safe=mask_safe)
    if plan.to_image:
        dataset = dataset.to_image()
    return dataset if plan.background is None else plan.background(dataset, observation, plan)


def check_usable(observation: Observation) -> None:
    """Raise ItemError for a run without events, time or the responses that a map needs."""
    if not observation.livetime > 0 * u.s:
        raise ItemError(f"livetime is {observation.livetime.to_value('s'):.0f} s: no good time interval or DEADC 0")
    if len(observation.events) == 0:
        raise ItemError("the event list is empty: 0 events")
    if observation.aeff is not None and observation.aeff.is_pointlike:
        raise ItemError("the responses are point-like, they hold inside a cut around the source only; maps need others")
    missing = [kind for kind in ("aeff", "bkg") if getattr(observation, kind) is None]
    if missing:
        raise ItemError(f"no {' and no '.join(missing)} in the files of the run; a map needs aeff and bkg")


def run_geometries(observation: Observation, plan: MapPlan) -> tuple[WcsGeometry, WcsGeometry]:
    """The parts of the map and of its response pixels around the pointing of a run.

    Raises
    ------
    ItemError
        The run points too far from the map.
    """
    width = 2 * plan.offset_max
    try:
        cut = plan.geometry.cutout(observation.pointing, width)
        irf_cut = plan.irf_geometry.cutout(observation.pointing, width, min_pixels=MIN_IRF_PIXELS)
    except ValueError:
        angle = separation(*icrs_radians(observation.pointing), *icrs_radians(plan.geometry.center))
        raise ItemError(
            f"points {np.rad2deg(angle):.2f} deg from the center of the map: no pixel is within offset_max "
            f"{plan.offset_max.to_value('deg'):.3g} deg"
        ) from None
    return cut.geometry, irf_cut.geometry


def _exposure(observation: Observation, geometry: WcsGeometry, plan: MapPlan) -> Quantity:
    return make_map_exposure(observation.aeff, observation.pointing, observation.livetime, geometry, plan.energy_true)


def _check_exposure(exposure: Quantity, observation: Observation, plan: MapPlan) -> None:
    """ItemError where no pixel has exposure at any energy."""
    if not (exposure.value > 0).any():
        own, asked = observation.aeff.energy_true.edges, plan.energy_true.edges
        raise ItemError(
            f"no exposure: the effective area is 0 on the whole map between {asked[0]:.4g} and {asked[-1]:.4g} of true "
            f"energy; that of the run reaches from {own[0]:.4g} to {own[-1]:.4g}"
        )


def _responses(observation: Observation, geometry: WcsGeometry, plan: MapPlan) -> dict[str, Any]:
    """psf and edisp on their own pixels, those that the plan makes and the run has."""
    made: dict[str, PsfMap | EdispKernelMap] = {}
    parts = [part for part in ("psf", "edisp") if plan.makes(part) and getattr(observation, part) is not None]
    if not parts:
        return made
    exposure = _exposure(observation, geometry, plan)
    place = (observation.pointing, geometry, plan.energy_true)
    if "psf" in parts:
        made["psf"] = make_psf_map(observation.psf, *place, exposure=exposure)
    if "edisp" in parts:
        made["edisp"] = make_edisp_map(observation.edisp, *place, plan.energy, exposure)
    return made
