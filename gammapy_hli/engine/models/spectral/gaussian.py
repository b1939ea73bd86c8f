"""The Gaussian line, with closed integrals."""

import numpy as np
from scipy.special import erf

from gammapy_hli.engine.models.catalogue import SPECTRAL
from gammapy_hli.engine.models.spectral.base import CompiledSpectrum, FloatArray, Nodes, SpectralModel

__all__ = ["GaussianSpectralModel"]

_SQRT_2 = np.sqrt(2.0)
_SQRT_2_PI = np.sqrt(2.0 * np.pi)


class GaussianSpectralModel(SpectralModel):
    """Gaussian line, dnde = amplitude / (sigma √(2π)) exp(-(E - mean)² / (2 sigma²))."""

    entry = SPECTRAL["GaussianSpectralModel"]

    def dnde(self, nodes: Nodes, values: FloatArray) -> FloatArray:
        """Differential flux at the nodes."""
        amplitude, mean, sigma = values
        return amplitude / (sigma * _SQRT_2_PI) * np.exp(-0.5 * ((nodes.energy - mean) / sigma) ** 2)

    def dnde_gradient(self, nodes: Nodes, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Differential flux and its derivatives."""
        amplitude, mean, sigma = values
        pull = (nodes.energy - mean) / sigma
        shape = np.exp(-0.5 * pull**2) / (sigma * _SQRT_2_PI)
        flux = amplitude * shape
        return flux, np.stack([shape, flux * pull / sigma, flux * (pull**2 - 1) / sigma])

    def compile_bins(self, low: FloatArray, high: FloatArray, energy_power: int = 0) -> CompiledSpectrum:
        """Closed form."""
        return _GaussianIntegral(low, high, energy_power)


class _GaussianIntegral:
    """∫ A N(E; μ, σ) E^p dE for p = 0 or 1, with gradient.

    With Φ the integral of the unit normal N and n = N/σ: p = 0 gives A ΔΦ, p = 1 gives A (μ ΔΦ - σ² Δn).
    """

    __slots__ = ("_high", "_low", "_power")

    def __init__(self, low: FloatArray, high: FloatArray, power: int):
        self._low, self._high, self._power = low, high, power

    def flux(self, values: FloatArray) -> FloatArray:
        return self.flux_and_jacobian(values)[0]

    def flux_and_jacobian(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        amplitude, mean, sigma = values
        edges = np.stack([self._low, self._high])
        pull = (edges - mean) / sigma
        below = 0.5 * erf(pull / _SQRT_2)
        density = np.exp(-0.5 * pull**2) / (sigma * _SQRT_2_PI)
        share = below[1] - below[0]
        step = density[1] - density[0]
        by_sigma = pull[1] * density[1] - pull[0] * density[0]
        if self._power == 0:
            return amplitude * share, np.stack([share, -amplitude * step, -amplitude * by_sigma])
        unit = mean * share - sigma**2 * step
        # d(ΔΦ)/dμ = -Δn, d(ΔΦ)/dσ = -Δ(t n); dn/dμ = n t/σ, dn/dσ = n (t² - 1)/σ, with t = (E - μ)/σ
        by_square = pull[1] ** 2 * density[1] - pull[0] ** 2 * density[0]
        by_mean = share - mean * step - sigma * by_sigma
        by_width = -mean * by_sigma - sigma * step - sigma * by_square
        return amplitude * unit, np.stack([unit, amplitude * by_mean, amplitude * by_width])
