"""How well the best model describes the data: deviance per bin and per dataset, degrees of freedom, p-value."""

import math

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.fit.likelihood import Likelihood
from gammapy_hli.engine.products.fit_result import DatasetGoodness, Goodness
from gammapy_hli.engine.stats.cash import cash_deviance

Array = NDArray[np.float64]

FEW_COUNTS = 5.0
"""A bin with fewer expected counts does not follow a chi2 distribution."""
MANY = 2000
"""Above this number of degrees of freedom the cube root of chi2 is taken as normal (Wilson and Hilferty 1931)."""


def chi2_probability(value: float, dof: int) -> float:
    """Chance that chi2 with ``dof`` degrees of freedom exceeds ``value``; nan without degrees of freedom.

    With x = value / 2 it is ``exp(-x) sum x^a / Gamma(a + 1)`` over a = 0, 1, ... below dof / 2 for even dof, and
    ``erfc(sqrt x)`` plus the same sum over a = 1/2, 3/2, ... for odd dof: all terms are positive, nothing cancels, and
    scipy, which takes longer to load than a fit takes, is not needed.

    Examples
    --------
    >>> round(chi2_probability(3.841459, 1), 4), round(chi2_probability(18.307, 10), 4)
    (0.05, 0.05)
    """
    if dof <= 0 or not math.isfinite(value):
        return math.nan
    if value <= 0:
        return 1.0
    x = 0.5 * value
    if dof > MANY:
        cube_root = (value / dof) ** (1.0 / 3.0)
        return 0.5 * math.erfc((cube_root - 1.0 + 2.0 / (9.0 * dof)) / math.sqrt(4.0 / (9.0 * dof)))
    first = 0.5 * (dof % 2)
    terms = (math.exp(a * math.log(x) - x - math.lgamma(a + 1)) for a in (first + k for k in range(dof // 2)))
    return min(1.0, (math.erfc(math.sqrt(x)) if dof % 2 else 0.0) + sum(terms))


def measure_goodness(likelihood: Likelihood, theta: Array) -> Goodness:
    """Deviance against the model that predicts each count exactly; for wstat that is the statistic itself.

    A free parameter with a Gaussian prior is measured once more by it: the prior adds its term and a degree of freedom.
    The p-value takes the deviance for a chi2 variable; a warning says where low counts forbid it. Maps count with every
    bin in the deviance; their numbers per energy are those of the counts summed over the used pixels.
    """
    signal, background = likelihood.npred(theta), likelihood.background(theta)
    stats, sums = likelihood.stat_per_dataset(theta), likelihood.deviance_per_dataset(theta)
    per_bin = likelihood.deviance_per_bin(theta, with_maps=False)
    parts, few = [], 0
    for dataset, mask in zip(likelihood.datasets, likelihood.masks, strict=True):
        name = dataset.name
        expected = signal[name] + background[name]
        few += int((expected[mask] < FEW_COUNTS).sum())
        if isinstance(dataset, MapDataset):
            counts, total = _energy_sums(dataset, mask, expected)
            deviance = np.where(mask.any(axis=(1, 2)), cash_deviance(counts, total), np.nan)
            residual = np.sign(counts - total) * np.sqrt(deviance)
        else:
            deviance = per_bin[name]
            residual = np.sign(dataset.counts - signal[name] - background[name]) * np.sqrt(deviance)
        parts.append(
            DatasetGoodness(
                name=name,
                stat=stats[name],
                chi2=sums[name],
                n_bins=int(mask.sum()),
                chi2_per_bin=tuple(deviance.tolist()),
                residual_per_bin=tuple(residual.tolist()),
            )
        )
    n_priors, of_priors = likelihood.prior.measured(likelihood.parameters.free, likelihood.parameters.fill(theta))
    chi2 = float(sum(part.chi2 for part in parts)) + of_priors
    dof = likelihood.n_bins + n_priors - len(likelihood.free)
    return Goodness(chi2, dof, chi2_probability(chi2, dof), _warning(few, likelihood.n_bins), tuple(parts))


def _energy_sums(dataset: MapDataset, mask: NDArray[np.bool_], expected: Array) -> tuple[Array, Array]:
    """Counts and expected counts of each energy in the used pixels, (ne,) each."""
    counts = np.zeros(mask.shape) if dataset.counts is None else dataset.counts
    return counts.sum(axis=(1, 2), where=mask, dtype=np.float64), expected.sum(axis=(1, 2), where=mask)


def _warning(few: int, n_bins: int) -> str:
    if not few:
        return ""
    return (
        f"{few} of {n_bins} bins expect fewer than {FEW_COUNTS:g} counts: the p-value assumes many counts a bin and is "
        "only a rough guide here."
    )
