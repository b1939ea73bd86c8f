"""A spectrum as a dataset with nuisance parameters sees it: times a factor, on shifted energies (models/nuisance.py).

With f = 1 + δ a bin from a to b holds n ∫ φ(E) dE from a f to b f, and the derivative to δ is n (b φ(b f) - a φ(a f)).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.models.nuisance import Nuisance
from gammapy_hli.engine.models.spectral.base import CompiledSpectrum, NumericSpectrum

__all__ = ["CalibratedSpectrum", "calibrated_flux", "compile_spectrum"]

Array = NDArray[np.float64]


class CalibratedSpectrum:
    """A spectral model on the bins of a dataset with nuisance parameters.

    Takes the values of the spectral model followed by those of the nuisances that are there, norm before energy scale.

    Parameters
    ----------
    spectral : SpectralModel
    edges : array (nt + 1,) [TeV]
        As the responses call them.
    nuisance : Nuisance
    """

    def __init__(self, spectral: Any, edges: Array, nuisance: Nuisance):
        self._spectral = spectral
        self._edges = edges
        self._has_norm = nuisance.norm is not None
        self._has_scale = nuisance.energy_scale is not None
        self._is_moving = nuisance.energy_scale is not None and not nuisance.energy_scale.frozen
        self._n_own = len(spectral.parameters)
        self._plain: CompiledSpectrum = spectral.compile(edges)
        self._kept: tuple[float, CompiledSpectrum] = (1.0, self._plain)

    def flux(self, values: Array) -> Array:
        """Integral per bin times the factor, (nt,) [cm-2 s-1]."""
        own, norm, factor = self._split(values)
        bins, weight = self._bins(factor)
        return norm * weight * bins.flux(own)

    def flux_and_jacobian(self, values: Array) -> tuple[Array, Array]:
        """The same, and its derivatives to all values, (n_values, nt); zeros for an energy scale that is frozen."""
        own, norm, factor = self._split(values)
        bins, weight = self._bins(factor)
        flux, jacobian = bins.flux_and_jacobian(own)
        rows = [norm * weight * jacobian]
        if self._has_norm:
            rows.append(weight * flux[np.newaxis])
        if self._has_scale:
            rows.append(norm * self._scale_slope(own, factor)[np.newaxis])
        return norm * weight * flux, np.concatenate(rows)

    def _split(self, values: Array) -> tuple[Array, float, float]:
        rest = values[self._n_own :]
        norm = float(rest[0]) if self._has_norm else 1.0
        return values[: self._n_own], norm, 1.0 + float(rest[-1]) if self._has_scale else 1.0

    def _bins(self, factor: float) -> tuple[CompiledSpectrum, float]:
        """The spectrum on the shifted bins, and what its integrals are to be multiplied with; the last one is kept."""
        if self._kept[0] != factor:
            self._kept = factor, _compile_shifted(self._spectral, self._plain, self._edges, factor)
        return self._kept[1], factor if isinstance(self._plain, NumericSpectrum) else 1.0

    def _scale_slope(self, own: Array, factor: float) -> Array:
        if not self._is_moving:
            return np.zeros(len(self._edges) - 1)
        nodes = self._spectral.prepare(self._edges * factor)
        slope: Array = np.diff(self._edges * self._spectral.dnde(nodes, own))
        return slope


def _compile_shifted(spectral: Any, plain: CompiledSpectrum, edges: Array, factor: float) -> CompiledSpectrum:
    """On edges times a factor; numeric integrals keep their nodes, so that they change smoothly with the factor."""
    if factor == 1.0:
        return plain
    if isinstance(plain, NumericSpectrum):
        return plain.at_scaled_energies(factor)
    compiled: CompiledSpectrum = spectral.compile(edges * factor)
    return compiled


def compile_spectrum(spectral: Any, edges: Array, nuisance: Nuisance | None) -> CompiledSpectrum:
    """A spectral model bound to bins of true energy [TeV], with the nuisance of the dataset if it has one."""
    return spectral.compile(edges) if nuisance is None else CalibratedSpectrum(spectral, edges, nuisance)


def calibrated_flux(spectral: Any, edges: Array, values: Array, norm: float, energy_scale: float) -> Array:
    """Flux per bin of true energy at given values of model and nuisances, (nt,) [cm-2 s-1]."""
    if energy_scale == 0.0:
        return norm * spectral.bin_flux(edges, values)
    plain = spectral.compile(edges)
    factor = 1.0 + energy_scale
    weight = norm * factor if isinstance(plain, NumericSpectrum) else norm
    return weight * _compile_shifted(spectral, plain, edges, factor).flux(values)
