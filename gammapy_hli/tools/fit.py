"""The fit: best values of the model's free parameters."""

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from gammapy_hli.core.tool import Tool
from gammapy_hli.core.traits import Bool, Choice, Float, Int, List, QuantityList, Str


class FitTool(Tool):
    """Fit the model to all datasets together, or to their sum."""

    section = "fit"
    requires = ("datasets", "models")
    produces = "fit_result"

    stack = Bool(False, help="Fit the sum of the datasets in place of all of them jointly.", level="basic")
    energy_range = QuantityList(
        None,
        unit="TeV",
        above="0 TeV",
        increasing=True,
        length=2,
        help="Reconstructed energies to fit, [0.66 TeV, 30 TeV]: bins that lie inside; null for all that are safe.",
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

    def setup(self, context: Any, inputs: Mapping[str, Any]) -> None:
        self._inputs = inputs

    def finish(self) -> Any:
        from gammapy_hli.engine.fit.fit import fit  # late: loads numpy and astropy
        from gammapy_hli.engine.products.reduction import all_datasets

        return fit(
            all_datasets(self._inputs["datasets"]),
            self._inputs["models"],
            energy_range=None if self.energy_range is None else tuple(self.energy_range),
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
