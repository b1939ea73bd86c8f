"""Log-parabolas: with one reference energy, with a scale energy of its own, and as a factor. Natural logarithms."""

import numpy as np

from gammapy_hli.engine.models.catalogue import SPECTRAL
from gammapy_hli.engine.models.spectral.base import FloatArray, Nodes, SpectralModel

__all__ = ["LogParabola2SpectralModel", "LogParabolaNormSpectralModel", "LogParabolaSpectralModel"]


class LogParabolaSpectralModel(SpectralModel):
    """Log-parabola, dnde = amplitude (E/reference)^(-alpha - beta ln(E/reference))."""

    entry = SPECTRAL["LogParabolaSpectralModel"]

    def dnde(self, nodes: Nodes, values: FloatArray) -> FloatArray:
        """Differential flux at the nodes."""
        amplitude, reference, alpha, beta = values
        log_x = nodes.log_energy - np.log(reference)
        return amplitude * np.exp(-(alpha + beta * log_x) * log_x)

    def dnde_gradient(self, nodes: Nodes, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Differential flux and its derivatives."""
        amplitude, reference, alpha, beta = values
        log_x = nodes.log_energy - np.log(reference)
        gradient = np.empty((4, *log_x.shape))
        shape = np.exp(-(alpha + beta * log_x) * log_x, out=gradient[0])
        flux = amplitude * shape
        np.multiply(flux, (alpha + 2 * beta * log_x) / reference, out=gradient[1])
        np.multiply(log_x, -flux, out=gradient[2])
        np.multiply(gradient[2], log_x, out=gradient[3])
        return flux, gradient


class LogParabolaNormSpectralModel(SpectralModel):
    """Log-parabola factor, norm (E/reference)^(-alpha - beta ln(E/reference))."""

    entry = SPECTRAL["LogParabolaNormSpectralModel"]

    dnde = LogParabolaSpectralModel.dnde
    dnde_gradient = LogParabolaSpectralModel.dnde_gradient


class LogParabola2SpectralModel(SpectralModel):
    """Log-parabola with a scale energy, dnde = amplitude (E/reference)^(-alpha - beta ln(E/escale))."""

    entry = SPECTRAL["LogParabola2SpectralModel"]

    def dnde(self, nodes: Nodes, values: FloatArray) -> FloatArray:
        """Differential flux at the nodes."""
        amplitude, reference, alpha, beta, escale = values
        index = alpha + beta * (nodes.log_energy - np.log(escale))
        return amplitude * np.exp(-index * (nodes.log_energy - np.log(reference)))

    def dnde_gradient(self, nodes: Nodes, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Differential flux and its derivatives."""
        amplitude, reference, alpha, beta, escale = values
        log_x = nodes.log_energy - np.log(reference)
        log_s = nodes.log_energy - np.log(escale)
        index = alpha + beta * log_s
        shape = np.exp(-index * log_x)
        flux = amplitude * shape
        slope = -log_x * flux
        return flux, np.stack([shape, flux * index / reference, slope, slope * log_s, slope * (-beta / escale)])
