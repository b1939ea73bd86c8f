"""Estimates the flux of one source in bins of energy, all bins and datasets at once."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.errors import InputError
from gammapy_hli.engine.estimate.energy_bands import band_of_bin, rounded_edges
from gammapy_hli.engine.estimate.norm_bins import NormBins, collect_bins
from gammapy_hli.engine.estimate.norm_columns import norm_columns
from gammapy_hli.engine.estimate.reference_spectrum import reference_spectrum, upright
from gammapy_hli.engine.estimate.refit import PointFit, RunMap, refit_norms
from gammapy_hli.engine.estimate.scaled_source import ScaledSource, hold_shape
from gammapy_hli.engine.estimate.sensitivity import norm_sensitivity
from gammapy_hli.engine.fit.compile import EnergyRange, compile
from gammapy_hli.engine.fit.likelihood import AnyDataset
from gammapy_hli.engine.models.nuisance import Nuisance, held_nuisances
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.models.spectral.base import SpectralModel
from gammapy_hli.engine.models.spectral.ebl import without_absorption
from gammapy_hli.engine.products.flux_points import FluxPoints
from gammapy_hli.engine.stats.norm_solver import scan_norms, solve_norms

Array = NDArray[np.float64]
Index = NDArray[np.intp]

NORM_SCAN = np.geomspace(0.2, 5.0, 11)
"""Norms at which the statistic is given by default."""


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
    numbers = [band_of_bin(dataset.energy, edges) for dataset in datasets]
    norms = NORM_SCAN if norm_scan is None else np.asarray(norm_scan, dtype=float)
    n_points = len(edges) - 1
    sign, reference = upright(reference_spectrum(model.spectral, edges))
    bins = collect_bins(likelihood, source, numbers).scaled(np.full(n_points, sign))
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
        norm_sensitivity=norm_sensitivity(bins.problems(n_points), n_sigma_sensitivity) if sensitivity else nothing,
        norm_scan=np.tile(norms, (n_points, 1)),
        counts=np.rint(bins.sum_by_dataset(bins.counts, n_points, len(datasets))).astype(np.int64),
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


def _own_names(models: Models, source: str) -> set[str]:
    return {name for name, _ in models[source].named_parameters()}


def _solve(
    bins: NormBins, n_points: int, n_datasets: int, norms: Array, n_sigma: float, n_sigma_ul: float
) -> dict[str, Any]:
    """All columns that the norm solver gives."""
    problems = bins.problems(n_points)
    best = solve_norms(problems)
    blank = np.where(best.success, 1.0, np.nan)
    excess = best.norm[bins.point] * bins.signal
    total = excess + bins.other
    return {
        **norm_columns(problems, best, n_sigma, n_sigma_ul),
        "stat_scan": scan_norms(problems, norms) * blank[:, np.newaxis],
        "npred": bins.sum_by_dataset(total + bins.background(total), n_points, n_datasets) * blank[:, np.newaxis],
        "npred_excess": bins.sum_by_dataset(excess, n_points, n_datasets) * blank[:, np.newaxis],
    }
