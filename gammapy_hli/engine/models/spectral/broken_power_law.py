"""Broken power laws, sharp and smooth."""

import numpy as np

from gammapy_hli.engine.models.catalogue import SPECTRAL
from gammapy_hli.engine.models.spectral.base import FloatArray, Nodes, SpectralModel

__all__ = ["BrokenPowerLawSpectralModel", "SmoothBrokenPowerLawSpectralModel"]


class BrokenPowerLawSpectralModel(SpectralModel):
    """Broken power law: amplitude (E/ebreak)^(-index1) below ebreak, amplitude (E/ebreak)^(-index2) from ebreak on."""

    entry = SPECTRAL["BrokenPowerLawSpectralModel"]

    def dnde(self, nodes: Nodes, values: FloatArray) -> FloatArray:
        """Differential flux at the nodes."""
        index1, index2, amplitude, ebreak = values
        index = np.where(nodes.energy < ebreak, index1, index2)
        return amplitude * np.exp(-index * (nodes.log_energy - np.log(ebreak)))

    def dnde_gradient(self, nodes: Nodes, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Differential flux and its derivatives."""
        index1, index2, amplitude, ebreak = values
        is_below = nodes.energy < ebreak
        index = np.where(is_below, index1, index2)
        log_x = nodes.log_energy - np.log(ebreak)
        shape = np.exp(-index * log_x)
        flux = amplitude * shape
        slope = -log_x * flux
        return flux, np.stack(
            [np.where(is_below, slope, 0.0), np.where(is_below, 0.0, slope), shape, flux * index / ebreak]
        )


class SmoothBrokenPowerLawSpectralModel(SpectralModel):
    """Smoothly broken power law: amplitude (E/reference)^(-index1) [1 + (E/ebreak)^((index2-index1)/b)]^(-b).

    b is beta with the sign of index2 - index1, +beta where they are equal (where gammapy, with b = 0, gives nan).
    """

    entry = SPECTRAL["SmoothBrokenPowerLawSpectralModel"]

    def dnde(self, nodes: Nodes, values: FloatArray) -> FloatArray:
        """Differential flux at the nodes."""
        index1, index2, amplitude, ebreak, reference, beta = values
        b = -beta if index2 < index1 else beta
        argument = (index2 - index1) / b * (nodes.log_energy - np.log(ebreak))
        return amplitude * np.exp(-index1 * (nodes.log_energy - np.log(reference)) - b * np.logaddexp(0.0, argument))

    def dnde_gradient(self, nodes: Nodes, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Differential flux and its derivatives."""
        index1, index2, amplitude, ebreak, reference, beta = values
        sign = -1.0 if index2 < index1 else 1.0
        b = sign * beta
        log_break = nodes.log_energy - np.log(ebreak)
        log_x = nodes.log_energy - np.log(reference)
        argument = (index2 - index1) / b * log_break
        soft = np.logaddexp(0.0, argument)
        share = np.exp(argument - soft)  # how much of the break has been passed, 0 to 1
        shape = np.exp(-index1 * log_x - b * soft)
        flux = amplitude * shape
        return flux, np.stack(
            [
                flux * (share * log_break - log_x),
                -flux * share * log_break,
                shape,
                flux * share * ((index2 - index1) / ebreak),
                flux * (index1 / reference),
                flux * (sign * (share * argument - soft)),
            ]
        )
