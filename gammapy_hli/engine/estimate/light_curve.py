"""Estimates the flux of one source in intervals of time and bands of energy: all of them in one solution.

The spectral shape is held; the norm is free in each interval and band. time_bins.py says which datasets are in which
interval, variability.py what the curve tells.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.estimate.curve_norms import constant_statistic, solve_curve
from gammapy_hli.engine.estimate.folding import Folding, fold_curve
from gammapy_hli.engine.estimate.interval_bins import CurveSetting, band_edges, interval_bins
from gammapy_hli.engine.estimate.interval_datasets import PerInterval
from gammapy_hli.engine.estimate.interval_spectra import IntervalFit, collect_spectra
from gammapy_hli.engine.estimate.periodogram import PeriodogramPlan, make_periodogram
from gammapy_hli.engine.estimate.reference_spectrum import reference_spectrum, upright
from gammapy_hli.engine.estimate.time_bins import TimeBins, bins_by_run
from gammapy_hli.engine.estimate.variability import measure_variability
from gammapy_hli.engine.fit.compile import EnergyRange
from gammapy_hli.engine.fit.likelihood import AnyDataset
from gammapy_hli.engine.models.nuisance import Nuisance
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.products.light_curve import DAY, MJD_OF_CLOCK, LightCurve

Array = NDArray[np.float64]
Index = NDArray[np.intp]


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
    nuisances: Sequence[Nuisance] = (),
    lost: Mapping[str, tuple[float, float, str]] | None = None,
    fits: Sequence[IntervalFit] | None = None,
    folding: Folding | None = None,
    periodogram: PeriodogramPlan | None = None,
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
    nuisances : sequence of Nuisance
        Those of the fit; they stay at their values.
    lost : mapping of name to (start, stop, reason), optional
        Intervals [s since 2000 TT] none of whose data could be used: rows without flux, as those of ``bins.empty``.
    fits : sequence of IntervalFit, optional
        A spectrum for each interval, whose shape it then has (`fit_intervals`); by default all have that of the models.
        Norms stay factors on the flux of the models in the band.
    folding : Folding, optional
        Fold the curve too.
    periodogram : PeriodogramPlan, optional
        Look for periods too.

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
    edges = band_edges(datasets[0].energy, energy_edges)
    n_time, n_energy = len(bins), len(edges) - 1
    setting = CurveSetting(models, source, edges, per_interval, energy_range, tuple(nuisances))
    sign, reference = upright(reference_spectrum(model.spectral, edges))
    flat = interval_bins(datasets, bins, setting, fits).scaled(np.full(n_time * n_energy, sign))
    best, columns = solve_curve(flat, n_time * n_energy, n_sigma, n_sigma_ul)
    grid = {name: values.reshape(n_time, n_energy) for name, values in columns.items()}
    grid["exposure"] = grid["exposure"] / (reference["ref_flux"] * 1e4)
    time = {"time_min": bins.start, "time_max": bins.stop, "livetime": _livetimes(datasets, bins)}
    middle = 0.5 * (bins.start + bins.stop)
    flux, err = grid["norm"] * reference["ref_flux"], grid["norm_err"] / n_sigma * reference["ref_flux"]
    parts: dict[str, Any] = {
        "variability": measure_variability(flux, err, middle, constant_statistic(flat, best, n_energy))
    }
    if periodogram is not None:
        parts["periodogram"] = make_periodogram(flux, err, middle, reference["e_min"], reference["e_max"], periodogram)
    if folding is not None:
        parts["folded"] = fold_curve(
            flat, grid["success"], bins, folding, time["livetime"], reference, n_sigma, n_sigma_ul
        )
    if fits is not None:
        parts["spectra"] = collect_spectra(fits, models, source, bins, edges)
    text = {
        "interval": bins.names,
        "members": tuple(" ".join(datasets[k].name for k in group) for group in bins.members),
        "reason": _reasons(datasets, bins, grid, edges, fits),
    }
    rows = _with_lost({**time, **grid, **text}, {**bins.empty, **(lost or {})}, n_energy)
    for name in ("time_min", "time_max"):
        rows[name] = MJD_OF_CLOCK + rows[name] / DAY
    return LightCurve(source=source, n_sigma=n_sigma, n_sigma_ul=n_sigma_ul, **reference, **rows, **parts)


# -- what is told ------------------------------------------------------------------------------------------------------


def _livetimes(datasets: Sequence[AnyDataset], bins: TimeBins) -> Array:
    seconds = np.array([dataset.livetime.to_value("s") for dataset in datasets])
    return np.array([seconds[list(group)].sum() for group in bins.members])


def _reasons(
    datasets: Sequence[AnyDataset],
    bins: TimeBins,
    grid: Mapping[str, NDArray[Any]],
    edges: u.Quantity,
    fits: Sequence[IntervalFit] | None,
) -> tuple[str, ...]:
    """For each interval why bands have no flux, what is to be known of it, why its spectrum could not be fitted."""
    energies = edges.to_value("TeV")
    texts = []
    for k, group in enumerate(bins.members):
        failed = np.flatnonzero(~grid["success"][k])
        reasons = [
            f"{energies[band]:.4g} to {energies[band + 1]:.4g} TeV: "
            f"{_reason([datasets[number] for number in group], energies[band + 1])}"
            for band in failed.tolist()
        ]
        reasons += [bins.notes[bins.names[k]]] if bins.names[k] in bins.notes else []
        if fits is not None and not fits[k].success:
            reasons.append(f"no spectrum ({fits[k].status}); flux for the spectrum of the fit")
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
