"""Folds spectra with the responses of spectrum datasets: flux per true-energy bin to counts per reconstructed bin.

A dataset is one matrix here. Datasets with the same true-energy axis are put side by side in one wide matrix,
restricted to the bins that are used, so that one product with the fluxes predicts all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.datasets.spectrum import SpectrumDataset
from gammapy_hli.engine.geom.axes import Axis

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

EXPOSURE_UNIT = u.Unit("cm2 s")


def response_matrix(dataset: SpectrumDataset) -> Array:
    """Exposure times energy dispersion, shape (nt, ne) [cm2 s]: times the flux per true bin [cm-2 s-1] it is counts.

    Bins of the response that are not finite count as zero.
    """
    matrix = dataset.exposure.to_value(EXPOSURE_UNIT)[:, np.newaxis] * dataset.edisp
    return matrix if np.isfinite(matrix).all() else np.nan_to_num(matrix, nan=0.0, posinf=0.0, neginf=0.0)


def used_bins(dataset: SpectrumDataset, energy_range: tuple[u.Quantity | None, u.Quantity | None] | None) -> Mask:
    """Safe bins that lie entirely inside the range of reconstructed energy, shape (ne,).

    An on-off dataset without off counts has no usable bin.
    """
    used = dataset.mask_safe.copy()
    if energy_range is not None:
        used &= dataset.energy.bins_inside(energy_range)
    if dataset.statistic == "wstat" and getattr(dataset, "counts_off", None) is None:
        used[:] = False
    return used


@dataclass(frozen=True, eq=False)
class FoldGroup:
    """Used bins of datasets that share true energies and statistic, side by side.

    Attributes
    ----------
    statistic : str
        "wstat" or "cash".
    members : tuple of int
        Numbers of the datasets, in order.
    edges : array (nt + 1,) [TeV]
        True-energy edges, cut to the bins that any used bin can see.
    matrix : array (nt, n_bins) [cm2 s]
    member : int array (n_bins,)
        Which dataset each column belongs to.
    bin : int array (n_bins,)
        Which reconstructed bin of that dataset it is.
    """

    statistic: str
    members: tuple[int, ...]
    edges: Array
    matrix: Array
    member: NDArray[np.intp]
    bin: NDArray[np.intp]

    def columns(self, numbers: Sequence[int] | NDArray[np.intp]) -> Mask:
        """The columns of some of the datasets, shape (n_bins,)."""
        return np.isin(self.member, np.asarray(numbers, dtype=np.intp))


def group_datasets(
    datasets: Sequence[SpectrumDataset], masks: Sequence[Mask], labels: Sequence[str | None] | None = None
) -> tuple[FoldGroup, ...]:
    """Put datasets with equal true energies, statistic and label into groups; those without used bins are in none."""
    kinds: list[tuple[tuple[str, str | None], Axis, list[int]]] = []
    labels = [None] * len(datasets) if labels is None else labels
    for number, (dataset, mask, label) in enumerate(zip(datasets, masks, labels, strict=True)):
        if not mask.any():
            continue
        own = dataset.statistic, label
        for kind, axis, numbers in kinds:
            if kind == own and (axis is dataset.energy_true or _is_equal(axis, dataset.energy_true)):
                numbers.append(number)
                break
        else:
            kinds.append((own, dataset.energy_true, [number]))
    return tuple(_group(kind[0], axis, numbers, datasets, masks) for kind, axis, numbers in kinds)


def _group(
    statistic: str, axis: Axis, numbers: list[int], datasets: Sequence[SpectrumDataset], masks: Sequence[Mask]
) -> FoldGroup:
    matrix = np.concatenate([response_matrix(datasets[k])[:, masks[k]] for k in numbers], axis=1)
    bins = [np.flatnonzero(masks[k]) for k in numbers]
    seen = np.flatnonzero(matrix.any(axis=1))
    low, high = (seen[0], seen[-1] + 1) if len(seen) else (0, 1)
    return FoldGroup(
        statistic=statistic,
        members=tuple(numbers),
        edges=axis.edges_value("TeV")[low : high + 1],
        matrix=np.ascontiguousarray(matrix[low:high]),
        member=np.repeat(numbers, [len(b) for b in bins]).astype(np.intp),
        bin=np.concatenate(bins),
    )


def _is_equal(one: Axis, other: Axis) -> bool:
    """Whether two axes have the same edges to the last digits that matter for an integral."""
    a, b = one.edges_value("TeV"), other.edges_value("TeV")
    return len(a) == len(b) and bool(np.allclose(a, b, rtol=1e-12, atol=0))
