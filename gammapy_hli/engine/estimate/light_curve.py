"""Estimates the flux of one source in intervals of time and bands of energy: all of them in one solution.

The spectral shape is held; the norm is free in each interval and band. time_bins.py says which datasets are in which
interval, variability.py what the curve tells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.map_stack import stack_maps
from gammapy_hli.engine.datasets.stack import stack
from gammapy_hli.engine.estimate.map_points import BinRows, map_bin_rows
from gammapy_hli.engine.estimate.norm_columns import norm_columns
from gammapy_hli.engine.estimate.time_bins import TimeBins, bins_by_run
from gammapy_hli.engine.estimate.variability import measure_variability
from gammapy_hli.engine.fit.compile import EnergyRange, compile
from gammapy_hli.engine.fit.likelihood import AnyDataset, GroupTerm, Likelihood
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.products.light_curve import DAY, LightCurve
from gammapy_hli.engine.stats.norm_solver import NormFit, NormProblems, solve_norms
from gammapy_hli.engine.stats.wstat import WstatBins

Array = NDArray[np.float64]
Index = NDArray[np.intp]
PerInterval = Literal["joint", "stack"]

MJD_OF_CLOCK = 51544.0


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

    def problems(self, number: Index, n_problems: int, used: NDArray[np.bool_] | None = None) -> NormProblems:
        """One likelihood for each of the numbers that the bins are given, (n_bins,)."""
        w, c = slice(None, self.n_wstat), slice(self.n_wstat, None)
        made = NormProblems(
            n_problems,
            wstat_group=number[w],
            wstat_signal=self.signal[w],
            wstat_offset=self.other[w],
            wstat=self.wstat,
            cash_group=number[c],
            cash_signal=self.signal[c],
            cash_offset=self.cash_background + self.other[c],
            cash_counts=self.counts[c],
        )
        return made if used is None else _only_bins(made, used, self.n_wstat)

    def background(self, total: Array) -> Array:
        """Background in the on region for a total signal: the most likely one (wstat) or as given (cash)."""
        n = self.n_wstat
        return np.concatenate([self.wstat.alpha * self.wstat.background(total[:n]), self.cash_background])

    def sum(self, values: Array, n_points: int) -> Array:
        """Sum over the bins of each point, (n_points,)."""
        found: Array = np.bincount(self.point, values, n_points).astype(float)
        return found


def estimate_light_curve(
    datasets: Sequence[AnyDataset],
    models: Models,
    source: str,
    bins: TimeBins | None = None,
    *,
    energy_edges: u.Quantity | None = None,
    n_sigma: float = 1.0,
    n_sigma_ul: float = 2.0,
    per_interval: PerInterval = "joint",
    energy_range: EnergyRange | None = None,
    lost: Mapping[str, tuple[float, float, str]] | None = None,
) -> LightCurve:
    """Flux of a source in intervals of time, as a norm on its spectrum in the models, everything else held.

    Parameters
    ----------
    datasets : sequence of SpectrumDataset and MapDataset
        With good time intervals.
    models : Models
        Usually those of a fit. Sources other than ``source`` stay as they are.
    source : str
        Name of the model whose flux is wanted.
    bins : TimeBins, optional
        Intervals with their datasets; by default one a run.
    energy_edges : Quantity (n + 1,), optional
        Edges of the bands, rounded to the nearest edges of reconstructed energy of the first dataset; by default one
        band from its first to its last edge.
    n_sigma, n_sigma_ul : float
        Confidence of errors and of upper limits.
    per_interval : "joint" or "stack"
        Datasets of an interval one beside the other in the likelihood, or their sum.
    energy_range : (Quantity or None, Quantity or None), optional
        Reconstructed energies to use, as in the fit.
    lost : mapping of name to (start, stop, reason), optional
        Intervals [s since 2000 TT] none of whose data could be used: rows without flux.

    Returns
    -------
    LightCurve
        Rows in order of time. Bands that cannot be used have nan, ``success`` False and a reason in the row.

    Raises
    ------
    InputError
        There is no such source, no dataset, or no energy bin between the edges.
    """
    datasets = tuple(datasets)
    if not datasets:
        raise InputError("a light curve needs at least one dataset; there is none")
    model: Any = models[source]
    bins = bins_by_run(datasets) if bins is None else bins
    edges = _band_edges(datasets[0].energy, energy_edges)
    used, interval = _used_datasets(datasets, bins, per_interval)
    bands = [_band_of_bin(dataset.energy, edges) for dataset in used]
    likelihood = compile(used, models, energy_range=energy_range)
    n_time, n_energy = len(bins), len(edges) - 1
    flat = _collect(likelihood, source, interval, bands, n_energy)
    problems = flat.problems(flat.point, n_time * n_energy)
    best = solve_norms(problems)
    columns = _columns(flat, problems, best, n_sigma, n_sigma_ul)
    reference: dict[str, Any] = _reference(model.spectral, edges)
    grid = {name: values.reshape(n_time, n_energy) for name, values in columns.items()}
    grid["exposure"] = grid["exposure"] / (reference["ref_flux"] * 1e4)
    time = {"time_min": bins.start, "time_max": bins.stop, "livetime": _livetimes(datasets, bins)}
    middle = 0.5 * (bins.start + bins.stop)
    numbers = measure_variability(
        grid["norm"] * reference["ref_flux"],
        grid["norm_err"] / n_sigma * reference["ref_flux"],
        middle,
        _constant_statistic(flat, best, n_energy),
    )
    text = {
        "interval": bins.names,
        "members": tuple(" ".join(datasets[k].name for k in group) for group in bins.members),
        "reason": _reasons(datasets, bins, likelihood, grid, edges),
    }
    rows = _with_lost({**time, **grid, **text}, lost or {}, n_energy)
    for name in ("time_min", "time_max"):
        rows[name] = MJD_OF_CLOCK + rows[name] / DAY
    return LightCurve(source=source, n_sigma=n_sigma, n_sigma_ul=n_sigma_ul, variability=numbers, **reference, **rows)


# -- what is solved ----------------------------------------------------------------------------------------------------


def _band_edges(axis: Axis, wanted: u.Quantity | None) -> u.Quantity:
    return axis.edges[[0, -1]] if wanted is None else axis.group(wanted)[0]


def _band_of_bin(axis: Axis, edges: u.Quantity) -> Index:
    """For each reconstructed bin the band that its center belongs to, -1 for none."""
    place = np.searchsorted(edges.to_value("TeV"), axis.center_value("TeV"), side="right") - 1
    return np.where((place >= 0) & (place < len(edges) - 1), place, -1)


def _used_datasets(
    datasets: Sequence[AnyDataset], bins: TimeBins, per_interval: PerInterval
) -> tuple[tuple[AnyDataset, ...], Index]:
    """Datasets of the likelihood, and the interval that each belongs to."""
    if per_interval == "joint":
        pairs = [(datasets[number], k) for k, group in enumerate(bins.members) for number in group]
    else:
        pairs = [
            (each, k)
            for k, group in enumerate(bins.members)
            for each in _stacked([datasets[number] for number in group], f"interval-{bins.names[k]}")
        ]
    return tuple(dataset for dataset, _ in pairs), np.array([k for _, k in pairs], dtype=np.intp)


def _stacked(group: list[AnyDataset], name: str) -> list[AnyDataset]:
    """The sum of datasets; those that have nothing to add are left out, what cannot be added stands beside it."""
    found: list[AnyDataset] = []
    for kind in dict.fromkeys(type(dataset) for dataset in group):
        same = [dataset for dataset in group if type(dataset) is kind and _has_data(dataset)]
        if len(same) > 1:
            label = name if not found else f"{name}-{len(found)}"
            found.append(stack_maps(same, label) if issubclass(kind, MapDataset) else stack(same, label))  # type: ignore[arg-type]
        else:
            found += same
    return found


def _has_data(dataset: Any) -> bool:
    return bool(dataset.mask_safe.any()) and getattr(dataset, "counts_off", 0) is not None


def _collect(likelihood: Likelihood, source: str, interval: Index, bands: Sequence[Index], n_energy: int) -> CurveBins:
    """Flat bins of all datasets, those outside the bands left out; on-off bins first."""
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


def _only_bins(problems: NormProblems, used: NDArray[np.bool_], n_wstat: int) -> NormProblems:
    """The same problems with some of the bins only."""
    w, c = used[:n_wstat], used[n_wstat:]
    return NormProblems(
        problems.n_problems,
        wstat_group=problems.wstat_group[w],
        wstat_signal=problems.wstat_signal[w],
        wstat_offset=problems.wstat_offset[w],
        wstat=problems.wstat.take(w),
        cash_group=problems.cash_group[c],
        cash_signal=problems.cash_signal[c],
        cash_offset=problems.cash_offset[c],
        cash_counts=problems.cash_counts[c],
    )


def _columns(
    flat: CurveBins, problems: NormProblems, best: NormFit, n_sigma: float, n_sigma_ul: float
) -> dict[str, NDArray[Any]]:
    """All columns that the norm solver gives, flat over intervals and bands."""
    n = problems.n_problems
    blank = np.where(best.success, 1.0, np.nan)
    excess = best.norm[flat.point] * flat.signal
    total = excess + flat.other
    return {
        **norm_columns(problems, best, n_sigma, n_sigma_ul),
        "exposure": flat.sum(flat.signal, n),
        "counts": np.rint(flat.sum(flat.counts, n)).astype(np.int64),
        "npred": flat.sum(total + flat.background(total), n) * blank,
        "npred_excess": flat.sum(excess, n) * blank,
    }


def _constant_statistic(flat: CurveBins, best: NormFit, n_energy: int) -> Array:
    """Statistic of one norm for all intervals above that of a norm each, (n_energy,)."""
    used = best.success[flat.point]
    common = solve_norms(flat.problems(flat.point % n_energy, n_energy, used))
    single = np.where(best.success, best.stat, 0.0).reshape(-1, n_energy).sum(axis=0)
    return np.maximum(common.stat - single, 0.0)


# -- what is told ------------------------------------------------------------------------------------------------------


def _reference(spectral: Any, edges: u.Quantity) -> dict[str, Array]:
    """Energies of the bands and the reference spectrum there."""
    low, high = edges[:-1], edges[1:]
    center = np.sqrt(low * high)
    return {
        "e_ref": center.to_value("TeV"),
        "e_min": low.to_value("TeV"),
        "e_max": high.to_value("TeV"),
        "ref_dnde": spectral(center).to_value("cm-2 s-1 TeV-1"),
        "ref_flux": spectral.integral(low, high).to_value("cm-2 s-1"),
        "ref_eflux": spectral.energy_flux(low, high).to_value("TeV cm-2 s-1"),
    }


def _livetimes(datasets: Sequence[AnyDataset], bins: TimeBins) -> Array:
    seconds = np.array([dataset.livetime.to_value("s") for dataset in datasets])
    return np.array([seconds[list(group)].sum() for group in bins.members])


def _reasons(
    datasets: Sequence[AnyDataset],
    bins: TimeBins,
    likelihood: Likelihood,
    grid: Mapping[str, NDArray[Any]],
    edges: u.Quantity,
) -> tuple[str, ...]:
    """For each interval why bands have no flux."""
    energies = edges.to_value("TeV")
    texts = []
    for k, group in enumerate(bins.members):
        failed = np.flatnonzero(~grid["success"][k])
        reasons = [
            f"{energies[band]:.4g} to {energies[band + 1]:.4g} TeV: "
            f"{_reason([datasets[number] for number in group], energies[band + 1])}"
            for band in failed.tolist()
        ]
        texts.append("; ".join(reasons))
    return tuple(texts)


def _reason(group: Sequence[Any], upper: float) -> str:
    """Why the datasets of an interval give no flux below an energy [TeV]."""
    if all(dataset.statistic == "wstat" and getattr(dataset, "counts_off", 0) is None for dataset in group):
        return "no off counts"
    thresholds = [dataset.energy_threshold.to_value("TeV") for dataset in group]
    if not np.isfinite(thresholds).any():
        return "no safe energy bin"
    if np.nanmin(thresholds) >= upper * (1 - 1e-9):
        return f"below the threshold of {np.nanmin(thresholds):.4g} TeV"
    return "no safe energy bin in which the source is expected"


def _with_lost(rows: dict[str, Any], lost: Mapping[str, tuple[float, float, str]], n_energy: int) -> dict[str, Any]:
    """The rows with one more for each lost interval, in order of time."""
    lost = {name: facts for name, facts in lost.items() if name not in rows["interval"]}
    if not lost:
        return rows
    start, stop, reason = zip(*lost.values(), strict=True)
    n = len(lost)
    blank: dict[str, Any] = {
        "time_min": np.array(start),
        "time_max": np.array(stop),
        "livetime": np.zeros(n),
        "interval": tuple(lost),
        "members": ("",) * n,
        "reason": reason,
    }
    order = np.argsort(np.concatenate([rows["time_min"], blank["time_min"]]), kind="stable")
    made: dict[str, Any] = {}
    for name, values in rows.items():
        if isinstance(values, tuple):
            both = (*values, *blank[name])
            made[name] = tuple(both[k] for k in order)
            continue
        zero: Any = False if values.dtype == bool else 0 if name in ("counts", "exposure") else np.nan
        more = blank[name] if name in blank else np.full((n, n_energy), zero, dtype=values.dtype)
        made[name] = np.concatenate([values, more])[order]
    return made
