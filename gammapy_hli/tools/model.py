"""The model: sources and their starting values."""

from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any

from gammapy_hli.base.errors import Problem
from gammapy_hli.components.fov_model import FovModel
from gammapy_hli.components.source import Source
from gammapy_hli.core.component import Named, Slot
from gammapy_hli.core.tool import Tool
from gammapy_hli.core.traits import Path

MODELS_FILE = "models.yaml"


class ModelTool(Tool):
    """The sources of the model, written here or in a models file of gammapy's format."""

    section = "model"
    produces = "models"
    keeps_paths = True  # of templates

    file = Path(None, help="Models file (YAML, gammapy's format); sources named here replace those of the file.")
    sources = Named(Source, help="Sources by name.", level="basic")
    background = Slot(FovModel, help="Background model that is added for every map dataset that has none.")

    def check_complete(self) -> Iterable[Problem]:
        if self.stored("file") is None and not len(self.sources):
            yield self.problem(
                "sources",
                "no source",
                code="missing",
                hint="write e.g. {crab: {spectral: {type: pl, amplitude: 3e-11 cm-2 s-1 TeV-1}}}",
            )

    def input_files(self, **inputs: Any) -> list[FilePath]:
        """The models file, and tables that spectra name."""
        files = self.written_models().table_files()
        return list(dict.fromkeys([*files, *([self.file] if self.file is not None else [])]))

    def check_inputs(self) -> None:
        """The model as it is written must be one, and its templates maps; looked at before any step runs."""
        self.written_models().read_templates()

    def gathers_here(self) -> tuple[str, ...]:
        """Maps need one background model each, so that their names must be known; spectra need none."""
        steps = [part for name, part in self.root.parts().items() if name.partition("@")[0] == "reduction"]
        return ("datasets",) if any(step.stored("type") != "spectrum" for step in steps) else ()

    def setup(self, context: Any, inputs: Mapping[str, Any]) -> None:
        self._reductions = inputs.get("datasets") or ()

    def finish(self) -> Any:
        from gammapy_hli.engine.datasets.map import MapDataset  # late: loads astropy
        from gammapy_hli.engine.models.background import FoVBackgroundModel
        from gammapy_hli.engine.models.sky_model import Models
        from gammapy_hli.engine.products.reduction import all_datasets

        models = self.written_models()
        served = {
            name for model in models if isinstance(model, FoVBackgroundModel) for name in model.datasets_names or ()
        }
        maps = (
            each.name
            for each in all_datasets(self._reductions)
            if isinstance(each, MapDataset) and each.statistic == "cash"
        )
        added = [self.background.model(name) for name in dict.fromkeys(maps) if name not in served]
        return Models([*models, *added]) if added else models

    def written_models(self) -> Any:
        """The sources of the file and of the options."""
        from gammapy_hli.engine.models.models_yaml import parse_short, read_models  # late: loads astropy
        from gammapy_hli.engine.models.sky_model import Models

        own = self.sources_as_written()
        written = parse_short(own, path="model.sources") if own else Models([])
        if self.file is None:
            return written
        read = read_models(self.file)
        return Models([*(model for model in read if model.name not in written.names), *written])

    def sources_as_written(self) -> dict[str, Any]:
        """The sources in plain form, file names made absolute."""
        return {name: source.as_written() for name, source in self.sources.items()}

    def read_product(self, folder: FilePath, inputs: Mapping[str, Any] | None = None) -> Any:
        from gammapy_hli.engine.models.models_yaml import read_models  # late: loads astropy

        return read_models(folder / MODELS_FILE)

    def write_product(self, product: Any, folder: FilePath) -> None:
        from gammapy_hli.engine.models.models_yaml import write_models  # late: loads astropy

        write_models(product, folder / MODELS_FILE)
