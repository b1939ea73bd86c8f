"""The report: one page that shows what the other steps made."""

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from gammapy_hli.base.atomic_write import write_text
from gammapy_hli.base.errors import InputError, MissingStepError
from gammapy_hli.core.chain import steps_of, tool_slots, wire
from gammapy_hli.core.tool import Tool
from gammapy_hli.run.products import Several

PAGE_FILE = "index.html"
TRUTH_FILE = "truth.yaml"
_MAKERS = {
    "observations": "selection",
    "datasets": "reduction",
    "models": "model",
    "fit_result": "fit",
    "flux_points": "flux_points",
    "light_curve": "light_curve",
    "maps": "maps",
}


class ReportTool(Tool):
    """Write one HTML page with figures, tables, checks and the configuration of all that is there."""

    section = "report"
    gathers = ("observations", "datasets", "models", "fit_result", "flux_points", "light_curve", "maps")
    produces = "report"

    def input_files(self, **inputs: Any) -> list[FilePath]:
        """The true models beside simulated stores."""
        found = [truth_path(product) for product in self._by_step(inputs, "observations").values()]
        return [path for path in dict.fromkeys(found) if path is not None]

    def setup(self, context: Any, inputs: Mapping[str, Any]) -> None:
        self._inputs = inputs

    def finish(self) -> Any:
        from gammapy_hli.report.compose import make_report  # late: loads matplotlib

        return make_report(self.material(self._inputs))

    def material(self, inputs: Mapping[str, Any]) -> Any:
        """The inputs in the form that the page is made from."""
        from gammapy_hli.report.configuration import make_recipe  # late: loads numpy and astropy
        from gammapy_hli.report.material import Material

        found = (self._by_step(inputs, role) for role in self.gathers)
        observations, reductions, models, fits, points, curves, maps = found
        analysis = self.root if self._has_analysis else None
        exclusions = {} if analysis is None else {step: self._exclusion_of(step) for step in reductions}
        return Material(
            observations=observations,
            reductions=reductions,
            models=models,
            fit_results=fits,
            flux_points=points,
            light_curves=curves,
            maps=maps,
            links={} if analysis is None else wire(analysis).links,
            exclusion={step: each.exclusion_mask for step, each in exclusions.items()},
            radii={} if analysis is None else {step: self.root[step].correlation_radius for step in maps},
            recipe=None if analysis is None else make_recipe(analysis, steps_of(analysis)),
            truth=_read_truth(observations.values()),
        )

    @property
    def _has_analysis(self) -> bool:
        return self.owner is not None and bool(tool_slots(type(self.root)))

    def _by_step(self, inputs: Mapping[str, Any], role: str) -> dict[str, Any]:
        """The products of one type by the step that made them; empty where there is none."""
        try:
            given = inputs.get(role)
        except MissingStepError:  # a step that has not run yet
            return {}
        if given is None:
            return {}
        if isinstance(given, Several):
            return given.by_step()
        if type(given) is tuple:
            return {
                _MAKERS[role] if number == 0 else f"{_MAKERS[role]}@{number}": item for number, item in enumerate(given)
            }
        step = _MAKERS[role]
        if self._has_analysis:
            links = wire(self.root).links.get(self.step, {}).get(role, ())
            step = links[0] if len(links) == 1 else step
        return {step: given}

    def _exclusion_of(self, step: str) -> Any:
        """The component that gives the exclusion mask of a reduction."""
        return self.root[step].background.exclusion

    def read_product(self, folder: FilePath, inputs: Mapping[str, Any] | None = None) -> Any:
        from gammapy_hli.report.page import Report  # late: loads jinja2

        try:
            return Report((folder / PAGE_FILE).read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{folder / PAGE_FILE}: {error.strerror}; run the report again") from None

    def write_product(self, product: Any, folder: FilePath) -> None:
        write_text(folder / PAGE_FILE, product.html)


def truth_path(observations: Any) -> FilePath | None:
    """The file of true models beside a simulated store; None for real data."""
    path = FilePath(observations.store.name) / TRUTH_FILE
    return path if path.is_file() else None


def _read_truth(all_observations: Any) -> Any:
    """The true models of the first store that has them; None where they cannot be read."""
    from gammapy_hli.engine.models.models_yaml import read_models  # late: loads astropy

    for observations in all_observations:
        path = truth_path(observations)
        if path is not None:
            try:
                return read_models(path)
            except InputError:  # somebody else's file of that name
                return None
    return None
