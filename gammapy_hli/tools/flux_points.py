"""Flux points: the spectrum of a source bin by bin."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from gammapy_hli.base.errors import ConfigError, InputError, Problem
from gammapy_hli.base.names import slug
from gammapy_hli.components.energy_axis import EnergyAxis
from gammapy_hli.core.component import Slot
from gammapy_hli.core.tool import Tool
from gammapy_hli.core.traits import Bool, Float, Str
from gammapy_hli.run.context import RunContext
from gammapy_hli.tools.fit_checks import range_problem
from gammapy_hli.tools.source_choice import source_name

INTRINSIC = "-intrinsic"
"""Ending of the names of files with de-absorbed points."""


class FluxPointsTool(Tool):
    """Flux of a source in bins of energy, with errors and upper limits, on the model of the fit."""

    section = "flux_points"
    requires = ("fit_result", "datasets")
    produces = "flux_points"

    source = Str(None, help="Name of the source; null for the only one of the model.", level="basic")
    energy = Slot(
        EnergyAxis,
        optional=True,
        help="Bins of the points, rounded to edges of the datasets; null: one point a bin.",
        level="basic",
    )
    n_sigma = Float(1, above=0, help="Confidence of the errors, in sigma.")
    n_sigma_ul = Float(2, above=0, help="Confidence of the upper limits, in sigma.", level="basic")
    sensitivity = Bool(False, help="Also the flux that would just be detected.")
    n_sigma_sensitivity = Float(5, above=0, help="Significance that counts as detection.")
    reoptimize = Bool(False, help="Refit the other sources in each bin; much slower. general.n_jobs helps.")
    deabsorb = Bool(
        False,
        help="Also points of the intrinsic spectrum, without the EBL absorption of the source: <source>-intrinsic.",
    )

    def check(self) -> Iterable[Problem]:
        axis = self.energy
        if axis is None or axis.has_bad_values:
            return
        chosen = "min" if axis.stored("edges") is None else "edges"
        message = range_problem(self, *axis.limits())
        if message is not None:
            yield axis.problem(chosen, message, code="range")

    def setup(self, context: Any, inputs: Mapping[str, Any]) -> None:
        self._context = context or RunContext()
        self._fit = inputs["fit_result"]
        self._datasets = inputs["datasets"]
        self._source = source_name(self, self._fit.models)
        self._check_absorption(self._fit.models)

    def finish(self) -> Any:
        from gammapy_hli.engine.estimate.energy_bands import words_of_dropped  # late: loads numpy and astropy
        from gammapy_hli.engine.estimate.flux_points import estimate_flux_points
        from gammapy_hli.engine.fit.fit import fitted_datasets
        from gammapy_hli.engine.products.reduction import all_datasets

        datasets = fitted_datasets(all_datasets(self._datasets), self._fit.stack)
        edges = None if self.energy is None else self.energy.axis("energy").edges
        if datasets and (words := words_of_dropped(datasets[0].energy, edges, "flux point")):
            self._context.logger.warning(words)
        return estimate_flux_points(
            datasets,
            self._fit.models,
            self._source,
            energy_edges=edges,
            n_sigma=self.n_sigma,
            n_sigma_ul=self.n_sigma_ul,
            sensitivity=self.sensitivity,
            n_sigma_sensitivity=self.n_sigma_sensitivity,
            reoptimize=self.reoptimize,
            energy_range=self._fit.energy_range,
            nuisances=self._fit.nuisances,
            deabsorb=self.deabsorb,
            run_map=self._on_workers,
        )

    def _on_workers(self, function: Any, items: Iterable[int]) -> Iterator[Any]:
        """Values of a function, from as many processes as the run has; the first error is raised."""
        for outcome in self._context.map(function, list(items), label="flux points"):
            if outcome.error is not None:
                raise outcome.error
            yield outcome.value

    def check_inputs(self) -> None:
        """A source that is to be de-absorbed must have an absorption; looked at before any step runs."""
        model = self.root.parts().get("model")
        if self.deabsorb and model is not None and not self.inputs:
            models = model.written_models()
            names = [each.name for each in models if hasattr(each, "spatial")]
            if self.source in names or (self.source is None and len(names) == 1):
                self._source = self.source or names[0]
                self._check_absorption(models)

    def _check_absorption(self, models: Any) -> None:
        if not self.deabsorb:
            return
        from gammapy_hli.engine.models.spectral.ebl import without_absorption  # late: loads numpy and astropy

        if without_absorption(models[self._source].spectral) is None:
            problem = self.problem(
                "deabsorb",
                f"source '{self._source}' has no absorption to take out; its spectrum is no product with ebl-norm",
                hint=f"write ebl: {{reference: dominguez, redshift: 0.1}} in model.sources.{self._source}.spectral",
            )
            raise ConfigError(problem)

    def read_product(self, folder: FilePath, inputs: Mapping[str, Any] | None = None) -> Any:
        from gammapy_hli.engine.products.flux_points import FluxPoints  # late: loads astropy

        found = sorted(folder.glob("*.fits"), key=lambda path: len(path.stem))
        more = [path for path in found[1:] if path.stem != f"{found[0].stem}{INTRINSIC}"]
        if not found or more:
            raise InputError(f"{folder}: {len(found)} files of flux points; expected one. Run the step again")
        points = FluxPoints.read(found[0])
        return replace(points, intrinsic=FluxPoints.read(found[1])) if found[1:] else points

    def write_product(self, product: Any, folder: FilePath) -> None:
        for points, ending in ((product, ""), (product.intrinsic, INTRINSIC)):
            for suffix in ("fits", "ecsv") if points is not None else ():
                points.write(folder / f"{slug(product.source)}{ending}.{suffix}")

    def summary_numbers(self, product: Any) -> dict[str, Any]:
        """Headline numbers by source; null where a bin could not be used."""
        columns = {
            "e_ref_TeV": product.e_ref,
            "dnde": product.dnde.to_value("cm-2 s-1 TeV-1"),
            "dnde_err": product.dnde_err.to_value("cm-2 s-1 TeV-1"),
            "dnde_ul": product.dnde_ul.to_value("cm-2 s-1 TeV-1"),
            "sqrt_ts": product.sqrt_ts,
        }
        return {product.source: {name: values.tolist() for name, values in columns.items()}}
