"""Power laws with an exponential cut-off: the plain form, its norm form, and those of the Fermi-LAT catalogues."""

import numpy as np

from gammapy_hli.engine.models.catalogue import SPECTRAL
from gammapy_hli.engine.models.spectral.base import FloatArray, Nodes, SpectralModel
from gammapy_hli.engine.stats.loglog import expm1_ratio

__all__ = [
    "ExpCutoffPowerLaw3FGLSpectralModel",
    "ExpCutoffPowerLawNormSpectralModel",
    "ExpCutoffPowerLawSpectralModel",
    "SuperExpCutoffPowerLaw3FGLSpectralModel",
    "SuperExpCutoffPowerLaw4FGLDR3SpectralModel",
    "SuperExpCutoffPowerLaw4FGLSpectralModel",
]

_MEV_PER_TEV = 1e6


def _power(nodes: Nodes, rate: float, power: float) -> FloatArray:
    """(rate E)^power; nan where the base is negative and the power no whole number."""
    if power == 1.0:
        return rate * nodes.energy
    if rate > 0:
        return np.exp(power * (nodes.log_energy + np.log(rate)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.power(rate * nodes.energy, power)


class ExpCutoffPowerLawSpectralModel(SpectralModel):
    """Power law with exponential cut-off, dnde = amplitude (E/reference)^(-index) exp(-(lambda_ E)^alpha)."""

    entry = SPECTRAL["ExpCutoffPowerLawSpectralModel"]

    def dnde(self, nodes: Nodes, values: FloatArray) -> FloatArray:
        """Differential flux at the nodes."""
        index, amplitude, reference, rate, power = values
        return amplitude * np.exp(-index * (nodes.log_energy - np.log(reference)) - _power(nodes, rate, power))

    def dnde_gradient(self, nodes: Nodes, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Differential flux and its derivatives; the one to alpha is 0 where lambda_ is not positive."""
        index, amplitude, reference, rate, power = values
        log_x = nodes.log_energy - np.log(reference)
        exponent = _power(nodes, rate, power)
        gradient = np.empty((5, *log_x.shape))
        shape = np.exp(-index * log_x - exponent, out=gradient[1])
        flux = amplitude * shape
        np.multiply(log_x, -flux, out=gradient[0])
        np.multiply(flux, index / reference, out=gradient[2])
        if power == 1.0:
            np.multiply(nodes.energy, -flux, out=gradient[3])
        else:
            np.multiply(exponent, flux * (-power / rate if rate else 0.0), out=gradient[3])
        if rate > 0:
            np.multiply(exponent * (nodes.log_energy + np.log(rate)), -flux, out=gradient[4])
        else:
            gradient[4] = 0.0
        return flux, gradient


class ExpCutoffPowerLawNormSpectralModel(SpectralModel):
    """Cut-off power-law factor, norm (E/reference)^(-index) exp(-(lambda_ E)^alpha)."""

    entry = SPECTRAL["ExpCutoffPowerLawNormSpectralModel"]

    dnde = ExpCutoffPowerLawSpectralModel.dnde
    dnde_gradient = ExpCutoffPowerLawSpectralModel.dnde_gradient


class ExpCutoffPowerLaw3FGLSpectralModel(SpectralModel):
    """Cut-off power law of 3FGL, dnde = amplitude (E/reference)^(-index) exp((reference - E)/ecut)."""

    entry = SPECTRAL["ExpCutoffPowerLaw3FGLSpectralModel"]

    def dnde(self, nodes: Nodes, values: FloatArray) -> FloatArray:
        """Differential flux at the nodes."""
        index, amplitude, reference, ecut = values
        return amplitude * np.exp(-index * (nodes.log_energy - np.log(reference)) + (reference - nodes.energy) / ecut)

    def dnde_gradient(self, nodes: Nodes, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Differential flux and its derivatives."""
        index, amplitude, reference, ecut = values
        log_x = nodes.log_energy - np.log(reference)
        exponent = (reference - nodes.energy) / ecut
        shape = np.exp(-index * log_x + exponent)
        flux = amplitude * shape
        return flux, np.stack(
            [-log_x * flux, shape, flux * (index / reference + 1 / ecut), flux * exponent * (-1 / ecut)]
        )


class SuperExpCutoffPowerLaw3FGLSpectralModel(SpectralModel):
    """Super-exponential cut-off of 3FGL.

    dnde = amplitude (E/reference)^(-index_1) exp((reference/ecut)^index_2 - (E/ecut)^index_2).
    """

    entry = SPECTRAL["SuperExpCutoffPowerLaw3FGLSpectralModel"]

    def dnde(self, nodes: Nodes, values: FloatArray) -> FloatArray:
        """Differential flux at the nodes."""
        amplitude, reference, ecut, index_1, index_2 = values
        exponent = (reference / ecut) ** index_2 - _power(nodes, 1 / ecut, index_2)
        return amplitude * np.exp(-index_1 * (nodes.log_energy - np.log(reference)) + exponent)

    def dnde_gradient(self, nodes: Nodes, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Differential flux and its derivatives."""
        amplitude, reference, ecut, index_1, index_2 = values
        log_x = nodes.log_energy - np.log(reference)
        at_reference = (reference / ecut) ** index_2
        at_nodes = _power(nodes, 1 / ecut, index_2)
        shape = np.exp(-index_1 * log_x + at_reference - at_nodes)
        flux = amplitude * shape
        by_power = at_reference * np.log(reference / ecut) - at_nodes * (nodes.log_energy - np.log(ecut))
        return flux, np.stack(
            [
                shape,
                flux * ((index_1 + index_2 * at_reference) / reference),
                flux * (at_nodes - at_reference) * (index_2 / ecut),
                -log_x * flux,
                flux * by_power,
            ]
        )


class SuperExpCutoffPowerLaw4FGLSpectralModel(SpectralModel):
    """Super-exponential cut-off of 4FGL.

    dnde = amplitude (E/reference)^(-index_1) exp(expfactor (reference^index_2 - E^index_2)).
    The energies in the exponent are in MeV.
    """

    entry = SPECTRAL["SuperExpCutoffPowerLaw4FGLSpectralModel"]

    def dnde(self, nodes: Nodes, values: FloatArray) -> FloatArray:
        """Differential flux at the nodes."""
        amplitude, reference, expfactor, index_1, index_2 = values
        difference = (_MEV_PER_TEV * reference) ** index_2 - _power(nodes, _MEV_PER_TEV, index_2)
        return amplitude * np.exp(-index_1 * (nodes.log_energy - np.log(reference)) + expfactor * difference)

    def dnde_gradient(self, nodes: Nodes, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Differential flux and its derivatives."""
        amplitude, reference, expfactor, index_1, index_2 = values
        log_x = nodes.log_energy - np.log(reference)
        at_reference = (_MEV_PER_TEV * reference) ** index_2
        at_nodes = _power(nodes, _MEV_PER_TEV, index_2)
        shape = np.exp(-index_1 * log_x + expfactor * (at_reference - at_nodes))
        flux = amplitude * shape
        log_mev = np.log(_MEV_PER_TEV)
        by_power = at_reference * (log_mev + np.log(reference)) - at_nodes * (log_mev + nodes.log_energy)
        return flux, np.stack(
            [
                shape,
                flux * ((index_1 + expfactor * index_2 * at_reference) / reference),
                flux * (at_reference - at_nodes),
                -log_x * flux,
                flux * (expfactor * by_power),
            ]
        )


class SuperExpCutoffPowerLaw4FGLDR3SpectralModel(SpectralModel):
    """Super-exponential cut-off of 4FGL-DR3.

    With l = ln(E/reference) and u = index_2 l: ln dnde = ln amplitude - index_1 l - expfactor l² (exp(u) - 1 - u)/u²,
    which is a log-parabola at index_2 = 0. gammapy cuts the series of the last factor after u² where |u| < 0.01.
    """

    entry = SPECTRAL["SuperExpCutoffPowerLaw4FGLDR3SpectralModel"]

    def dnde(self, nodes: Nodes, values: FloatArray) -> FloatArray:
        """Differential flux at the nodes."""
        amplitude, reference, expfactor, index_1, index_2 = values
        log_x = nodes.log_energy - np.log(reference)
        return amplitude * np.exp(-index_1 * log_x - expfactor * log_x**2 * _second_ratio(index_2 * log_x)[0])

    def dnde_gradient(self, nodes: Nodes, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Differential flux and its derivatives."""
        amplitude, reference, expfactor, index_1, index_2 = values
        log_x = nodes.log_energy - np.log(reference)
        ratio, slope = _second_ratio(index_2 * log_x)
        curve = log_x**2 * ratio
        shape = np.exp(-index_1 * log_x - expfactor * curve)
        flux = amplitude * shape
        local_index = index_1 + expfactor * log_x * expm1_ratio(index_2 * log_x)
        return flux, np.stack(
            [
                shape,
                flux * local_index / reference,
                -flux * curve,
                -flux * log_x,
                flux * (-expfactor * log_x**3 * slope),
            ]
        )


def _second_ratio(u: FloatArray) -> tuple[FloatArray, FloatArray]:
    """ψ(u) = (exp(u) - 1 - u) / u² and its derivative, exact at u = 0, where they are 1/2 and 1/6."""
    is_small = np.abs(u) < 1e-2
    safe = np.where(is_small, 1.0, u)
    expm1 = np.expm1(safe)
    ratio = np.where(is_small, 1 / 2 + u * (1 / 6 + u * (1 / 24 + u / 120)), (expm1 - safe) / safe**2)
    slope = np.where(is_small, 1 / 6 + u * (1 / 12 + u * (1 / 40 + u / 180)), (expm1 * (safe - 2) + 2 * safe) / safe**3)
    return ratio, slope
