"""Draws follow the tabulated distribution they are made from."""

import numpy as np
import pytest

from gammapy_hli.engine.irf.interpolate import integrate_power_law
from gammapy_hli.engine.simulate.draw import draw_from_rows, draw_power_law_pieces


def test_nothing_is_drawn_where_the_density_ends():
    edges = np.array([1.0, 2.0, 4.0])
    drawn = draw_power_law_pieces(np.random.default_rng(3), 1000, edges, np.array([0.0, 1.0, 1.0]))
    assert drawn.min() >= 2.0


@pytest.mark.parametrize("index", [1.0, 2.7])
def test_drawn_energies_follow_the_power_law(index):
    edges = np.geomspace(0.1, 10.0, 7)
    drawn = draw_power_law_pieces(np.random.default_rng(1), 200_000, edges, edges**-index)
    bins = np.geomspace(0.1, 10.0, 24)
    fine = integrate_power_law(bins, bins**-index)
    expected = fine / fine.sum() * len(drawn)
    pulls = (np.histogram(drawn, bins)[0] - expected) / np.sqrt(expected)
    assert (pulls**2).sum() < 23 + 4 * np.sqrt(2 * 23)  # 4 sigma of chi2 with 23 bins


def test_each_row_is_drawn_from_its_own_distribution():
    nodes = np.array([0.0, 1.0, 2.0, 3.0])
    cumulative = np.array([[0.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 5.0], [0.0, 0.5, 0.5, 1.0]])
    row = np.repeat([0, 1, 2], 20_000)
    drawn = draw_from_rows(np.random.default_rng(2), row, cumulative, nodes).reshape(3, -1)
    assert 0.0 <= drawn[0].min() <= drawn[0].max() <= 1.0
    assert 2.0 <= drawn[1].min() <= drawn[1].max() <= 3.0
    assert not np.any((drawn[2] > 1.0) & (drawn[2] < 2.0))
    assert (drawn[2] < 1.0).mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(20_000))
    assert drawn.mean(axis=1) == pytest.approx([0.5, 2.5, 1.5], abs=0.04)


def test_no_events_to_draw_is_no_error():
    rng, edges = np.random.default_rng(0), np.array([1.0, 2.0])
    assert len(draw_power_law_pieces(rng, 0, edges, edges)) == 0
    assert len(draw_from_rows(rng, np.zeros(0, dtype=np.intp), np.array([[0.0, 1.0]]), edges)) == 0
