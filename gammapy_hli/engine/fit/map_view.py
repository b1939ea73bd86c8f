"""The statistic of one map dataset on chosen bins: all used bins, or those with counts and the sums over the others."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.fit.map_shape import Folded, SourceShape
from gammapy_hli.engine.models.spectral.base import CompiledSpectrum
from gammapy_hli.engine.predict.map_background import BackgroundFactor
from gammapy_hli.engine.stats.cash import TRUNCATION, cash_terms
from gammapy_hli.engine.stats.wstat import WstatBins

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class FreeParameters:
    """Which parameters of one model component are free.

    Attributes
    ----------
    places : int array (n_own,)
        Places of all its parameters in the ParameterMap.
    rows : int array (n_own_free,)
        The free ones among them.
    free_places : int array (n_own_free,)
        Where those stand among all free parameters.
    """

    places: Index
    rows: Index
    free_places: Index


@dataclass(frozen=True, eq=False)
class MapSourceTerm:
    """One source in one map: spectrum, energy dispersion (nt, n_energies) and shape."""

    name: str
    spectrum: CompiledSpectrum
    edisp: Array
    shape: SourceShape
    spectral: FreeParameters
    spatial: FreeParameters
    spatial_bounds: tuple[Array, Array]


@dataclass(frozen=True, eq=False)
class BackgroundTerm:
    """Counts that do not depend on the sources, times a factor for each energy.

    Attributes
    ----------
    hit : array (n_hits,)
    total : array (n_energies,)
        Sum over the used pixels.
    factor : BackgroundFactor or None
        None for a background without a model.
    energies : int array (n_energies,)
        The used energies among those of the dataset.
    """

    hit: Array
    total: Array
    is_positive: bool
    energies: Index
    factor: BackgroundFactor | None = None
    spectral: FreeParameters | None = None

    def scale(self, values: Array) -> Array:
        """Factor of each used energy, (n_energies,)."""
        if self.factor is None or self.spectral is None:
            return np.ones(len(self.energies))
        return self.factor.factor(values[self.spectral.places])[self.energies]

    def slopes(self, values: Array) -> tuple[Index, Array]:
        """Places of the free parameters, and the derivatives of the factor to them, (n_free, n_energies)."""
        if self.factor is None or self.spectral is None or not len(self.spectral.rows):
            return np.zeros(0, dtype=np.intp), np.zeros((0, len(self.energies)))
        jacobian = self.factor.factor_and_jacobian(values[self.spectral.places])[1]
        return self.spectral.free_places, jacobian[self.spectral.rows][:, self.energies]


OWN, OTHER, BACKGROUND = range(3)
"""Rows of the arrays of `Split`."""


@dataclass(frozen=True, eq=False)
class Split:
    """Predicted counts in three parts: chosen sources, other sources, backgrounds.

    Attributes
    ----------
    hit : array (3, n_hits)
    total : array (3, n_energies)
        Sums over the used pixels of each energy.
    """

    hit: Array
    total: Array


@dataclass(frozen=True, eq=False)
class _Predicted:
    """Prediction at some values of the parameters."""

    mu: Array
    total: Array
    is_positive: bool
    shapes: tuple[Folded, ...]
    fluxes: tuple[Array, ...]
    jacobians: tuple[Array, ...]


@dataclass(frozen=True, eq=False)
class MapView:
    """One map dataset on its hits.

    Attributes
    ----------
    row : int array (n_hits,)
        Energy of each hit.
    counts : array (n_hits,)
    is_sparse : bool
        The hits are the bins with counts; the other used bins enter by the sum of their predictions. Exact for cash
        where no prediction is negative.
    wstat : WstatBins or None
        On and off counts of all used bins, instead of ``counts`` and ``backgrounds``.
    """

    row: Index
    counts: Array
    sources: tuple[MapSourceTerm, ...]
    backgrounds: tuple[BackgroundTerm, ...]
    is_sparse: bool
    wstat: WstatBins | None = None
    n_energies: int = 0
    _sum_weight: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_sum_weight", 2.0 if self.is_sparse else 0.0)

    def is_exact(self, values: Array) -> bool:
        """Whether the sums may stand for the bins without counts: no negative part in the prediction."""
        return not self.is_sparse or self._predict(values, False).is_positive

    def stat(self, values: Array) -> tuple[float, bool]:
        """Sum of the statistic over the used bins, and whether it is exact (see `is_exact`)."""
        found = self._predict(values, False)
        if self.is_sparse:
            return self._sparse_stat(found), found.is_positive
        terms = self.wstat.stat(found.mu) if self.wstat is not None else cash_terms(self.counts, found.mu)[0]
        return float(terms.sum()), True

    def stat_and_gradient(self, values: Array, n_free: int) -> tuple[float, Array, bool]:
        """Statistic, its derivatives (n_free,), and whether they are exact."""
        found = self._predict(values, True)
        if self.is_sparse:
            stat = self._sparse_stat(found)
            slope = -2.0 * self.counts / np.maximum(found.mu, TRUNCATION) * (found.mu > TRUNCATION)
        else:
            terms, slope = (
                self.wstat.stat_and_slope(found.mu) if self.wstat is not None else cash_terms(self.counts, found.mu)[:2]
            )
            stat = float(terms.sum())
        return stat, self._gradient(found, slope, values, n_free), found.is_positive or not self.is_sparse

    def gauss_newton(self, values: Array, n_free: int) -> Array:
        """Second derivatives without those of the prediction, (n_free, n_free); bins without counts add nothing."""
        found = self._predict(values, True)
        if self.wstat is not None:
            curvature = self.wstat.terms(found.mu)[2]
        else:
            curvature = 2.0 * self.counts / np.maximum(found.mu, TRUNCATION) ** 2 * (found.mu > TRUNCATION)
        weight = np.sqrt(np.maximum(curvature, 0.0))
        rows: dict[int, Array] = {}
        for background in self.backgrounds:
            places, slopes = background.slopes(values)
            for place, slope in zip(places.tolist(), slopes, strict=True):
                rows[place] = rows.get(place, 0.0) + background.hit * slope[self.row]
        for source, shape, flux, own in zip(self.sources, found.shapes, found.fluxes, found.jacobians, strict=True):
            at = source.shape
            parts = [(row, shape) for row in own] + [(flux, slope) for slope in self._shape_slopes(source, values)]
            places = np.concatenate([source.spectral.free_places, source.spatial.free_places])
            for place, part in zip(places.tolist(), parts, strict=True):
                row = rows.setdefault(place, np.zeros(len(self.row)))
                row[at.flat] += _npred(source.edisp, *part)[at.row, at.column]
        matrix = np.zeros((n_free, n_free))
        if rows:
            jacobian = np.array(list(rows.values())) * weight
            matrix[np.ix_(list(rows), list(rows))] = jacobian @ jacobian.T
        return matrix

    def split(self, values: Array, names: tuple[str, ...]) -> Split:
        """Predicted counts of some sources, of the other sources, and of the backgrounds."""
        hit, total = np.zeros((3, len(self.row))), np.zeros((3, self.n_energies))
        for background in self.backgrounds:
            scale = background.scale(values)
            hit[BACKGROUND] += background.hit * scale[self.row]
            total[BACKGROUND] += background.total * scale
        for source in self.sources:
            shape = source.shape.at(values[source.spatial.places])
            flux = source.spectrum.flux(values[source.spectral.places])
            part = OWN if source.name in names else OTHER
            hit[part, source.shape.flat] += _npred(source.edisp, flux, shape)[source.shape.row, source.shape.column]
            total[part] += flux @ (source.edisp * shape.total)
        return Split(hit, total)

    # --- inside -----------------------------------------------------------------------------------------------------
    def _predict(self, values: Array, with_slopes: bool) -> _Predicted:
        mu, total = np.zeros(len(self.row)), np.zeros(self.n_energies)
        is_positive = True
        for background in self.backgrounds:
            scale = background.scale(values)
            mu += background.hit * scale[self.row]
            total += background.total * scale
            is_positive &= background.is_positive and bool((scale >= 0).all())
        shapes, fluxes, jacobians = [], [], []
        for source in self.sources:
            own = values[source.spectral.places]
            if with_slopes:
                flux, jacobian = source.spectrum.flux_and_jacobian(own)
                jacobians.append(jacobian[source.spectral.rows])
            else:
                flux = source.spectrum.flux(own)
            shape = source.shape.at(values[source.spatial.places])
            mu[source.shape.flat] += _npred(source.edisp, flux, shape)[source.shape.row, source.shape.column]
            total += flux @ (source.edisp * shape.total)
            is_positive &= shape.is_positive and bool((flux >= 0).all())
            shapes.append(shape)
            fluxes.append(flux)
        return _Predicted(mu, total, is_positive, tuple(shapes), tuple(fluxes), tuple(jacobians))

    def _sparse_stat(self, found: _Predicted) -> float:
        logs = self.counts @ np.log(np.maximum(found.mu, TRUNCATION))
        return float(2.0 * (found.total.sum() - logs))

    def _gradient(self, found: _Predicted, slope: Array, values: Array, n_free: int) -> Array:
        gradient = np.zeros(n_free)
        for background in self.backgrounds:
            places, slopes = background.slopes(values)
            if len(places):
                per_energy = np.bincount(self.row, background.hit * slope, self.n_energies)
                np.add.at(gradient, places, slopes @ (per_energy + self._sum_weight * background.total))
        for source, shape, flux, jacobian in zip(
            self.sources, found.shapes, found.fluxes, found.jacobians, strict=True
        ):
            table = np.zeros((self.n_energies, source.shape.n_pixels))
            table[source.shape.row, source.shape.column] = slope[source.shape.flat]
            per_flux = self._flux_slope(source, shape, table)
            np.add.at(gradient, source.spectral.free_places, jacobian @ per_flux)
            for place, shape_slope in zip(source.spatial.free_places, self._shape_slopes(source, values), strict=True):
                gradient[place] += flux @ self._flux_slope(source, shape_slope, table)
        return gradient

    def _flux_slope(self, source: MapSourceTerm, shape: Folded, table: Array) -> Array:
        """Derivative of the statistic to the flux in each true energy, (nt,), for a shape."""
        per_bin = shape.hit @ table.T
        if self._sum_weight:
            per_bin += self._sum_weight * shape.total
        return np.einsum("te,te->t", source.edisp, per_bin)

    def _shape_slopes(self, source: MapSourceTerm, values: Array) -> list[Folded]:
        if not len(source.spatial.rows):
            return []
        wanted = source.spatial.rows.tolist()
        return source.shape.slopes(values[source.spatial.places], wanted, source.spatial_bounds)


def _npred(edisp: Array, flux: Array, shape: Folded) -> Array:
    """Counts (n_energies, m) on the pixels with hits."""
    return (edisp.T * flux) @ shape.hit
