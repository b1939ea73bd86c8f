"""Distribution of the significance outside of the sources: normal, mean 0, width 1, where the background is right."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SignificanceDistribution:
    """Histograms of all pixels and of those outside the exclusion, with mean and width of the latter.

    Attributes
    ----------
    edges : array (n + 1,)
    all, off : arrays (n,)
        Pixels per bin: all, and those outside of the excluded sky.
    mean, std : float
        Of the pixels outside; maximum likelihood of a normal distribution.
    mean_error, std_error : float
        For independent pixels; pixels closer than the correlation radius are not, so the true ones are larger.
    """

    edges: Array
    all: Array
    off: Array
    mean: float
    std: float
    mean_error: float
    std_error: float


def significance_distribution(
    sqrt_ts: Array, is_off: NDArray[np.bool_] | None = None, n_bins: int = 80, sqrt_ts_off: Array | None = None
) -> SignificanceDistribution:
    """Histogram and normal fit of a significance map.

    Parameters
    ----------
    sqrt_ts : array (..., ny, nx)
        nan is left out.
    is_off : bool array (ny, nx), optional
        Pixels outside of the excluded sky; all where not given.
    n_bins : int
    sqrt_ts_off : array (..., ny, nx), optional
        Significance of the pixels outside, where that is another one: of disks without what is excluded, so that a
        source does not reach over the border (`estimate_off_significance`). nan elsewhere.
    """
    finite = np.isfinite(sqrt_ts)
    values, outside = sqrt_ts[finite], sqrt_ts if sqrt_ts_off is None else sqrt_ts_off
    chosen = np.isfinite(outside)
    off = outside[chosen if is_off is None else chosen & is_off]
    low, high = (float(values.min()), float(values.max())) if values.size else (-5.0, 5.0)
    edges = np.linspace(min(low, -5.0), max(high, 5.0), n_bins + 1)
    mean, std = (float(off.mean()), float(off.std())) if off.size else (math.nan, math.nan)
    root = math.sqrt(max(off.size, 1))
    return SignificanceDistribution(
        edges=edges,
        all=np.histogram(values, edges)[0].astype(float),
        off=np.histogram(off, edges)[0].astype(float),
        mean=mean,
        std=std,
        mean_error=std / root,
        std_error=std / (math.sqrt(2.0) * root),
    )
