"""The likelihood of datasets under models as a pure function of the free parameters. Made by compile.py beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset
from gammapy_hli.engine.fit.map_term import MapTerm
from gammapy_hli.engine.fit.parameters import ParameterMap
from gammapy_hli.engine.fit.prior import PriorTerms
from gammapy_hli.engine.models.spectral.base import CompiledSpectrum
from gammapy_hli.engine.predict.calibration import calibrated_flux
from gammapy_hli.engine.predict.spectrum import FoldGroup, Mask, response_matrix
from gammapy_hli.engine.stats.cash import cash_deviance, cash_terms
from gammapy_hli.engine.stats.wstat import WstatBins

Array = NDArray[np.float64]

DIFFERENCE_STEP = 1e-2
"""Step of the second derivative in units of the parameter's error: its relative error is then of order 1e-5."""
ROUGH_STEP = 0.1
"""The same for spatial parameters: far enough to see past the steps from pixel to pixel, inside a pixel as a rule."""
KINK = 0.2
"""One-sided second derivatives that differ by more than this part stand on two sides of a kink."""
AnyDataset = SpectrumDataset | MapDataset
Calibration = tuple[int, int]
"""Places of the norm and of the energy scale of a dataset among all parameters; -1 for one that there is not."""


@dataclass(frozen=True, eq=False)
class SourceTerm:
    """One source in one group: its spectrum on the true-energy bins and the response of the datasets that see it.

    ``places`` are the places of its parameters, those of nuisances last, in the ParameterMap; ``jacobian_rows`` and
    ``free_places`` pick those of them that are free and say where they stand among the free parameters.
    """

    name: str
    spectrum: CompiledSpectrum
    matrix: Array
    places: NDArray[np.intp]
    jacobian_rows: NDArray[np.intp]
    free_places: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class GroupTerm:
    """One group of datasets with its sources and its counts.

    Exactly one of ``wstat`` and ``counts`` (with ``background``) is there.
    """

    fold: FoldGroup
    sources: tuple[SourceTerm, ...]
    wstat: WstatBins | None = None
    counts: Array = field(default_factory=lambda: np.zeros(0))
    background: Array = field(default_factory=lambda: np.zeros(0))

    def stat(self, signal: Array) -> Array:
        """Statistic of each bin."""
        if self.wstat is not None:
            return self.wstat.stat(signal)
        return cash_terms(self.counts, self.background + signal)[0]

    def stat_and_slope(self, signal: Array) -> tuple[Array, Array]:
        """Statistic of each bin and its derivative to the signal."""
        if self.wstat is not None:
            return self.wstat.stat_and_slope(signal)
        return cash_terms(self.counts, self.background + signal)[:2]

    def curvature(self, signal: Array) -> Array:
        """Second derivative of the statistic of each bin to the signal."""
        if self.wstat is not None:
            return self.wstat.terms(signal)[2]
        return cash_terms(self.counts, self.background + signal)[2]

    def deviance(self, signal: Array) -> Array:
        """Statistic of each bin above that of a model that predicts the counts exactly."""
        if self.wstat is not None:
            return np.maximum(self.wstat.stat(signal), 0.0)
        return cash_deviance(self.counts, self.background + signal)

    def expected_background(self, signal: Array) -> Array:
        """Background in the on region: as given (cash) or the most likely one for this signal (wstat)."""
        if self.wstat is not None:
            return self.wstat.alpha * self.wstat.background(signal)
        return self.background


@dataclass(frozen=True, eq=False)
class Likelihood(Summary):
    """-2 ln L (up to a constant) of datasets as a function of the free parameters ``theta``.

    All methods are pure functions of ``theta``, an array (n_free,) in the units of the parameters, in the order of
    ``free``. Values outside the domain of a model give a statistic that is not finite, never an exception.

    Attributes
    ----------
    datasets : tuple of SpectrumDataset and MapDataset
    masks : tuple of bool arrays (ne,) or, for maps, (ne, ny, nx)
        Bins that are used: safe, inside the energy range, with off counts where they are needed.
    parameters : ParameterMap
    groups : tuple of GroupTerm
        All spectra.
    spectra : mapping of str to (model, places, numbers)
        For each source its spectral model, the places of its parameters, and the datasets in which it counts.
    calibrations : tuple of (int, int)
        Places of the nuisances of each dataset, see `Calibration`; empty where no dataset has any.
    maps : tuple of MapTerm
        All maps.
    is_rough : bool array (n_free,), or None
        Spatial parameters, whose derivatives are costly; None for none.
    is_kinked : bool array (n_free,), or None
        Those among them in which the statistic has kinks or small steps: positions of point sources, sharp edges.
    is_temporary : bool array (n_free,), or None
        Positions whose bounds hold only while the responses are those of the start.
    """

    datasets: tuple[AnyDataset, ...]
    masks: tuple[Mask, ...]
    parameters: ParameterMap
    groups: tuple[GroupTerm, ...]
    prior: PriorTerms
    spectra: Mapping[str, tuple[object, NDArray[np.intp], tuple[int, ...]]]
    calibrations: tuple[Calibration, ...] = ()
    maps: tuple[MapTerm, ...] = ()
    is_rough: NDArray[np.bool_] | None = None
    is_kinked: NDArray[np.bool_] | None = None
    is_temporary: NDArray[np.bool_] | None = None

    # --- what it is a function of
    @property
    def free(self) -> tuple[str, ...]:
        """Names of the free parameters."""
        return self.parameters.free_names

    @property
    def theta0(self) -> Array:
        """Their values in the models at compilation."""
        return self.parameters.values[self.parameters.free]

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Lower and upper bounds, infinite where there is none."""
        return self.parameters.lower, self.parameters.upper

    @property
    def rough(self) -> NDArray[np.bool_]:
        """Which free parameters are spatial, (n_free,)."""
        return np.zeros(len(self.parameters.free), dtype=bool) if self.is_rough is None else self.is_rough

    @property
    def kinked(self) -> NDArray[np.bool_]:
        """In which free parameters the statistic has kinks, (n_free,)."""
        return np.zeros(len(self.parameters.free), dtype=bool) if self.is_kinked is None else self.is_kinked

    def summary(self) -> dict[str, Any]:
        """Plain values for repr and notebooks: what is fitted to what, and the statistic at the start."""
        start = dict(zip(self.free, (f"{value:.6g}" for value in self.theta0), strict=True))
        names = [dataset.name for dataset in self.datasets]
        return {"datasets": names, "n_bins": self.n_bins, "stat": f"{self.stat(self.theta0):.6g}", "free": start}

    def sizes(self, theta: Array) -> Array:
        """A change of each free parameter that is large, (n_free,): its value, or one where that says nothing."""
        own = np.where(theta != 0, np.abs(theta), 1.0)
        return np.where(self.rough, np.maximum(own, 1.0), own)

    @property
    def n_bins(self) -> int:
        """Number of bins that are used."""
        return int(sum(mask.sum() for mask in self.masks))

    # --- the statistic
    def stat(self, theta: Array) -> float:
        """Sum over all used bins, plus priors."""
        values = self.parameters.fill(np.asarray(theta, dtype=float))
        total = self.prior.stat(values)
        with np.errstate(all="ignore"):
            for group in self.groups:
                total += float(group.stat(self._signal(group, values)).sum())
            for term in self.maps:
                total += term.stat(values)
        return total

    def stat_prior(self, theta: Array) -> float:
        """The part of the statistic that the priors make."""
        return self.prior.stat(self.parameters.fill(np.asarray(theta, dtype=float)))

    def stat_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """The statistic and its derivatives to the free parameters, (n_free,)."""
        return self._stat_and_gradient(self.parameters.fill(np.asarray(theta, dtype=float)), self.maps)

    def _stat_and_gradient(self, values: Array, maps: Sequence[MapTerm]) -> tuple[float, Array]:
        total, slopes = self.prior.stat_and_gradient(values)
        gradient = slopes[self.parameters.free]
        with np.errstate(all="ignore"):
            for group in self.groups:
                folded = [source.spectrum.flux_and_jacobian(values[source.places]) for source in group.sources]
                signal = np.zeros(group.fold.matrix.shape[1])
                for source, (flux, _) in zip(group.sources, folded, strict=True):
                    signal += flux @ source.matrix
                stat, slope = group.stat_and_slope(signal)
                total += float(stat.sum())
                for source, (_, jacobian) in zip(group.sources, folded, strict=True):
                    part = jacobian[source.jacobian_rows] @ (source.matrix @ slope)
                    np.add.at(gradient, source.free_places, part)
            for term in maps:
                part_stat, slope = term.stat_and_gradient(values, len(gradient))
                total += part_stat
                gradient += slope
        return total, gradient

    def gauss_newton(self, theta: Array) -> Array:
        """Approximate second derivatives, without those of the spectra themselves, (n_free, n_free)."""
        values = self.parameters.fill(np.asarray(theta, dtype=float))
        # a prior that falls off (log-uniform) has no place in a matrix that is to be positive
        matrix = np.diag(np.maximum(self.prior.curvature(values)[self.parameters.free], 0.0))
        with np.errstate(all="ignore"):
            for group in self.groups:
                jacobian = np.zeros((len(theta), group.fold.matrix.shape[1]))
                for source in group.sources:
                    rows = source.spectrum.flux_and_jacobian(values[source.places])[1][source.jacobian_rows]
                    np.add.at(jacobian, source.free_places, rows @ source.matrix)
                matrix += (jacobian * group.curvature(self._signal(group, values))) @ jacobian.T
            for term in self.maps:
                matrix += term.gauss_newton(values, len(theta))
        return matrix

    def hessian(self, theta: Array) -> Array:
        """Second derivatives of the statistic, (n_free, n_free): differences of the analytic gradient.

        Central ones; across a kink of a spatial parameter the one-sided one that agrees best with the curvature to
        first order, `gauss_newton`. Maps that do not depend on a parameter (the norm of the background of another one)
        are left out: their part of the difference is zero.
        """
        theta = np.asarray(theta, dtype=float)
        diagonal = np.diag(self.gauss_newton(theta))
        own = self.sizes(theta)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.sqrt(2.0 / diagonal)
        step = np.where(np.isfinite(error) & (error < 10 * own), error, 0.1 * own)
        step *= np.where(self.rough, ROUGH_STEP, DIFFERENCE_STEP)
        lower, upper = self.bounds
        start = self.parameters.fill(theta)
        middles: dict[tuple[MapTerm, ...], Array] = {}
        hessian = np.empty((len(theta), len(theta)))
        for k in range(len(theta)):
            high, low = theta.copy(), theta.copy()
            high[k] = min(theta[k] + step[k], upper[k])
            low[k] = max(theta[k] - step[k], lower[k])
            values = [self.parameters.fill(at) for at in (high, low)]
            maps = tuple(term for term in self.maps if any(term.depends_on(at != start) for at in values))
            above, below = (self._stat_and_gradient(at, maps)[1] for at in values)
            hessian[k] = (above - below) / (high[k] - low[k])
            if self.rough[k] and low[k] < theta[k] < high[k]:
                if maps not in middles:
                    middles[maps] = self._stat_and_gradient(start, maps)[1]
                middle = middles[maps]
                sides = (above - middle) / (high[k] - theta[k]), (middle - below) / (theta[k] - low[k])
                if abs(sides[0][k] - sides[1][k]) > KINK * diagonal[k]:
                    hessian[k] = min(sides, key=lambda side: abs(side[k] - diagonal[k]))
        return 0.5 * (hessian + hessian.T)

    def stat_per_dataset(self, theta: Array) -> dict[str, float]:
        """Statistic of each dataset by name; 0 for datasets without used bins. Priors belong to none."""
        found = self._sum_per_dataset(theta, GroupTerm.stat)
        values = self.parameters.fill(np.asarray(theta, dtype=float))
        with np.errstate(all="ignore"):
            return found | {term.name: term.stat(values) for term in self.maps}

    def deviance_per_dataset(self, theta: Array) -> dict[str, float]:
        """As `stat_per_dataset`, above the model that predicts each count exactly."""
        found = self._sum_per_dataset(theta, GroupTerm.deviance)
        values = self.parameters.fill(np.asarray(theta, dtype=float))
        with np.errstate(all="ignore"):
            return found | {term.name: term.deviance_sum(values) for term in self.maps}

    def deviance_per_bin(self, theta: Array, with_maps: bool = True) -> dict[str, Array]:
        """Deviance of each bin by dataset, (ne,) or (ne, ny, nx); nan in bins that are not used."""
        values = self.parameters.fill(np.asarray(theta, dtype=float))
        found = {dataset.name: np.full(_shape(dataset), np.nan) for dataset in self.datasets}
        with np.errstate(all="ignore"):
            for group in self.groups:
                deviance = group.deviance(self._signal(group, values))
                for number in group.fold.members:
                    columns = group.fold.member == number
                    found[self.datasets[number].name][group.fold.bin[columns]] = deviance[columns]
            for term in self.maps if with_maps else ():
                found[term.name] = term.deviance(values)
        return found

    # --- predictions for all bins, used or not
    def npred_per_source(self, theta: Array) -> dict[str, dict[str, Array]]:
        """Predicted signal counts by source and dataset, (ne,) or (ne, ny, nx), in every bin."""
        values = self.parameters.fill(np.asarray(theta, dtype=float))
        found: dict[str, dict[str, Array]] = {}
        with np.errstate(all="ignore"):
            for name, (spectral, places, numbers) in self.spectra.items():
                found[name] = {dataset.name: np.zeros(_shape(dataset)) for dataset in self.datasets}
                for number in numbers:
                    dataset = self.datasets[number]
                    if isinstance(dataset, MapDataset):
                        continue
                    norm, scale = self.calibration(number, values)
                    edges = dataset.energy_true.edges_value("TeV")
                    flux = calibrated_flux(spectral, edges, values[places], norm, scale)
                    found[name][dataset.name] = flux @ response_matrix(dataset)
            for term in self.maps:
                for name, counts in term.npred_per_source(values).items():
                    found[name][term.name] = counts
        return found

    def npred(self, theta: Array) -> dict[str, Array]:
        """Predicted signal counts of all sources by dataset, (ne,) or (ne, ny, nx), in every bin."""
        total = {dataset.name: np.zeros(_shape(dataset)) for dataset in self.datasets}
        for per_dataset in self.npred_per_source(theta).values():
            for name, counts in per_dataset.items():
                total[name] = total[name] + counts
        return total

    def background(self, theta: Array) -> dict[str, Array]:
        """Expected background counts by dataset, (ne,) in the on region or (ne, ny, nx) on the map, in every bin.

        As given times its model (cash), or alpha times the most likely off background for the predicted signal
        (wstat); zero where an on-off dataset has no off counts.
        """
        found = {}
        signals = self.npred(theta)
        values = self.parameters.fill(np.asarray(theta, dtype=float))
        for term in self.maps:
            found[term.name] = term.background(values, signals[term.name])
        for dataset in self.datasets:
            if isinstance(dataset, MapDataset):
                continue
            off = getattr(dataset, "counts_off", None)
            if dataset.statistic == "wstat" and off is not None:
                alpha = dataset.alpha  # type: ignore[attr-defined]
                bins = WstatBins(dataset.counts, off, alpha)
                found[dataset.name] = alpha * bins.background(signals[dataset.name])
            else:
                given = dataset.background
                found[dataset.name] = np.zeros(dataset.energy.nbin) if given is None else np.array(given)
        return found

    def calibration(self, number: int, values: Array) -> tuple[float, float]:
        """Norm and energy scale of a dataset, by number, for values of all parameters."""
        norm, scale = self.calibrations[number] if self.calibrations else (-1, -1)
        return (1.0 if norm < 0 else float(values[norm])), (0.0 if scale < 0 else float(values[scale]))

    def _signal(self, group: GroupTerm, values: Array) -> Array:
        signal = np.zeros(group.fold.matrix.shape[1])
        for source in group.sources:
            signal += source.spectrum.flux(values[source.places]) @ source.matrix
        return signal

    def _sum_per_dataset(self, theta: Array, statistic) -> dict[str, float]:  # type: ignore[no-untyped-def]
        values = self.parameters.fill(np.asarray(theta, dtype=float))
        total = np.zeros(len(self.datasets))
        with np.errstate(all="ignore"):
            for group in self.groups:
                stat = statistic(group, self._signal(group, values))
                total += np.bincount(group.fold.member, stat, len(self.datasets))
        return {dataset.name: float(stat) for dataset, stat in zip(self.datasets, total, strict=True)}


def _shape(dataset: AnyDataset) -> tuple[int, ...]:
    """Shape of the counts."""
    return dataset.shape if isinstance(dataset, MapDataset) else (dataset.energy.nbin,)
