"""The constant spectrum."""

import numpy as np

from gammapy_hli.engine.models.catalogue import SPECTRAL
from gammapy_hli.engine.models.spectral.base import FloatArray, Nodes, SpectralModel

__all__ = ["ConstantSpectralModel"]


class ConstantSpectralModel(SpectralModel):
    """The same differential flux at every energy; the trapezoidal rule is exact for it."""

    entry = SPECTRAL["ConstantSpectralModel"]

    def dnde(self, nodes: Nodes, values: FloatArray) -> FloatArray:
        """Differential flux at the nodes."""
        return np.full(nodes.energy.shape, values[0])

    def dnde_gradient(self, nodes: Nodes, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Differential flux and its derivative."""
        return self.dnde(nodes, values), np.ones((1, *nodes.energy.shape))
