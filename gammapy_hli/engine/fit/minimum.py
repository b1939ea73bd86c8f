"""What a minimizer found: values, whether to trust them and why, errors and correlations. Made by minuit.py."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CONVERGED = "converged"
AT_LIMIT = "at limit"
FLAT = "flat parameter"
NOT_CONVERGED = "not converged"
NO_COVARIANCE = "no covariance"
NO_DATA = "no data"
NOTHING_FREE = "nothing free"

SUCCESSFUL = (CONVERGED, AT_LIMIT, NOTHING_FREE)
"""Statuses whose values can be used."""


@dataclass(frozen=True, eq=False)
class Minimum:
    """The end of a minimization.

    Attributes
    ----------
    theta : array (n_free,)
        Best values.
    covariance : array (n_free, n_free)
        Twice the inverse of the second derivatives; rows of parameters that have no error are zero.
    stat : float
    status : str
        One of the constants of this module.
    message : str
        A sentence that says what happened and, where it went wrong, what to try.
    n_evaluations : int
    attempts : tuple of str
        What was tried before the attempt that is reported, and why it was given up.
    minos : dict of str to (float, float)
        Asymmetric errors (down, up), both positive, of the parameters for which they were asked.
    """

    theta: Array
    covariance: Array
    stat: float
    status: str
    message: str
    n_evaluations: int
    attempts: tuple[str, ...] = ()
    minos: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def success(self) -> bool:
        """Whether the values can be used."""
        return self.status in SUCCESSFUL
