"""Estimates the flux of one source in bins of energy, all bins and datasets at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.estimate.energy_bands import rounded_edges
from gammapy_hli.engine.estimate.map_points import BinRows, map_bin_rows
from gammapy_hli.engine.estimate.norm_columns import norm_columns
from gammapy_hli.engine.estimate.reference_spectrum import reference_spectrum, upright
from gammapy_hli.engine.estimate.refit import PointFit, RunMap, refit_norms
from gammapy_hli.engine.estimate.scaled_source import ScaledSource, hold_shape
from gammapy_hli.engine.estimate.sensitivity import norm_sensitivity
from gammapy_hli.engine.fit.compile import EnergyRange, compile
from gammapy_hli.engine.fit.likelihood import AnyDataset, GroupTerm, Likelihood
from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.models.nuisance import Nuisance, held_nuisances
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.models.spectral.base import SpectralModel
from gammapy_hli.engine.models.spectral.ebl import without_absorption
from gammapy_hli.engine.products.flux_points import FluxPoints
from gammapy_hli.engine.stats.norm_solver import NormProblems, scan_norms, solve_norms
from gammapy_hli.engine.stats.wstat import WstatBins

Array = NDArray[np.float64]
Index = NDArray[np.intp]

NORM_SCAN = np.geomspace(0.2, 5.0, 11)
"""Norms at which the statistic is given by default."""


@dataclass(frozen=True, eq=False)
class PointBins:
    """Used bins of all datasets, flat, each with the flux point it belongs to; bins of maps without counts are summed.

    Attributes
    ----------
    point, dataset : int arrays (n_bins,)
    counts : array (n_bins,)
    signal, other : arrays (n_bins,)
        Counts of the source at norm 1 and of the other sources.
    wstat : WstatBins
        The on-off bins, which come first (``is_wstat``).
    cash_background : array
        Background of the other bins.
    problems : NormProblems
        The same bins as one likelihood a point.
    """

    point: Index
    dataset: Index
    counts: Array
    signal: Array
    other: Array
    wstat: WstatBins
    is_wstat: NDArray[np.bool_]
    cash_background: Array
    problems: NormProblems

    def background(self, total: Array) -> Array:
        """Background in the on region for a total signal: the most likely one (wstat) or as given (cash), (n_bins,)."""
        found = np.zeros(len(total))
        found[self.is_wstat] = self.wstat.alpha * self.wstat.background(total[self.is_wstat])
        found[~self.is_wstat] = self.cash_background
        return found

    def sum_bins(self, values: Array, n_points: int, n_datasets: int) -> Array:
        """Sum over the bins of each point and dataset, (n_points, n_datasets)."""
        flat: Array = np.bincount(self.point * n_datasets + self.dataset, values, n_points * n_datasets).astype(float)
        return flat.reshape(n_points, n_datasets)


def estimate_flux_points(
    datasets: Iterable[AnyDataset],
    models: Models,
    source: str,
    *,
    energy_edges: u.Quantity | None = None,
    n_sigma: float = 1.0,
    n_sigma_ul: float = 2.0,
    norm_scan: Array | None = None,
    sensitivity: bool = False,
    n_sigma_sensitivity: float = 5.0,
    reoptimize: bool = False,
    energy_range: EnergyRange | None = None,
    nuisances: Sequence[Nuisance] = (),
    deabsorb: bool = False,
    run_map: RunMap = map,
) -> FluxPoints:
    """Flux of a source in bins of energy, as a norm on its spectrum in the models, everything else held.

    Parameters
    ----------
    datasets : iterable of SpectrumDataset and MapDataset
    models : Models
        Usually those of a fit. Sources other than ``source`` and the models of the background stay as they are.
    source : str
        Name of the model whose flux is wanted.
    energy_edges : Quantity (n + 1,), optional
        Rounded to the nearest edges of reconstructed energy of the first dataset; by default one point a bin.
    n_sigma, n_sigma_ul : float
        Confidence of errors and of upper limits.
    norm_scan : array, optional
        Norms at which the statistic is recorded; by default 11 from 0.2 to 5.
    sensitivity : bool
        Also the norm that would be detected with ``n_sigma_sensitivity``.
    reoptimize : bool
        Refit the other free parameters in each bin; much slower. Positions and shapes in maps stay as they are.
    energy_range : (Quantity or None, Quantity or None), optional
        Reconstructed energies to use, as in the fit.
    nuisances : sequence of Nuisance
        Norms and energy scales of instruments, as in the fit; they stay at their values.
    deabsorb : bool
        Also the points of the intrinsic spectrum, `FluxPoints.intrinsic`: the absorption by the extragalactic
        background light that is part of the spectrum taken out.
    run_map : callable
        What has the points of ``reoptimize`` fitted, see `refit_norms`.

    Returns
    -------
    FluxPoints
        Bins without usable data have nan and ``success`` False; bins without counts have a finite limit.

    Raises
    ------
    InputError
        There is no such source, no dataset, or no energy bin between the edges.
    """
    datasets = tuple(datasets)
    if not datasets:
        raise InputError("flux points need at least one dataset; there is none")
    model: Any = models[source]
    axis = datasets[0].energy
    edges = axis.edges if energy_edges is None else rounded_edges(axis, energy_edges, "flux point")
    held = held_nuisances(nuisances)
    likelihood = compile(datasets, models, energy_range=energy_range, nuisances=held)
    numbers = [_point_of_bin(dataset.energy, edges) for dataset in datasets]
    norms = NORM_SCAN if norm_scan is None else np.asarray(norm_scan, dtype=float)
    n_points = len(edges) - 1
    sign, reference = upright(reference_spectrum(model.spectral, edges))
    bins = _collect(likelihood, source, numbers, n_points, sign)
    if reoptimize and any(name not in _own_names(models, source) for name in likelihood.free):
        scaled = ScaledSource.of(model, sign)
        others = [scaled if each.name == source else hold_shape(each) for each in models]
        point_fit = PointFit(datasets, others, numbers, likelihood.masks, norms, n_sigma, n_sigma_ul, held)
        columns = refit_norms(point_fit, n_points, run_map)
    else:
        columns = _solve(bins, n_points, len(datasets), norms, n_sigma, n_sigma_ul)
    nothing = np.full(n_points, np.nan)
    points = FluxPoints(
        source=source,
        datasets=tuple(dataset.name for dataset in datasets),
        n_sigma=n_sigma,
        n_sigma_ul=n_sigma_ul,
        norm_sensitivity=norm_sensitivity(bins.problems, n_sigma_sensitivity) if sensitivity else nothing,
        norm_scan=np.tile(norms, (n_points, 1)),
        counts=np.rint(bins.sum_bins(bins.counts, n_points, len(datasets))).astype(np.int64),
        **reference,
        **columns,
    )
    return replace(points, intrinsic=intrinsic_points(points, model.spectral, edges)) if deabsorb else points


def intrinsic_points(points: FluxPoints, spectral: SpectralModel, edges: u.Quantity) -> FluxPoints:
    """The points of a source without absorption: the same norms on the intrinsic spectrum.

    The fit holds the shape of the spectrum inside a bin, absorption included, so that a norm belongs to both.

    Parameters
    ----------
    points : FluxPoints
        Of the observed spectrum.
    spectral : SpectralModel
        A product with EBLAbsorptionNormSpectralModel.
    edges : Quantity (n + 1,)
        Of the points.

    Raises
    ------
    InputError
        The spectrum has no such factor.
    """
    intrinsic = without_absorption(spectral)
    if intrinsic is None:
        raise InputError(
            f"flux points of {points.source} cannot be de-absorbed: its spectrum, {spectral.tag}, is no product with "
            "EBLAbsorptionNormSpectralModel; write e.g. ebl: {reference: dominguez, redshift: 0.116} in it"
        )
    return replace(points, is_intrinsic=True, **upright(reference_spectrum(intrinsic, edges))[1])


def _point_of_bin(axis: Axis, edges: u.Quantity) -> Index:
    """For each reconstructed bin the point that its center belongs to, -1 for none."""
    place = np.searchsorted(edges.to_value("TeV"), axis.center_value("TeV"), side="right") - 1
    return np.where((place >= 0) & (place < len(edges) - 1), place, -1)


def _own_names(models: Models, source: str) -> set[str]:
    return {name for name, _ in models[source].named_parameters()}


def _collect(
    likelihood: Likelihood, source: str, numbers: Sequence[Index], n_points: int, sign: float = 1.0
) -> PointBins:
    """Flat bins of all datasets, those outside the points left out; on-off bins first."""
    values = likelihood.parameters.values
    with np.errstate(all="ignore"):
        parts = [_spectrum_rows(group, source, numbers, values) for group in likelihood.groups]
        parts += [map_bin_rows(term, source, numbers[term.number], values) for term in likelihood.maps]
    parts = sorted((part.inside() for part in parts), key=lambda part: not part.is_on_off)
    names = ("point", "dataset", "counts", "off", "alpha", "background", "own", "other")
    flat = {name: np.concatenate([getattr(part, name) for part in parts] or [np.zeros(0)]) for name in names}
    flat["own"] = sign * flat["own"]
    return _point_bins(flat, sum(len(part.point) for part in parts if part.is_on_off), n_points)


def _spectrum_rows(group: GroupTerm, source: str, numbers: Sequence[Index], values: Array) -> BinRows:
    """The bins of a group of spectra."""
    fold, on_off = group.fold, group.wstat
    point = np.concatenate([numbers[k][fold.bin[fold.member == k]] for k in fold.members])
    counted = [(t.name, t.spectrum.flux(values[t.places]) @ t.matrix) for t in group.sources]
    zero = np.zeros(len(point))
    return BinRows(
        is_on_off=on_off is not None,
        point=point,
        dataset=fold.member,
        counts=group.counts if on_off is None else on_off.n_on,
        off=zero if on_off is None else on_off.n_off,
        alpha=zero if on_off is None else on_off.alpha,
        background=group.background if on_off is None else zero,
        own=sum((npred for name, npred in counted if name == source), zero),
        other=sum((npred for name, npred in counted if name != source), zero),
    )


def _point_bins(flat: dict[str, Array], n_wstat: int, n_points: int) -> PointBins:
    point, w, c = flat["point"].astype(np.intp), slice(None, n_wstat), slice(n_wstat, None)
    bins = WstatBins(flat["counts"][w], flat["off"][w], flat["alpha"][w])
    problems = NormProblems(
        n_points,
        wstat_group=point[w],
        wstat_signal=flat["own"][w],
        wstat_offset=flat["other"][w],
        wstat=bins,
        cash_group=point[c],
        cash_signal=flat["own"][c],
        cash_offset=flat["background"][c] + flat["other"][c],
        cash_counts=flat["counts"][c],
    )
    return PointBins(
        point=point,
        dataset=flat["dataset"].astype(np.intp),
        counts=flat["counts"],
        signal=flat["own"],
        other=flat["other"],
        wstat=bins,
        is_wstat=np.arange(len(point)) < n_wstat,
        cash_background=flat["background"][c],
        problems=problems,
    )


def _solve(
    bins: PointBins, n_points: int, n_datasets: int, norms: Array, n_sigma: float, n_sigma_ul: float
) -> dict[str, Any]:
    """All columns that the norm solver gives."""
    problems = bins.problems
    best = solve_norms(problems)
    blank = np.where(best.success, 1.0, np.nan)
    excess = best.norm[bins.point] * bins.signal
    total = excess + bins.other
    return {
        **norm_columns(problems, best, n_sigma, n_sigma_ul),
        "stat_scan": scan_norms(problems, norms) * blank[:, np.newaxis],
        "npred": bins.sum_bins(total + bins.background(total), n_points, n_datasets) * blank[:, np.newaxis],
        "npred_excess": bins.sum_bins(excess, n_points, n_datasets) * blank[:, np.newaxis],
    }
