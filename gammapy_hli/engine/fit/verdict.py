"""Says of the point that a minimizer reached whether it is a minimum, in a word and a sentence, with its covariance."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.fit.covariance import (
    SMALLEST_EIGENVALUE,
    covariance_of_hessian,
    smallest_eigenvalue,
    worst_pair,
)
from gammapy_hli.engine.fit.likelihood import Likelihood
from gammapy_hli.engine.fit.map_view import FreeParameters
from gammapy_hli.engine.fit.minimum import AT_LIMIT, CONVERGED, FLAT, NO_COVARIANCE, NOT_CONVERGED, Minimum
from gammapy_hli.engine.geom.wcs_geometry import WcsGeometry
from gammapy_hli.engine.models.spatial import SpatialModel

Array = NDArray[np.float64]

NEARLY_FLAT = 1e-5
"""Eigenvalue of the scaled second derivatives below which their first order must say that the parameters differ."""

NO_GAIN = 1e-3
"""Change of the statistic that is not worth the rest of the way to a bound."""
UNRESOLVED = 5 / 3
"""Evaluation radius [pixels] below which a source disappears in one pixel: a Gaussian of a third of a pixel."""


def pushed_to_limit(likelihood: Likelihood, theta: Array, gradient: Array) -> NDArray[np.bool_]:
    """Parameters that stand at a bound while the statistic still falls beyond it.

    A spectral parameter stands there too where the rest of the way gains next to nothing, and the minimum lies beyond:
    an amplitude near a bound of 0 has no other scale.
    """
    lower, upper = likelihood.bounds
    low_side, high_side = _near(theta, lower), _near(theta, upper)
    found = (low_side & (gradient > 0)) | (high_side & (gradient < 0))
    gap = np.where(gradient > 0, theta - lower, upper - theta)
    with np.errstate(invalid="ignore"):
        pressed = ~found & ~likelihood.rough & np.isfinite(gap) & (gap * np.abs(gradient) < NO_GAIN) & (gradient != 0)
    if pressed.any():
        pressed &= np.abs(gradient) > np.diag(likelihood.gauss_newton(theta)) * np.where(pressed, gap, 0.0)
    return found | pressed


def _blind(likelihood: Likelihood, theta: Array, covariance: Array) -> NDArray[np.bool_]:
    """Positions and sizes that the statistic hardly depends on: of a source that disappears in one pixel.

    Such a source may move inside of its pixel, and shrink, while nothing changes: second derivatives are noise.
    """
    blind = np.zeros(len(theta), dtype=bool)
    extended = list(_extended(likelihood))
    if not extended:
        return blind
    values = likelihood.parameters.fill(theta)
    with np.errstate(divide="ignore"):
        alone = np.sqrt(2.0 / np.maximum(np.diag(likelihood.gauss_newton(theta)), 0.0))
    error = np.maximum(alone, np.sqrt(np.maximum(np.diag(covariance), 0.0)))
    for geometry, spatial, own in extended:
        named = [spatial.parameters[int(row)] for row in own.rows]
        lengths = own.free_places[[each.unit == "deg" and each.name != "phi" for each in named]]
        pixel = float(geometry.pixel_size.to_value("deg").max())
        if (spatial.radius(values[own.places]) or 0.0) < UNRESOLVED * pixel:
            blind[lengths] |= (error[lengths] > pixel).any()
        else:
            blind[lengths] |= error[lengths] > geometry.width.to_value("deg").max()
    return blind


def _extended(likelihood: Likelihood) -> Iterator[tuple[WcsGeometry, SpatialModel, FreeParameters]]:
    """Map, shape and parameters of each source that has a size and something free in it."""
    for term in likelihood.maps:
        for source in term.sources:
            spatial = source.evaluator.model.spatial
            if spatial is not None and len(source.spatial.rows) and not (spatial.is_point or spatial.is_everywhere):
                yield term.dataset.geometry, spatial, source.spatial


def _idle(likelihood: Likelihood, theta: Array, hessian: Array) -> NDArray[np.bool_]:
    """Parameters that nothing depends on once others are at a limit: the index of a source without flux."""
    slope = likelihood.stat_and_gradient(theta)[1]
    return (np.diag(hessian) == 0) & (slope == 0)


def _near(theta: Array, bound: Array) -> NDArray[np.bool_]:
    finite = np.where(np.isfinite(bound), bound, 0.0)
    return np.isfinite(bound) & (np.abs(theta - finite) <= 1e-6 * np.maximum(np.abs(theta), np.abs(finite)) + 1e-300)


def judge(
    likelihood: Likelihood,
    is_valid: bool,
    theta: Array,
    edm: float,
    flat: NDArray[np.bool_],
    attempts: tuple[str, ...],
    is_last: bool = True,
) -> Minimum:
    """Status and sentence for the point that was reached, with its covariance.

    Of a fit that another one will follow (``is_last`` false) the curvature to first order is enough.
    """
    names = np.array(likelihood.free)
    stat, gradient = likelihood.stat_and_gradient(theta)
    at_limit = pushed_to_limit(likelihood, theta, gradient)
    theta = _snapped(likelihood, theta, at_limit)
    hessian = likelihood.hessian(theta) if is_last else likelihood.gauss_newton(theta)
    idle = _idle(likelihood, theta, hessian) if at_limit.any() else at_limit
    at_limit = at_limit | idle  # they are held too
    covariance, is_positive = covariance_of_hessian(hessian, flat | at_limit)
    if not is_positive and likelihood.rough.any():
        covariance, is_positive = covariance_of_hessian(likelihood.gauss_newton(theta), flat | at_limit)
    elif is_positive and smallest_eigenvalue(hessian, flat | at_limit) < NEARLY_FLAT:
        # a product of two parameters: its valley is bent, so that differences of gradients take it for a shallow bowl
        is_positive = smallest_eigenvalue(likelihood.gauss_newton(theta), flat | at_limit) > SMALLEST_EIGENVALUE
        covariance = covariance if is_positive else np.zeros_like(covariance)
    blind = _blind(likelihood, theta, covariance)
    if blind.any():
        flat = flat & ~blind
        covariance, is_positive = covariance_of_hessian(hessian, flat | at_limit | blind)
        if not is_positive:
            covariance, is_positive = covariance_of_hessian(likelihood.gauss_newton(theta), flat | at_limit | blind)
    stat = likelihood.stat(theta)
    if not np.isfinite(stat):
        text = (
            "The statistic is not finite at the best point; give starting values for which the model can be evaluated."
        )
        return Minimum(theta, covariance, stat, NOT_CONVERGED, text, 0, attempts)
    if flat.any():
        text = (
            f"The data do not depend on {', '.join(names[flat])} (no counts, no exposure, or a source of zero flux): "
            "freeze it or give another starting value. It was left at its starting value."
        )
        return Minimum(theta, covariance, stat, FLAT, text, 0, attempts)
    if not is_positive:
        one, other = worst_pair(hessian, likelihood.free) if len(names) > 1 else (names[0], "")
        which = f"{one} and {other} cannot be told apart" if other else f"the statistic does not curve upwards in {one}"
        text = f"The second derivatives are not positive definite: {which}. There are no errors; freeze a parameter."
        return Minimum(theta, covariance, stat, NO_COVARIANCE, text, 0, attempts)
    if not (is_valid or edm < 1e-4):
        why = f" ({attempts[-1]})" if attempts else ""
        text = f"The fit did not converge after {len(attempts)} attempts{why}: try other starting values."
        return Minimum(theta, covariance, stat, NOT_CONVERGED, text, 0, attempts)
    again = f" The first attempt failed ({attempts[0].split(': ', 1)[1]})." if attempts else ""
    if at_limit.any():
        limits = ", ".join(f"{names[k]} = {theta[k]:.6g}" for k in np.flatnonzero(at_limit & ~idle))
        without = f" {', '.join(names[idle])} does not matter there." if idle.any() else ""
        text = (
            f"The fit stopped at a limit: {limits}. It has no error there, and the other errors hold it fixed."
            f"{without}{again}"
        )
        return Minimum(theta, covariance, stat, AT_LIMIT, text, 0, attempts)
    if blind.any():
        text = (
            f"The fit converged where the statistic does not depend on {', '.join(names[blind])}: the source is "
            "smaller than a pixel, or there is none. There is no error of these, and the other errors hold them fixed. "
            f"Take smaller pixels, or a point source.{again}"
        )
        return Minimum(theta, covariance, stat, CONVERGED, text, 0, attempts)
    return Minimum(theta, covariance, stat, CONVERGED, f"The fit converged.{again}", 0, attempts)


def _snapped(likelihood: Likelihood, theta: Array, at_limit: NDArray[np.bool_]) -> Array:
    """Put parameters at a limit exactly on it."""
    lower, upper = likelihood.bounds
    nearest = np.where(np.abs(theta - lower) < np.abs(theta - upper), lower, upper)
    return np.where(at_limit, nearest, theta)
