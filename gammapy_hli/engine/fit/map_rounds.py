"""Repeats a fit until the responses are those of the positions it finds.

A likelihood holds the responses of where its sources were when it was compiled. After a source has moved it is compiled
again there and fitted from there, until positions and sizes no longer change.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gammapy_hli.engine.fit.likelihood import Likelihood
from gammapy_hli.engine.fit.minimum import AT_LIMIT, CONVERGED, NOT_CONVERGED, Minimum

MAX_ROUNDS = 15
SETTLED = 0.01
"""A spatial parameter that moves by less than this part of its error has settled."""
SAME = 1e-3
"""Change of the statistic below which the moves of parameters without an error do not matter."""

Compiler = Callable[[Likelihood, Minimum], Likelihood]
Refiner = Callable[[Likelihood], Minimum]


def settle(
    likelihood: Likelihood, minimum: Minimum, recompile: Compiler, refine: Refiner
) -> tuple[Likelihood, Minimum]:
    """The last likelihood and its minimum.

    Parameters
    ----------
    likelihood, minimum
        Of the first round.
    recompile : callable (likelihood, minimum) -> Likelihood
        The same datasets and models with the responses at the minimum.
    refine : callable (likelihood) -> Minimum
        Fits from the start of a likelihood, which is near its minimum.

    Returns
    -------
    likelihood, minimum
        The statistic is that of responses at the minimum itself. ``n_evaluations`` counts all rounds.
    """
    if not likelihood.rough.any():
        return likelihood, minimum
    n_evaluations = minimum.n_evaluations
    for _ in range(MAX_ROUNDS):
        if not goes_on(minimum):
            break
        likelihood = recompile(likelihood, minimum)
        again = refine(likelihood)
        n_evaluations += again.n_evaluations
        moved = _largest_move(likelihood, minimum, again)
        minimum = replace(
            again, attempts=(*minimum.attempts, *(a for a in again.attempts if a not in minimum.attempts))
        )
        if moved < SETTLED:
            if minimum.success:
                likelihood = recompile(likelihood, minimum)
                minimum = replace(minimum, stat=likelihood.stat(minimum.theta))
            break
    else:
        text = (
            f"The positions did not settle in {MAX_ROUNDS} rounds of fits with responses looked up again: a source "
            "wanders or does not exist. Give a starting position nearer to it, or freeze the position."
        )
        minimum = replace(minimum, status=NOT_CONVERGED, message=text)
    return likelihood, replace(minimum, n_evaluations=n_evaluations)


def goes_on(minimum: Minimum) -> bool:
    """Whether a fit with responses looked up at this minimum can follow."""
    return minimum.success or minimum.status == NOT_CONVERGED


def _largest_move(likelihood: Likelihood, before: Minimum, after: Minimum) -> float:
    """Largest change of a spatial parameter in units of its error."""
    error = np.sqrt(np.maximum(np.diag(after.covariance), 0.0))
    change = np.abs(after.theta - before.theta)
    rough = likelihood.rough
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(change > 0, change / error, 0.0)[rough]
    if after.status == CONVERGED and abs(after.stat - before.stat) < SAME:
        ratio = ratio[error[rough] > 0]
    return (
        float(np.nan_to_num(ratio, nan=np.inf, posinf=np.inf).max(initial=0.0))
        if after.status in (CONVERGED, AT_LIMIT)
        else (np.inf if change[rough].any() else 0.0)
    )
