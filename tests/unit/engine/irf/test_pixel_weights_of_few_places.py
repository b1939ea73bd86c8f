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
    monkeypatch.setattr(pixel_weights, "FEW_PLACES", 0)
    many = pixel_weights.PixelWeights.at((lon, lat), x, y)
    assert type(few.matrix) is not type(many.matrix)
    np.testing.assert_array_equal(few.places_first(table), many.places_first(table))
