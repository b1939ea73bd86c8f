"""One map dataset in a likelihood: its statistic with gradient, and its predictions as cubes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.fit.map_shape import HitBins, SourceShape
from gammapy_hli.engine.fit.map_view import (
    BACKGROUND,
    OTHER,
    OWN,
    BackgroundTerm,
    FreeParameters,
    MapSourceTerm,
    MapView,
    Split,
)
from gammapy_hli.engine.models.spectral.base import CompiledSpectrum
from gammapy_hli.engine.predict.map import MapEvaluator
from gammapy_hli.engine.predict.map_background import BackgroundFactor
from gammapy_hli.engine.stats.cash import cash_deviance, cash_saturated
from gammapy_hli.engine.stats.wstat import WstatBins

if TYPE_CHECKING:
    from gammapy_hli.engine.datasets.map import MapDataset

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class MapSource:
    """A source in one map dataset before it is brought on bins; see `MapSourceTerm`."""

    name: str
    evaluator: MapEvaluator
    spectrum: CompiledSpectrum
    spectral: FreeParameters
    spatial: FreeParameters
    spatial_bounds: tuple[Array, Array]


@dataclass(frozen=True, eq=False)
class MapBackground:
    """A cube of counts (ne, ny, nx) and the factor of its model, if it has one."""

    counts: NDArray[np.floating]
    factor: BackgroundFactor | None = None
    spectral: FreeParameters | None = None


@dataclass(frozen=True, eq=False)
class MapTerm:
    """One map dataset with the models that count in it.

    Attributes
    ----------
    number : int
        Place of the dataset in the likelihood.
    dataset : MapDataset
    mask : bool array (ne, ny, nx)
        Used bins.
    sources : tuple of MapSource
        Those that reach the map.
    backgrounds : tuple of MapBackground
        Empty for on-off data, whose background is part of the statistic.
    """

    number: int
    dataset: MapDataset
    mask: Mask
    sources: tuple[MapSource, ...]
    backgrounds: tuple[MapBackground, ...]
    energies: NDArray[np.intp] = field(init=False)
    _table: Mask = field(init=False, repr=False)

    def __post_init__(self) -> None:
        energies = np.flatnonzero(self.mask.any(axis=(1, 2)))
        object.__setattr__(self, "energies", energies)
        object.__setattr__(self, "_table", self.mask.reshape(len(self.mask), -1)[energies])

    @property
    def name(self) -> str:
        """Of the dataset."""
        return self.dataset.name

    @property
    def is_on_off(self) -> bool:
        """Whether the statistic is W."""
        return self.dataset.statistic == "wstat"

    @cached_property
    def _places(self) -> NDArray[np.intp]:
        """Places of all parameters that the prediction depends on."""
        found = [place for source in self.sources for place in (source.spectral.places, source.spatial.places)]
        found += [background.spectral.places for background in self.backgrounds if background.spectral is not None]
        return np.unique(np.concatenate(found)) if found else np.zeros(0, dtype=np.intp)

    def depends_on(self, changed: Mask) -> bool:
        """Whether any of the parameters that are marked, (n_parameters,), enters the prediction."""
        return bool(changed[self._places].any())

    @cached_property
    def view(self) -> MapView:
        """What is evaluated: bins with counts and sums over the others (cash), or all used bins (W)."""
        return self._full if self.is_on_off else self._make_view(self._table & (self._counts_table > 0), True)

    @cached_property
    def _full(self) -> MapView:
        return self._make_view(self._table, False)

    # --- the statistic
    def stat(self, values: Array) -> float:
        """Sum over the used bins."""
        stat, is_exact = self.view.stat(values)
        return stat if is_exact or not np.isfinite(stat) else self._full.stat(values)[0]

    def stat_and_gradient(self, values: Array, n_free: int) -> tuple[float, Array]:
        """Sum over the used bins and its derivatives to the free parameters, (n_free,)."""
        stat, gradient, is_exact = self.view.stat_and_gradient(values, n_free)
        if is_exact or not np.isfinite(stat):
            return stat, gradient
        return self._full.stat_and_gradient(values, n_free)[:2]

    def gauss_newton(self, values: Array, n_free: int) -> Array:
        """See `MapView.gauss_newton`."""
        return self.view.gauss_newton(values, n_free)

    def split(self, values: Array, names: tuple[str, ...]) -> tuple[MapView, Split]:
        """The view that is evaluated, and its `MapView.split`; all bins where the sums would not be exact."""
        view = self.view if self.view.is_exact(values) else self._full
        return view, view.split(values, names)

    def tightest(self, values: Array, names: tuple[str, ...]) -> Array:
        """For each used energy the bin without counts that has least other counts for those of some sources.

        Returns
        -------
        array (3, n_energies)
            Its parts as in `Split`; zeros where the sources predict nothing in bins without counts.
        """
        sources = self.npred_per_source(values)
        nothing = np.zeros(self.dataset.shape)
        own = sum((npred for name, npred in sources.items() if name in names), nothing)
        other = sum((npred for name, npred in sources.items() if name not in names), nothing)
        parts = [self._rows_of(cube) for cube in (own, other, self.background(values, own))]
        possible = self._table & (self._counts_table == 0) & (parts[OWN] > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(possible, (parts[OTHER] + parts[BACKGROUND]) / parts[OWN], np.inf)
        best = ratio.argmin(axis=1)
        energy = np.arange(len(best))
        return np.array([np.where(possible[energy, best], part[energy, best], 0.0) for part in parts])

    # --- predictions in all bins, used or not, (ne, ny, nx)
    def npred_per_source(self, values: Array) -> dict[str, Array]:
        """Predicted counts of each source that reaches the map."""
        found = {}
        for source in self.sources:
            flux = source.spectrum.flux(values[source.spectral.places])
            found[source.name] = source.evaluator.npred_map(flux, values[source.spatial.places])
        return found

    def npred(self, values: Array) -> Array:
        """Predicted counts of all sources."""
        total = np.zeros(self.dataset.shape)
        for source in self.sources:
            rows, columns = source.evaluator.box
            flux = source.spectrum.flux(values[source.spectral.places])
            total[:, rows, columns] += source.evaluator.npred(flux, values[source.spatial.places])
        return total

    def background(self, values: Array, signal: Array) -> Array:
        """Background with its models, or the most likely one for the signal where it is measured."""
        if self.is_on_off:
            bins = self._on_off_bins(np.ones(self.dataset.shape, dtype=bool))
            if bins is None:
                return np.zeros(self.dataset.shape)
            alpha = np.where(bins.has_no_background, 0.0, bins.alpha)
            return (alpha * bins.background(signal.ravel())).reshape(signal.shape)
        total = np.zeros(self.dataset.shape)
        for background in self.backgrounds:
            if background.factor is None or background.spectral is None:
                total += background.counts
            else:
                total += background.counts * background.factor.factor(values[background.spectral.places])[:, None, None]
        return total

    def deviance(self, values: Array) -> Array:
        """Statistic above the model that predicts each count exactly; nan in bins that are not used."""
        found = np.full(self.dataset.shape, np.nan)
        signal = self.npred(values)
        if self.is_on_off:
            bins = self._on_off_bins(self.mask)
            found[self.mask] = 0.0 if bins is None else np.maximum(bins.stat(signal[self.mask]), 0.0)
        else:
            expected = (signal + self.background(values, signal))[self.mask]
            found[self.mask] = cash_deviance(self._counts[self.mask], expected)
        return found

    def deviance_sum(self, values: Array) -> float:
        """Sum of `deviance` over the used bins."""
        if self.is_on_off:
            return float(np.nansum(self.deviance(values)))
        return max(self.stat(values) - float(cash_saturated(self.view.counts).sum()), 0.0)

    # --- inside -----------------------------------------------------------------------------------------------------
    @property
    def _counts(self) -> NDArray[np.floating]:
        return np.zeros(self.dataset.shape) if self.dataset.counts is None else self.dataset.counts

    @property
    def _counts_table(self) -> NDArray[np.floating]:
        return self._rows_of(self._counts)

    def _rows_of(self, cube: NDArray[np.floating]) -> NDArray[np.floating]:
        return cube.reshape(len(cube), -1)[self.energies]

    def _on_off_bins(self, chosen: Mask) -> WstatBins | None:
        off = getattr(self.dataset, "counts_off", None)
        if off is None:
            return None
        alpha = self.dataset.alpha  # type: ignore[attr-defined]
        return WstatBins(*(np.asarray(cube, dtype=np.float64)[chosen] for cube in (self._counts, off, alpha)))

    def _make_view(self, table: Mask, is_sparse: bool) -> MapView:
        hits = HitBins.of_table(table)
        sources = tuple(self._source_term(source, hits) for source in self.sources)
        return MapView(
            row=hits.row,
            counts=self._counts_table[table].astype(np.float64),
            sources=sources,
            backgrounds=tuple(self._background_term(background, table) for background in self.backgrounds),
            is_sparse=is_sparse,
            wstat=self._on_off_bins(self.mask) if self.is_on_off else None,
            n_energies=len(self.energies),
        )

    def _source_term(self, source: MapSource, hits: HitBins) -> MapSourceTerm:
        response = source.evaluator.response
        assert response is not None  # only sources that reach the map are in a term
        return MapSourceTerm(
            name=source.name,
            spectrum=source.spectrum,
            edisp=np.ascontiguousarray(response.edisp[:, self.energies]),
            shape=SourceShape(source.evaluator, self._table, hits, self.dataset.shape[2]),
            spectral=source.spectral,
            spatial=source.spatial,
            spatial_bounds=source.spatial_bounds,
        )

    def _background_term(self, background: MapBackground, table: Mask) -> BackgroundTerm:
        rows = self._rows_of(background.counts)
        used = rows if self._table.all() else np.where(self._table, rows, 0.0)
        return BackgroundTerm(
            hit=rows[table].astype(np.float64),
            total=used.sum(axis=1, dtype=np.float64),
            is_positive=bool(used.size == 0 or used.min() >= 0),
            energies=self.energies,
            factor=background.factor,
            spectral=background.spectral,
        )
