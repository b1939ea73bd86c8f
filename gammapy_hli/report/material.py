"""What a report is made from: the products of the steps that are there, and how they belong together."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gammapy_hli.engine.datasets.map import MapDataset
from gammapy_hli.engine.datasets.spectrum import SpectrumDataset
from gammapy_hli.engine.fit.fit import fitted_datasets
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.products.fit_result import FitResult
from gammapy_hli.engine.products.flux_points import FluxPoints
from gammapy_hli.report.map_view import MapLayers, MapView, alike

Links = Mapping[str, Mapping[str, tuple[str, ...]]]
AnyDataset = SpectrumDataset | MapDataset


@dataclass(frozen=True, eq=False)
class Instrument:
    """The datasets of a fit that come from one reduction, under the label of that reduction."""

    name: str
    datasets: tuple[AnyDataset, ...]

    @property
    def spectra(self) -> tuple[SpectrumDataset, ...]:
        """The spectra among them."""
        return tuple(dataset for dataset in self.datasets if isinstance(dataset, SpectrumDataset))


@dataclass(frozen=True, eq=False)
class FitMaterial:
    """A fit with what it looked at.

    Attributes
    ----------
    step : str
        ``fit`` or ``fit@label``.
    result : FitResult
    datasets : tuple of SpectrumDataset and MapDataset
        The datasets of the fit, or their sum; empty where they are not known.
    origins : mapping of step to tuple of str
        Names of the datasets of each reduction that the fit looked at.
    """

    step: str
    result: FitResult
    datasets: tuple[AnyDataset, ...]
    origins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The datasets by reduction; one group where there is one, or their sum was fitted."""
        if len(self.origins) < 2 or self.result.stack:
            return (Instrument("", self.datasets),) if self.datasets else ()
        found = []
        for step, names in self.origins.items():
            own = tuple(dataset for dataset in self.datasets if dataset.name in names)
            found.append(Instrument(step.partition("@")[2] or step, own))
        return tuple(instrument for instrument in found if instrument.datasets)

    @property
    def spectra(self) -> tuple[SpectrumDataset, ...]:
        """The spectra among the datasets."""
        return tuple(dataset for dataset in self.datasets if isinstance(dataset, SpectrumDataset))

    @property
    def has_maps(self) -> bool:
        """Whether a map is among the datasets."""
        return any(isinstance(dataset, MapDataset) for dataset in self.datasets)

    @property
    def title(self) -> str:
        """Words for headings: the kind of the fit, and its step where that is not plain ``fit``."""
        kind = "stacked fit" if self.result.stack else "joint fit" if len(self.datasets) > 1 else "fit"
        label = self.step.partition("@")[2]
        return kind if not label or label in kind else f"{kind} ({label})"


PART = re.compile(r"(?:^|-)(\d+)_\d+$")
"""How the part of a run is named: the run and the number of the interval, perhaps behind a label."""


def is_part(name: str) -> bool:
    """Whether a name is that of a part of a run, ``47801_3``, and not of a whole run."""
    return PART.search(name) is not None


def run_name(name: str) -> str:
    """The run that a part, a run or a dataset of one is named after.

    >>> run_name("hess-47801_3"), run_name("47801"), run_name("stacked")
    ('47801', '47801', 'stacked')
    """
    part = PART.search(name)
    return part[1] if part else name.rpartition("-")[2]


@dataclass(frozen=True)
class Recipe:
    """The configuration that made the products, as texts.

    Attributes
    ----------
    as_set : str
        YAML of the options that somebody set.
    in_force : str
        YAML of all options.
    steps : tuple of str
        In the order in which they run.
    """

    as_set: str
    in_force: str
    steps: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Material:
    """All that a report can show; every part may be empty.

    Attributes
    ----------
    observations, reductions, models, flux_points, light_curves, maps : mapping of step to product
    fit_results : mapping of step to FitResult
    links : mapping of step to mapping of product type to tuple of steps
        Where each step took its inputs from; empty where it is not known.
    exclusion : mapping of step to callable
        For a reduction, what gives its exclusion mask from the center of the on region (None for none).
    radii : mapping of step to Quantity
        For a maps step, the radius of the disk that its maps are sums over.
    recipe : Recipe, optional
    truth : Models, optional
        What a simulated store was drawn from.
    """

    observations: Mapping[str, Any] = field(default_factory=dict)
    reductions: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, Models] = field(default_factory=dict)
    fit_results: Mapping[str, FitResult] = field(default_factory=dict)
    flux_points: Mapping[str, FluxPoints] = field(default_factory=dict)
    light_curves: Mapping[str, Any] = field(default_factory=dict)
    maps: Mapping[str, Any] = field(default_factory=dict)
    links: Links = field(default_factory=dict)
    exclusion: Mapping[str, Callable[[Any], ExclusionMask | None]] = field(default_factory=dict)
    radii: Mapping[str, Any] = field(default_factory=dict)
    recipe: Recipe | None = None
    truth: Models | None = None

    @cached_property
    def fits(self) -> tuple[FitMaterial, ...]:
        """The fits with their datasets, in order."""
        return tuple(
            FitMaterial(step, result, self._datasets_of(step, result), self._origins_of(step))
            for step, result in self.fit_results.items()
        )

    @property
    def main_fit(self) -> FitMaterial | None:
        """The fit of the headline: the first that can be used, otherwise the first."""
        usable = [fit for fit in self.fits if fit.result.success]
        return next(iter(usable or self.fits), None)

    @property
    def datasets(self) -> tuple[AnyDataset, ...]:
        """All datasets of all reductions."""
        return tuple(dataset for reduction in self.reductions.values() for dataset in reduction.datasets)

    @property
    def has_maps(self) -> bool:
        """Whether there are map datasets or maps."""
        return bool(self.maps) or any(isinstance(dataset, MapDataset) for dataset in self.datasets)

    @property
    def has_spectra(self) -> bool:
        """Whether there are spectrum datasets."""
        return any(isinstance(dataset, SpectrumDataset) for dataset in self.datasets)

    @cached_property
    def used_runs(self) -> frozenset[str]:
        """The runs behind all datasets, each once; a dataset that does not know its runs stands for one."""
        return frozenset(
            str(run) for dataset in self.datasets for run in (dataset.obs_ids or (run_name(dataset.name),))
        )

    @property
    def n_runs(self) -> int:
        """How many runs are used, whole or in parts."""
        return len(self.used_runs)

    @property
    def n_dropped(self) -> int:
        """How many runs could not be used, not even a part of them."""
        dropped = {run_name(name) for reduction in self.reductions.values() for name in reduction.dropped}
        return len(dropped - self.used_runs)

    @property
    def n_parts(self) -> int:
        """How many parts of runs are used, where intervals cut the runs; 0 where they are whole."""
        rows = [str(row["name"]) for one in self.reductions.values() for row in one.info if not row["dropped"]]
        return len(rows) if any(is_part(name) for name in rows) else 0

    @cached_property
    def map_views(self) -> tuple[MapView, ...]:
        """The map datasets of all reductions, added up where they can be."""
        views = []
        for step, reduction in self.reductions.items():
            for number, datasets in enumerate(alike(list(reduction.datasets))):
                fits = [fit for fit in self.fits if self._looks_at(fit.step, step)]
                usable = [fit for fit in fits if fit.result.success]
                start = next(iter(self.models.values()), None)
                view = MapView(
                    name=f"{step}-{number}" if number else step,
                    datasets=datasets,
                    models=usable[0].result.models if usable else start,
                    fits=fits,
                    layers=self.layers_of(step) if number == 0 else (),
                    exclusion=reduction.exclusion,
                )
                views.append(view)
        return tuple(views)

    def layers_of(self, reduction: str | None) -> tuple[MapLayers, ...]:
        """The maps made from a reduction; for None those whose reduction is not there."""
        return tuple(
            MapLayers(step, made.maps, self.radii.get(step), made.peaks)
            for step, made in self.maps.items()
            if self._source_of(step) == reduction and made.maps
        )

    def _source_of(self, maps: str) -> str | None:
        known = self.links.get(maps, {}).get("datasets", ())
        return next((step for step in (*known, *self.reductions) if step in self.reductions), None)

    def _looks_at(self, fit: str, reduction: str) -> bool:
        return reduction in self.links.get(fit, {}).get("datasets", (reduction,))

    def totals(self) -> dict[str, float] | None:
        """Headline numbers of the first reduction, or of all instruments of the first fit together.

        Several instruments have no common significance.
        """
        fit = next(iter(self.fits), None)
        joint = {} if fit is None else self._reductions_of(fit.step)
        if len(joint) < 2:
            return next((reduction.totals() for reduction in self.reductions.values()), None)
        parts = [reduction.totals() for reduction in joint.values()]
        return {name: sum(part[name] for part in parts) for name in parts[0]} | {"sqrt_ts": math.nan}

    def observations_of(self, reduction: str) -> Any:
        """The observations that a reduction came from; None where they are not there."""
        known = self.links.get(reduction, {}).get("observations", ())
        return next(
            (self.observations[step] for step in (*known, *self.observations) if step in self.observations), None
        )

    def fit_of(self, flux_points: str) -> FitMaterial | None:
        """The fit that flux points stand on."""
        known = self.links.get(flux_points, {}).get("fit_result", ())
        points = self.flux_points[flux_points]
        named = [fit for fit in self.fits if fit.step in known]
        alike = [fit for fit in self.fits if {d.name for d in fit.datasets} == set(points.datasets)]
        return next(iter(named or alike), None)

    def _reductions_of(self, fit: str) -> dict[str, Any]:
        """The reductions that a fit took its datasets from."""
        known = self.links.get(fit, {}).get("datasets", tuple(self.reductions))
        return {name: self.reductions[name] for name in known if name in self.reductions}

    def _origins_of(self, fit: str) -> dict[str, tuple[str, ...]]:
        return {
            name: tuple(dataset.name for dataset in reduction.datasets)
            for name, reduction in self._reductions_of(fit).items()
        }

    def _datasets_of(self, step: str, result: FitResult) -> tuple[AnyDataset, ...]:
        found = self._reductions_of(step).values()
        datasets = fitted_datasets((dataset for reduction in found for dataset in reduction.datasets), result.stack)
        fitted = {part.name for part in result.goodness.datasets}
        return tuple(dataset for dataset in datasets if dataset.name in fitted)
