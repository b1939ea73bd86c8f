"""Brings amplitudes that start far off near the data before the minimizer runs, lest shapes run away first."""

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.fit.likelihood import GroupTerm, Likelihood, SourceTerm
from gammapy_hli.engine.fit.map_problem import map_problem
from gammapy_hli.engine.fit.map_term import MapTerm
from gammapy_hli.engine.stats.norm_solver import NormProblems, solve_norms

Array = NDArray[np.float64]
Index = NDArray[np.intp]

FAR_OFF = 2.0
"""A common factor on all amplitudes within this of one is left to the minimizer."""


def nearer_start(likelihood: Likelihood, theta: Array) -> Array:
    """Starting values with all free amplitudes multiplied by the one factor that suits the data best.

    An amplitude is a free parameter to which the flux of a source is proportional. Sources without one stay as they
    are. Where the factor is near one, not positive or would break a bound, ``theta`` is given back.
    """
    values = likelihood.parameters.fill(theta)
    problems = NormProblems(1)
    amplitudes: set[int] = set()
    parts = [_split(group, values, amplitudes) for group in likelihood.groups]
    scaled_names = [_map_amplitudes(term, values, amplitudes) for term in likelihood.maps]
    if not amplitudes:
        return theta
    for group, (scaled, held) in zip(likelihood.groups, parts, strict=True):
        problems = problems.joined(_one_problem(group, scaled, held))
    for term, names in zip(likelihood.maps, scaled_names, strict=True):
        problems = problems.joined(map_problem(term, values, names))
    factor = float(solve_norms(problems).norm[0])
    if not (np.isfinite(factor) and factor > 0) or 1 / FAR_OFF < factor < FAR_OFF:
        return theta
    moved = theta.copy()
    moved[list(amplitudes)] *= factor
    lower, upper = likelihood.bounds
    if (moved < lower).any() or (moved > upper).any() or not likelihood.stat(moved) < likelihood.stat(theta):
        return theta
    return moved


def _split(group: GroupTerm, values: Array, amplitudes: set[int]) -> tuple[Array, Array]:
    """Counts of the sources with a free amplitude and of the others; collects the places of the amplitudes."""
    scaled, held = np.zeros(group.fold.matrix.shape[1]), np.zeros(group.fold.matrix.shape[1])
    with np.errstate(all="ignore"):
        for source in group.sources:
            flux, jacobian = source.spectrum.flux_and_jacobian(values[source.places])
            place = _amplitude(source, values, flux, jacobian)
            if place is None:
                held += flux @ source.matrix
            else:
                amplitudes.add(place)
                scaled += flux @ source.matrix
    return np.nan_to_num(scaled), np.nan_to_num(held)


def _map_amplitudes(term: MapTerm, values: Array, amplitudes: set[int]) -> tuple[str, ...]:
    """Names of the sources of a map with a free amplitude; collects the places of the amplitudes."""
    names = []
    for source in term.sources:
        own = source.spectral
        with np.errstate(all="ignore"):
            flux, jacobian = source.spectrum.flux_and_jacobian(values[own.places])
        terms = (own.rows, own.free_places, own.places)
        place = _find_amplitude(*terms, values, np.nan_to_num(flux), jacobian)
        if place is not None:
            amplitudes.add(place)
            names.append(source.name)
    return tuple(names)


def _amplitude(source: SourceTerm, values: Array, flux: Array, jacobian: Array) -> int | None:
    """Place among the free parameters of the one that the flux of a source is proportional to."""
    return _find_amplitude(source.jacobian_rows, source.free_places, source.places, values, flux, jacobian)


def _find_amplitude(
    rows: Index, free_places: Index, places: Index, values: Array, flux: Array, jacobian: Array
) -> int | None:
    for row, place in zip(rows, free_places, strict=True):
        if np.allclose(jacobian[row] * values[places[row]], flux, rtol=1e-9, atol=0) and flux.any():
            return int(place)
    return None


def _one_problem(group: GroupTerm, scaled: Array, held: Array) -> NormProblems:
    """The bins of a group as a likelihood of one factor on the scaled counts."""
    same = np.zeros(len(scaled), dtype=np.intp)
    if group.wstat is not None:
        return NormProblems.from_wstat(1, same, scaled, group.wstat, held)
    return NormProblems.from_cash(1, same, scaled, group.counts, group.background + held)
