"""The bins of all datasets of a light curve, flat: what the norm solver works on, for intervals and for phases."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.estimate.map_points import BinRows, map_bin_rows
from gammapy_hli.engine.estimate.norm_columns import norm_columns
from gammapy_hli.engine.fit.likelihood import GroupTerm, Likelihood
from gammapy_hli.engine.stats.norm_solver import NormFit, NormProblems, solve_norms
from gammapy_hli.engine.stats.wstat import WstatBins

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class CurveBins:
    """Used bins of all datasets, flat, on-off bins first; ``point`` is interval times number of bands plus band.

    Attributes
    ----------
    point : int array (n_bins,)
    counts, signal, other : arrays (n_bins,)
        Counts; predicted counts of the source at norm 1 and of the other sources.
    wstat : WstatBins
        The on-off bins.
    cash_background : array
        Background of the other bins.
    """

    point: Index
    counts: Array
    signal: Array
    other: Array
    wstat: WstatBins
    cash_background: Array

    @property
    def n_wstat(self) -> int:
        """Number of on-off bins."""
        return len(self.wstat.n_on)

    def problems(self, n_problems: int) -> NormProblems:
        """One likelihood for each point."""
        w, c = slice(None, self.n_wstat), slice(self.n_wstat, None)
        return NormProblems(
            n_problems,
            wstat_group=self.point[w],
            wstat_signal=self.signal[w],
            wstat_offset=self.other[w],
            wstat=self.wstat,
            cash_group=self.point[c],
            cash_signal=self.signal[c],
            cash_offset=self.cash_background + self.other[c],
            cash_counts=self.counts[c],
        )

    def take(self, point: Index, used: NDArray[np.bool_]) -> "CurveBins":
        """Some of the bins, put to other points: (n_bins,) each."""
        n = self.n_wstat
        return CurveBins(
            point=point[used],
            counts=self.counts[used],
            signal=self.signal[used],
            other=self.other[used],
            wstat=self.wstat.take(used[:n]),
            cash_background=self.cash_background[used[n:]],
        )

    def scaled(self, factor: Array) -> "CurveBins":
        """The same bins with the signal of each point multiplied, (n_points,)."""
        return replace(self, signal=self.signal * factor[self.point])

    def background(self, total: Array) -> Array:
        """Background in the on region for a total signal: the most likely one (wstat) or as given (cash)."""
        n = self.n_wstat
        return np.concatenate([self.wstat.alpha * self.wstat.background(total[:n]), self.cash_background])

    def sum(self, values: Array, n_points: int) -> Array:
        """Sum over the bins of each point, (n_points,)."""
        found: Array = np.bincount(self.point, values, n_points).astype(float)
        return found


def collect_bins(
    likelihood: Likelihood, source: str, interval: Index, bands: Sequence[Index], n_energy: int
) -> CurveBins:
    """Flat bins of all datasets, those outside the bands left out; on-off bins first.

    Parameters
    ----------
    likelihood : Likelihood
    source : str
        Whose norm is wanted.
    interval : int array (n_datasets,)
    bands : sequence of int arrays (n_bins of the dataset,)
        For each dataset the band of each reconstructed bin, -1 for none.
    n_energy : int
        Number of bands.
    """
    width = max((len(band) for band in bands), default=0)
    point = np.full((len(bands), width), -1, dtype=np.intp)
    for k, band in enumerate(bands):
        point[k, : len(band)] = np.where(band >= 0, interval[k] * n_energy + band, -1)
    values = likelihood.parameters.values
    with np.errstate(all="ignore"):
        parts = [_spectrum_rows(group, source, point, values) for group in likelihood.groups]
        parts += [map_bin_rows(term, source, point[term.number], values) for term in likelihood.maps]
    parts = sorted((part.inside() for part in parts), key=lambda part: not part.is_on_off)
    names = ("point", "counts", "off", "alpha", "background", "own", "other")
    flat = {name: np.concatenate([getattr(part, name) for part in parts] or [np.zeros(0)]) for name in names}
    n = sum(len(part.point) for part in parts if part.is_on_off)
    return CurveBins(
        point=flat["point"].astype(np.intp),
        counts=flat["counts"],
        signal=flat["own"],
        other=flat["other"],
        wstat=WstatBins(flat["counts"][:n], flat["off"][:n], flat["alpha"][:n]),
        cash_background=flat["background"][n:],
    )


def _spectrum_rows(group: GroupTerm, source: str, point: Index, values: Array) -> BinRows:
    """The bins of a group of spectra."""
    fold, on_off = group.fold, group.wstat
    zero = np.zeros(len(fold.bin))
    counted = [(t.name, t.spectrum.flux(values[t.places]) @ t.matrix) for t in group.sources]
    return BinRows(
        is_on_off=on_off is not None,
        point=point[fold.member, fold.bin],
        dataset=fold.member,
        counts=group.counts if on_off is None else on_off.n_on,
        off=zero if on_off is None else on_off.n_off,
        alpha=zero if on_off is None else on_off.alpha,
        background=group.background if on_off is None else zero,
        own=sum((npred for name, npred in counted if name == source), zero),
        other=sum((npred for name, npred in counted if name != source), zero),
    )


def join_bins(parts: Sequence[CurveBins]) -> CurveBins:
    """The bins of several likelihoods as one."""
    names = ("point", "counts", "signal", "other")
    flat = {
        name: np.concatenate(
            [getattr(part, name)[: part.n_wstat] for part in parts]
            + [getattr(part, name)[part.n_wstat :] for part in parts]
        )
        for name in names
    }
    pairs = {name: np.concatenate([getattr(part.wstat, name) for part in parts]) for name in ("n_on", "n_off", "alpha")}
    background = np.concatenate([part.cash_background for part in parts])
    return CurveBins(**flat, wstat=WstatBins(**pairs), cash_background=background)


def solve_curve(flat: CurveBins, n_points: int, n_sigma: float, n_sigma_ul: float) -> tuple[NormFit, Columns]:
    """Best norm of each point, and all columns that the norm solver gives, (n_points,) each.

    The column ``exposure`` is the predicted counts at norm 1, still to be divided by the reference flux.
    """
    problems = flat.problems(n_points)
    best = solve_norms(problems)
    blank = np.where(best.success, 1.0, np.nan)
    excess = best.norm[flat.point] * flat.signal
    total = excess + flat.other
    return best, {
        **norm_columns(problems, best, n_sigma, n_sigma_ul),
        "exposure": flat.sum(flat.signal, n_points),
        "counts": np.rint(flat.sum(flat.counts, n_points)).astype(np.int64),
        "npred": flat.sum(total + flat.background(total), n_points) * blank,
        "npred_excess": flat.sum(excess, n_points) * blank,
    }


def constant_statistic(flat: CurveBins, best: NormFit, n_energy: int) -> Array:
    """Statistic of one norm for all points of a band above that of a norm each, (n_energy,)."""
    used = best.success[flat.point]
    common = solve_norms(flat.take(flat.point % n_energy, used).problems(n_energy))
    single = np.where(best.success, best.stat, 0.0).reshape(-1, n_energy).sum(axis=0)
    return np.maximum(common.stat - single, 0.0)
