"""Gamma-ray events of a point source or a small part of an extended one, drawn from the tabulated responses of one run.

The chain is that of the analysis, so that a fit with the same tables is unbiased: spectrum times effective area times
livetime gives true energies, the energy dispersion's cumulative distribution (NUMERICS B.7) the migration, the point
spread function's containment (B.8) the distance from the source. `background_events.py` stands beside this.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gammapy_hli.engine.irf.interpolate import integrate_power_law
from gammapy_hli.engine.simulate.draw import draw_from_rows, draw_power_law_pieces
from gammapy_hli.engine.simulate.response_tables import ResponseSet

Array = NDArray[np.float64]

ENERGY_STEPS_PER_DECADE = 100
"""Fineness of the true energy grid: spectrum and area are power laws, migration and PSF constant inside a step."""
RADIUS_MAX = 2.0
"""Largest distance from the source [deg]; the share of events beyond is put inside."""
N_RADII = 400


@dataclass(frozen=True, eq=False)
class PointSource:
    """What is known of a point source in one run before anything is drawn.

    Attributes
    ----------
    energy_true : array, shape (n + 1,) [TeV]
        Edges of a fine grid.
    rate : array, shape (n + 1,) [s-1 TeV-1]
        Detected gamma rays per livetime and true energy, at the edges.
    migra : array, shape (m,)
        Edges of the migration axis.
    migra_cumulative : array, shape (n, m)
        How likely migra is below each edge, for every step of the energy grid; rows need not end at 1.
    radius : array, shape (k,) [deg]
        Distances from the source.
    containment : array, shape (n, k)
        Probability to fall within each distance.
    """

    energy_true: Array
    rate: Array
    migra: Array
    migra_cumulative: Array
    radius: Array
    containment: Array

    @property
    def mean_rate(self) -> float:
        """Detected gamma rays per livetime [s-1]."""
        return float(integrate_power_law(self.energy_true, self.rate).sum())


@dataclass(frozen=True, eq=False)
class GammaRays:
    """Drawn gamma rays: true and reconstructed energy [TeV], distance and position angle from the source [rad]."""

    energy_true: Array
    energy: Array
    distance: Array
    angle: Array


def prepare_point_source(flux: Callable[[Array], Array], responses: ResponseSet, offset: float) -> PointSource:
    """Fold a spectrum with the responses at one offset.

    Parameters
    ----------
    flux : function
        Differential flux [TeV-1 cm-2 s-1] of true energies [TeV].
    responses : ResponseSet
    offset : float
        Angle between source and pointing [deg].

    Returns
    -------
    PointSource
    """
    low, high = responses.energy_true_range
    n_steps = int(np.ceil(np.log10(high / low) * ENERGY_STEPS_PER_DECADE))
    edges = np.geomspace(low, high, n_steps + 1)
    middle = np.sqrt(edges[:-1] * edges[1:])
    # the square spreads the radii so that the core, where most events are, is finely covered
    radius = RADIUS_MAX * np.linspace(0.0, 1.0, N_RADII) ** 2
    migra, migra_cumulative = responses.migra_cumulative(middle, offset)
    return PointSource(
        energy_true=edges,
        rate=flux(edges) * 1e4 * responses.effective_area(edges, offset),
        migra=migra,
        migra_cumulative=migra_cumulative,
        radius=radius,
        containment=responses.containment(radius, middle, offset),
    )


def draw_gamma_rays(rng: np.random.Generator, source: PointSource, livetime: float) -> GammaRays:
    """Draw the gamma rays that one run of `livetime` [s] detects, a Poisson number of them.

    Parameters
    ----------
    rng : numpy.random.Generator
    source : PointSource
    livetime : float
        Observation time without dead time [s].

    Returns
    -------
    GammaRays
    """
    n = int(rng.poisson(source.mean_rate * livetime))
    energy_true = draw_power_law_pieces(rng, n, source.energy_true, source.rate)
    step = np.clip(np.searchsorted(source.energy_true, energy_true) - 1, 0, len(source.energy_true) - 2)
    migra = draw_from_rows(rng, step, source.migra_cumulative, source.migra)
    # containment grows as radius^2 in the core, so the square of the radius is what is linear between radii
    square = draw_from_rows(rng, step, source.containment, source.radius**2)
    return GammaRays(
        energy_true=energy_true,
        energy=energy_true * migra,
        distance=np.radians(np.sqrt(square)),
        angle=2.0 * np.pi * rng.random(n),
    )
