"""The bins of all datasets, flat, each with the point whose norm it tells of: what the norm solver works on.

A point is a bin of energy (flux points), or of time or phase and energy (light curves).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.estimate.bin_rows import map_bin_rows, spectrum_bin_rows
from gammapy_hli.engine.fit.likelihood import Likelihood
from gammapy_hli.engine.stats.norm_solver import NormProblems
from gammapy_hli.engine.stats.wstat import WstatBins

Array = NDArray[np.float64]
Index = NDArray[np.intp]
_FLAT = ("point", "dataset", "counts", "signal", "other")


@dataclass(frozen=True, eq=False)
class NormBins:
    """Used bins of all datasets, flat, on-off bins first; bins of maps without counts are summed.

    Attributes
    ----------
    point : int array (n_bins,)
    dataset : int array (n_bins,)
        Number of the dataset in the likelihood that the bin is from.
    counts, signal, other : arrays (n_bins,)
        Counts; predicted counts of the source at norm 1 and of the other sources.
    wstat : WstatBins
        The on-off bins.
    cash_background : array
        Background of the other bins.
    """

    point: Index
    dataset: Index
    counts: Array
    signal: Array
    other: Array
    wstat: WstatBins
    cash_background: Array

    @property
    def n_wstat(self) -> int:
        """Number of on-off bins."""
        return len(self.wstat.n_on)

    def problems(self, n_points: int) -> NormProblems:
        """One likelihood for each point."""
        w, c = slice(None, self.n_wstat), slice(self.n_wstat, None)
        return NormProblems(
            n_points,
            wstat_group=self.point[w],
            wstat_signal=self.signal[w],
            wstat_offset=self.other[w],
            wstat=self.wstat,
            cash_group=self.point[c],
            cash_signal=self.signal[c],
            cash_offset=self.cash_background + self.other[c],
            cash_counts=self.counts[c],
        )

    def take(self, point: Index, used: NDArray[np.bool_]) -> "NormBins":
        """Some of the bins, put to other points: (n_bins,) each."""
        n = self.n_wstat
        flat = {name: getattr(self, name)[used] for name in _FLAT} | {"point": point[used]}
        return NormBins(**flat, wstat=self.wstat.take(used[:n]), cash_background=self.cash_background[used[n:]])

    def scaled(self, factor: Array) -> "NormBins":
        """The same bins with the signal of each point multiplied, (n_points,)."""
        return replace(self, signal=self.signal * factor[self.point])

    def background(self, total: Array) -> Array:
        """Background in the on region for a total signal: the most likely one (wstat) or as given (cash), (n_bins,)."""
        n = self.n_wstat
        return np.concatenate([self.wstat.alpha * self.wstat.background(total[:n]), self.cash_background])

    def sum(self, values: Array, n_points: int) -> Array:
        """Sum over the bins of each point, (n_points,)."""
        found: Array = np.bincount(self.point, values, n_points).astype(float)
        return found

    def sum_by_dataset(self, values: Array, n_points: int, n_datasets: int) -> Array:
        """Sum over the bins of each point and dataset, (n_points, n_datasets)."""
        flat: Array = np.bincount(self.point * n_datasets + self.dataset, values, n_points * n_datasets).astype(float)
        return flat.reshape(n_points, n_datasets)


def collect_bins(likelihood: Likelihood, source: str, numbers: Sequence[Index]) -> NormBins:
    """Flat bins of all datasets, those that belong to no point left out.

    Parameters
    ----------
    likelihood : Likelihood
    source : str
        Whose norm is wanted.
    numbers : sequence of int arrays (n_bins of the dataset,)
        For each dataset the point of each reconstructed bin, -1 for none.
    """
    number = np.full((len(numbers), max(map(len, numbers), default=0)), -1, dtype=np.intp)
    for row, own in zip(number, numbers, strict=True):
        row[: len(own)] = own
    values = likelihood.parameters.values
    with np.errstate(all="ignore"):
        parts = [spectrum_bin_rows(group, source, number, values) for group in likelihood.groups]
        parts += [map_bin_rows(term, source, number[term.number], values) for term in likelihood.maps]
    parts = sorted((part.inside() for part in parts), key=lambda part: not part.is_on_off)
    names = ("point", "dataset", "counts", "off", "alpha", "background", "own", "other")
    flat: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts] or [np.zeros(0)]) for name in names
    }
    n = sum(len(part.point) for part in parts if part.is_on_off)
    return NormBins(
        point=flat["point"].astype(np.intp),
        dataset=flat["dataset"].astype(np.intp),
        counts=flat["counts"],
        signal=flat["own"],
        other=flat["other"],
        wstat=WstatBins(flat["counts"][:n], flat["off"][:n], flat["alpha"][:n]),
        cash_background=flat["background"][n:],
    )


def join_bins(parts: Sequence[NormBins]) -> NormBins:
    """The bins of several likelihoods as one."""
    flat = {
        name: np.concatenate(
            [getattr(part, name)[: part.n_wstat] for part in parts]
            + [getattr(part, name)[part.n_wstat :] for part in parts]
        )
        for name in _FLAT
    }
    pairs = {name: np.concatenate([getattr(part.wstat, name) for part in parts]) for name in ("n_on", "n_off", "alpha")}
    background = np.concatenate([part.cash_background for part in parts])
    return NormBins(**flat, wstat=WstatBins(**pairs), cash_background=background)
