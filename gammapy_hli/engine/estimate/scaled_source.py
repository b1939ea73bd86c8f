"""A source whose spectrum is held and whose norm alone is free: what flux points fit."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray

from gammapy_hli.engine.models.parameter import Parameter, Parameters
from gammapy_hli.engine.models.sky_model import AnyModel, SkyModel
from gammapy_hli.engine.models.spatial import SpatialModel
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
    """``norm`` times ``sign`` times a reference spectrum, in the shape that the likelihood wants."""

    def __init__(self, reference: SpectralModel, sign: float = 1.0):
        self.reference = reference
        self.sign = sign
        self.parameters = Parameters([Parameter("norm", 1.0)])

    def compile(self, edges: Array) -> _ScaledBins:
        """Bound to true-energy bins [TeV]."""
        return _ScaledBins(self.sign * self.reference.bin_flux(edges, self.reference.values))

    def bin_flux(self, edges: Array, values: Array) -> Array:
        """Flux [cm-2 s-1] per bin."""
        return self.compile(edges).flux(values)


@dataclass(frozen=True, eq=False)
class ScaledSource:
    """Stands in for the sky model of a source while its norm is fitted."""

    name: str
    spectral: ScaledSpectrum
    datasets_names: tuple[str, ...] | None
    spatial: SpatialModel | None = None
    apply_irf: Mapping[str, bool] = field(default_factory=dict)

    @classmethod
    def of(cls, model: SkyModel, sign: float = 1.0) -> "ScaledSource":
        """The stand-in of a source, at the values that the source has now; ``sign`` multiplies its spectrum."""
        spectral = ScaledSpectrum(model.spectral, sign)
        return cls(model.name, spectral, model.datasets_names, held_shape(model), model.apply_irf)

    @property
    def position(self) -> SkyCoord | None:
        """Where the source is; None without a spatial model."""
        return None if self.spatial is None else self.spatial.position

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """The norm alone."""
        yield f"{self.name}.spectral.norm", self.spectral.parameters["norm"]


def hold_shape(model: AnyModel) -> AnyModel:
    """The same model with a frozen shape: spectral parameters are the objects of the model."""
    if not isinstance(model, SkyModel) or model.spatial is None:
        return model
    held = copy.copy(model)
    held.spatial = held_shape(model)
    return held


def held_shape(model: SkyModel) -> SpatialModel | None:
    """A copy of the spatial model of a source with all its parameters frozen."""
    spatial = copy.deepcopy(model.spatial)
    if spatial is not None:
        for parameter in spatial.parameters:
            parameter.frozen = True
    return spatial
