"""The sum of spectra that share their axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from astropy.units import Quantity

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.spectrum import EXPOSURE_UNIT, SpectrumDataset, SpectrumDatasetOnOff


def stack(datasets: Sequence[SpectrumDataset], name: str = "stacked") -> SpectrumDataset:
    """Add datasets inside their safe ranges.

    With m_d the safe mask of dataset d and a_d = any(m_d):

    * counts, counts_off, acceptance, background: sum of value_d m_d
    * exposure, edisp_exposure, livetime: sum of value_d a_d
    * edisp = sum(edisp_d edisp_exposure_d m_d) / sum(edisp_exposure_d a_d), so that rows sum to less than one where
      some datasets are masked
    * acceptance_off = acceptance sum(off) / sum(alpha off), so that alpha is the mean weighted by off counts; in bins
      without off counts alpha is that mean over all bins
    * mask_safe: or; gti: union; meta: one entry an observation

    Parameters
    ----------
    datasets : sequence of SpectrumDataset
        All of one kind, with equal axes.
    name : str
        Name of the sum.

    Raises
    ------
    InputError
        Nothing to stack, different axes or different kinds, safe bins without off counts.
    """
    datasets = list(datasets)
    _check(datasets)
    first = datasets[0]
    used = [bool(dataset.mask_safe.any()) for dataset in datasets]
    common: dict[str, Any] = {
        "name": name,
        "energy": first.energy,
        "energy_true": first.energy_true,
        "counts": _masked_sum(datasets, "counts"),
        "exposure": _used_sum(datasets, used, "exposure"),
        "edisp": _stack_edisp(datasets, used),
        "edisp_exposure": _used_sum(datasets, used, "edisp_exposure"),
        "mask_safe": np.logical_or.reduce([dataset.mask_safe for dataset in datasets]),
        "livetime": sum((d.livetime for d, is_used in zip(datasets, used, strict=True) if is_used), Quantity(0, "s")),
        "gti": _stack_gti(datasets),
        "region": first.region,
        "meta": _stack_meta(datasets),
    }
    if isinstance(first, SpectrumDatasetOnOff):
        return SpectrumDatasetOnOff(**common, **_stack_off(datasets))
    has_background = any(dataset.background is not None for dataset in datasets)
    return SpectrumDataset(**common, background=_masked_sum(datasets, "background") if has_background else None)


def _check(datasets: list[SpectrumDataset]) -> None:
    if not datasets:
        raise InputError("stack: no datasets given; expected at least one")
    first = datasets[0]
    for other in datasets[1:]:
        if type(other) is not type(first):
            raise InputError(
                f"stack: {other.name} is a {type(other).__name__}, {first.name} a {type(first).__name__}; "
                "stack those with and without off counts apart, or fit them jointly (stack: false)"
            )
        for axis in ("energy", "energy_true"):
            if not getattr(first, axis).same_as(getattr(other, axis)):
                raise InputError(
                    f"stack: {first.name} and {other.name} have different {axis} axes "
                    f"({getattr(first, axis).nbin} and {getattr(other, axis).nbin} bins); reduce them with "
                    "one axis, or fit them jointly (stack: false)"
                )
    for dataset in datasets:
        if isinstance(dataset, SpectrumDatasetOnOff) and dataset.counts_off is None and dataset.mask_safe.any():
            raise InputError(f"stack: {dataset.name} has safe bins but no counts_off; leave it out")


def _masked_sum(datasets: list[SpectrumDataset], name: str) -> np.ndarray:
    total = np.zeros(datasets[0].energy.nbin)
    for dataset in datasets:
        values = getattr(dataset, name)
        if values is not None:
            total += np.where(dataset.mask_safe, np.nan_to_num(values), 0.0)
    return total


def _used_sum(datasets: list[SpectrumDataset], used: list[bool], name: str) -> Quantity:
    total = np.zeros(datasets[0].energy_true.nbin)
    for dataset, is_used in zip(datasets, used, strict=True):
        if is_used:
            total += getattr(dataset, name).to_value(EXPOSURE_UNIT)
    return Quantity(total, EXPOSURE_UNIT)


def _stack_edisp(datasets: list[SpectrumDataset], used: list[bool]) -> np.ndarray:
    weighted = np.zeros_like(datasets[0].edisp)
    for dataset in datasets:
        exposure = dataset.edisp_exposure.to_value(EXPOSURE_UNIT)
        weighted += dataset.edisp * exposure[:, np.newaxis] * dataset.mask_safe
    total = _used_sum(datasets, used, "edisp_exposure").value[:, np.newaxis]
    return np.divide(weighted, total, out=np.zeros_like(weighted), where=total > 0)


def _stack_off(datasets: Sequence[Any]) -> dict[str, Any]:
    acceptance, counts_off = _masked_sum(list(datasets), "acceptance"), _masked_sum(list(datasets), "counts_off")
    background = _masked_sum(list(datasets), "background")
    if counts_off.sum() > 0:
        mean_alpha = background.sum() / counts_off.sum()
    else:
        mean_alpha = _mean_alpha_without_counts(list(datasets))
    with np.errstate(divide="ignore", invalid="ignore"):
        acceptance_off = np.where(counts_off > 0, acceptance * counts_off / background, acceptance / mean_alpha)
    return {"counts_off": counts_off, "acceptance": acceptance, "acceptance_off": np.nan_to_num(acceptance_off)}


def _mean_alpha_without_counts(datasets: list[SpectrumDatasetOnOff]) -> float:
    total = _masked_sum(list(datasets), "acceptance").sum()
    total_off = _masked_sum(list(datasets), "acceptance_off").sum()
    return float(total / total_off) if total_off > 0 else 1.0


def _stack_gti(datasets: list[SpectrumDataset]) -> Any:
    intervals = [dataset.gti for dataset in datasets if dataset.gti is not None]
    return type(intervals[0]).union(intervals) if intervals else None


def _stack_meta(datasets: list[SpectrumDataset]) -> dict[str, list[Any]]:
    keys = [key for key in datasets[0].meta if all(key in dataset.meta for dataset in datasets)]
    return {key: [entry for dataset in datasets for entry in dataset.meta[key]] for key in keys}
