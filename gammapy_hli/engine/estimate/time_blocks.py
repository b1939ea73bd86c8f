"""Intervals that the data decide: until a wanted significance is reached, and Bayesian blocks.

Both put neighbors of a finer division together (runs, or the parts that cut them); a dataset is never cut.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.estimate.interval_bins import CurveSetting, band_edges, interval_bins
from gammapy_hli.engine.estimate.interval_datasets import PerInterval
from gammapy_hli.engine.estimate.light_curve import estimate_light_curve
from gammapy_hli.engine.estimate.time_bins import TimeBins, merge_bins
from gammapy_hli.engine.fit.compile import EnergyRange
from gammapy_hli.engine.models.nuisance import Nuisance
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.stats.norm_solver import solve_norms
from gammapy_hli.engine.stats.significance import significance_cash, significance_wstat

Array = NDArray[np.float64]


def adaptive_bins(
    datasets: Sequence[Any],
    bins: TimeBins,
    significance: float,
    energy_edges: u.Quantity | None = None,
) -> TimeBins:
    """Intervals of spectra that each end as soon as the excess has a significance; the last one may not reach it.

    The significance is that of the summed counts (Li & Ma 1983, eq. 17; of the likelihood ratio where the background is
    known), inside the safe range and between the outer edges.
    """
    numbers = [_interval_counts([datasets[k] for k in group], energy_edges) for group in bins.members]
    first, total = [0], np.zeros(3)
    for k, counts in enumerate(numbers):
        if first[-1] != k and _significance(total) >= significance:
            first.append(k)
            total = np.zeros(3)
        total = total + counts
    return _told(merge_bins(bins, first), _significance(total), significance)


def adaptive_map_bins(
    datasets: Sequence[Any],
    models: Models,
    source: str,
    bins: TimeBins,
    significance: float,
    *,
    energy_edges: u.Quantity | None = None,
    energy_range: EnergyRange | None = None,
    nuisances: Sequence[Nuisance] = (),
) -> TimeBins:
    """As `adaptive_bins` for maps, whose pixels are not alike.

    The significance is the root of the test statistic of the source, in one band between the outer edges.
    """
    edges = band_edges(datasets[0].energy, energy_edges)[[0, -1]]
    setting = CurveSetting(models, source, edges, "joint", energy_range, tuple(nuisances))
    flat = interval_bins(datasets, bins, setting, None)
    first, found = [0], np.nan
    for k in range(1, len(bins) + 1):
        used = (flat.point >= first[-1]) & (flat.point < k)
        problem = flat.take(np.zeros_like(flat.point), used).problems(1)
        best = solve_norms(problem)
        root = np.sqrt(np.maximum(problem.stat(np.zeros(1)) - best.stat, 0.0)) * np.sign(best.norm)
        found = float(root[0])
        if found >= significance and k < len(bins):
            first.append(k)
    return _told(merge_bins(bins, first), found, significance)


def block_bins(
    datasets: Sequence[Any],
    models: Models,
    source: str,
    bins: TimeBins,
    *,
    false_alarm: float = 0.01,
    energy_edges: u.Quantity | None = None,
    per_interval: PerInterval = "joint",
    energy_range: EnergyRange | None = None,
    nuisances: Sequence[Nuisance] = (),
) -> TimeBins:
    """Bayesian blocks: intervals in which the flux is constant (Scargle et al. 2013, ApJ 764, 167, section 3.3).

    Made from the fluxes of ``bins`` with their errors, in one band between the outer edges; ``false_alarm`` is the
    chance of a change that is not there.
    """
    from astropy.stats import bayesian_blocks  # late: astropy.stats is needed here only

    outer = None if energy_edges is None else energy_edges[[0, -1]]
    curve = estimate_light_curve(
        datasets,
        models,
        source,
        bins,
        energy_edges=outer,
        per_interval=per_interval,
        energy_range=energy_range,
        nuisances=nuisances,
    )
    norm, err = curve.norm[:, 0], curve.norm_err[:, 0]
    good = np.flatnonzero(np.isfinite(norm) & np.isfinite(err) & (err > 0))
    if len(good) < 2:
        return bins
    middle = 0.5 * (bins.start + bins.stop)
    edges = bayesian_blocks(middle[good], norm[good], err[good], fitness="measures", p0=false_alarm)
    first = np.unique([0, *np.searchsorted(middle, edges[1:-1]).tolist()])
    return merge_bins(bins, first.tolist())


def _told(bins: TimeBins, last: float, wanted: float) -> TimeBins:
    """The intervals, with a note on the last one where its significance is not the wanted one."""
    if last >= wanted:
        return bins
    found = f"{last:.1f} sigma" if np.isfinite(last) else "no significance"
    return replace(bins, notes={bins.names[-1]: f"{found}, the {wanted:g} asked for are not reached"})


def _interval_counts(group: Sequence[Any], edges: u.Quantity | None) -> Array:
    """Counts, off counts and background inside the safe range of some datasets together."""
    total = np.zeros(3)
    for dataset in group:
        mask = dataset.mask_safe
        if edges is not None:
            centers, (low, high) = dataset.energy.center_value("TeV"), edges[[0, -1]].to_value("TeV")
            inside = (centers >= low) & (centers <= high)
            mask = mask & inside.reshape(-1, *(1,) * (mask.ndim - 1))
        counts_off = getattr(dataset, "counts_off", None)
        background = dataset.background
        total += (
            dataset.counts[mask].sum(),
            0.0 if counts_off is None else counts_off[mask].sum(),
            0.0 if background is None else background[mask].sum(),
        )
    return total


def _significance(total: Array) -> float:
    n_on, n_off, background = total.tolist()
    if n_off > 0:
        return float(significance_wstat(n_on, n_off, background / n_off))
    return float(significance_cash(n_on, background)) if background > 0 else 0.0
