"""The background model of a map dataset: a factor with a tilt in energy. Only its parameters; maps come later."""

from collections.abc import Iterator
from typing import Any

from gammapy_hli.base.summary import Summary
from gammapy_hli.engine.models.catalogue import BACKGROUND
from gammapy_hli.engine.models.parameter import Parameter
from gammapy_hli.engine.models.spectral.base import SpectralModel
from gammapy_hli.engine.models.spectral.power_law import PowerLawNormSpectralModel

__all__ = ["FoVBackgroundModel"]


class FoVBackgroundModel(Summary):
    """Factor norm (E/reference)^(-tilt) on the background of one dataset.

    Parameters
    ----------
    dataset_name : str
    spectral : SpectralModel, optional
        A norm model; default `PowerLawNormSpectralModel`.

    Attributes
    ----------
    name : str
        '<dataset>-bkg', as gammapy names it.
    """

    entry = BACKGROUND["FoVBackgroundModel"]

    def __init__(self, dataset_name: str, spectral: SpectralModel | None = None):
        self.datasets_names: tuple[str, ...] | None = (dataset_name,)
        self.name = f"{dataset_name}-bkg"
        self.spectral: SpectralModel = PowerLawNormSpectralModel() if spectral is None else spectral
        self.spatial = None
        self.temporal = None

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """('<name>.spectral.norm', parameter) and so on."""
        for name, parameter in zip(self.spectral.parameters.names, self.spectral.parameters, strict=True):
            yield f"{self.name}.spectral.{name}", parameter

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FoVBackgroundModel):
            return NotImplemented
        return self.name == other.name and self.spectral == other.spectral

    __hash__ = None  # type: ignore[assignment]

    def summary(self) -> dict[str, Any]:
        """Name and parameters."""
        return {"name": self.name, "spectral": self.spectral.summary()}
