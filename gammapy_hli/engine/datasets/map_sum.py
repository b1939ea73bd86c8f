"""Map datasets in wider energy bins, down to one bin: an image."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from gammapy_hli.engine.datasets.map_cut import reco_arrays
from gammapy_hli.engine.datasets.map_masks import touched_mask
from gammapy_hli.engine.geom.axes import Axis

if TYPE_CHECKING:
    from gammapy_hli.engine.datasets.map import MapDataset

DatasetT = TypeVar("DatasetT", bound="MapDataset")


def resample_energy(dataset: DatasetT, edges: Any, name: str | None = None) -> DatasetT:
    """Sum the safe bins of a dataset into wider energy bins.

    With m the safe mask: counts, background, counts_off, acceptance = sum(value m); masks: any;
    edisp = sum(edisp m), with m of the counts pixels that touch the center of the response pixel;
    acceptance_off = acceptance counts_off / background, so that the background stays what it was, and
    sum(acceptance_off m) where there are no off counts. Exposure and psf stay as they are.

    Parameters
    ----------
    dataset : MapDataset
    edges : Quantity, shape (m + 1,)
        Moved to the nearest edges of the axis. Bins outside of them are dropped.
    name : str, optional
        Default that of the dataset.

    Raises
    ------
    ValueError
        The edges do not overlap with the axis.
    """
    new_edges, index = dataset.energy.group(edges)
    groups = [slice(start, stop) for start, stop in pairwise(index)]
    axis = Axis(name=dataset.energy.name, edges=new_edges, interp=dataset.energy.interp)
    changes: dict[str, Any] = {}
    for key, values in reco_arrays(dataset).items():
        is_mask = key.startswith("mask")
        changes[key] = _any(values, groups) if is_mask else _masked_sum(values, dataset.mask_safe, groups)
    if "acceptance_off" in changes and "counts_off" in changes:
        background = _masked_sum(dataset.background, dataset.mask_safe, groups)
        changes["acceptance_off"] = _acceptance_off(changes, background)
    if dataset.edisp is not None:
        changes["edisp"] = _sum_edisp(dataset, axis, groups)
    return replace(dataset, name=name or dataset.name, energy=axis, **changes)


def _any(mask: np.ndarray, groups: list[slice]) -> np.ndarray:
    return np.stack([mask[group].any(axis=0) for group in groups])


def _masked_sum(values: Any, mask: np.ndarray | None, groups: list[slice]) -> np.ndarray:
    where = np.True_ if mask is None else mask
    parts = [np.sum(values[g], axis=0, where=where if mask is None else mask[g], dtype=np.float64) for g in groups]
    return np.stack(parts).astype(values.dtype)


def _acceptance_off(sums: dict[str, Any], background: np.ndarray) -> np.ndarray:
    acceptance_off = sums["acceptance_off"].copy()
    product = sums["acceptance"] * sums["counts_off"]
    np.divide(product, background, out=acceptance_off, where=background > 0, casting="same_kind")
    return acceptance_off


def _sum_edisp(dataset: MapDataset, axis: Axis, groups: list[slice]) -> Any:
    edisp = dataset.edisp
    assert edisp is not None
    safe = dataset.mask_safe
    return edisp.summed(axis, groups, None if safe is None else touched_mask(safe, dataset.geometry, edisp.geometry))
