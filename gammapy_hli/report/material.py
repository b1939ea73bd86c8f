"""What a report is made from: the products of the steps that are there, and how they belong together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gammapy_hli.engine.datasets.spectrum import SpectrumDataset
from gammapy_hli.engine.fit.fit import fitted_datasets
from gammapy_hli.engine.geom.mask import ExclusionMask
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.products.fit_result import FitResult
from gammapy_hli.engine.products.flux_points import FluxPoints

Links = Mapping[str, Mapping[str, tuple[str, ...]]]


@dataclass(frozen=True, eq=False)
class FitMaterial:
    """A fit with what it looked at.

    Attributes
    ----------
    step : str
        ``fit`` or ``fit@label``.
    result : FitResult
    datasets : tuple of SpectrumDataset
        The datasets of the fit, or their sum; empty where they are not known.
    """

    step: str
    result: FitResult
    datasets: tuple[SpectrumDataset, ...]

    @property
    def title(self) -> str:
        """Words for headings: the kind of the fit, and its step where that is not plain ``fit``."""
        kind = "stacked fit" if self.result.stack else "joint fit" if len(self.datasets) > 1 else "fit"
        label = self.step.partition("@")[2]
        return kind if not label or label in kind else f"{kind} ({label})"


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
    observations, reductions, models, flux_points : mapping of step to product
    fit_results : mapping of step to FitResult
    links : mapping of step to mapping of product type to tuple of steps
        Where each step took its inputs from; empty where it is not known.
    exclusion : mapping of step to callable
        For a reduction, what gives its exclusion mask from the center of the on region (None for none).
    recipe : Recipe, optional
    truth : Models, optional
        What a simulated store was drawn from.
    """

    observations: Mapping[str, Any] = field(default_factory=dict)
    reductions: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, Models] = field(default_factory=dict)
    fit_results: Mapping[str, FitResult] = field(default_factory=dict)
    flux_points: Mapping[str, FluxPoints] = field(default_factory=dict)
    links: Links = field(default_factory=dict)
    exclusion: Mapping[str, Callable[[Any], ExclusionMask | None]] = field(default_factory=dict)
    recipe: Recipe | None = None
    truth: Models | None = None

    @cached_property
    def fits(self) -> tuple[FitMaterial, ...]:
        """The fits with their datasets, in order."""
        return tuple(
            FitMaterial(step, result, self._datasets_of(step, result)) for step, result in self.fit_results.items()
        )

    @property
    def main_fit(self) -> FitMaterial | None:
        """The fit of the headline: the first that can be used, otherwise the first."""
        usable = [fit for fit in self.fits if fit.result.success]
        return next(iter(usable or self.fits), None)

    @property
    def datasets(self) -> tuple[SpectrumDataset, ...]:
        """All datasets of all reductions."""
        return tuple(dataset for reduction in self.reductions.values() for dataset in reduction.datasets)

    def totals(self) -> dict[str, float] | None:
        """Headline numbers of the first reduction."""
        return next((reduction.totals() for reduction in self.reductions.values()), None)

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

    def _datasets_of(self, step: str, result: FitResult) -> tuple[SpectrumDataset, ...]:
        known = self.links.get(step, {}).get("datasets", tuple(self.reductions))
        found = [self.reductions[name] for name in known if name in self.reductions]
        datasets = fitted_datasets((dataset for reduction in found for dataset in reduction.datasets), result.stack)
        fitted = {part.name for part in result.goodness.datasets}
        return tuple(dataset for dataset in datasets if dataset.name in fitted)
