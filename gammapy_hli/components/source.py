"""One source of the model."""

from typing import Any

from gammapy_hli.components.model_types import model_types
from gammapy_hli.core.component import Component
from gammapy_hli.core.inputs import named_paths
from gammapy_hli.core.traits import List, Str
from gammapy_hli.core.typed import ModelSpec


class Source(Component):
    """A source: its spectrum and, where needed, where it is and when it shines."""

    spectral = ModelSpec(
        model_types("spectral"), required=True, help="Spectral model and its parameters.", level="basic", optional=False
    )
    spatial = ModelSpec(model_types("spatial"), help="Spatial model; a 1D analysis needs none.")
    temporal = ModelSpec(model_types("temporal"), help="Temporal model; null is a steady source.")
    datasets_names = List(
        Str(), None, min_length=1, help="Names of the datasets in which the source shines; null for all."
    )

    def as_written(self) -> dict[str, Any]:
        """In plain form; the files that it names are found from any folder."""
        plain = self.to_plain(only_set=True)
        for named in named_paths(self):
            *above, name = named.path.removeprefix(f"{self.dotted_path}.").split(".")
            part = plain
            for key in above:
                part = part[key]
            part[name] = named.real or named.written
        return plain
