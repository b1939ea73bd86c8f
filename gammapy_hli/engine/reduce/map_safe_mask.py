"""Which bins of a map to trust (NUMERICS B.9): the methods of safe_mask.py where pixels have offsets of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from astropy.units import Quantity

from gammapy_hli.base.errors import ItemError
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.irf.pixel_weights import linear_pair
from gammapy_hli.engine.reduce.safe_mask import SafeMaskPlan, aeff_threshold, bias_threshold

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord

    from gammapy_hli.engine.dl3.observation import Observation


def make_map_safe_mask(dataset: MapDataset, observation: Observation, plan: SafeMaskPlan) -> np.ndarray:
    """Bins that pass all methods of the plan and have a background that makes sense, bool, shape (ne, ny, nx).

    Thresholds of energy hold for all pixels: effective area (of the exposure map) and bias are looked up at
    ``plan.position``, by default the center of the map of this run.

    Parameters
    ----------
    dataset : MapDataset
        With exposure, edisp and background, where methods need them.
    observation : Observation
    plan : SafeMaskPlan
    """
    mask = dataset.safe & background_is_valid(dataset)
    for method in plan.methods:
        mask &= _mask_of(method, dataset, observation, plan)
    return mask


def background_is_valid(dataset: MapDataset) -> np.ndarray:
    """Bins whose background is finite, and above zero where it is a model, bool, shape (ne, ny, nx)."""
    if dataset.background is None:
        return np.ones(dataset.shape, dtype=bool)
    is_finite = np.isfinite(dataset.background)
    return is_finite & (dataset.background > 0) if dataset.statistic == "cash" else is_finite


Limits = tuple[Quantity | None, Quantity | None]
"""Least and largest energy that a method leaves, None where it sets none."""


def _limits_aeff_default(dataset: MapDataset, observation: Observation, plan: SafeMaskPlan) -> Limits:
    low, high = (limit if limit is not None and limit.value > 0 else None for limit in observation.aeff.thresholds)
    return low, high


def _limits_aeff_max(dataset: MapDataset, observation: Observation, plan: SafeMaskPlan) -> Limits:
    if dataset.exposure is None:
        raise ItemError("safe mask aeff-max needs an exposure, and there is none; leave the method out")
    exposure = _at(dataset, dataset.exposure.value, _position(dataset, plan))
    if not (exposure > 0).any():
        return np.inf * dataset.energy.unit, None
    return aeff_threshold(exposure, dataset.energy_true, plan.aeff_percent), None


def _limits_edisp_bias(dataset: MapDataset, observation: Observation, plan: SafeMaskPlan) -> Limits:
    if dataset.edisp is None:
        raise ItemError("safe mask edisp-bias needs an energy dispersion, and there is none; leave the method out")
    kernel = dataset.edisp.at(_position(dataset, plan))
    return bias_threshold(kernel, dataset.energy_true, dataset.energy, plan.bias_percent), None


def _limits_bkg_peak(dataset: MapDataset, observation: Observation, plan: SafeMaskPlan) -> Limits:
    if dataset.background is None:
        raise ItemError("safe mask bkg-peak needs a background, and there is none; leave the method out")
    spectrum = dataset.background.sum(axis=(1, 2), dtype=np.float64)
    return dataset.energy.edges[int(np.argmax(spectrum))], None


def _mask_offset_max(dataset: MapDataset, observation: Observation, plan: SafeMaskPlan) -> np.ndarray:
    offset = dataset.geometry.separation_from(observation.pointing)
    return (offset < plan.offset_max.to_value("rad"))[np.newaxis]


LIMITS: dict[str, Callable[[MapDataset, Observation, SafeMaskPlan], Limits]] = {
    "aeff-default": _limits_aeff_default,
    "aeff-max": _limits_aeff_max,
    "edisp-bias": _limits_edisp_bias,
    "bkg-peak": _limits_bkg_peak,
}


def _mask_of(method: str, dataset: MapDataset, observation: Observation, plan: SafeMaskPlan) -> np.ndarray:
    """Bins that pass one method, broadcast to (ne, ny, nx)."""
    if method == "offset-max":
        return _mask_offset_max(dataset, observation, plan)
    return _energy_mask(dataset, *LIMITS[method](dataset, observation, plan))


def no_safe_bin(dataset: MapDataset, observation: Observation, plan: SafeMaskPlan) -> str:
    """Why no bin of a map is safe: what each method wants, beside the energies of the map."""
    edges = dataset.energy.edges
    parts = [] if background_is_valid(dataset).any() else ["the background is nowhere above 0"]
    for method in plan.methods:
        if method == "offset-max":
            nearest = np.rad2deg(dataset.geometry.separation_from(observation.pointing).min())
            limit = plan.offset_max.to_value("deg")
            parts.append(f"offset-max wants less than {limit:.4g} deg, the nearest pixel is at {nearest:.4g} deg")
            continue
        low, high = LIMITS[method](dataset, observation, plan)
        if low is not None and np.isinf(low.value):
            parts.append(f"{method} finds no effective area there")
            continue
        ends = [(word, end) for word, end in (("above", low), ("below", high)) if end is not None]
        wanted = " and ".join(f"{word} {_tev(end)}" for word, end in ends) or "any energy"
        parts.append(f"{method} wants {wanted}")
    return f"no bin is safe: the energies are {_tev(edges[0])} to {_tev(edges[-1])}; {'; '.join(parts) or 'no method'}"


def _tev(energy: Quantity) -> str:
    return f"{energy.to_value('TeV'):.4g} TeV"


def _energy_mask(dataset: MapDataset, low: Quantity | None, high: Quantity | None = None) -> np.ndarray:
    return dataset.energy.energy_mask(low, high)[:, np.newaxis, np.newaxis]


def _position(dataset: MapDataset, plan: SafeMaskPlan) -> SkyCoord:
    return dataset.geometry.center if plan.position is None else plan.position


def _at(dataset: MapDataset, values: np.ndarray, position: SkyCoord) -> np.ndarray:
    """Values (n, ny, nx) at a position, bilinear between pixels, shape (n,)."""
    x, y = (float(_) for _ in dataset.geometry.position_to_pixel(position))
    rows, row_weights = linear_pair(y, values.shape[1])
    columns, column_weights = linear_pair(x, values.shape[2])
    return values[:, rows][..., columns].astype(np.float64) @ column_weights @ row_weights
