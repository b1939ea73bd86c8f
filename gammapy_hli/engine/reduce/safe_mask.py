"""Which energy bins of a spectrum to trust (NUMERICS B.9). Bins must pass every method that is asked for.

Thresholds are true energies that are applied to reconstructed ones, as everywhere in this field.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.units import Quantity

from gammapy_hli.base.errors import ItemError
from gammapy_hli.base.suggest import did_you_mean
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset, SpectrumDatasetOnOff
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.geom.sphere import icrs_radians, separation

if TYPE_CHECKING:
    from gammapy_hli.engine.dl3.observation import Observation

TINY = float(np.finfo(np.float32).tiny)  # what logarithms of values <= 0 are taken of


@dataclass(frozen=True)
class SafeMaskPlan:
    """Methods and their numbers.

    Parameters
    ----------
    methods : tuple of str
        ``aeff-default``: the thresholds LO_THRES and HI_THRES of the effective area file;
        ``aeff-max``: effective area above `aeff_percent` of its maximum;
        ``edisp-bias``: energy bias below `bias_percent`;
        ``offset-max``: center of the on region less than `offset_max` from the pointing;
        ``bkg-peak``: from the bin with most background on.
    aeff_percent, bias_percent : float
        In percent.
    offset_max : Quantity [deg]
    position : SkyCoord or None
        Where effective area and bias are looked up; None: as the dataset has them, on region and containment included.
    """

    methods: tuple[str, ...] = ("aeff-default",)
    aeff_percent: float = 10.0
    bias_percent: float = 10.0
    offset_max: Quantity = 3.0 * u.deg
    position: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", tuple(self.methods))
        for method in self.methods:
            if method not in METHODS:
                hint = did_you_mean(method, METHODS)
                raise ValueError(f"{method!r} is no safe mask method.{hint} Allowed: {', '.join(METHODS)}")
        for name in ("aeff_percent", "bias_percent"):
            if not 0 <= getattr(self, name) <= 100:
                raise ValueError(f"{name} is {getattr(self, name)}; expected 0 to 100")


def make_safe_mask(
    dataset: SpectrumDataset, observation: Observation, plan: SafeMaskPlan, offset: Quantity
) -> np.ndarray:
    """Bins that pass all methods of the plan and have a background that makes sense, bool, shape (ne,).

    Parameters
    ----------
    dataset : SpectrumDataset
        With its background.
    observation : Observation
    plan : SafeMaskPlan
    offset : Quantity [deg]
        Of the center of the on region from the pointing.
    """
    mask = dataset.mask_safe & background_is_valid(dataset)
    for method in plan.methods:
        mask = mask & METHODS[method](dataset, observation, plan, offset)
    return mask


def background_is_valid(dataset: SpectrumDataset) -> np.ndarray:
    """Bins whose background is finite, and above zero where it is a model, bool, shape (ne,)."""
    if dataset.background is None:
        return np.ones(dataset.energy.nbin, dtype=bool)
    is_finite = np.isfinite(dataset.background)
    return is_finite & (dataset.background > 0) if dataset.statistic == "cash" else is_finite


def mask_aeff_default(
    dataset: SpectrumDataset, observation: Observation, plan: SafeMaskPlan, offset: Quantity
) -> np.ndarray:
    """Bins inside the thresholds of the effective area file; a threshold that is absent or 0 is no limit."""
    low, high = (limit if limit is not None and limit.value > 0 else None for limit in observation.aeff.thresholds)
    return dataset.energy.energy_mask(low, high)


def mask_aeff_max(
    dataset: SpectrumDataset, observation: Observation, plan: SafeMaskPlan, offset: Quantity
) -> np.ndarray:
    """Bins above the energy where the effective area first reaches a part of its maximum."""
    if plan.position is None:
        area = (dataset.exposure / dataset.livetime).to_value("m2")
    else:
        centers = dataset.energy_true.center
        area = observation.aeff.evaluate(centers, _offset_of(plan, observation)).to_value("m2").reshape(len(centers))
    if not (area > 0).any():
        return np.zeros(dataset.energy.nbin, dtype=bool)
    return dataset.energy.energy_mask(aeff_threshold(area, dataset.energy_true, plan.aeff_percent))


def mask_edisp_bias(
    dataset: SpectrumDataset, observation: Observation, plan: SafeMaskPlan, offset: Quantity
) -> np.ndarray:
    """Bins above the energy where the bias first falls below a limit."""
    edisp = dataset.edisp
    if plan.position is not None:
        edisp = observation.edisp.kernel(dataset.energy_true, dataset.energy, _offset_of(plan, observation))
    return dataset.energy.energy_mask(bias_threshold(edisp, dataset.energy_true, dataset.energy, plan.bias_percent))


def mask_offset_max(
    dataset: SpectrumDataset, observation: Observation, plan: SafeMaskPlan, offset: Quantity
) -> np.ndarray:
    """All bins where the on region is near enough to the pointing, else none."""
    return np.full(dataset.energy.nbin, bool(offset < plan.offset_max))


def mask_bkg_peak(
    dataset: SpectrumDataset, observation: Observation, plan: SafeMaskPlan, offset: Quantity
) -> np.ndarray:
    """Bins from the one with the largest background on; with off counts that of the null hypothesis."""
    background = dataset.background
    if background is None:
        raise ItemError("safe mask bkg-peak needs a background, and there is none; leave the method out")
    if isinstance(dataset, SpectrumDatasetOnOff):
        counts_off = 0.0 if dataset.counts_off is None else dataset.counts_off
        background = dataset.alpha * (dataset.counts + counts_off) / (1 + dataset.alpha)
    return dataset.energy.energy_mask(dataset.energy.edges[int(np.argmax(background))])


METHODS: dict[str, Callable[[SpectrumDataset, Any, SafeMaskPlan, Quantity], np.ndarray]] = {
    "aeff-default": mask_aeff_default,
    "aeff-max": mask_aeff_max,
    "edisp-bias": mask_edisp_bias,
    "offset-max": mask_offset_max,
    "bkg-peak": mask_bkg_peak,
}


def aeff_threshold(area: np.ndarray, energy_true: Axis, percent: float) -> Quantity:
    """Energy at which the effective area first rises through a part of its maximum.

    Interpolated in log area and log energy between bin centers. An area that starts above that part gives the center
    of its first bin above zero.

    Parameters
    ----------
    area : ndarray, shape (nt,)
        With at least one value above zero.
    percent : float
        Of the maximum.
    """
    start = int(np.flatnonzero(area > 0)[0])
    crossing = _first_crossing(energy_true, area, start, percent / 100 * area.max(), is_rising=True)
    return energy_true.center[start] if crossing is None else crossing


def bias_threshold(edisp: np.ndarray, energy_true: Axis, energy: Axis, percent: float) -> Quantity:
    """Reconstructed energy at which the bias, from its maximum upwards, first falls below a limit.

    bias(E_true) = mean(E_reco) / E_true - 1 with E_reco at the centers of the bins.

    Parameters
    ----------
    edisp : ndarray, shape (nt, ne)
    percent : float
        Limit of the bias.
    """
    limit = percent / 100
    norm = edisp.sum(axis=1)
    mean = np.divide(edisp @ energy.center.to_value("TeV"), norm, out=np.zeros(len(norm)), where=norm > 0)
    bias = mean / energy_true.center.to_value("TeV") - 1
    peak = int(np.argmax(bias))
    crossing = _first_crossing(energy_true, bias, peak, limit, is_rising=False)
    return (energy_true.center[peak] if crossing is None else crossing) * (1 + limit)


def _first_crossing(axis: Axis, values: np.ndarray, start: int, limit: float, is_rising: bool) -> Quantity | None:
    """Energy where log(values), linear in log(energy) between centers, first passes a limit; None if it never does."""
    heights = np.log(np.clip(values[start:], TINY, None)) - np.log(max(limit, TINY))
    below, above = (heights[:-1], heights[1:]) if is_rising else (heights[1:], heights[:-1])
    found = np.flatnonzero((below < 0) & (above >= 0))
    if not len(found):
        return None
    i = int(found[0])
    log_energy = np.log(axis.center.value[start + i : start + i + 2])
    fraction = heights[i] / (heights[i] - heights[i + 1])
    return Quantity(np.exp(log_energy[0] + fraction * (log_energy[1] - log_energy[0])), axis.unit)


def _offset_of(plan: SafeMaskPlan, observation: Observation) -> Quantity:
    return Quantity(separation(*icrs_radians(plan.position), *icrs_radians(observation.pointing)), u.rad)
