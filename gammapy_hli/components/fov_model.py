"""The background model that a fit of maps scales."""

from typing import Any

from gammapy_hli.core.component import Component
from gammapy_hli.core.traits import ModelParameter


class FovModel(Component):
    """Factor on the background of a map dataset: norm (E / reference)^(-tilt); one for every map dataset."""

    norm = ModelParameter(1, help="Factor on the background.", level="basic")
    tilt = ModelParameter(0, frozen=True, help="Slope in energy; positive takes away at high energies.", level="basic")
    reference = ModelParameter("1 TeV", unit="TeV", frozen=True, help="Energy where the tilt does nothing.")

    def model(self, dataset_name: str) -> Any:
        """The background model of one dataset."""
        from gammapy_hli.engine.models.models_yaml import parse_background  # late: loads astropy

        return parse_background(self.to_plain(only_set=True), dataset_name)
