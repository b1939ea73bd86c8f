"""Analytic responses of an array of imaging Cherenkov telescopes, as plain functions of energy and offset.

The curves look like those of a four-telescope array of the H.E.S.S. class; they are invented here, not fitted to one.
`response_tables.py` puts them on grids; what is written, drawn from and analysed are those grids, never these curves.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PSF_WEIGHTS = (0.65, 0.31, 0.04)
"""Share of the events in each of the three Gaussians of the point spread function."""
PSF_SIGMA_RATIOS = (1.0, 1.6, 2.6)
"""Widths of the three Gaussians in units of the first; wider tails would leak into reflected regions."""


@dataclass(frozen=True)
class ArrayResponse:
    """The curves of one array, observing at one zenith angle.

    All energies in TeV, offsets and radii in deg, areas in m2, zenith angle in deg.

    Parameters
    ----------
    zenith : float
        Zenith angle [deg]. Thresholds grow as cos(zenith)^-2.3, areas as cos(zenith)^-1.
    threshold_at_zenith : float
        Energy scale of the trigger at zenith [TeV]: the area is 40 % of its plateau there.
    area : float
        Effective area on axis at 1 TeV, at zenith [m2].
    resolution : float
        Gaussian width of ln(energy / energy_true) at high energies.
    psf_sigma : float
        Width of the narrowest Gaussian of the point spread function at 1 TeV on axis [deg];
        68 % of the events lie within 1.78 times that.
    background_rate : float
        Background per time, energy and solid angle at 1 TeV on axis [s-1 TeV-1 sr-1].
    background_index : float
        Index of the background's power law above threshold.
    """

    zenith: float = 20.0
    threshold_at_zenith: float = 0.2
    area: float = 2.2e5
    resolution: float = 0.11
    psf_sigma: float = 0.047
    background_rate: float = 125.0
    background_index: float = 2.7

    @property
    def threshold(self) -> float:
        """Energy scale of the trigger at this zenith angle [TeV]."""
        return self.threshold_at_zenith * float(np.cos(np.radians(self.zenith))) ** -2.3

    def effective_area(self, energy_true: Array, offset: Array) -> Array:
        """Effective area after cuts [m2]; steep below threshold, flat above, falling towards the rim of the field."""
        plateau = self.area / np.cos(np.radians(self.zenith)) * energy_true**0.08
        trigger = (1.0 + (self.threshold / energy_true) ** 3.0) ** -1.3
        radius = np.clip(2.0 + 0.35 * np.log10(energy_true / self.threshold), 1.0, None)
        return plateau * trigger * np.exp(-0.5 * (offset / radius) ** 2.5)

    def log_energy_bias(self, energy_true: Array) -> Array:
        """Mean of ln(energy / energy_true): showers near threshold are seen only where they fluctuate upwards."""
        return 0.25 / (1.0 + (2.0 * energy_true / self.threshold) ** 2.0)

    def log_energy_width(self, energy_true: Array, offset: Array) -> Array:
        """Standard deviation of ln(energy / energy_true)."""
        near_threshold = 0.12 / (1.0 + energy_true / self.threshold)
        return (self.resolution + near_threshold) * (1.0 + 0.03 * offset**2)

    def migration_density(self, migra: Array, energy_true: Array, offset: Array) -> Array:
        """Probability density of migra = energy / energy_true: log-normal."""
        width = self.log_energy_width(energy_true, offset)
        pull = (np.log(migra) - self.log_energy_bias(energy_true)) / width
        return np.exp(-0.5 * pull**2) / (np.sqrt(2.0 * np.pi) * width * migra)

    def psf_width(self, energy_true: Array, offset: Array) -> Array:
        """Width of the narrowest Gaussian of the point spread function [deg]."""
        return self.psf_sigma * (0.75 + 0.25 * energy_true**-0.5) * (1.0 + 0.06 * offset**2)

    def background(self, energy: Array, offset: Array) -> Array:
        """Background rate [s-1 TeV-1 sr-1]; falls towards the rim as a Gaussian that widens with energy."""
        trigger = (1.0 + (self.threshold / energy) ** 3.0) ** -1.2
        radius = np.clip(1.2 + 0.35 * np.log10(energy / self.threshold), 0.9, 2.0)
        fall = np.exp(-0.5 * (offset / radius) ** 2)
        return self.background_rate * energy**-self.background_index * trigger * fall
