"""Drawn events follow the tables that the analysis reads: spectrum, migration, containment, background."""

import astropy.units as u
import numpy as np
import pytest

from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.models.sky_model import Models
from gammapy_hli.engine.models.spectral.power_law import PowerLawSpectralModel
from gammapy_hli.engine.simulate.background_events import draw_background, prepare_background
from gammapy_hli.engine.simulate.plan import SimulationPlan
from gammapy_hli.engine.simulate.response_tables import make_responses
from gammapy_hli.engine.simulate.source_events import draw_gamma_rays, prepare_point_source

OFFSET = 0.5
ENERGY = Axis.from_energy_bounds("0.1 TeV", "40 TeV", nbin=20)
ENERGY_TRUE = Axis.from_energy_bounds("0.05 TeV", "125 TeV", nbin=100, name="energy_true")


@pytest.fixture(scope="module")
def responses():
    return make_responses(SimulationPlan(Models([])))


@pytest.fixture(scope="module")
def gamma_rays(responses):
    """A million gamma rays of a power law, and their expected number per reconstructed bin."""
    spectrum = PowerLawSpectralModel(index=2.4, amplitude=3e-11)
    source = prepare_point_source(lambda e: spectrum(e * u.TeV).to_value("TeV-1 s-1 cm-2"), responses, OFFSET)
    time = 1e6 / source.mean_rate
    drawn = draw_gamma_rays(np.random.default_rng(3), source, time)
    area = responses.aeff.evaluate(ENERGY_TRUE.center, OFFSET * u.deg).to_value("cm2")
    true = spectrum.bin_flux(ENERGY_TRUE.edges_value("TeV"), spectrum.values) * area * time
    return drawn, true


def chi2(counts, expected):
    used = expected > 20
    return (((counts - expected)[used]) ** 2 / expected[used]).sum(), used.sum()


def test_reconstructed_energies_are_those_of_the_kernel(responses, gamma_rays):
    drawn, true = gamma_rays
    expected = true @ responses.edisp.kernel(ENERGY_TRUE, ENERGY, OFFSET * u.deg)
    value, n = chi2(np.histogram(drawn.energy, ENERGY.edges_value("TeV"))[0], expected)
    assert value < n + 4 * np.sqrt(2 * n)


def test_true_energies_are_those_of_flux_times_area(gamma_rays):
    drawn, true = gamma_rays
    value, n = chi2(np.histogram(drawn.energy_true, ENERGY_TRUE.edges_value("TeV"))[0], true)
    assert value < n + 4 * np.sqrt(2 * n)


@pytest.mark.parametrize("radius", [0.03, 0.11, 0.3])
def test_distances_are_those_of_the_containment(responses, gamma_rays, radius):
    drawn, true = gamma_rays
    inside = drawn.energy_true[np.degrees(drawn.distance) < radius]
    share = responses.psf.containment(radius * u.deg, ENERGY_TRUE.center, OFFSET * u.deg)
    value, n = chi2(np.histogram(inside, ENERGY_TRUE.edges_value("TeV"))[0], true * share)
    assert value < n + 4 * np.sqrt(2 * n)


def test_directions_around_the_source_are_uniform(gamma_rays):
    angle = gamma_rays[0].angle
    value, n = chi2(np.histogram(angle, 12, (0, 2 * np.pi))[0], np.full(12, len(angle) / 12))
    assert value < n + 4 * np.sqrt(2 * n)


def test_source_outside_of_the_field_gives_no_event(responses):
    source = prepare_point_source(lambda e: 1e-9 * e**-2, responses, 5.0)
    assert len(draw_gamma_rays(np.random.default_rng(0), source, 1e6).energy) == 0


@pytest.mark.parametrize("kind", ["3d", "2d"])
def test_background_energies_and_positions_are_those_of_the_table(kind):
    table = make_responses(SimulationPlan(Models([]), background_kind=kind)).background
    time = 1e5
    drawn = draw_background(np.random.default_rng(4), prepare_background(table), time)
    edges = np.geomspace(0.1, 10.0, 11)
    for east, north in [(0.5, 0.0), (-1.2, 1.3), (0.0, -2.0)]:
        near = np.hypot(np.degrees(drawn.fov_lon) - east, np.degrees(drawn.fov_lat) - north) < 0.2
        fine = np.geomspace(0.1, 10.0, 201)
        position = (np.hypot(east, north),) if kind == "2d" else (east, north)
        rate = table.rate(fine, *(np.full_like(fine, x) for x in position))
        integral = (np.diff(fine) * 0.5 * (rate[1:] + rate[:-1])).reshape(10, 20).sum(axis=1)
        expected = integral * time * 2 * np.pi * (1 - np.cos(np.radians(0.2)))
        counts = np.histogram(drawn.energy[near], edges)[0]
        # the rate is not linear over the circle, which shifts the mean by some percent at large offsets
        tolerance = np.sqrt(expected + (0.03 * expected) ** 2)
        assert (((counts - expected) / tolerance) ** 2).sum() < 10 + 4 * np.sqrt(20)


def test_bound_of_every_background_cell_holds():
    cells = prepare_background(make_responses(SimulationPlan(Models([]))).background)
    rng = np.random.default_rng(5)
    energy = np.exp(rng.uniform(cells.log_energy[0], cells.log_energy[-1], 100_000))
    lon, lat = (rng.uniform(-3.0, 3.0, 100_000) for _ in range(2))
    index = tuple(
        np.searchsorted(nodes, x) - 1
        for nodes, x in zip((cells.log_energy, *cells.positions), (np.log(energy), lon, lat), strict=True)
    )
    height = cells.table.rate(energy, lon, lat) * energy * np.cos(np.radians(lat)) * (np.pi / 180) ** 2
    assert (height <= cells.bound[index]).all()
