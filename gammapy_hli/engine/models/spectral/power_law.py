"""Power laws: by differential flux, by integral flux, and as a dimensionless factor. All integrals are closed forms."""

import numpy as np

from gammapy_hli.engine.models.catalogue import SPECTRAL
from gammapy_hli.engine.models.spectral.base import CompiledSpectrum, FloatArray, Nodes, NumericSpectrum, SpectralModel
from gammapy_hli.engine.stats.loglog import expm1_ratio, expm1_ratio_and_slope

__all__ = ["PowerLaw2SpectralModel", "PowerLawNormSpectralModel", "PowerLawSpectralModel"]


class _PowerBins:
    """G(v) = (high^v - low^v) / v for all bins, and dG/dv; exact at v = 0, where G = ln(high/low)."""

    __slots__ = ("_log_low", "_width")

    def __init__(self, low: FloatArray, high: FloatArray):
        self._log_low = np.log(low)
        self._width = np.log(high) - self._log_low

    def value(self, v: float) -> FloatArray:
        return np.exp(v * self._log_low) * self._width * expm1_ratio(v * self._width)

    def value_and_log_slope(self, v: float) -> tuple[FloatArray, FloatArray]:
        """G and d ln G / dv."""
        ratio, slope = expm1_ratio_and_slope(v * self._width)
        return np.exp(v * self._log_low) * self._width * ratio, self._log_low + self._width * slope / ratio


class _PowerLawIntegral:
    """∫ A (E/R)^(-Γ) E^p dE over bins, in closed form; `order` says where Γ, A and R stand among the values."""

    __slots__ = ("_bins", "_order", "_power")

    def __init__(self, low: FloatArray, high: FloatArray, power: int, order: tuple[int, int, int]):
        self._bins = _PowerBins(low, high)
        self._power = power
        self._order = order

    def flux(self, values: FloatArray) -> FloatArray:
        index, amplitude, reference = (values[place] for place in self._order)
        return amplitude * reference**index * self._bins.value(1.0 + self._power - index)

    def flux_and_jacobian(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        at_index, at_amplitude, at_reference = self._order
        index, amplitude, reference = values[at_index], values[at_amplitude], values[at_reference]
        unit, slope = self._bins.value_and_log_slope(1.0 + self._power - index)
        unit *= reference**index
        flux = amplitude * unit
        jacobian = np.empty((3, len(unit)))
        jacobian[at_index] = flux * (np.log(reference) - slope)
        jacobian[at_amplitude] = unit
        jacobian[at_reference] = flux * (index / reference)
        return flux, jacobian


class PowerLawSpectralModel(SpectralModel):
    """Power law, dnde = amplitude (E/reference)^(-index)."""

    entry = SPECTRAL["PowerLawSpectralModel"]

    def dnde(self, nodes: Nodes, values: FloatArray) -> FloatArray:
        """Differential flux at the nodes."""
        index, amplitude, reference = values
        return amplitude * np.exp(-index * (nodes.log_energy - np.log(reference)))

    def dnde_gradient(self, nodes: Nodes, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Differential flux and its derivatives."""
        index, amplitude, reference = values
        log_x = nodes.log_energy - np.log(reference)
        shape = np.exp(-index * log_x)
        flux = amplitude * shape
        return flux, np.stack([-log_x * flux, shape, flux * (index / reference)])

    def compile_bins(self, low: FloatArray, high: FloatArray, energy_power: int = 0) -> CompiledSpectrum:
        """Closed form."""
        return _PowerLawIntegral(low, high, energy_power, (0, 1, 2))


class PowerLawNormSpectralModel(SpectralModel):
    """Power-law factor, norm (E/reference)^(-tilt)."""

    entry = SPECTRAL["PowerLawNormSpectralModel"]

    dnde = PowerLawSpectralModel.dnde
    dnde_gradient = PowerLawSpectralModel.dnde_gradient
    compile_bins = PowerLawSpectralModel.compile_bins


class _PowerLaw2Integral:
    """A (high^v - low^v) / (emax^v - emin^v) with v = 1 - Γ, with gradient."""

    __slots__ = ("_bins",)

    def __init__(self, low: FloatArray, high: FloatArray):
        self._bins = _PowerBins(low, high)

    def flux(self, values: FloatArray) -> FloatArray:
        amplitude, index, emin, emax = values
        whole = _PowerBins(np.array([emin]), np.array([emax])).value(1.0 - index)
        return amplitude / whole * self._bins.value(1.0 - index)

    def flux_and_jacobian(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        amplitude, index, emin, emax = values
        v = 1.0 - index
        whole, whole_slope = _PowerBins(np.array([emin]), np.array([emax])).value_and_log_slope(v)
        part, part_slope = self._bins.value_and_log_slope(v)
        unit = part / whole
        flux = amplitude * unit
        jacobian = np.stack(
            [unit, flux * (whole_slope - part_slope), flux * (emin**-index / whole), -flux * (emax**-index / whole)]
        )
        return flux, jacobian


class PowerLaw2SpectralModel(SpectralModel):
    """Power law whose amplitude is the integral flux from emin to emax; defined at index = 1 too (gammapy: nan)."""

    entry = SPECTRAL["PowerLaw2SpectralModel"]

    def dnde(self, nodes: Nodes, values: FloatArray) -> FloatArray:
        """Differential flux at the nodes."""
        amplitude, index, emin, emax = values
        whole = _PowerBins(np.array([emin]), np.array([emax])).value(1.0 - index)
        return amplitude / whole[0] * np.exp(-index * nodes.log_energy)

    def dnde_gradient(self, nodes: Nodes, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Differential flux and its derivatives."""
        amplitude, index, emin, emax = values
        whole, slope = (x[0] for x in _PowerBins(np.array([emin]), np.array([emax])).value_and_log_slope(1.0 - index))
        shape = np.exp(-index * nodes.log_energy) / whole
        flux = amplitude * shape
        gradient = [
            shape,
            flux * (slope - nodes.log_energy),
            flux * (emin**-index / whole),
            -flux * (emax**-index / whole),
        ]
        return flux, np.stack(gradient)

    def compile_bins(self, low: FloatArray, high: FloatArray, energy_power: int = 0) -> CompiledSpectrum:
        """Closed form for the flux; the energy flux by the trapezoidal rule, as in gammapy."""
        if energy_power:
            return NumericSpectrum(self, low, high, energy_power)
        return _PowerLaw2Integral(low, high)
