"""A source whose spectrum is held and whose norm alone is free: what flux points fit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.models.parameter import Parameter, Parameters
from gammapy_hli.engine.models.spectral.base import SpectralModel

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _ScaledBins:
    """``norm`` times a fixed flux per bin."""

    reference: Array

    def flux(self, values: Array) -> Array:
        """Flux per bin, (n_bin,)."""
        return values[0] * self.reference

    def flux_and_jacobian(self, values: Array) -> tuple[Array, Array]:
        """Flux per bin and its derivative to the norm, (1, n_bin)."""
        return values[0] * self.reference, self.reference[np.newaxis]


class ScaledSpectrum:
    """``norm`` times a reference spectrum, in the shape that the likelihood wants."""

    def __init__(self, reference: SpectralModel):
        self.reference = reference
        self.parameters = Parameters([Parameter("norm", 1.0)])

    def compile(self, edges: Array) -> _ScaledBins:
        """Bound to true-energy bins [TeV]."""
        return _ScaledBins(self.reference.bin_flux(edges, self.reference.values))

    def bin_flux(self, edges: Array, values: Array) -> Array:
        """Flux [cm-2 s-1] per bin."""
        return self.compile(edges).flux(values)


@dataclass(frozen=True, eq=False)
class ScaledSource:
    """Stands in for the sky model of a source while its norm is fitted."""

    name: str
    spectral: ScaledSpectrum
    datasets_names: tuple[str, ...] | None
