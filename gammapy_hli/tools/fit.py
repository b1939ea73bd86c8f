"""The fit: best values of the model's free parameters."""

from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any

from gammapy_hli.base.errors import Problem
from gammapy_hli.components.nuisance import InstrumentNuisance
from gammapy_hli.core.component import Named
from gammapy_hli.core.tool import Tool
from gammapy_hli.core.traits import Bool, Choice, Float, Int, List, QuantityRange, Str
from gammapy_hli.run.products import Several
from gammapy_hli.tools.fit_checks import (
    check_minos,
    make_nuisances,
    minos_problems,
    names_elsewhere,
    nuisance_problems,
    range_problem,
    sources_of,
)


class FitTool(Tool):
    """Fit the model to all datasets together, or to their sum."""

    section = "fit"
    requires = ("datasets", "models")
    produces = "fit_result"

    stack = Bool(False, help="Fit the sum of the datasets in place of all of them jointly.", level="basic")
    energy_range = QuantityRange(
        None,
        unit="TeV",
        above="0 TeV",
        help="Reconstructed energies to fit, [0.66 TeV, 30 TeV] or [0.66 TeV, null]: bins that lie inside; null for "
        "all that are safe.",
        level="basic",
    )
    nuisances = Named(
        InstrumentNuisance,
        help="Uncertain norm and energy scale of instruments, by label of their reduction (magic for reduction@magic) "
        "or by name of a dataset.",
        item="instrument",
        any_name=False,
        level="basic",
    )
    backend = Choice(("minuit",), "minuit", help="Minimizer.")
    tolerance = Float(0.1, above=0, help="Tolerance of migrad; it stops at an estimated distance of 0.002 x tolerance.")
    strategy = Int(1, min=0, max=2, help="Strategy of Minuit: 0 fast, 1 normal, 2 careful.")
    max_calls = Int(5000, min=1, help="Most evaluations of one attempt.")
    retries = Int(3, min=0, help="Further attempts, in other ways, where one fails.")
    minos = List(
        Str(), [], unique=True, help="Free parameters whose asymmetric errors are wanted, [crab.spectral.index]; [all]."
    )

    def check(self) -> Iterable[Problem]:
        yield from nuisance_problems(self)
        yield from minos_problems(self)
        if self.stored("energy_range") is not None:
            ends = self.members()["energy_range"].key(self.stored("energy_range"))
            low, high = (None if end is None else float(end.split()[0]) for end in ends)
            message = range_problem(self, low, high)
            if message is not None:
                yield self.problem("energy_range", message, code="range")

    def check_complete(self) -> Iterable[Problem]:
        for name, item in self.nuisances.items():
            if not item.named and all(item.origin_of(kind).kind == "default" for kind in item.members()):
                origin = self.nuisances.origin_of(name)
                yield origin.problem(
                    "missing",
                    f"{self.dotted_path}.nuisances.{name}",
                    "names neither norm nor energy_scale",
                    hint="write e.g. {energy_scale: {prior: {gauss: {mean: 0, sigma: 0.15}}}}",
                )

    def input_files(self, models: Any, **inputs: Any) -> list[FilePath]:
        """The maps that models are made of, and tables that their file names."""
        return [*models.template_files(), *models.table_files()]

    def check_inputs(self) -> None:
        """Parameters that minos names must be free; looked at before any step runs."""
        check_minos(self)

    def setup(self, context: Any, inputs: Mapping[str, Any]) -> None:
        from gammapy_hli.engine.products.reduction import all_datasets  # late: loads astropy

        given = inputs["datasets"]
        steps = given.steps if isinstance(given, Several) else sources_of(self, "datasets") or ("reduction",)
        reductions = given if isinstance(given, Several) else (given,)
        names = {
            step: tuple(dataset.name for dataset in all_datasets(reduction))
            for step, reduction in zip(steps, reductions, strict=True)
        }
        self._inputs = inputs
        self._elsewhere = names_elsewhere(self, inputs["models"], reductions)
        self._nuisances = make_nuisances(self, names)

    def finish(self) -> Any:
        from gammapy_hli.engine.fit.fit import fit  # late: loads numpy and astropy
        from gammapy_hli.engine.products.reduction import all_datasets

        return fit(
            all_datasets(self._inputs["datasets"]),
            self._inputs["models"],
            energy_range=self.energy_range,
            nuisances=self._nuisances,
            elsewhere=self._elsewhere,
            stack=self.stack,
            tolerance=self.tolerance,
            strategy=self.strategy,
            max_calls=self.max_calls,
            retries=self.retries,
            minos=self.minos,
        )

    def read_product(self, folder: FilePath, inputs: Mapping[str, Any] | None = None) -> Any:
        from gammapy_hli.engine.products.fit_result import FitResult  # late: loads astropy

        return FitResult.read(folder)

    def write_product(self, product: Any, folder: FilePath) -> None:
        product.write(folder)

    def flags(self, product: Any) -> list[str]:
        """What a user must look at."""
        return [] if product.success else [f"the fit cannot be used ({product.status}): {product.message}"]

    def summary_numbers(self, product: Any) -> dict[str, Any]:
        """Headline numbers."""
        return {
            "success": product.success,
            "stat": product.stat,
            "parameters": {
                parameter.name: {"value": parameter.value, "error": parameter.error, "unit": parameter.unit}
                for parameter in product.parameters
                if not parameter.frozen
            },
        }
