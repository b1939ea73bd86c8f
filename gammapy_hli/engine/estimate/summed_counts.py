"""Counts, background and model of several datasets added up in bins of reconstructed energy: to be looked at."""

from collections.abc import Sequence
from dataclasses import dataclass

import astropy.units as u
import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.datasets.spectrum import SpectrumDataset
from gammapy_hli.engine.fit.compile import EnergyRange, compile
from gammapy_hli.engine.models.nuisance import Nuisance
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.stats.significance import significance_cash

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SummedCounts:
    """Sums over datasets of one energy axis; arrays of shape (ne,).

    Attributes
    ----------
    names : tuple of str
        The datasets.
    edges : Quantity, shape (ne + 1,)
    counts : ndarray
        In the on region, over the datasets that use the bin.
    counts_unused : ndarray
        Over the datasets that do not: outside the safe range or the range of the fit.
    background : ndarray
        Background expected there: the most likely one for the predicted signal (wstat) or that of the dataset (cash).
    npred : ndarray
        Background and signal of the model.
    residual : ndarray
        sign(counts - npred) times the root of the Poisson deviance; nan where no dataset uses the bin.
    used : ndarray of bool
        Bins that at least one dataset uses.
    """

    names: tuple[str, ...]
    edges: u.Quantity
    counts: Array
    counts_unused: Array
    background: Array
    npred: Array
    residual: Array
    used: NDArray[np.bool_]


def sum_counts(
    datasets: Sequence[SpectrumDataset],
    models: Models,
    energy_range: EnergyRange | None = None,
    nuisances: Sequence[Nuisance] = (),
) -> list[SummedCounts]:
    """Data and prediction of the models as they stand, one sum for each energy axis among the datasets.

    Parameters
    ----------
    datasets : sequence of SpectrumDataset
    models : Models
        With the values of the fit.
    energy_range : (Quantity or None, Quantity or None), optional
        That of the fit.
    nuisances : sequence of Nuisance
        With the values of the fit.
    """
    likelihood = compile(datasets, models, energy_range=energy_range, nuisances=nuisances)
    theta = likelihood.theta0
    signal, background = likelihood.npred(theta), likelihood.background(theta)
    found = []
    for group in _same_axis(datasets):
        members = [datasets[number] for number in group]
        masks = np.array([likelihood.masks[number] for number in group])
        counts = np.array([dataset.counts for dataset in members])
        expected = np.array([background[dataset.name] for dataset in members])
        total = expected + np.array([signal[dataset.name] for dataset in members])
        found.append(_summed(members, counts, expected, total, masks))
    return found


def _same_axis(datasets: Sequence[SpectrumDataset]) -> list[list[int]]:
    """Numbers of the datasets that share their axis of reconstructed energy."""
    groups: list[list[int]] = []
    for number, dataset in enumerate(datasets):
        for group in groups:
            if datasets[group[0]].energy.same_as(dataset.energy):
                group.append(number)
                break
        else:
            groups.append([number])
    return groups


def _summed(
    members: Sequence[SpectrumDataset], counts: Array, background: Array, npred: Array, masks: NDArray[np.bool_]
) -> SummedCounts:
    used = np.logical_or.reduce(masks, axis=0)
    n_used, b_used, p_used = (np.where(masks, values, 0.0).sum(axis=0) for values in (counts, background, npred))
    residual = np.full(len(used), np.nan)
    residual[used] = significance_cash(n_used[used], np.maximum(p_used[used], 1e-300))
    return SummedCounts(
        names=tuple(dataset.name for dataset in members),
        edges=members[0].energy.edges,
        counts=n_used,
        counts_unused=np.where(masks, 0.0, counts).sum(axis=0),
        background=b_used,
        npred=p_used,
        residual=residual,
        used=used,
    )
