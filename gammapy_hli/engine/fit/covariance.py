"""Errors and correlations from the curvature of the statistic at its minimum."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SMALLEST_EIGENVALUE = 1e-10
"""Of the second derivatives scaled to a unit diagonal; below it two parameters cannot be told apart."""


def covariance_of_hessian(hessian: Array, held: NDArray[np.bool_]) -> tuple[Array, bool]:
    """``2 H^-1`` for the parameters that are not held, zero rows for those that are.

    Parameters
    ----------
    hessian : array (n, n)
        Second derivatives of -2 ln L.
    held : bool array (n,)
        Parameters that stay where they are: at a limit, or without influence.

    Returns
    -------
    covariance : array (n, n)
    is_positive : bool
        Whether the second derivatives are positive definite; where they are not, the covariance is all zeros.

    Examples
    --------
    >>> covariance_of_hessian(np.array([[8.0]]), np.array([False]))[0].tolist()
    [[0.25]]
    """
    covariance = np.zeros_like(hessian)
    moving = ~np.asarray(held)
    part = hessian[np.ix_(moving, moving)]
    diagonal = np.diag(part)
    if not np.isfinite(part).all() or (diagonal <= 0).any():
        return covariance, False
    scale = 1.0 / np.sqrt(diagonal)
    values, vectors = np.linalg.eigh(part * np.outer(scale, scale))
    if len(values) and values[0] < SMALLEST_EIGENVALUE:
        return covariance, False
    inverse = 2.0 * ((vectors / values) @ vectors.T) * np.outer(scale, scale)
    covariance[np.ix_(moving, moving)] = 0.5 * (inverse + inverse.T)
    return covariance, True


def newton_step(hessian: Array, gradient: Array, held: NDArray[np.bool_], lowest: Array, highest: Array) -> Array:
    """The step to the minimum of a quadratic form, (n,), that stays between bounds.

    Parameters that would pass a bound go to it, and the others to their minimum there.

    Parameters
    ----------
    hessian : array (n, n)
        Positive definite where nothing is held.
    gradient : array (n,)
    held : bool array (n,)
        Parameters that stay where they are.
    lowest, highest : arrays (n,)
        Bounds of the step: not positive, not negative.

    Examples
    --------
    >>> form, none = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([False, False])
    >>> newton_step(form, np.array([-4.0, -5.0]), none, np.full(2, -9.0), np.array([9.0, 1.0])).tolist()
    [1.5, 1.0]
    """
    step, fixed = np.zeros_like(gradient), np.asarray(held).copy()
    while not fixed.all():
        free = ~fixed
        slope = gradient[free] + hessian[np.ix_(free, fixed)] @ step[fixed]
        scale = 1.0 / np.sqrt(np.diag(hessian)[free])
        part = hessian[np.ix_(free, free)] * np.outer(scale, scale)
        step[free] = -scale * np.linalg.solve(part, scale * slope)
        outside = free & ((step < lowest) | (step > highest))
        if not outside.any():
            break
        step = np.where(outside, np.clip(step, lowest, highest), step)
        fixed |= outside
    return step


def smallest_eigenvalue(hessian: Array, held: NDArray[np.bool_]) -> float:
    """Of the second derivatives scaled to a unit diagonal, without held parameters; 1 where none is left.

    Examples
    --------
    >>> round(smallest_eigenvalue(np.array([[4.0, 1.0], [1.0, 1.0]]), np.array([False, False])), 3)
    0.5
    """
    moving = ~np.asarray(held)
    part = hessian[np.ix_(moving, moving)]
    scale = 1.0 / np.sqrt(np.maximum(np.diag(part), 1e-300))
    values = np.linalg.eigvalsh(part * np.outer(scale, scale))
    return float(values[0]) if len(values) else 1.0


def worst_pair(hessian: Array, names: Sequence[str]) -> tuple[str, str]:
    """The two parameters that the data can tell apart least: the largest parts of the flattest direction."""
    scale = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-300))
    scaled = np.nan_to_num(hessian / np.outer(scale, scale))
    vector = np.abs(np.linalg.eigh(scaled)[1][:, 0])
    first, second = np.argsort(-vector, kind="stable")[:2]
    return names[first], names[second]


def correlation(covariance: Array) -> Array:
    """Correlation coefficients; nan in the rows of parameters without an error, 1 on their diagonal.

    Examples
    --------
    >>> correlation(np.array([[4.0, 1.0], [1.0, 1.0]]))[0, 1].item()
    0.5
    """
    error = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    product = np.outer(error, error)
    matrix = np.divide(covariance, product, out=np.full_like(product, np.nan), where=product > 0)
    np.fill_diagonal(matrix, 1.0)
    return matrix
