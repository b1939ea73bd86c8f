"""Few places, as a spectrum has them, go another way than the pixels of a map, to the same numbers."""

import astropy.units as u
import numpy as np

from gammapy_hli.engine.geom.axes import Axis
from gammapy_hli.engine.irf import pixel_weights


def test_few_places_give_the_same_bits_as_many(monkeypatch):
    rng = np.random.default_rng(0)
    lon = Axis.from_edges(np.linspace(-2, 2, 7) * u.deg, "fov_lon", "lin")
    lat = Axis.from_edges(np.linspace(-1, 1, 6) * u.deg, "fov_lat", "lin")
    table, x, y = rng.normal(size=(5, 6, 5)), rng.uniform(-2.5, 2.5, 12), rng.uniform(-1, 1, 12)
    few = pixel_weights.PixelWeights.at((lon, lat), x, y)
    places_first, places_last = few.places_first(table), few.places_last(table)
    monkeypatch.setattr(pixel_weights, "FEW_PLACES", 0)
    many = pixel_weights.PixelWeights.at((lon, lat), x, y)
    np.testing.assert_array_equal(places_first, many.places_first(table))
    np.testing.assert_array_equal(places_last, many.places_last(table))
    assert type(few.matrix) is not type(many.matrix)


def test_some_of_the_places_have_the_values_of_all():
    offset = Axis.from_edges(np.linspace(0, 3, 5) * u.deg, "offset", "lin")
    table, x = np.arange(8.0).reshape(2, 4), np.linspace(0, 3, 40)
    weights, chosen = pixel_weights.PixelWeights.at((offset,), x), x > 1
    np.testing.assert_array_equal(weights.only(chosen).places_last(table), weights.places_last(table)[:, chosen])


def test_extrapolation_is_told_from_means():
    offset = Axis.from_nodes([0.0, 1, 2] * u.deg, "offset", "lin")
    weights = pixel_weights.PixelWeights.at((offset,), np.array([0.0, 0.7, 2.0, 2.3, 2.7]))
    np.testing.assert_array_equal(weights.is_mean, [True, True, True, False, False])
    np.testing.assert_array_equal(weights.inside, [True, True, True, True, False])
    np.testing.assert_allclose(weights.places_last(np.array([[0.0, 1.0, 4.0]]))[0], [0, 0.7, 4, 4.9, 6.1])
